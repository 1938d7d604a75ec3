"""Contractions in tests: products made from letters or positions, compiled with LLVM, and run on arrays."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

import llvmlite.binding as llvm
import numpy as np
from numpy.typing import NDArray

from covector.codegen.contraction import ContractionKernel, Epilogue, contraction_kernel, specify
from covector.codegen.module import Module
from covector.codegen.target import Target
from covector.ir import Affine, Apply, Compute, Index, Input, Literal, Read, Reduce, as_affine
from covector.ops import SCALARS
from covector.run.extents import evaluate_extent
from covector.schedule.plan import Product

Array = NDArray[Any]
SCALE = Literal(2)  # type: ignore[arg-type]


def contraction(
    letters: str,
    extents: Mapping[str, int | Affine],
    dtype: str = "float32",
    stored: tuple[str, str, str] | None = None,
    *,
    scaled: bool = False,
    accumulate: bool = False,
) -> Product:
    """The product that einsum writes so; ``stored`` are the orders of the axes in memory."""
    inputs, result = letters.split("->")
    left, right = inputs.split(",")
    index = {letter: Index(letter, as_affine(extent)) for letter, extent in extents.items()}
    orders = stored or (left, right, result)
    return affine_product(
        [[as_affine(index[letter]) for letter in order] for order in orders],
        [[as_affine(extents[letter]) for letter in order] for order in orders],
        [index[letter] for letter in left + right if letter in result and letter in left and letter in right],
        [index[letter] for letter in left if letter in result and letter not in right],
        [index[letter] for letter in right if letter in result and letter not in left],
        [index[letter] for letter in left if letter not in result],
        dtype,
        scaled=scaled,
        accumulate=accumulate,
    )


def affine_product(
    positions: Sequence[Sequence[Affine]],
    shapes: Sequence[Sequence[Affine]],
    batch: Sequence[Index],
    rows: Sequence[Index],
    columns: Sequence[Index],
    inner: Sequence[Index],
    dtype: str = "float32",
    *,
    scaled: bool = False,
    accumulate: bool = False,
) -> Product:
    """The product of two tensors of these shapes, read at these positions; the last ones are the target's."""
    left, right = (
        Read(Input(name, tuple(shape), dtype), tuple(at))
        for name, shape, at in zip(("left", "right"), shapes, positions, strict=False)
    )
    axes = tuple(Index(f"t{axis}", extent) for axis, extent in enumerate(shapes[2]))
    body = Reduce("sum", tuple(inner), Apply(SCALARS["mul"], (left, right)))
    target = Compute("target", axes, body, dtype)
    unique = tuple(dict.fromkeys(batch))
    return Product(
        target,
        tuple(positions[2]),
        unique,
        tuple(rows),
        tuple(columns),
        tuple(inner),
        left,
        right,
        SCALE if scaled else None,
        accumulate,
    )


@cache
def here() -> Target:
    """What the code may use on this processor."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    features = llvm.get_host_cpu_features()
    wide = 64 if features.get("avx512f") else 32 if features.get("avx") else 16
    return Target(wide, wide == 64)


def compiled(text: str) -> llvm.ExecutionEngine:
    """The text as machine code, after the passes that clean it up."""
    here()
    machine = llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=2, codemodel="jitdefault"
    )
    module = llvm.parse_assembly(text)
    module.verify()
    options = llvm.create_pipeline_tuning_options(speed_level=1)
    options.loop_vectorization = options.slp_vectorization = options.loop_unrolling = False
    builder = llvm.create_pass_builder(machine, options)
    manager = llvm.create_new_function_pass_manager()
    manager.add_sroa_pass()
    manager.add_instruction_combine_pass()
    manager.add_simplify_cfg_pass()
    for function in module.functions:
        if not function.is_declaration:
            manager.run(function, builder)
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    return engine


@dataclass(frozen=True, slots=True)
class Compiled:
    """A kernel that runs on arrays."""

    kernel: ContractionKernel
    engine: Any
    function: Callable[..., None]

    def tiles(self, extents: Mapping[str, int]) -> int:
        """The number of tiles for these values of the symbols."""
        return evaluate_extent(self.kernel.tiles, extents)

    def __call__(
        self,
        left: Array,
        right: Array,
        target: Array,
        *more: Any,
        scale: float | None = None,
        parameters: Mapping[str, int] | None = None,
        parts: int = 1,
    ) -> Array:
        """Run all tiles, in so many ranges, into ``target``."""
        values = dict(parameters or {})
        scratch = aligned(self.kernel.scratch)
        tiles = self.tiles(values)
        given = [] if scale is None else [scale]
        given += [values[node.name] for node in self.kernel.spec.parameters]  # type: ignore[attr-defined]
        pointers = [array.ctypes.data for array in (left, right, target, scratch)]
        cuts = [tiles * part // parts for part in range(parts + 1)]
        for begin, end in pairwise(cuts):
            self.function(
                *pointers, begin, end, *given, *(a.ctypes.data if isinstance(a, np.ndarray) else a for a in more)
            )
        return target


def aligned(size: int) -> Array:
    """Bytes at an address that is a multiple of 64; they are no zeros, so that none are taken for granted."""
    memory = np.full(size + 64, 0xFF, np.uint8)
    start = -memory.ctypes.data % 64
    return memory[start : start + size]


def build(
    product: Product, epilogue: Epilogue | None = None, target: Target | None = None, *, by_columns: bool = False
) -> Compiled:
    """The kernel of a product."""
    spec = specify(product)
    assert spec is not None
    module = Module(target or here())
    kernel = contraction_kernel(module, spec, epilogue, by_columns=by_columns)
    engine = compiled(module.text())
    scalar = ctypes.c_float if spec.dtype == "float32" else ctypes.c_double
    kinds: list[Any] = [ctypes.c_void_p] * 4 + [ctypes.c_int64] * 2
    kinds += [scalar] if spec.scaled else []
    kinds += [ctypes.c_int64] * len(spec.parameters)
    kinds += [
        ctypes.c_void_p if kind.startswith("ptr") else scalar for _, kind in (epilogue.parameters if epilogue else ())
    ]
    function = ctypes.CFUNCTYPE(None, *kinds)(engine.get_function_address(kernel.name))
    return Compiled(kernel, engine, function)
