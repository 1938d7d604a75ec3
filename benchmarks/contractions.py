"""``python -m benchmarks.contractions``: own contraction kernels beside OpenBLAS, MKL and PyTorch, shape by shape.

From this table come the limits in `covector.codegen.contraction_choice`. A matrix product is named by its rows, columns
and sum, and by which operands are transposed; a convolution of 3×3 filters by images, channels and size.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from benchmarks.measure import FULL, QUICK, Effort, measure, timed
from benchmarks.record import Contender, Result, Row, Unavailable, Work
from covector.codegen.contraction import contraction_kernel, specify
from covector.codegen.layout import steps_of
from covector.codegen.module import Module
from covector.frontend import read_program
from covector.native import blas, jit
from covector.native.memory import aligned_bytes, aligned_empty
from covector.run.extents import evaluate_extent
from covector.schedule.plan import Product
from covector.schedule.plan_program import plan

OWN, OPENBLAS, MKL, TORCH = "own", "OpenBLAS", "MKL", "PyTorch"
CONTENDERS = (OWN, OPENBLAS, MKL, TORCH)
MATRICES = [
    *[(128, 512, 784, order) for order in ("NN", "NT", "TN", "TT")],
    *[(512, 784, 128, "TN"), (128, 784, 512, "NN"), (128, 10, 256, "NT"), (10, 256, 128, "TN")],
    *[(size, size, size, "NN") for size in (16, 32, 64, 128, 256, 512, 1024)],
    *[(32, 32, 64, "NT"), (32, 64, 10, "NN"), (32, 10, 32, "NT"), (1, 512, 784, "NT"), (512, 2048, 2048, "NT")],
]
CONVOLUTIONS = [(32, 16, 32), (32, 32, 32), (32, 64, 32), (64, 16, 8), (64, 32, 7)]
NUMPY = {"float32": np.float32, "float64": np.float64}

Array = np.ndarray


@dataclass(frozen=True)
class Call:
    """A compiled contraction on its arrays: ``run`` does the work on a number of threads."""

    run: Callable[[], object]
    target: Array
    compiled: float


def products(source: str) -> list[Product]:
    """The products of a program in the notation."""
    planned = plan(read_program(source), {})
    return [step for kernel in planned.kernels for step in steps_of(kernel.steps) if isinstance(step, Product)]


def own(source: str, arrays: Mapping[str, Array], threads: ThreadPoolExecutor | None, count: int) -> Call:
    """The one product of a program, compiled, its tiles shared out."""
    product = next(iter(products(source)), None)
    spec = None if product is None else specify(product)
    if product is None or spec is None:
        raise Unavailable("it is loops")
    started = time.process_time()
    module = Module(jit.host().target)
    kernel = contraction_kernel(module, spec)
    code = jit.Code(jit.object_code(module.text()), [kernel.name])
    compiled = time.process_time() - started
    function = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 4, ctypes.c_int64, ctypes.c_int64)(code.address(kernel.name))
    target = aligned_empty([evaluate_extent(extent, {}) for extent in product.target.shape], NUMPY[spec.dtype])
    operands = arrays[product.left.tensor.name], arrays[product.right.tensor.name], target
    tiles = evaluate_extent(kernel.tiles, {})
    cuts = [tiles * part // count for part in range(count + 1)]
    scratch = [aligned_bytes(max(kernel.scratch, 64)) for _ in range(count)]
    parts = [
        partial(function, *(a.ctypes.data for a in (*operands, scratch[part])), cuts[part], cuts[part + 1])
        for part in range(count)
    ]

    run = together(parts, threads, (code, operands, scratch))
    return Call(run, target, compiled)


def together(
    parts: Sequence[Callable[[], object]], threads: ThreadPoolExecutor | None, kept: object = None
) -> Callable[[], object]:
    """All parts at the same time, the first one in this thread; ``kept`` is what they need to stay alive."""
    if threads is None:
        return partial(_alone, parts[0], kept)

    def run() -> None:
        others = [threads.submit(part) for part in parts[1:]]
        parts[0]()
        for other in others:
            other.result()

    return partial(_alone, run, kept)


def _alone(run: Callable[[], object], _: object) -> object:
    return run()


def library(
    name: str, left: Array, right: Array, order: str, target: Array, threads: ThreadPoolExecutor | None, count: int
) -> Callable[[], object]:
    """A product of matrices by a library: each thread calls it for its share of the rows."""
    found = {OPENBLAS: blas.openblas, MKL: blas.mkl}[name]()
    if found is None:
        raise Unavailable(f"{name} is not installed")
    single = target.dtype == np.float32
    scalar = ctypes.c_float if single else ctypes.c_double
    columns, inner = target.shape[1], left.shape[0] if order[0] == "T" else left.shape[1]
    kinds = [ctypes.c_int] * 3 + [ctypes.c_int64] * 3 + [scalar, ctypes.c_void_p, ctypes.c_int64]
    kinds += [ctypes.c_void_p, ctypes.c_int64, scalar, ctypes.c_void_p, ctypes.c_int64]
    function = ctypes.CFUNCTYPE(None, *kinds)(found.addresses["covector_sgemm" if single else "covector_dgemm"])
    orders = [101, *(112 if letter == "T" else 111 for letter in order)]
    parts = []
    for part in range(count):
        low, high = (target.shape[0] * edge // count for edge in (part, part + 1))
        own_left = left[:, low:] if order[0] == "T" else left[low:]
        operands = [own_left.ctypes.data, left.shape[1], right.ctypes.data, right.shape[1]]
        goal = target[low:].ctypes.data
        parts.append(partial(function, *orders, high - low, columns, inner, 1.0, *operands, 0.0, goal, columns))
    return together(parts, threads)


def convolution_by_taps(arrays: Mapping[str, Array]) -> dict[str, Array]:
    """The result of the convolution and both adjoints, by NumPy."""
    image, weight, seed = (arrays[name] for name in "xwg")
    size = image.shape[-1]
    padded = np.pad(image, [(0, 0), (0, 0), (1, 1), (1, 1)])
    result, adjoint, around = np.zeros_like(seed), np.zeros_like(weight), np.zeros_like(padded)
    for p, q in np.ndindex(3, 3):
        part = padded[:, :, p : p + size, q : q + size]
        result += np.einsum("oc,ncyx->noyx", weight[..., p, q], part, optimize=True)
        adjoint[..., p, q] = np.einsum("noyx,ncyx->oc", seed, part, optimize=True)
        back = np.einsum("oc,noyx->ncyx", weight[..., p, q], seed, optimize=True)
        around[:, :, p : p + size, q : q + size] += back
    return {"result": result, "image": around[:, :, 1:-1, 1:-1], "filter": adjoint}


@dataclass(frozen=True)
class Session:
    """What all rows share."""

    effort: Effort
    count: int
    threads: ThreadPoolExecutor | None
    compiled: dict[str, float]

    def matrices(self, rows: int, columns: int, inner: int, order: str, dtype: str) -> Row:
        """A product of two matrices."""
        rng = np.random.default_rng(0)
        shapes = (rows, inner) if order[0] == "N" else (inner, rows), (inner, columns)[:: 1 if order[1] == "N" else -1]
        left, right = (aligned_empty(shape, NUMPY[dtype]) for shape in shapes)
        left[...], right[...] = (rng.standard_normal(shape) for shape in shapes)
        reads = "a[m,k]" if order[0] == "N" else "a[k,m]", "b[k,n]" if order[1] == "N" else "b[n,k]"
        declared = "\n".join(f"{name}: {shape[0]} {shape[1]} {dtype}" for name, shape in zip("ab", shapes, strict=True))
        source = f"{declared}\nc[m,n] = sum[k]({reads[0]} * {reads[1]})"
        name = f"{dtype} {rows}×{columns}×{inner} {order}"

        def ours() -> Contender:
            call = own(source, {"a": left, "b": right}, self.threads, self.count)
            self.compiled[name] = call.compiled
            call.run()
            return Contender(timed(call.run, self.effort), {"c": call.target})

        def theirs(of: str) -> Contender:
            target = aligned_empty((rows, columns), NUMPY[dtype])
            run = library(of, left, right, order, target, self.threads, self.count)
            run()
            return Contender(timed(run, self.effort), {"c": target})

        expected = (left if order[0] == "N" else left.T) @ (right if order[1] == "N" else right.T)
        contenders: dict[str, Callable[[], Contender]] = {OWN: ours}
        contenders |= {of: partial(theirs, of) for of in (OPENBLAS, MKL)}
        return Row(name, name, contenders, work=Work(2.0 * rows * columns * inner), expected=lambda: {"c": expected})

    def convolution(self, images: int, channels: int, size: int) -> Row:
        """A convolution of 3×3 filters with both adjoints, as wide as the image."""
        rng = np.random.default_rng(0)
        shape, filters = (images, channels, size, size), (channels, channels, 3, 3)
        arrays = {name: aligned_empty(s, np.float32) for name, s in (("x", shape), ("w", filters), ("g", shape))}
        for array in arrays.values():
            array[...] = rng.standard_normal(array.shape) / 10
        declared = "\n".join(f"{name}: {' '.join(map(str, a.shape))} float32" for name, a in arrays.items())
        over = f"y:{size},x:{size}"
        sources = {
            "result": f"r[n,o,{over}] = sum[c,p,q](pad(x[n,c,y+p-1,x+q-1]) * w[o,c,p,q])",
            "image": f"r[n,c,{over}] = sum[o,p:3,q:3](pad(g[n,o,y-p+1,x-q+1]) * w[o,c,p,q])",
            "filter": f"r[o,c,p:3,q:3] = sum[n,{over}](g[n,o,y,x] * pad(x[n,c,y+p-1,x+q-1]))",
        }
        name = f"float32 convolution {images}×{channels}×{size}×{size}"

        def ours() -> Contender:
            calls = {
                what: own(_declared(declared, text), arrays, self.threads, self.count) for what, text in sources.items()
            }
            self.compiled[name] = sum(call.compiled for call in calls.values())

            def run() -> None:
                for call in calls.values():
                    call.run()

            run()
            return Contender(timed(run, self.effort), {what: call.target for what, call in calls.items()})

        def torchs() -> tuple[Callable[[], Any], Callable[[], dict[str, Array]]]:
            try:
                import torch
            except ImportError:
                raise Unavailable("PyTorch is not installed") from None
            torch.set_num_threads(self.count)
            x, w, g = map(torch.from_numpy, (arrays[key] for key in "xwg"))
            x.requires_grad_()
            w.requires_grad_()

            def run() -> Any:
                x.grad = w.grad = None
                result = torch.nn.functional.conv2d(x, w, padding=1)
                result.backward(g)
                return result

            def outcome() -> dict[str, Array]:
                result = run()
                found: dict[str, Any] = {"result": result.detach(), "image": x.grad, "filter": w.grad}
                return {what: tensor.numpy() for what, tensor in found.items()}

            return run, outcome

        def theirs() -> Contender:
            run, outcome = torchs()
            return Contender(timed(run, self.effort), outcome())

        work = Work(3 * 2.0 * images * channels * channels * 9 * size * size)
        return Row(name, name, {OWN: ours, TORCH: theirs}, work=work, expected=lambda: convolution_by_taps(arrays))


def _declared(declared: str, text: str) -> str:
    """The statement with the declarations of what it reads."""
    lines = [line for line in declared.splitlines() if f"{line[0]}[" in text]
    return "\n".join((*lines, text))


def line(result: Result, compiled: float) -> str:
    """A line of the table: billions of operations a second of each, how many times the best of the others own is."""
    rates = [
        f"{result.row.work.flops / result.measured[name].median / 1e9:.0f}" if name in result.measured else "–"
        for name in CONTENDERS
    ]
    ratio = result.ratio(OWN, CONTENDERS[1:])
    wrong = "".join(f" {name}: {reason}" for name, reason in result.wrong.items())
    cells = [result.row.title, *rates, "–" if ratio is None else f"{ratio:.2f}", f"{compiled * 1e3:.0f}"]
    return f"| {' | '.join(cells)} |{wrong}"


def rows(session: Session, dtype: str | None) -> Iterator[Row]:
    """Everything that is measured."""
    for kind in ("float32", "float64") if dtype is None else (dtype,):
        for shape in MATRICES:
            yield session.matrices(*shape, kind)
    for size in CONVOLUTIONS if dtype != "float64" else ():
        yield session.convolution(*size)


def main() -> int:
    """Measure, and print a line for each shape."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.contractions", description=__doc__)
    parser.add_argument("--threads", type=int, default=1, help="threads for everybody (default: 1)")
    parser.add_argument("--dtype", choices=tuple(NUMPY), help="only this one")
    parser.add_argument("--only", default="", help="only shapes whose name holds this")
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    options = parser.parse_args()
    threads = ThreadPoolExecutor(options.threads - 1) if options.threads > 1 else None
    session = Session(QUICK if options.quick else FULL, options.threads, threads, {})
    print(f"| 10⁹ operations a second | {' | '.join(CONTENDERS)} | own : best other | ms to compile |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for row in rows(session, options.dtype):
        if options.only in row.name:
            result = measure(row, session.effort)
            print(line(result, session.compiled.get(row.name, 0.0)), flush=True)
    print(f"\n{options.threads} threads, load {os.getloadavg()[0]:.1f}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
