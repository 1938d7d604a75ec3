"""Functions of elements, with PyTorch's broadcasting over extents that may be symbols."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from fractions import Fraction
from math import isfinite
from numbers import Integral, Rational, Real
from typing import TYPE_CHECKING, Any

import numpy as np

from covector.errors import DtypeError, ShapeError
from covector.frontend.lazy import HEAVY, TraceError, is_array, is_view, weight
from covector.frontend.letters import wish
from covector.ir import Affine, Apply, Bracket, Expr, Index, Literal, Read, Select, as_affine
from covector.ir.element import dtype
from covector.ops import SCALARS

if TYPE_CHECKING:
    from covector.frontend.arrays import Array

ONE = as_affine(1)
CONDITIONS = ("eq", "ne", "lt", "le")
CONNECTIVES = ("and", "or", "not")


def literal(value: Any) -> Literal:
    """A number as a literal, exact as it is written in decimals.

    >>> literal(0.1)
    1/10
    """
    if isinstance(value, (bool, np.bool_)):
        return Literal(bool(value))
    if isinstance(value, (Integral, Rational, Decimal)) and not (isinstance(value, Decimal) and not value.is_finite()):
        return Literal(Fraction(int(value) if isinstance(value, Integral) else value))
    if isinstance(value, (Real, Decimal)):
        number = float(value)
        return Literal(Fraction(str(value)) if isfinite(number) else number)
    raise _not_an_operand(value)


def _not_an_operand(value: object) -> TraceError:
    if isinstance(value, np.ndarray):
        message = f"a NumPy array of shape {value.shape} cannot stand in a symbolic program"
        return TraceError(message, hint="make it an input: a parameter of the function, with its shape")
    return TraceError(f"expected an array or a number, not {type(value).__name__} {_shorten(value)}")


def _shorten(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:59] + "…"


def lift(value: Any, like: Array) -> Array:
    """A number or an array as an array of the trace of ``like``."""
    constant = like.trace.constant(value) if isinstance(value, np.ndarray) else None
    if constant is not None:
        indices = tuple(like.trace.index(extent) for extent in constant.shape)
        return like.make(indices, Read(constant, tuple(map(as_affine, indices))))
    if not is_array(value):
        return like.make((), literal(value))
    if value.trace is not like.trace:
        message = "arrays of two different traces meet in one expression"
        raise TraceError(message, hint="an array lives only while the function that was given it is traced")
    return value.trace.settle(value)


def lift_all(function: str, values: Sequence[Any]) -> list[Array]:
    """Operands as arrays of one trace; at least one must be an array."""
    like = next((value for value in values if is_array(value)), None)
    if like is None:
        raise TraceError(f"{function} takes at least one array, and was given only numbers")
    return [lift(value, like) for value in values]


def elementwise(function: str, *values: Any, flat: bool = False) -> Array:
    """A scalar function of the table, element by element, broadcasting.

    With ``flat``, a first operand that is the same sum or product is continued: ``(a + b) + c`` is one sum of three.
    """
    arrays = lighten(lift_all(function, values))
    indices = result_indices(function, arrays)
    parts = [spread(array, indices) for array in arrays]
    if function in CONNECTIVES:
        parts = [condition(part, function) for part in parts]
    elif function not in CONDITIONS and function != "stop":
        parts = [number(part) for part in parts]
    record = SCALARS[function]
    if flat and isinstance(parts[0], Apply) and parts[0].function is record:
        parts = [*parts[0].arguments, *parts[1:]]
    return arrays[0].make(indices, Apply(record, tuple(parts)))


def select(chosen: Any, then: Any, otherwise: Any) -> Array:
    """``then`` where the condition holds, ``otherwise`` elsewhere; the other branch has no influence at all.

    A condition that is no bool holds where it is not 0. Raises `ShapeError` where the shapes do not broadcast.
    """
    arrays = lighten(lift_all("select", (chosen, then, otherwise)))
    indices = result_indices("select", arrays)
    holds, first, second = (spread(array, indices) for array in arrays)
    if dtype(holds) != "bool":
        holds = Apply(SCALARS["ne"], (holds, literal(0)))
    return arrays[0].make(indices, Select(holds, first, second))


def number(expr: Expr) -> Expr:
    """A bool as 0 or 1; anything else as it is."""
    return Bracket(expr) if dtype(expr) == "bool" and not isinstance(expr, Literal) else expr


def condition(expr: Expr, function: str) -> Expr:
    """An expression that is a condition; raises `DtypeError` where it is none."""
    if dtype(expr) != "bool":
        hint = "compare it with something, as in x > 0"
        raise DtypeError(f"{function} takes conditions, and an operand is {dtype(expr)}", hint=hint)
    return expr


def lighten(arrays: list[Array]) -> list[Array]:
    """The operands, the heaviest made statements until what is written out stays readable."""
    while sum(weight(array.body) for array in arrays) > HEAVY:
        at = max(range(len(arrays)), key=lambda position: weight(arrays[position].body))
        if is_view(arrays[at].body):
            break
        arrays = [array.trace.keep(array) if array is arrays[at] else array for array in arrays]
    return arrays


def result_indices(function: str, arrays: Sequence[Array]) -> tuple[Index, ...]:
    """The indices of the broadcast result: those of an operand that has its shape, otherwise new ones."""
    extents = broadcast(function, arrays)
    for array in arrays:
        if array.extents == extents:
            return array.indices
    letters = [""] * len(extents)
    for array in reversed(arrays):
        for axis, index in enumerate(reversed(array.indices)):
            if index.extent is extents[-1 - axis]:
                letters[-1 - axis] = wish(index)
    return tuple(arrays[0].trace.index(extent, letter) for extent, letter in zip(extents, letters, strict=True))


def broadcast(function: str, arrays: Sequence[Array], leading: int = 0) -> tuple[Affine, ...]:
    """The extents of the broadcast result of all axes but the last ``leading`` of each.

    Raises `ShapeError` in PyTorch's words, where two extents differ and neither is 1.
    """
    shapes = [array.extents[: array.ndim - leading] for array in arrays]
    result: list[Affine] = []
    for shape in shapes:
        result = [ONE] * (len(shape) - len(result)) + result
        for axis in range(-len(shape), 0):
            extent, have = shape[axis], result[axis]
            if have is ONE:
                result[axis] = extent
            elif extent is not ONE and extent is not have:
                raise _cannot_broadcast(function, arrays, have, extent, len(result) + axis)
    return tuple(result)


def _cannot_broadcast(function: str, arrays: Sequence[Array], have: Affine, extent: Affine, axis: int) -> ShapeError:
    message = f"The size of tensor a ({have!r}) must match the size of tensor b ({extent!r})"
    return ShapeError(f"{message} at non-singleton dimension {axis}", hint=f"{function} of {listing(arrays)}")


def positions_in(extents: Sequence[Affine], indices: Sequence[Index]) -> list[Affine]:
    """Where an array of these extents is read by broadcast indices: at 0 where it is repeated."""
    own = indices[len(indices) - len(extents) :]
    return [
        as_affine(0) if extent is ONE and index.extent is not ONE else as_affine(index)
        for extent, index in zip(extents, own, strict=True)
    ]


def spread(array: Array, indices: Sequence[Index]) -> Expr:
    """The element of an array that broadcasting puts at the indices of the result."""
    return array.at(positions_in(array.extents, indices))


def shape_text(extents: Iterable[Affine]) -> str:
    """A shape as messages show it: ``M×3``, or ``()``."""
    parts = [repr(extent) if extent.is_constant or extent.atom is not None else f"({extent!r})" for extent in extents]
    return "×".join(parts) or "()"


def listing(arrays: Sequence[Array]) -> str:
    """Operands with their shapes, by name where they are whole tensors: ``x: M×3, y: M×2``."""
    return ", ".join(f"{describe(array) or 'an expression'}: {shape_text(array.extents)}" for array in arrays)


def describe(array: Array) -> str | None:
    """What a person would call an array: the name of a tensor, ``x.T``, a number, or None."""
    if isinstance(array.body, Literal):
        return str(array.body.value)
    if not isinstance(array.body, Read):
        return None
    seen = tuple(position.index for position in array.body.positions)
    if seen == array.indices:
        return array.body.tensor.name
    if len(seen) > 1 and (*seen[:-2], seen[-1], seen[-2]) == array.indices:
        return f"{array.body.tensor.name}.T"
    return None
