"""The operations of random tensor programs: how each is called in covector and in PyTorch, as a table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

import covector as cv
from tests.support import tensor_draws as draws
from tests.support.tensor_draws import Draw, among, drawn, flag, integers, one, truths, two, with_axes, with_axis

F = torch.nn.functional
NN = cv.nn.functional


@dataclass(frozen=True)
class Operation:
    """What an operation draws (arguments, then parameters) and how it is called, by PyTorch where it differs."""

    draw: Draw
    both: Callable[..., Any]
    theirs: Callable[..., Any] | None = None
    weight: float = 1.0


def elementwise(name: str, inner: Callable[[Any], Any] = lambda x: x, space: Any = None) -> Operation:
    """A function of one name in both libraries, of a value that is brought into its domain."""
    theirs = None if space is None else lambda _, x: getattr(space, name)(inner(x))
    return Operation(one(), lambda library, x: getattr(library, name)(inner(x)), theirs, 0.5)


def method(name: str, draw: Draw, weight: float = 1.0) -> Operation:
    """A method of one name in both libraries."""
    return Operation(draw, lambda _, x, *more: getattr(x, name)(*more), None, weight)


def _positive(x: Any) -> Any:
    return x * x + 0.25


def _small(x: Any) -> Any:
    return x * 0.3


def _bounded(x: Any) -> Any:
    return x / (x * x + 1)


def _looked_at(_: Any, x: Any) -> Any:
    """The value itself, after it has been looked at."""
    x.tolist()
    return x


def _chunked(_: Any, x: Any, size: int, axis: int, part: int) -> Any:
    return x.split(size, axis)[part] * 2


def _norm(_: Any, x: Any, axes: Any, keep: bool) -> Any:
    return (x * x + 0.1).sum(dim=axes, keepdim=keep) ** 0.5


def _var(_: Any, x: Any, axes: Any, keep: bool, correction: int) -> Any:
    return x.var(dim=axes, keepdim=keep, correction=correction)


ELEMENTWISE: dict[str, Operation] = {
    **{name: elementwise(name) for name in ("tanh", "sin", "cos", "sigmoid", "relu", "abs", "erf", "erfc", "atan")},
    **{name: elementwise(name, _small) for name in ("exp", "expm1", "sinh", "cosh", "tan")},
    **{name: elementwise(name, _positive) for name in ("log", "sqrt", "rsqrt", "log1p", "acosh")},
    **{name: elementwise(name, _bounded) for name in ("asin", "acos", "atanh")},
    **{name: elementwise(name) for name in ("floor", "ceil", "round", "square", "neg", "asinh")},
    **{name: elementwise(name, space=F) for name in ("gelu", "silu", "softplus", "elu", "leaky_relu")},
    "raw_log": elementwise("log"),
    "raw_sqrt": elementwise("sqrt"),
    "raw_exp": elementwise("exp"),
    # PyTorch's sign of NaN is 0; ours is NaN, as the Array API says.
    "sign": Operation(one(), lambda _, x: cv.sign(x), lambda _, x: torch.where(x == x, torch.sign(x), x.detach()), 0.5),
    "log_sigmoid": Operation(one(), lambda _, x: cv.log_sigmoid(x), lambda _, x: F.logsigmoid(x), 0.5),
}

ARITHMETIC: dict[str, Operation] = {
    "add": Operation(two, lambda _, x, y: x + y, weight=3),
    "sub": Operation(two, lambda _, x, y: x - y, weight=3),
    "mul": Operation(two, lambda _, x, y: x * y, weight=4),
    "div": Operation(two, lambda _, x, y: x / (y * y + 0.5), weight=2),
    "raw_div": Operation(two, lambda _, x, y: x / y),
    "pow": Operation(
        drawn(one(), among(2, 3, 2.0, 1, 0, -1, 0.5, -2, 1.5)),
        lambda _, x, p: x**p,
        # As a tensor the exponent 0.5 is no square root, so that minus infinity has one.
        lambda _, x, p: x ** torch.tensor(p, dtype=x.dtype),
    ),
    "pow_of_two": Operation(two, lambda _, x, y: (x * x + 0.5) ** y),
    "rpow": Operation(one(), lambda _, x: 2**x),
    "remainder": Operation(drawn(one(), among(2, -1.5, 0.75)), lambda _, x, y: x % y),
    "floor_divide": Operation(drawn(one(), among(2, -1.5, 0.75)), lambda _, x, y: x.detach() // y),
    "maximum": Operation(two, lambda library, x, y: library.maximum(x, y)),
    "minimum": Operation(two, lambda library, x, y: library.minimum(x, y)),
    "atan2": Operation(two, lambda library, x, y: library.atan2(x, y)),
    "scalar": Operation(drawn(one(), among(2, -1, 0.5, 0, True)), lambda _, x, s: s - x * s),
    "clip": Operation(
        drawn(one(), among(-1.0, None, 0), among(1.0, 0.5, 0)), lambda _, x, low, high: x.clip(low, high)
    ),
    "clip_by": Operation(two, lambda _, x, y: x.clip(max=y) if x.shape == y.shape else x + y),
    "compare": Operation(
        drawn(two, among("__lt__", "__le__", "__gt__", "__ge__", "__eq__", "__ne__")),
        lambda _, x, y, name: getattr(x, name)(y),
    ),
    "and": Operation(truths, lambda _, x, y: x & y),
    "or": Operation(truths, lambda _, x, y: x | y),
    "xor": Operation(truths, lambda _, x, y: x ^ y),
    "not": Operation(one("b"), lambda _, x: ~x),
    "count": Operation(with_axis("b"), lambda _, x, axis: x.sum(dim=axis)),
    "truth_as_float": Operation(two, lambda _, x, y: (x > 0) * y, weight=0.5),
    "where": Operation(draws.chosen, lambda library, c, x, y: library.where(c, x, y), weight=2),
    "where_number": Operation(one(), lambda library, x: library.where(x > 0.3, x, -1.0)),
    "where_domain": Operation(
        one(), lambda library, x: library.where(x > 0.1, library.log(library.where(x > 0.1, x, 1.0)), x)
    ),
    "isnan": Operation(one(), lambda library, x: library.isnan(x), weight=0.3),
    "isinf": Operation(one(), lambda library, x: library.isinf(x), weight=0.3),
    "isfinite": Operation(one(), lambda library, x: library.isfinite(x), weight=0.3),
    "integer_add": Operation(integers, lambda _, x, y: x + 2 * y, weight=0.5),
    "integer_mul": Operation(integers, lambda _, x, y: x * y - 3, weight=0.5),
    "integer_divide": Operation(integers, lambda _, x, y: (x - 1) // (y * 0 - 2), weight=0.5),
    "integer_remainder": Operation(integers, lambda _, x, y: (x - 2) % (y * 0 + 3), weight=0.5),
    "integer_compare": Operation(integers, lambda _, x, y: x <= y, weight=0.5),
    "detach": Operation(two, lambda _, x, y: x.detach() * y),
    "look": Operation(one("fib"), _looked_at, weight=0.7),
}

REDUCTIONS: dict[str, Operation] = {
    "sum": Operation(with_axes, lambda _, x, axes, keep: x.sum(dim=axes, keepdim=keep), weight=3),
    "mean": Operation(with_axes, lambda _, x, axes, keep: x.mean(dim=axes, keepdim=keep), weight=2),
    "amax": Operation(with_axes, lambda _, x, axes, keep: x.amax(dim=axes or tuple(range(x.ndim)), keepdim=keep)),
    "amin": Operation(with_axes, lambda _, x, axes, keep: x.amin(dim=axes or tuple(range(x.ndim)), keepdim=keep)),
    "prod": Operation(with_axis("f", flag), lambda _, x, axis, keep: x.prod(dim=axis, keepdim=keep)),
    "var": Operation(drawn(with_axes, among(1, 0)), _var),
    "norm": Operation(with_axes, _norm),
    "logsumexp": Operation(with_axis("f"), lambda library, x, axis: library.logsumexp(x, dim=axis)),
    "argmax": Operation(with_axis("f"), lambda _, x, axis: x.argmax(axis)),
    "argmin": Operation(with_axis("f"), lambda _, x, axis: x.argmin(axis)),
    "any": Operation(with_axis("b"), lambda _, x, axis: x.any(dim=axis)),
    "all": Operation(with_axis("b"), lambda _, x, axis: x.all(dim=axis)),
    "integer_sum": Operation(with_axis("i"), lambda _, x, axis: x.sum(dim=axis)),
    "integer_max": Operation(with_axis("i"), lambda _, x, axis: x.amax(dim=axis)),
    "cumsum": Operation(with_axis(), lambda _, x, axis: x.cumsum(axis), weight=1.5),
    "cumprod": Operation(with_axis(), lambda _, x, axis: x.cumprod(axis)),
    "softmax": Operation(with_axis(), lambda library, x, axis: library.softmax(x, dim=axis), weight=1.5),
    "log_softmax": Operation(with_axis(), lambda library, x, axis: library.log_softmax(x, dim=axis)),
    "sorted": Operation(
        with_axis("f", flag), lambda library, x, axis, down: library.sort(x, dim=axis, descending=down)[0]
    ),
    "argsort": Operation(
        with_axis("f", flag),
        lambda library, x, axis, down: library.argsort(x, dim=axis, descending=down, stable=True),
        weight=0.5,
    ),
    "topk": Operation(with_axis("f"), lambda library, x, axis: library.topk(x, min(2, x.shape[axis]), dim=axis)[0]),
}

SHAPES: dict[str, Operation] = {
    "reshape": Operation(draws.reshaped, lambda _, x, shape: x.reshape(shape), weight=3),
    "permute": method("permute", draws.permuted, 2),
    "mT": Operation(one("fib", 2), lambda _, x: x.mT, weight=1.5),
    "expand": method("expand", draws.expanded),
    "squeeze": method("squeeze", one("fib")),
    "squeeze_axis": method("squeeze", with_axis("fib")),
    "unsqueeze": method("unsqueeze", with_axis("fib")),
    "flatten": method("flatten", one("fib")),
    "flip": Operation(
        with_axis("fi"), lambda _, x, axis: x.flip((axis,)) if hasattr(x, "is_floating_point") else x.flip(axis)
    ),
    "roll": method("roll", draws.rolled),
    "tril": method("tril", drawn(one("f", 2), among(0, 0, 1, -1))),
    "triu": method("triu", drawn(one("f", 2), among(0, 0, 1, -1))),
    "concat": Operation(draws.joined, lambda library, *parts: library.concat(parts[:-1], parts[-1]), weight=2),
    "stack": Operation(draws.stacked, lambda library, *parts: library.stack(parts[:-1], parts[-1])),
    "split": Operation(draws.split_up, _chunked),
    "pad": Operation(
        draws.padded,
        lambda _, x, widths, value: cv.pad(x, widths, value),
        lambda _, x, widths, value: F.pad(x, widths, value=value),
    ),
    "index": Operation(draws.indexed, draws.sliced, weight=4),
    "gather": Operation(draws.gathered, lambda _, x, *rest: x[(*[slice(None)] * rest[-1], *rest[:-1])], weight=2),
    "list": Operation(draws.listed, lambda _, x, places: x[list(places)]),
    "mask": Operation(one(), lambda _, x: x[x > 0.1].sum(), weight=0.7),
    "assign": Operation(draws.assigned, draws.assign, weight=2),
    "assign_list": Operation(draws.assigned_listed, draws.assign_listed),
    "assign_mask": Operation(drawn(one("f", 1), among(0.3, -0.5), among(0.0, 2.0)), draws.assign_masked, weight=0.7),
    "update": Operation(draws.update, draws.updated),
}

PRODUCTS: dict[str, Operation] = {
    "matmul": Operation(draws.multiplied, lambda _, x, y: x @ y, weight=4),
    "einsum": Operation(draws.summed, lambda library, *given: library.einsum(given[-1], *given[:-1]), weight=3),
    "outer": Operation(lambda g: ((g.find("f", 1, 1), g.find("f", 1, 1)),), lambda library, x, y: library.outer(x, y)),
    "convolution": Operation(draws.convolved, draws.convolve, weight=1.5),
    "max_pool": Operation(
        drawn(one("f", 4, 4), among(1, 2)),
        lambda _, x, stride: NN.max_pool2d(x, 2, stride),
        lambda _, x, stride: F.max_pool2d(x, 2, stride),
    ),
    "avg_pool": Operation(
        drawn(one("f", 4, 4), among(1, 2)),
        lambda _, x, stride: NN.avg_pool2d(x, 2, stride),
        lambda _, x, stride: F.avg_pool2d(x, 2, stride),
    ),
    "embedding": Operation(draws.looked_up, lambda _, i, t: NN.embedding(i, t), lambda _, i, t: F.embedding(i, t)),
    "cross_entropy": Operation(
        draws.rows_and_classes, lambda _, x, t: NN.cross_entropy(x, t), lambda _, x, t: F.cross_entropy(x, t)
    ),
    "layer_norm": Operation(
        draws.of_last_axis(),
        lambda _, x, w, b: NN.layer_norm(x, x.shape[-1:], w, b, 0.1),
        lambda _, x, w, b: F.layer_norm(x, x.shape[-1:], w, b, 0.1),
    ),
    "attention": Operation(one("f", 3, 4), lambda library, x: library.softmax(x @ x.mT * 0.3, dim=-1) @ x),
}

OPERATIONS: dict[str, Operation] = {**ELEMENTWISE, **ARITHMETIC, **REDUCTIONS, **SHAPES, **PRODUCTS}
"""Every operation by name."""

LOOKING = frozenset({"look", "mask", "assign_mask"})
"""Operations that look at values, which cannot be traced."""
