"""Forms that only tensors have: shapes, parts, joins and searches, by element form.

Each takes the trace, the symbolic arrays, extents beside theirs, and parameters. What may differ from call to call
without a new program (where a slice starts, how long it is) is an extent; a position that may be 0 is given plus 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from covector.frontend import products
from covector.frontend.arrays import Array
from covector.frontend.axes import permute, reduction, swap_last
from covector.frontend.elementwise import ONE, broadcast, elementwise, literal, number, positions_in, select
from covector.frontend.lazy import Trace, is_view
from covector.ir import (
    Affine,
    Apply,
    Expr,
    Index,
    Literal,
    Reduce,
    Select,
    as_affine,
    floor_div,
    is_float,
    modulo,
)
from covector.ops import SCALARS

Extents = list[Affine]
Params = dict[str, Any]

_EQ, _LT, _LE, _NE = (SCALARS[name] for name in ("eq", "lt", "le", "ne"))


def same(_: Trace, arrays: list[Array], __: Extents, ___: Params) -> Array:
    """The same elements; the recipe of a cast gives them another dtype."""
    return arrays[0]


def power(_: Trace, arrays: list[Array], __: Extents, params: Params) -> Array:
    """A power whose exponent is a number that is known when the form is made."""
    return elementwise("pow", arrays[0], params["exponent"])


def einsum(_: Trace, arrays: list[Array], __: Extents, params: Params) -> Array:
    """The sum of products that an equation names."""
    return products.einsum(params["equation"], *arrays)


def permuted(_: Trace, arrays: list[Array], __: Extents, params: Params) -> Array:
    """The axes in another order."""
    return permute("permute", arrays[0], params["axes"])


def last_swapped(_: Trace, arrays: list[Array], __: Extents, ___: Params) -> Array:
    """The last two axes exchanged."""
    return swap_last("mT", arrays[0])


def broadcast_to(_: Trace, arrays: list[Array], extents: Extents, __: Params) -> Array:
    """The same elements repeated."""
    (array,) = arrays
    indices = [array.trace.index(extent) for extent in extents]
    return array.make(indices, array.at(positions_in(array.extents, indices)))


def merge(_: Trace, arrays: list[Array], __: Extents, params: Params) -> Array:
    """The axes from ``first`` to before ``last`` as one, in row-major order."""
    (array,), first, last = arrays, params["first"], params["last"]
    own = array.extents[first:last]
    index = array.trace.index(prod(own, start=ONE))
    positions = []
    for axis, extent in enumerate(own):
        position = floor_div(as_affine(index), prod(own[axis + 1 :], start=ONE))
        positions.append(position if axis == 0 else modulo(position, extent))
    indices = (*array.indices[:first], index, *array.indices[last:])
    return array.make(indices, array.at([*array.indices[:first], *positions, *array.indices[last:]]))


def split_axis(_: Trace, arrays: list[Array], extents: Extents, params: Params) -> Array:
    """The axis ``axis`` as several of these extents, in row-major order."""
    (array,), axis = arrays, params["axis"]
    new = [array.trace.index(extent) for extent in extents]
    position = as_affine(0)
    for index in new:
        position = position * index.extent + index
    indices = (*array.indices[:axis], *new, *array.indices[axis + 1 :])
    return array.make(indices, array.at([*array.indices[:axis], position, *array.indices[axis + 1 :]]))


def part(_: Trace, arrays: list[Array], extents: Extents, params: Params) -> Array:
    """A slice of some axes: ``steps`` has a step for each axis, 0 where one position is taken and the axis goes, None
    where all of it stays. ``extents`` are first and number (one position: first alone) of each sliced axis.
    """
    (array,), given = arrays, iter(extents)
    positions: list[Affine] = []
    kept: list[Index] = []
    for index, step in zip(array.indices, params["steps"], strict=True):
        if step is None:
            kept.append(index)
            positions.append(as_affine(index))
            continue
        first = next(given) - 1
        if step:
            kept.append(array.trace.index(next(given)))
            first = first + step * as_affine(kept[-1])
        positions.append(first)
    return array.make(kept, array.at(positions))


def with_part(_: Trace, arrays: list[Array], extents: Extents, params: Params) -> Array:
    """An array with a slice of some axes replaced by the elements of another array; see `part`."""
    array, new = arrays
    given = iter(extents)
    inside: list[Expr] = []
    places: list[Affine] = []
    sizes: list[Affine] = []
    for index, step in zip(array.indices, params["steps"], strict=True):
        if step is None:
            places.append(as_affine(index))
            sizes.append(index.extent)
            continue
        away = as_affine(index) - (next(given) - 1)
        if not step:
            inside.append(Apply(_EQ, (away, as_affine(0))))
            continue
        away, stride = (away, step) if step > 0 else (-away, -step)
        sizes.append(next(given))
        place = floor_div(away, stride)
        places.append(place)
        inside += [Apply(_LE, (as_affine(0), away)), Apply(_LT, (place, sizes[-1]))]
        if stride > 1:
            inside.append(Apply(_EQ, (modulo(away, stride), as_affine(0))))
    lead = len(sizes) - new.ndim
    at = [as_affine(0) if e is ONE else place for e, place in zip(new.extents, places[lead:], strict=True)]
    value = new.at(at)
    if not inside:
        return array.make(array.indices, value)
    holds = inside[0] if len(inside) == 1 else Apply(SCALARS["and"], tuple(inside))
    return array.make(array.indices, Select(holds, value, array.body))


def flip(_: Trace, arrays: list[Array], __: Extents, params: Params) -> Array:
    """The elements in reverse order along some axes."""
    (array,) = arrays
    positions = [i.extent - 1 - as_affine(i) if a in params["axes"] else i for a, i in enumerate(array.indices)]
    return array.make(array.indices, array.at(positions))


def roll(_: Trace, arrays: list[Array], extents: Extents, params: Params) -> Array:
    """The elements moved forward along an axis by less than its extent, those that leave it entering at its start."""
    (array,), axis = arrays, params["axis"]
    index = array.indices[axis]
    away = as_affine(index) - (extents[0] - 1)
    wrapped = array.at([away + index.extent if a == axis else i for a, i in enumerate(array.indices)])
    plain = array.at([away if a == axis else i for a, i in enumerate(array.indices)])
    return array.make(array.indices, Select(Apply(_LE, (as_affine(0), away)), plain, wrapped))


def concat(_: Trace, arrays: list[Array], __: Extents, params: Params) -> Array:
    """Arrays one after another along an axis."""
    axis = params["axis"]
    first = arrays[0]
    total = sum((array.extents[axis] for array in arrays[1:]), start=first.extents[axis])
    indices = [first.trace.index(total if a == axis else index.extent) for a, index in enumerate(first.indices)]
    start, parts = as_affine(0), []
    for array in arrays:
        place = as_affine(indices[axis]) - start
        element = array.at([place if a == axis else index for a, index in enumerate(indices)])
        start = start + array.extents[axis]
        parts.append((start, element))
    body = parts[-1][1]
    for end, element in reversed(parts[:-1]):
        body = Select(Apply(_LT, (as_affine(indices[axis]), end)), element, body)
    return first.make(indices, body)


def pad(_: Trace, arrays: list[Array], extents: Extents, params: Params) -> Array:
    """An array with a border: two extents for each axis, what is added before and after it, each plus 1."""
    (array,) = arrays
    indices, positions, inside = [], [], []
    for place, index in enumerate(array.indices):
        before, after = (extent - 1 for extent in extents[2 * place : 2 * place + 2])
        indices.append(array.trace.index(index.extent + before + after))
        positions.append(as_affine(indices[-1]) - before)
        inside += [Apply(_LE, (as_affine(0), positions[-1])), Apply(_LT, (positions[-1], index.extent))]
    element = array.at(positions)
    if params["value"] == 0 and is_view(array.body):
        return array.make(indices, element)
    return array.make(indices, Select(Apply(SCALARS["and"], tuple(inside)), element, literal(params["value"])))


def gather(_: Trace, arrays: list[Array], __: Extents, params: Params) -> Array:
    """The elements at positions that integer arrays hold, which broadcast: ``at`` says for each axis whether it is
    looked up. The looked up axes come where the first of them was, or first of all where others stand between them.
    """
    array, *tables = arrays
    extents = broadcast("indexing", tables)
    found = [array.trace.index(extent) for extent in extents]
    looked_up = [axis for axis, is_looked_up in enumerate(params["at"]) if is_looked_up]
    positions: list[Affine] = [as_affine(index) for index in array.indices]
    for axis, table in zip(looked_up, tables, strict=True):
        positions[axis] = _lookup(table, array.extents[axis], found)
    adjacent = looked_up == list(range(looked_up[0], looked_up[-1] + 1))
    rest = [index for axis, index in enumerate(array.indices) if axis not in looked_up]
    at = looked_up[0] if adjacent else 0
    return array.make((*rest[:at], *found, *rest[at:]), array.at(positions))


def _lookup(table: Array, extent: Affine, indices: Sequence[Index]) -> Affine:
    """The entry of a table of positions, negative ones counted from the end, as an integer expression."""
    body = table.body
    wrapped = Select(Apply(_LT, (body, as_affine(0))), Apply(SCALARS["add"], (body, extent)), body)
    kept = table.trace.keep(table.make(table.indices, wrapped), "position")
    element = kept.at(positions_in(kept.extents, indices))
    return as_affine(element)


def take_along(_: Trace, arrays: list[Array], __: Extents, params: Params) -> Array:
    """``x[..., table[..., j, ...], ...]``: the elements that a table of positions along an axis names."""
    (array, table), axis = arrays, params["axis"]
    indices = [array.trace.index(extent) for extent in table.extents]
    place = _lookup(table, array.extents[axis], indices)
    own = positions_in(array.extents, indices)
    return array.make(indices, array.at([place if a == axis else at for a, at in enumerate(own)]))


def arg_best(name: str) -> Any:
    """The function that finds the first position of the largest (``max``) or smallest element along an axis."""

    def build(_: Trace, arrays: list[Array], __: Extents, params: Params) -> Array:
        (array,), axis = arrays, params["axis"]
        if not is_view(array.body):
            array = array.trace.keep(array)
        inner = [array.trace.index(array.extents[axis]) for _ in range(2)]
        at = [array.at([bound if a == axis else i for a, i in enumerate(array.indices)]) for bound in inner]
        best = Reduce(name, (inner[0],), number(at[0]))
        here = number(at[1])
        # A NaN is the best, as in NumPy and PyTorch.
        hit = Apply(SCALARS["or"], (Apply(_EQ, (here, best)), Apply(_NE, (here, here))))
        place = Select(hit, as_affine(inner[1]), array.extents[axis])
        body = Reduce("min", (inner[1],), place)
        return array.make([i for a, i in enumerate(array.indices) if a != axis], body)

    return build


def rank(_: Trace, arrays: list[Array], __: Extents, params: Params) -> Array:
    """How many elements of its row stand before each when the last axis is sorted, equal ones in their order."""
    (array,) = arrays
    other = array.trace.index(array.extents[-1])
    here, there = array.body, array.at([*array.indices[:-1], other])
    small, large = (here, there) if params["descending"] else (there, here)
    earlier = Apply(_LT, (as_affine(other), as_affine(array.indices[-1])))
    less: Expr = Apply(_LT, (small, large))
    equal: Expr = Apply(_EQ, (here, there))
    if is_float(array.dtype):
        # A NaN is larger than any number, and as large as another.
        less = _or(less, _and(Apply(_EQ, (small, small)), Apply(_NE, (large, large))))
        equal = _or(equal, _and(Apply(_NE, (here, here)), Apply(_NE, (there, there))))
    return array.make(array.indices, Reduce("sum", (other,), number(_or(less, _and(equal, earlier)))))


def _and(left: Expr, right: Expr) -> Expr:
    return Apply(SCALARS["and"], (left, right))


def _or(left: Expr, right: Expr) -> Expr:
    return Apply(SCALARS["or"], (left, right))


def ordered(_: Trace, arrays: list[Array], __: Extents, ___: Params) -> Array:
    """From the rank of each element, the position of the element of each rank: the inverse of a permutation."""
    (array,) = arrays
    place, other = (array.trace.index(array.extents[-1]) for _ in range(2))
    hit = Apply(_EQ, (array.at([*array.indices[:-1], other]), as_affine(place)))
    body = Reduce("sum", (other,), Select(hit, as_affine(other), as_affine(0)))
    return array.make((*array.indices[:-1], place), body)


def cumprod(_: Trace, arrays: list[Array], __: Extents, params: Params) -> Array:
    """The products of everything up to and including each element along an axis."""
    (array,), axis = arrays, params["axis"]
    inner = array.trace.index(array.extents[axis])
    here = array.at([inner if a == axis else i for a, i in enumerate(array.indices)])
    earlier = Apply(_LE, (as_affine(inner), as_affine(array.indices[axis])))
    return array.make(array.indices, Reduce("prod", (inner,), Select(earlier, number(here), literal(1))))


def clip(_: Trace, arrays: list[Array], __: Extents, params: Params) -> Array:
    """x where it is between two bounds (``low``, ``high`` say which are given), otherwise the bound.

    Where the lower bound is above the upper one, the upper one it is.
    """
    array, *bounds = arrays
    result = array
    if params["low"]:
        low = bounds.pop(0)
        result = select(_stays(elementwise("le", low, result), result), result, low)
    if params["high"]:
        (high,) = bounds
        result = select(_stays(elementwise("le", result, high), result), result, high)
    return result


def _stays(within: Array, array: Array) -> Array:
    """Where an array is within a bound, or NaN; a bound that is NaN holds nothing else."""
    return elementwise("or", within, elementwise("ne", array, array)) if is_float(array.dtype) else within


def logsumexp(_: Trace, arrays: list[Array], __: Extents, params: Params) -> Array:
    """The logarithm of the sum of the exponentials along some axes: infinite where the largest element is."""
    (array,) = arrays
    axis = params["axis"]
    largest = elementwise("stop", reduction("logsumexp", "max", array, axis, True))
    finite = select(is_infinite(_, [largest], [], {}), 0, largest)
    total = reduction("logsumexp", "sum", elementwise("exp", array - finite), axis, params["keepdims"])
    if not params["keepdims"]:
        finite = reduction("logsumexp", "sum", finite, axis, False)
    return elementwise("log", total) + finite


def is_nan(_: Trace, arrays: list[Array], __: Extents, ___: Params) -> Array:
    """Whether elements are NaN."""
    return elementwise("ne", arrays[0], arrays[0])


def is_infinite(_: Trace, arrays: list[Array], __: Extents, ___: Params) -> Array:
    """Whether elements are infinite."""
    return arrays[0].make(arrays[0].indices, Apply(_EQ, (elementwise("abs", arrays[0]).body, Literal(float("inf")))))


def is_finite(_: Trace, arrays: list[Array], __: Extents, ___: Params) -> Array:
    """Whether elements are neither NaN nor infinite."""
    return arrays[0].make(arrays[0].indices, Apply(_LT, (elementwise("abs", arrays[0]).body, Literal(float("inf")))))


BUILDERS: dict[str, Any] = {
    "cast": same,
    "copy": same,
    "power": power,
    "einsum": einsum,
    "permute": permuted,
    "mT": last_swapped,
    "broadcast_to": broadcast_to,
    "merge": merge,
    "split_axis": split_axis,
    "part": part,
    "with_part": with_part,
    "flip": flip,
    "roll": roll,
    "concat": concat,
    "pad": pad,
    "gather": gather,
    "take_along": take_along,
    "argmax": arg_best("max"),
    "argmin": arg_best("min"),
    "rank": rank,
    "ordered": ordered,
    "cumprod": cumprod,
    "clip": clip,
    "logsumexp": logsumexp,
    "isnan": is_nan,
    "isinf": is_infinite,
    "isfinite": is_finite,
}
"""The builders by the name of their operation."""
