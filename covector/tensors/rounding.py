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
    """The quotients rounded down."""
    return _division(arrays)[0]


def remainder(_: Trace, arrays: list[Array], __: Extents, ___: Params) -> Array:
    """What is left of x after whole multiples of y, with the sign of y."""
    return _division(arrays)[1]


def _division(arrays: list[Array]) -> tuple[Array, Array]:
    """The quotients rounded down, and what is left."""
    x, y = arrays
    kind = promote(x.dtype, y.dtype)
    return _divided(x, y) if is_float(kind) else _divided_exactly(x, y, "int64" if kind == "bool" else kind)


def _divided(x: Array, y: Array) -> tuple[Array, Array]:
    """Quotients and rests of floats, as Python has them: -1 goes into infinity -1 times, and infinity is left."""
    keep = x.trace.keep
    quotient = keep(floored(elementwise("div", x, y)))
    rest = keep(select(elementwise("eq", quotient, 0), x, elementwise("sub", x, elementwise("mul", y, quotient))))
    # The division may have rounded up to a whole number.
    below = elementwise("and", elementwise("lt", rest, 0), elementwise("lt", 0, y))
    above = elementwise("and", elementwise("lt", 0, rest), elementwise("lt", y, 0))
    over = elementwise("or", below, above)
    whole = select(over, elementwise("sub", quotient, 1), quotient)
    nothing = elementwise("and", elementwise("ne", rest, rest), elementwise("ne", y, 0))
    whole = elementwise("stop", select(nothing, rest, whole))
    return whole, select(over, elementwise("add", rest, y), rest)


def _divided_exactly(x: Array, y: Array, dtype: str) -> tuple[Array, Array]:
    """Quotients and rests of whole numbers, both 0 where they are divided by 0."""
    nothing = elementwise("eq", y, 0)
    by = select(nothing, 1, y)

    def estimate(rest: Array) -> Array:
        exact = [as_type(array, "float64") for array in (rest, by)]
        return as_type(floored(elementwise("div", *exact)), dtype)

    # Beyond 2**53 the first quotient is near; what is left then is small enough for the second to be exact.
    first = estimate(x)
    rest = x.trace.keep(elementwise("sub", x, elementwise("mul", first, by)))
    second = estimate(rest)
    whole = elementwise("add", first, second)
    left = elementwise("sub", rest, elementwise("mul", second, by))
    return select(nothing, 0, whole), select(nothing, 0, left)


ROUNDING: dict[str, Any] = {
    "floor": floor,
    "ceil": ceil,
    "round": rounded,
    "floor_divide": floor_divide,
    "remainder": remainder,
}
"""The builders by the name of their operation."""
