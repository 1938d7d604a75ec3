"""What each reduction starts from."""

from __future__ import annotations

from fractions import Fraction

from covector.ir import Literal, is_float

_VALUES: dict[str, Literal] = {
    "sum": Literal(Fraction(0)),
    "prod": Literal(Fraction(1)),
    "any": Literal(False),
    "all": Literal(True),
}
_LARGEST = {"int32": 2**31 - 1, "int64": 2**63 - 1}


def neutral(operation: str, dtype: str) -> Literal:
    """The element that a reduction of this dtype may begin with.

    >>> neutral("max", "float32"), neutral("min", "int32")
    (-inf, 2147483647)
    """
    if operation in _VALUES:
        return _VALUES[operation]
    if is_float(dtype):
        return Literal(float("-inf") if operation == "max" else float("inf"))
    if dtype == "bool":
        return Literal(operation == "min")
    return Literal(Fraction(_LARGEST[dtype] if operation == "min" else -_LARGEST[dtype] - 1))
