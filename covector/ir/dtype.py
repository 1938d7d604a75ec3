"""The dtypes, and how they combine."""

from __future__ import annotations

from covector.errors import DtypeError

DTYPES = ("bool", "int32", "int64", "float32", "float64")


def is_float(dtype: str) -> bool:
    """Whether values of this dtype can be differentiated."""
    return dtype.startswith("float")


def is_integer(dtype: str) -> bool:
    """Whether values of this dtype can stand in a position."""
    return dtype in ("int32", "int64")


def promote(*dtypes: str) -> str:
    """The dtype of a combination, as PyTorch has it: floats win over integers, integers over bool, then the wider.

    >>> promote("int64", "float32")
    'float32'
    """
    for dtype in dtypes:
        if dtype not in DTYPES:
            raise DtypeError(f"unknown dtype {dtype!r}", hint="one of " + ", ".join(DTYPES))
    return max(dtypes, key=DTYPES.index, default="float64")
