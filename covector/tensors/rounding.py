"""Other dtypes and whole numbers: casts, and rounding, which a cast to an integer gives."""

from __future__ import annotations

from typing import Any

from covector.frontend.arrays import Array
from covector.frontend.elementwise import elementwise, select
from covector.frontend.lazy import Trace, read
from covector.ir import Affine, Compute, is_float, promote

Extents = list[Affine]
Params = dict[str, Any]


def as_type(array: Array, dtype: str) -> Array:
    """An array with its elements of another dtype."""
    statement = array.trace.state(array.trace.unique("cast"), array.indices, array.body)
    return read(array, recast(array.trace, statement, dtype))


def recast(trace: Trace, statement: Compute, dtype: str) -> Compute:
    """The last statement of a trace, with its elements of another dtype."""
    made = Compute(statement.name, statement.indices, statement.body, dtype)
    trace.statements[-1] = made
    return made


_WHOLE = {"float32": 2**23, "float64": 2**52}
"""The magnitude from which on every float is a whole number."""


def floor(_: Trace, arrays: list[Array], __: Extents, ___: Params) -> Array:
    """The largest whole numbers that are not above the elements."""
    return floored(arrays[0])


def floored(array: Array) -> Array:
    """The largest whole numbers that are not above the elements of an array."""
    if array.dtype not in _WHOLE:
        return array
    array = array.trace.keep(array)
    cut = as_type(array, "int64")
    below = elementwise("sub", cut, elementwise("lt", array, cut))
    return select(elementwise("lt", elementwise("abs", array), _WHOLE[array.dtype]), below, elementwise("stop", array))


def ceil(_: Trace, arrays: list[Array], __: Extents, ___: Params) -> Array:
    """The smallest whole numbers that are not below the elements."""
    return elementwise("neg", floored(elementwise("neg", arrays[0])))


def rounded(_: Trace, arrays: list[Array], __: Extents, ___: Params) -> Array:
    """The nearest whole numbers; those half way between two go to the even one."""
    (array,) = arrays
    if array.dtype not in _WHOLE:
        return array
    array = array.trace.keep(array)
    low = array.trace.keep(floored(array), "low")
    away = elementwise("sub", array, low)
    odd = elementwise("ne", floored(elementwise("div", low, 2)), elementwise("div", low, 2))
    half = elementwise("and", elementwise("eq", away, 0.5), odd)
    up = elementwise("or", elementwise("lt", 0.5, away), half)
    return elementwise("stop", elementwise("add", low, up))


def floor_divide(_: Trace, arrays: list[Array], __: Extents, ___: Params) -> Array:
    """The quotients rounded down; whole numbers are divided as float64."""
    return _divided(arrays)


def _divided(arrays: list[Array]) -> Array:
    kind = promote(*(array.dtype for array in arrays))
    if is_float(kind):
        return floored(elementwise("div", *arrays))
    exact = [as_type(array, "float64") for array in arrays]
    return as_type(floored(elementwise("div", *exact)), "int64" if kind == "bool" else kind)


def remainder(_: Trace, arrays: list[Array], __: Extents, ___: Params) -> Array:
    """What is left of x after whole multiples of y, with the sign of y."""
    x, y = arrays
    return elementwise("sub", x, elementwise("mul", y, _divided(arrays)))


ROUNDING: dict[str, Any] = {
    "floor": floor,
    "ceil": ceil,
    "round": rounded,
    "floor_divide": floor_divide,
    "remainder": remainder,
}
"""The builders by the name of their operation."""
