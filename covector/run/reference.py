"""The reference interpreter: the definition of the IR, plainly.

A statement is evaluated over the whole grid of its indices at once. A value inside it is an array with one axis
for a batch (of inputs that are evaluated side by side, as finite differences need), then one axis for every
index in scope, of extent 1 where it does not depend on that index. A reduction adds its indices as last axes
and reduces them away.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from covector.errors import BoundsError, BudgetError, CovectorError, ShapeError
from covector.ir import (
    Affine,
    Apply,
    Bracket,
    Compute,
    Expr,
    Floor,
    Index,
    Literal,
    Mod,
    Opaque,
    Program,
    Read,
    Reduce,
    Select,
    Symbol,
    Tensor,
)
from covector.ir.affine import atoms
from covector.ir.node import Node
from covector.ir.walk import walk
from covector.run.extents import bind_extents, evaluate_extent

Array = NDArray[Any]

GRID_LIMIT = 1 << 24
"""Elements of the grid that are evaluated at once; a larger statement is evaluated slab by slab."""

MEMORY_LIMIT = 1 << 33
"""Bytes that one tensor may take; a larger one is refused."""

_REDUCTIONS: dict[str, Callable[..., Any]] = {
    "sum": np.sum,
    "prod": np.prod,
    "max": np.max,
    "min": np.min,
    "any": np.any,
    "all": np.all,
}
_NUMPY = {"bool": np.bool_, "int32": np.int32, "int64": np.int64, "float32": np.float32, "float64": np.float64}


def evaluate(program: Program, arrays: Mapping[str, Any], extents: Mapping[str, int] | None = None) -> dict[str, Array]:
    """The value of every statement, by name.

    ``arrays`` holds an array (or number) for each input, of its shape; ``extents`` the symbols that no input
    determines. Raises `ShapeError`, `UnknownNameError`, `BoundsError` (a data-dependent read outside the
    bounds), `BudgetError`.
    """
    given: dict[str, Array] = {
        t.name: np.asarray(arrays[t.name], dtype=_NUMPY[t.dtype]) for t in program.inputs if t.name in arrays
    }
    bound = bind_extents(program.inputs, given, extents)
    batched = evaluate_batch(program, {name: array[None] for name, array in given.items()}, bound)
    return {name: value[0] for name, value in batched.items()}


def evaluate_batch(program: Program, arrays: Mapping[str, Array], extents: Mapping[str, int]) -> dict[str, Array]:
    """The value of every statement where each array has a leading batch axis, of the batch's size or 1."""
    values: dict[Tensor, Array] = {tensor: arrays[tensor.name] for tensor in program.inputs}
    for statement in program.statements:
        values[statement] = evaluate_statement(statement, values, extents)
    return {statement.name: values[statement] for statement in program.statements}


def evaluate_statement(
    statement: Compute | Opaque, values: Mapping[Tensor, Array], extents: Mapping[str, int]
) -> Array:
    """The value of one statement, with its batch axis."""
    if isinstance(statement, Opaque):
        raise CovectorError(f"{statement.name}: the reference interpreter knows no function {statement.function!r}")
    shape = tuple(evaluate_extent(extent, extents) for extent in statement.shape)
    if any(size < 0 for size in shape):
        raise ShapeError(f"{statement.name} would have the shape {shape}: an extent is negative")
    need = prod(shape) * np.dtype(_NUMPY[statement.dtype]).itemsize
    if need > MEMORY_LIMIT:
        raise BudgetError(f"{statement.name} has the shape {shape} and would need {need / 2**30:.1f} GiB")
    ranges = {index: (0, size) for index, size in zip(statement.indices, shape, strict=True)}
    with np.errstate(all="ignore"):
        return _slab(statement, values, extents, ranges).astype(_NUMPY[statement.dtype], copy=False)


def _slab(
    statement: Compute,
    values: Mapping[Tensor, Array],
    extents: Mapping[str, int],
    ranges: dict[Index, tuple[int, int]],
) -> Array:
    """The statement over a part of its grid, halved along its longest index until a part is small enough."""
    shape = tuple(high - low for low, high in ranges.values())
    if prod(shape) * _inner(statement, extents) > GRID_LIMIT and prod(shape) > 1:
        axis = int(np.argmax(shape))
        index, (low, high) = list(ranges.items())[axis]
        middle = (low + high) // 2
        halves = [
            _slab(statement, values, extents, {**ranges, index: part}) for part in ((low, middle), (middle, high))
        ]
        return np.concatenate(np.broadcast_arrays(*halves) if shape == () else halves, axis=axis + 1)
    # What is derived reads where the forward read, and zero elsewhere; only what a user wrote is held to its bounds.
    value = Evaluation(values, extents, ranges, strict=not statement.is_derived).value(
        statement.body, tuple(statement.indices)
    )
    batch = value.shape[0]
    return np.array(np.broadcast_to(value, (batch, *shape)))


def grid_size(statement: Compute, extents: Mapping[str, int]) -> int:
    """The number of elements that evaluating a statement at once takes."""
    return prod(evaluate_extent(extent, extents) for extent in statement.shape) * _inner(statement, extents)


def _inner(statement: Compute, extents: Mapping[str, int]) -> int:
    """The largest number of elements that the reductions of a statement put behind one element of its output."""
    sizes: dict[Node, int] = {}
    for node in walk(statement.body):
        below = max((sizes.get(child, 1) for child in _parts(node)), default=1)
        own = prod(evaluate_extent(i.extent, extents) for i in node.indices) if isinstance(node, Reduce) else 1
        sizes[node] = below * own
    return max(sizes[statement.body], 1)


def _parts(node: Node) -> tuple[Node, ...]:
    if isinstance(node, Reduce):
        return (node.body,)
    if isinstance(node, Apply):
        return node.arguments
    if isinstance(node, Select):
        return (node.condition, node.then, node.otherwise)
    return (node.condition,) if isinstance(node, Bracket) else ()


class Evaluation:
    """One statement at work over one part of its grid; a ``strict`` one refuses data outside the bounds."""

    def __init__(
        self,
        values: Mapping[Tensor, Array],
        extents: Mapping[str, int],
        ranges: Mapping[Index, tuple[int, int]],
        strict: bool = True,
    ) -> None:
        self.values, self.extents, self.ranges = values, extents, dict(ranges)
        self.memo: dict[tuple[Node, tuple[Index, ...], int], Array] = {}
        self.active: list[Array] = []
        self.strict = strict

    def value(self, expr: Expr, scope: tuple[Index, ...]) -> Array:
        """The value of an expression over the indices in scope."""
        key = (expr, scope, id(self.active[-1]) if self.active else 0)
        if key not in self.memo:
            self.memo[key] = self._value(expr, scope)
        return self.memo[key]

    def _value(self, expr: Expr, scope: tuple[Index, ...]) -> Array:
        if isinstance(expr, Literal):
            return self.number(expr.value, scope)
        if isinstance(expr, Affine):
            return self.integer(expr, scope)
        if isinstance(expr, Read):
            return self.read(self.values[expr.tensor], expr, scope)
        if isinstance(expr, Reduce):
            return self.reduce(expr, scope)
        if isinstance(expr, Bracket):
            return self.value(expr.condition, scope).astype(np.int64)
        if isinstance(expr, Select):
            condition = self.value(expr.condition, scope).astype(bool)
            then = self.guarded(expr.then, scope, condition)
            return np.where(condition, then, self.guarded(expr.otherwise, scope, ~condition))
        return self.apply(expr, scope)

    def number(self, value: bool | Fraction | float, scope: tuple[Index, ...]) -> Array:
        """A literal as an array of one element."""
        if isinstance(value, Fraction):
            # Larger whole numbers are floats, so that arithmetic of numbers alone does not overflow.
            value = value.numerator if value.denominator == 1 and abs(value) < 2**31 else float(value)
        return np.full((1,) * (len(scope) + 1), value)

    def guarded(self, expr: Expr, scope: tuple[Index, ...], mask: Array) -> Array:
        """The value of an expression that only counts where the mask holds."""
        self.active.append(mask if not self.active else _expand(self.active[-1], mask.ndim) & mask)
        try:
            return self.value(expr, scope)
        finally:
            self.active.pop()

    def apply(self, expr: Apply, scope: tuple[Index, ...]) -> Array:
        """A scalar function; a product with brackets is a strong zero where one of them is."""
        if not expr.arguments:
            return self.number(float(expr.function.numeric()), scope)
        if expr.function.name == "mul":
            return self.product(expr.arguments, scope)
        arguments = [self.value(argument, scope) for argument in expr.arguments]
        if expr.function.name in ("add", "sub", "neg", "pow"):
            arguments = [a.astype(np.int64) if a.dtype == bool else a for a in arguments]
        if not expr.function.variadic:
            return np.asarray(expr.function.numeric(*arguments))
        result = arguments[0]
        for argument in arguments[1:]:
            result = expr.function.numeric(result, argument)
        return np.asarray(result)

    def product(self, factors: tuple[Expr, ...], scope: tuple[Index, ...]) -> Array:
        """A product: its brackets first, then the other factors where they hold."""
        mask = np.ones((1,) * (len(scope) + 1), dtype=bool)
        others = []
        for factor in factors:
            if isinstance(factor, Bracket):
                mask = mask & self.value(factor.condition, scope).astype(bool)
            else:
                others.append(factor)
        guarded = len(others) < len(factors)
        result: Array = np.ones((1,) * (len(scope) + 1), dtype=np.int64)
        for factor in others:
            result = result * (self.guarded(factor, scope, mask) if guarded else self.value(factor, scope))
        return np.where(mask, result, np.zeros((), result.dtype)) if guarded else result

    def reduce(self, expr: Reduce, scope: tuple[Index, ...]) -> Array:
        """A reduction: its indices become the last axes, and go."""
        body, axes = self.spread(expr, scope)
        if expr.operation in ("max", "min") and 0 in body.shape[len(scope) + 1 :]:
            if 0 in body.shape[: len(scope) + 1]:
                return np.zeros(body.shape[: len(scope) + 1], body.dtype)
            raise ShapeError(f"{expr.operation} over an empty extent has no value: {expr!r}")
        return np.asarray(_REDUCTIONS[expr.operation](body, axis=axes))

    def spread(self, expr: Reduce, scope: tuple[Index, ...]) -> tuple[Array, tuple[int, ...]]:
        """The body of a reduction over all values of its indices, and the axes that they have there."""
        sizes = tuple(evaluate_extent(index.extent, self.extents) for index in expr.indices)
        outer = dict(self.ranges)
        self.ranges.update({index: (0, size) for index, size in zip(expr.indices, sizes, strict=True)})
        body = self.value(expr.body, (*scope, *expr.indices))
        self.ranges = outer
        first = len(scope) + 1
        body = np.broadcast_to(body, (*body.shape[:first], *sizes))
        return body, tuple(range(first, first + len(sizes)))

    def integer(self, form: Affine, scope: tuple[Index, ...]) -> Array:
        """The value of an integer expression."""
        total = np.full((1,) * (len(scope) + 1), form.constant, dtype=np.int64)
        for monomial, coefficient in form.terms:
            product: Array = np.full((1,) * (len(scope) + 1), coefficient, dtype=np.int64)
            for atom in monomial:
                product = product * self.atom(atom, scope)
            total = total + product
        return total

    def atom(self, atom: Node, scope: tuple[Index, ...]) -> Array:
        """The value of an atom of an integer expression."""
        if isinstance(atom, Index):
            # The innermost binding counts, should two indices of one name be in scope.
            axis = len(scope) - scope[::-1].index(atom)
            low, high = self.ranges[atom]
            return np.arange(low, high).reshape([-1 if a == axis else 1 for a in range(len(scope) + 1)])
        if isinstance(atom, Symbol):
            return np.full((1,) * (len(scope) + 1), evaluate_extent(Affine((((atom,), 1),), 0), self.extents))
        if isinstance(atom, (Floor, Mod)):
            top, bottom = self.integer(atom.numerator, scope), self.integer(atom.denominator, scope)
            return top // bottom if isinstance(atom, Floor) else top % bottom
        assert isinstance(atom, Read)
        return self.value(atom, scope).astype(np.int64)

    def read(self, array: Array, expr: Read, scope: tuple[Index, ...]) -> Array:
        """The elements at the positions, zero outside the bounds."""
        width = len(scope) + 1
        if not expr.positions:
            return array.reshape(array.shape[0], *(1,) * len(scope))
        valid: Array = np.ones((1,) * width, dtype=bool)
        where: list[Array] = [np.arange(array.shape[0]).reshape(-1, *(1,) * len(scope))]
        for axis, position in enumerate(expr.positions):
            size = array.shape[axis + 1]
            at = self.integer(position, scope)
            inside = (at >= 0) & (at < size)
            if self.strict and any(isinstance(atom, Read) for atom in atoms(position)):
                self.refuse_outside(expr, axis, at, inside, size)
            valid = valid & inside
            where.append(at.clip(0, max(size - 1, 0)))
        if 0 in array.shape[1:]:
            return np.zeros(np.broadcast_shapes(*(at.shape for at in where)), array.dtype)
        if array.shape[0] != 1:
            # A batched index table: every member of the batch reads its own array.
            where = [np.broadcast_to(at, np.broadcast_shapes(at.shape, where[0].shape)) for at in where]
        found = array[tuple(where)]
        return found if valid.all() else np.where(valid, found, np.zeros((), array.dtype))

    def refuse_outside(self, expr: Read, axis: int, at: Array, inside: Array, size: int) -> None:
        """Raise where a data-dependent position that counts lies outside the bounds."""
        bad = ~inside
        if self.active:
            bad = bad & _expand(self.active[-1], bad.ndim)
        if bad.any():
            worst = np.broadcast_to(at, bad.shape)[bad].ravel()[0]
            raise BoundsError(
                f"{expr!r}: position {axis} is {worst}, outside 0 … {size - 1}",
                hint=f"{expr.tensor.name} has {size} along axis {axis}",
            )


def _expand(mask: Array, ndim: int) -> Array:
    """A mask with axes of extent 1 added at the end."""
    return mask.reshape(mask.shape + (1,) * (ndim - mask.ndim))
