"""``python -m tests.tensors.float32_errors [NAME …]``: errors of float32 against float64, of covector and of PyTorch.

Each function is computed in float32 by both, and in float64 by PyTorch from the same numbers; so are its gradients. The
error of a result is measured twice: the root of the mean of the squared errors over that of the squared values, and
the largest error over the largest value; where results are of one magnitude each (functions of elements), errors are
relative to each element.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

import covector as cv
from tests.support.numeric_functions import Function, by_covector, by_pytorch

Draw = Callable[[np.random.Generator], tuple[np.ndarray, ...]]

EPSILON = 2.0**-24
"""Half a unit of the last place of 1 in float32: the relative error of one rounding."""


@dataclass(frozen=True)
class Case:
    """A function and how its arguments are drawn; integers among them stay as they are.

    ``relative`` says that errors are relative to each element, ``repeats`` how often it is drawn.
    """

    function: Function
    draw: Draw
    relative: bool = False
    repeats: int = 2
    gradients: bool = True


@dataclass(frozen=True)
class Error:
    """The errors of one result, as multiples of `EPSILON`."""

    case: str
    result: str
    ours: tuple[float, float]
    theirs: tuple[float, float]

    @property
    def ratio(self) -> float:
        """How many times as large ours is, where both count as at least one rounding in the mean, and two at most."""
        floors = (1.0, 2.0)
        return max(
            max(mine, floor) / max(other, floor)
            for mine, other, floor in zip(self.ours, self.theirs, floors, strict=True)
        )


def normal(*shapes: tuple[int, ...], scale: float = 1.0, shift: float = 0.0) -> Draw:
    """Normally distributed numbers, for each shape."""
    return lambda rng: tuple(rng.standard_normal(shape) * scale + shift for shape in shapes)


def uniform(low: float, high: float, *shapes: tuple[int, ...]) -> Draw:
    """Evenly distributed numbers, for each shape."""
    return lambda rng: tuple(rng.uniform(low, high, shape) for shape in shapes)


def with_classes(draw: Draw, count: int, *shape: int) -> Draw:
    """What is drawn, and integers from 0 to before ``count``."""
    return lambda rng: (*draw(rng), rng.integers(0, count, shape))


MANY = (20_000,)
DOMAINS: dict[str, tuple[float, float]] = {
    **dict.fromkeys(("exp", "expm1", "sinh", "cosh"), (-20, 20)),
    **dict.fromkeys(("log", "sqrt", "rsqrt"), (1e-3, 100)),
    **dict.fromkeys(("sin", "cos"), (-30, 30)),
    **dict.fromkeys(("asin", "acos", "atanh"), (-0.99, 0.99)),
    "log1p": (-0.9, 50),
    "acosh": (1.01, 50),
    "tan": (-1.5, 1.5),
    "erf": (-4, 4),
    "erfc": (-3, 8),
}
ELEMENTS = (
    *("exp", "expm1", "log", "log1p", "sqrt", "rsqrt", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh"),
    *("tanh", "asinh", "acosh", "atanh", "erf", "erfc", "sigmoid"),
)


def _of(name: str) -> Function:
    return lambda library, _, *given: getattr(library, name)(*given)


def _layer(name: str, **options: Any) -> Function:
    return lambda _, functional, *given: getattr(functional, name)(*given, **options)


def _method(name: str, **options: Any) -> Function:
    return lambda _, __, x: getattr(x, name)(**options)


CASES: dict[str, Case] = {
    **{name: Case(_of(name), uniform(*DOMAINS.get(name, (-6, 6)), MANY), relative=True) for name in ELEMENTS},
    **{
        name: Case(_layer(name), normal(MANY, scale=3))
        for name in ("gelu", "silu", "softplus", "elu", "selu", "mish", "logsigmoid", "softsign", "tanhshrink")
    },
    "gelu of tanh": Case(lambda _, functional, x: functional.gelu(x, approximate="tanh"), normal(MANY, scale=3)),
    "power": Case(lambda _, __, x, y: x**y, uniform(0.1, 5, MANY, MANY), relative=True),
    "cube": Case(lambda _, __, x: x**3, normal(MANY), relative=True),
    "quotient": Case(lambda _, __, x, y: x / y, uniform(0.5, 5, MANY, MANY), relative=True),
    "atan2": Case(_of("atan2"), normal(MANY, MANY), relative=True),
}
for _size, _repeats in ((1000, 8), (1_000_000, 4)):
    CASES |= {
        f"{name} of {_size}": Case(function, draw, repeats=_repeats)
        for name, function, draw in (
            ("sum", _method("sum"), normal((_size,))),
            ("sum of positive numbers", _method("sum"), uniform(0, 1, (_size,))),
            ("mean", _method("mean"), uniform(0, 1, (_size,))),
            ("variance", _method("var"), normal((_size,), shift=3)),
            ("deviation", _method("std"), normal((_size,), shift=3)),
            ("norm", _of("norm"), normal((_size,))),
            ("product", _method("prod"), uniform(0.999, 1.001, (_size,))),
            ("logsumexp", lambda library, _, x: library.logsumexp(x, dim=0), normal((_size,), scale=3)),
            ("cumsum", _method("cumsum", dim=0), uniform(0, 1, (_size,))),
            ("softmax", _layer("softmax", dim=0), normal((_size,), scale=3)),
            ("squared error", _layer("mse_loss"), normal((_size,), (_size,))),
            ("absolute error", _layer("l1_loss"), normal((_size,), (_size,))),
            ("dot", lambda _, __, x, y: x @ y, normal((_size,), (_size,))),
            ("dot of positive numbers", lambda _, __, x, y: x @ y, uniform(0, 1, (_size,), (_size,))),
        )
    }
for _rows, _columns in ((300, 1000), (16, 32768), (20000, 10)):
    _shape = (_rows, _columns)
    CASES |= {
        f"{name} of {_rows}×{_columns}": Case(function, draw)
        for name, function, draw in (
            ("sum of rows", _method("sum", dim=1), uniform(0, 1, _shape)),
            ("sum of columns", _method("sum", dim=0), uniform(0, 1, _shape)),
            ("mean of columns", _method("mean", dim=0), uniform(0, 1, _shape)),
            ("variance of rows", _method("var", dim=1), normal(_shape, shift=3)),
            ("variance of columns", _method("var", dim=0), normal(_shape, shift=3)),
            ("softmax of rows", _layer("softmax", dim=1), normal(_shape, scale=3)),
            ("log_softmax of rows", _layer("log_softmax", dim=1), normal(_shape, scale=3)),
            ("logsumexp of rows", lambda library, _, x: library.logsumexp(x, dim=1), normal(_shape, scale=3)),
            ("cumsum of rows", _method("cumsum", dim=1), uniform(0, 1, _shape)),
            ("cumsum of columns", _method("cumsum", dim=0), uniform(0, 1, _shape)),
            (
                "layer norm",
                lambda _, f, x, w, b: f.layer_norm(x, x.shape[1:], w, b),
                normal(_shape, (_columns,), (_columns,), shift=2),
            ),
            ("rms norm", lambda _, f, x, w: f.rms_norm(x, x.shape[1:], w, 1e-6), normal(_shape, (_columns,))),
            ("bias", lambda _, __, x, b: (x + b).tanh(), normal(_shape, (_columns,))),
            ("cross entropy", _layer("cross_entropy"), with_classes(normal(_shape, scale=3), _columns, _rows)),
            (
                "kullback-leibler",
                lambda _, f, x, y: f.kl_div(f.log_softmax(x, dim=1), f.softmax(y, dim=1), reduction="batchmean"),
                normal(_shape, _shape),
            ),
            (
                "logits",
                lambda _, f, x, y: f.binary_cross_entropy_with_logits(x, y.detach()),
                uniform(0, 1, _shape, _shape),
            ),
            ("huber", _layer("huber_loss"), normal(_shape, _shape)),
        )
    }
for _m, _k, _n in ((64, 4096, 64), (1, 4096, 500), (500, 500, 500), (5, 20000, 3), (2000, 3, 2000), (64, 784, 256)):
    CASES[f"product of {_m}×{_k}×{_n}"] = Case(lambda _, __, x, y: x @ y, normal((_m, _k), (_k, _n)))
CASES |= {
    "product with a vector": Case(lambda _, __, x, y: x @ y, normal((300, 4096), (4096,))),
    "product of a vector": Case(lambda _, __, x, y: y @ x, normal((4096, 300), (4096,))),
    "products of batches": Case(lambda _, __, x, y: x @ y, normal((8, 64, 500), (8, 500, 64))),
    "linear": Case(_layer("linear"), normal((256, 784), (128, 784), (128,))),
    "einsum": Case(lambda library, _, x, y: library.einsum("bik,bjk->ij", x, y), normal((32, 20, 64), (32, 24, 64))),
    "convolution": Case(_layer("conv2d", padding=1), normal((8, 16, 24, 24), (32, 16, 3, 3), (32,))),
    "convolution of many channels": Case(_layer("conv2d"), normal((4, 256, 8, 8), (64, 256, 3, 3), (64,))),
    "convolution of one channel": Case(_layer("conv2d"), normal((32, 1, 28, 28), (8, 1, 5, 5), (8,))),
    "convolution of signals": Case(_layer("conv1d"), normal((8, 32, 400), (16, 32, 7), (16,))),
    "average pool": Case(_layer("avg_pool2d", kernel_size=4), normal((8, 16, 32, 32))),
    "batch norm": Case(
        lambda _, f, x, w, b: f.batch_norm(x, None, None, w, b, training=True),
        normal((64, 16, 16, 16), (16,), (16,), shift=2),
    ),
    "group norm": Case(lambda _, f, x, w, b: f.group_norm(x, 4, w, b), normal((16, 32, 16, 16), (32,), (32,), shift=2)),
    "attention": Case(lambda _, f, q, k, v: f.scaled_dot_product_attention(q, k, v), normal(*[(4, 2, 200, 32)] * 3)),
    "embedding": Case(lambda _, f, table, rows: f.embedding(rows, table), with_classes(normal((10, 8)), 10, 20000)),
    "multilayer perceptron": Case(
        lambda _, f, x, v, a, w, b: f.linear(f.gelu(f.linear(x, v, a)), w, b),
        normal((200, 512), (256, 512), (256,), (10, 256), (10,), scale=0.3),
    ),
    "normalize": Case(_layer("normalize"), normal((200, 1000))),
    "cosine similarity": Case(_layer("cosine_similarity"), normal((200, 1000), (200, 1000), shift=1)),
    "glu": Case(_layer("glu"), normal((200, 1000))),
}


def errors(name: str, seed: int = 0) -> list[Error]:
    """The errors of each result of a case: its value and its gradients."""
    case, rng = CASES[name], np.random.default_rng(seed)
    measured: dict[str, list[tuple[np.ndarray, np.ndarray, np.ndarray]]] = {}
    for _ in range(case.repeats):
        drawn = [a.astype(np.float32) if a.dtype.kind == "f" else a for a in case.draw(rng)]
        exact = [a.astype(np.float64) if a.dtype.kind == "f" else a for a in drawn]
        truth = _results(torch, by_pytorch, case, exact)
        ours, theirs = _results(cv, by_covector, case, drawn), _results(torch, by_pytorch, case, drawn)
        for label, mine, other, wanted in zip(_labels(len(truth)), ours, theirs, truth, strict=True):
            measured.setdefault(label, []).append(_distances(mine, other, wanted, case.relative))
    found = []
    for label, parts in measured.items():
        mine, other, size = (np.concatenate([part[place] for part in parts]) for place in range(3))
        if size.any():
            found.append(Error(name, label, _measures(mine, size), _measures(other, size)))
    return found


def _labels(count: int) -> Iterator[str]:
    yield "value"
    yield from (f"gradient {number}" for number in range(count - 1))


def _results(library: Any, call: Callable[..., Any], case: Case, arrays: list[np.ndarray]) -> list[np.ndarray]:
    """The value, and the gradients of its sum with weights."""
    tensors = [library.tensor(array, requires_grad=array.dtype.kind == "f") for array in arrays]
    value = call(case.function, *tensors)
    weights = np.random.default_rng(1).uniform(-1, 1, tuple(value.shape)).astype(np.float32)
    total = (value * library.tensor(weights.astype(arrays[0].dtype))).sum()
    wanted = [tensor for tensor in tensors if tensor.requires_grad]
    gradients = library.autograd.grad(total, wanted, allow_unused=True)
    return [found.detach().numpy() for found in (value, *gradients) if found is not None]


def _distances(mine: Any, other: Any, wanted: Any, relative: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The errors of both and the sizes that they are relative to."""
    size = np.abs(wanted).reshape(-1)
    ours, theirs = (np.abs(found.astype(np.float64) - wanted).reshape(-1) for found in (mine, other))
    if not relative:
        return ours, theirs, size
    size = np.maximum(size, 1e-30)
    return ours / size, theirs / size, np.ones_like(size)


def _measures(error: np.ndarray, size: np.ndarray) -> tuple[float, float]:
    """The errors in the mean and at most, in units of `EPSILON`."""
    mean = float(np.sqrt(np.mean(error**2) / np.mean(size**2)))
    return mean / EPSILON, float(error.max() / size.max()) / EPSILON


def main(names: list[str]) -> None:
    """Print the errors, the worst comparison first."""
    found = [error for name in CASES if not names or name in names for error in errors(name)]
    print(f"{'':44} {'mean error':^19}  {'largest error':^19}  ratio")
    print(f"{'':44} {'covector':>9} {'PyTorch':>9}  {'covector':>9} {'PyTorch':>9}   (in roundings)")
    for error in sorted(found, key=lambda error: -error.ratio):
        mine, other = error.ours, error.theirs
        label = f"{error.case}, {error.result}"
        print(f"{label:44} {mine[0]:9.2f} {other[0]:9.2f}  {mine[1]:9.2f} {other[1]:9.2f}  {error.ratio:6.2f}")
    ratios = np.array([error.ratio for error in found])
    print(f"{len(found)} results: median ratio {np.median(ratios):.2f}, {int((ratios > 2).sum())} above 2")


if __name__ == "__main__":
    main(sys.argv[1:])
