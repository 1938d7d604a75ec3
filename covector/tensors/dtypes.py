"""What a tensor is apart from its values: dtypes, and kinds, which are a shape and a dtype together."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from covector.errors import DtypeError, nearest
from covector.ir import DTYPES


class Dtype(str):
    """A dtype: a string such as ``"float32"``, which NumPy takes too.

    >>> Dtype("float32") == "float32", Dtype("float32")
    (True, covector.float32)
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return f"covector.{self!s}"


bool_, int32, int64, float32, float64 = (Dtype(name) for name in DTYPES)
BY_NAME = {str(dtype): dtype for dtype in (bool_, int32, int64, float32, float64)}

NUMPY: dict[str, np.dtype[Any]] = {name: np.dtype(name) for name in DTYPES}
"""The dtypes of NumPy by name."""

_NARROWED = {
    "float16": "float32",
    "int8": "int32",
    "int16": "int32",
    "uint8": "int32",
    "uint16": "int32",
    "uint32": "int64",
}


def as_dtype(given: Any) -> Dtype:
    """A dtype as it is given: by name, as a dtype of NumPy, or as bool, int or float; raises `DtypeError`.

    >>> as_dtype(np.float64), as_dtype(int), as_dtype("bool")
    (covector.float64, covector.int64, covector.bool)
    """
    if isinstance(given, str) and given in BY_NAME:
        return BY_NAME[given]
    plain = {bool: bool_, int: int64, float: float32}.get(given) if isinstance(given, type) else None
    if plain is not None:
        return plain
    try:
        name = np.dtype(given).name
    except TypeError:
        name = str(given)
    if name in BY_NAME:
        return BY_NAME[name]
    close = nearest(name, BY_NAME)
    hint = f"did you mean {close!r}?" if close else "one of " + ", ".join(BY_NAME)
    raise DtypeError(f"covector has no dtype {name!r}", hint=hint)


def nearest_dtype(array: np.ndarray[Any, Any]) -> Dtype:
    """The dtype in which the values of an array of NumPy fit; raises `DtypeError` where there is none."""
    return as_dtype(_NARROWED.get(array.dtype.name, array.dtype.name))


class Kind:
    """A shape and a dtype; made by `kind_of`, which gives the same object for the same pair."""

    __slots__ = ("dtype", "is_float", "scalar", "shape", "size")

    def __init__(self, shape: tuple[int, ...], dtype: Dtype) -> None:
        self.shape, self.dtype, self.size = shape, dtype, prod(shape)
        self.is_float = dtype in ("float32", "float64")
        self.scalar: Kind = kind_of((), dtype) if shape else self  # a single number of the dtype

    @property
    def nbytes(self) -> int:
        """The bytes that the values take."""
        return self.size * NUMPY[self.dtype].itemsize

    def __repr__(self) -> str:
        return f"{self.dtype}{list(self.shape)}"


_kinds: dict[tuple[tuple[int, ...], str], Kind] = {}
_MOST_KINDS = 1 << 16


def kind_of(shape: Sequence[int], dtype: str) -> Kind:
    """The kind of a shape and a dtype."""
    key = (tuple(shape), dtype)
    found = _kinds.get(key)
    if found is None:
        if len(_kinds) >= _MOST_KINDS:
            _kinds.clear()
        found = _kinds[key] = Kind(key[0], BY_NAME[dtype])
    return found
