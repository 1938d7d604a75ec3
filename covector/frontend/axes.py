"""Axes: reductions over them, and their order, number and extents."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from operator import index as whole
from typing import TYPE_CHECKING, Any

import numpy as np

from covector.errors import ShapeError
from covector.frontend.elementwise import (
    ONE,
    elementwise,
    lift_all,
    lighten,
    listing,
    literal,
    number,
    shape_text,
    spread,
)
from covector.frontend.lazy import TraceError, is_array
from covector.frontend.letters import wish
from covector.ir import Affine, Apply, Bracket, Expr, Index, Literal, Reduce, as_affine, floor_div, modulo
from covector.ir.affine import exact_quotient, free
from covector.ir.element import dtype
from covector.ops import SCALARS

if TYPE_CHECKING:
    from covector.frontend.arrays import Array

Axis = int | Sequence[int] | None


def operand(function: str, given: Any) -> Array:
    """The one array that a function takes, as it is used."""
    if not is_array(given):
        raise TraceError(f"{function} takes an array, not {type(given).__name__} {given!r}")
    return lift_all(function, [given])[0]


def axis_of(function: str, array: Array, axis: Any) -> int:
    """An axis, counted from the start; raises `ShapeError` where the array has no such axis."""
    if isinstance(axis, (bool, np.bool_)) or not hasattr(axis, "__index__"):
        raise TraceError(f"{function}: an axis is an integer, not {type(axis).__name__} {axis!r}")
    position = whole(axis)
    if not -array.ndim <= position < array.ndim:
        axes = "1 axis" if array.ndim == 1 else f"{array.ndim} axes"
        raise ShapeError(f"{function}: axis {position} is out of range for {listing([array])}, which has {axes}")
    return position % array.ndim


def axes_of(function: str, array: Array, axis: Any) -> tuple[int, ...]:
    """The axes that an argument ``axis`` names: all of them for None."""
    if axis is None:
        return tuple(range(array.ndim))
    named = axis if isinstance(axis, (tuple, list)) else (axis,)
    axes = tuple(axis_of(function, array, one) for one in named)
    if len(set(axes)) < len(axes):
        raise ShapeError(f"{function}: an axis is named twice in {tuple(named)}")
    return axes


def reduction(function: str, operation: str, given: Any, axis: Axis, keepdims: bool) -> Array:
    """``operation`` over some axes: they go, or keep the extent 1."""
    array = lighten([operand(function, given)])[0]
    axes = axes_of(function, array, axis)
    bound = tuple(array.trace.index(array.indices[a].extent, wish(array.indices[a])) for a in sorted(axes))
    inner = dict(zip(sorted(axes), bound, strict=True))
    body = array.at([inner.get(a, index) for a, index in enumerate(array.indices)])
    if operation in ("sum", "prod"):
        body = number(body)
    elif operation in ("any", "all") and dtype(body) != "bool":
        body = Apply(SCALARS["ne"], (body, literal(0)))
    result: Expr = Reduce(operation, bound, body) if bound else body
    kept: list[Index] = []
    for a, index in enumerate(array.indices):
        if a not in inner:
            kept.append(index)
        elif keepdims:
            kept.append(array.trace.index(ONE, wish(index)))
    return array.make(kept, result)


def count(array: Array, axes: Sequence[int]) -> Affine:
    """The number of elements along some axes."""
    return prod((array.extents[a] for a in axes), start=ONE)


def mean(function: str, given: Any, axis: Axis, keepdims: bool) -> Array:
    """The mean over some axes."""
    array = operand(function, given)
    axes = axes_of(function, array, axis)
    total = reduction(function, "sum", array, axes, keepdims)
    return total.make(total.indices, Apply(SCALARS["div"], (total.body, count(array, axes)))) if axes else total


def variance(function: str, given: Any, axis: Axis, correction: Any, keepdims: bool) -> Array:
    """The mean squared distance from the mean, over the number of elements less ``correction``."""
    array = operand(function, given)
    axes = axes_of(function, array, axis)
    away = elementwise("sub", array, mean(function, array, axes, True))
    total = reduction(function, "sum", elementwise("pow", away, 2), axes, keepdims)
    number_of = total.make((), count(array, axes))
    divisor = elementwise("sub", number_of, correction) if is_array(correction) or correction != 0 else number_of
    return elementwise("div", total, divisor)


def permute(function: str, given: Any, axes: Any) -> Array:
    """The axes in another order; ``axes`` names each of them once."""
    array = operand(function, given)
    order = axes_of(function, array, axes)
    if len(order) != array.ndim:
        raise ShapeError(f"{function}: {tuple(axes)} does not name each axis of {listing([array])} once")
    return array.make((array.indices[a] for a in order), array.body)


def swap_last(function: str, given: Any) -> Array:
    """The last two axes exchanged; an array of fewer axes as it is."""
    array = operand(function, given)
    if array.ndim < 2:
        return array
    return array.make((*array.indices[:-2], array.indices[-1], array.indices[-2]), array.body)


def expand(function: str, given: Any, axis: Any) -> Array:
    """New axes of extent 1 at the positions that they have in the result."""
    array = operand(function, given)
    named = axis if isinstance(axis, (tuple, list)) else (axis,)
    rank = array.ndim + len(named)
    blank = array.make((array.trace.index(ONE) for _ in range(rank)), array.body)
    new = axes_of(function, blank, tuple(named))
    own = iter(array.indices)
    return array.make((blank.indices[a] if a in new else next(own) for a in range(rank)), array.body)


def squeeze(function: str, given: Any, axis: Axis) -> Array:
    """Axes of extent 1 taken away: those named, or all; raises `ShapeError` where one has another extent."""
    array = operand(function, given)
    if axis is None:
        gone = tuple(a for a, extent in enumerate(array.extents) if extent is ONE)
    else:
        gone = axes_of(function, array, axis)
    for a in gone:
        if array.extents[a] is not ONE:
            raise ShapeError(f"{function}: axis {a} of {listing([array])} has extent {array.extents[a]!r}, not 1")
    body = array.at([as_affine(0) if a in gone else index for a, index in enumerate(array.indices)])
    return array.make((index for a, index in enumerate(array.indices) if a not in gone), body)


def as_extent(function: str, value: Any) -> Affine:
    """An extent as it is given: an integer, or an extent of an array."""
    if is_array(value) and isinstance(value.body, Affine) and not value.indices and not free(value.body):
        return value.body
    if isinstance(value, (bool, np.bool_)) or not hasattr(value, "__index__"):
        raise TraceError(f"{function}: an extent is an integer or a symbol, not {type(value).__name__} {value!r}")
    return as_affine(whole(value))


def broadcast_to(function: str, given: Any, shape: Sequence[Any]) -> Array:
    """The same elements repeated along axes of extent 1 and along new leading axes, until the shape is the wanted one.

    Raises `ShapeError` where the array does not broadcast to it.
    """
    array = operand(function, given)
    wanted = [as_extent(function, extent) for extent in shape]
    if not _broadcasts(array.extents, wanted):
        raise ShapeError(f"{function}: {listing([array])} does not broadcast to {shape_text(wanted)}")
    letters = [""] * (len(wanted) - array.ndim) + [wish(index) for index in array.indices]
    indices = [array.trace.index(extent, letter) for extent, letter in zip(wanted, letters, strict=True)]
    return array.make(indices, spread(array, indices))


def sum_to_size(function: str, given: Any, shape: Sequence[Any]) -> Array:
    """The sum over leading axes that the shape lacks and over those that have extent 1 in it.

    Raises `ShapeError` where an array of that shape does not broadcast to this one.
    """
    array = operand(function, given)
    wanted = [as_extent(function, extent) for extent in shape]
    if not _broadcasts(wanted, array.extents):
        message = f"{function}: {listing([array])} cannot be summed to {shape_text(wanted)}"
        raise ShapeError(message, hint=f"what has the shape {shape_text(wanted)} does not broadcast to it")
    lead = array.ndim - len(wanted)
    ones = (lead + axis for axis, extent in enumerate(wanted) if extent is ONE is not array.extents[lead + axis])
    total = reduction(function, "sum", array, (*range(lead), *ones), True)
    return total.make(total.indices[lead:], total.body)


def _broadcasts(extents: Sequence[Affine], wanted: Sequence[Affine]) -> bool:
    """Whether a shape broadcasts to another, without changing it."""
    lead = len(wanted) - len(extents)
    return lead >= 0 and all(own in (ONE, wide) for own, wide in zip(extents, wanted[lead:], strict=True))


def filled(function: str, shape: Sequence[Any], value: int) -> Array:
    """A new array of a shape, all of whose elements are a number; one of the extents tells the trace."""
    extents = [as_extent(function, extent) for extent in shape]
    like = _among(function, shape)
    return like.make([like.trace.index(extent) for extent in extents], literal(value))


def eye(function: str, rows: Any, columns: Any) -> Array:
    """The matrix that is 1 on its diagonal and 0 elsewhere."""
    extents = [as_extent(function, extent) for extent in (rows, columns)]
    like = _among(function, (rows, columns))
    row, column = (like.trace.index(extent) for extent in extents)
    return like.make((row, column), Bracket(Apply(SCALARS["eq"], (as_affine(row), as_affine(column)))))


def _among(function: str, shape: Sequence[Any]) -> Array:
    """An extent that belongs to a trace."""
    like: Array | None = next((extent for extent in shape if is_array(extent)), None)
    if like is None:
        hint = "take an extent from the shape of an array, or write a number, which broadcasts"
        raise TraceError(f"{function} of integers alone belongs to no array", hint=hint)
    return like


def triangle(function: str, given: Any, offset: Any, lower: bool) -> Array:
    """The matrices of the last two axes, 0 above (with ``lower``) or below a diagonal."""
    array = operand(function, given)
    if array.ndim < 2:
        raise ShapeError(f"{function} takes matrices, and {listing([array])} has fewer than 2 axes")
    row, column = array.indices[-2:]
    ends = as_affine(column), row + as_extent(function, offset)
    keep = Bracket(Apply(SCALARS["le"], ends if lower else ends[::-1]))
    body = number(array.body)
    parts = body.arguments if isinstance(body, Apply) and body.function is SCALARS["mul"] else (body,)
    plain = isinstance(body, Literal) and body.value == 1
    return array.make(array.indices, keep if plain else Apply(SCALARS["mul"], (keep, *parts)))


def take(function: str, given: Any, at: Any, axis: Any) -> Array:
    """What stands at one position of an axis, which goes; raises `ShapeError` where it has no such position."""
    array = operand(function, given)
    place = axis_of(function, array, axis)
    position, extent = as_extent(function, at), array.extents[place]
    if position.is_constant and position.constant < 0:
        position = extent + position
    if position.is_constant and extent.is_constant and not 0 <= position.constant < extent.constant:
        raise ShapeError(f"{function}: axis {place} of {listing([array])} has no position {at!r}")
    kept = [index for axis, index in enumerate(array.indices) if axis != place]
    return array.make(kept, array.at([position if i is array.indices[place] else i for i in array.indices]))


def reshape(function: str, given: Any, shape: Sequence[Any]) -> Array:
    """The same elements in row-major order under another shape, of which one extent may be -1.

    Raises `ShapeError` where the number of elements would differ.
    """
    array = operand(function, given)
    wanted = shape if isinstance(shape, (tuple, list)) else (shape,)
    extents = _fill(function, array, [as_extent(function, extent) for extent in wanted])
    indices = tuple(array.trace.index(extent) for extent in extents)
    positions: list[Affine] = []
    for own, new in _groups(array.extents, extents):
        positions += _regroup(array.extents[own], indices[new])
    return array.make(indices, array.at(positions))


def _fill(function: str, array: Array, extents: list[Affine]) -> list[Affine]:
    """The shape with -1 replaced by what makes the number of elements the same."""
    total = count(array, range(array.ndim))
    unknown = [axis for axis, extent in enumerate(extents) if extent.is_constant and extent.constant < 0]
    shown = shape_text(extents)
    if len(unknown) > 1 or any(extents[axis].constant != -1 for axis in unknown):
        raise ShapeError(f"{function}: {shown} is no shape: one extent may be -1, the others are not negative")
    known = prod((extent for axis, extent in enumerate(extents) if axis not in unknown), start=ONE)
    if unknown:
        rest = exact_quotient(total, known)
        if rest is None:
            raise _cannot_reshape(function, array, total, shown, known)
        extents[unknown[0]] = rest
    elif known is not total:
        raise _cannot_reshape(function, array, total, shown, known)
    return extents


def _cannot_reshape(function: str, array: Array, total: Affine, shown: str, known: Affine) -> ShapeError:
    why = f"which are not a multiple of {known!r}" if "-1" in shown else f"and {shown} has {known!r}"
    message = f"{function}: {listing([array])} cannot take the shape {shown}"
    return ShapeError(message, hint=f"it has {total!r} elements, {why}")


def _groups(old: Sequence[Affine], new: Sequence[Affine]) -> list[tuple[slice, slice]]:
    """Runs of axes of both shapes that hold the same elements, as short as can be seen."""
    old_products = [prod(old[:end], start=ONE) for end in range(len(old) + 1)]
    groups, start, first = [], 0, 0
    for end in range(1, len(new) + 1):
        product = prod(new[:end], start=ONE)
        found = (at for at in range(first + 1, len(old) + 1) if old_products[at] is product)
        stop = len(old) if end == len(new) else next(found, None)
        if stop is not None:
            groups.append((slice(first, stop), slice(start, end)))
            first, start = stop, end
    return groups or [(slice(0, len(old)), slice(0, 0))]


def _regroup(old: Sequence[Affine], indices: Sequence[Index]) -> list[Affine]:
    """The positions on the old axes of the element at the new indices, in row-major order."""
    if len(old) == len(indices) == 1:
        return [as_affine(indices[0])]
    place = as_affine(0)
    for index in indices:
        place = place * index.extent + index
    positions = []
    for axis, extent in enumerate(old):
        stride = prod(old[axis + 1 :], start=ONE)
        position = floor_div(place, stride)
        positions.append(position if axis == 0 else modulo(position, extent))
    return positions
