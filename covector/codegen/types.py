"""Dtypes as LLVM has them, in registers and in memory, and numbers as its text writes them."""

from __future__ import annotations

import struct
from fractions import Fraction
from math import isfinite

import numpy as np

REGISTER = {"bool": "i1", "int8": "i8", "int32": "i32", "int64": "i64", "float32": "float", "float64": "double"}
"""The LLVM type of one element in a register."""

MEMORY = {**REGISTER, "bool": "i8"}
"""The LLVM type of one element in memory."""

BYTES = {"bool": 1, "int8": 1, "int32": 4, "int64": 8, "float32": 4, "float64": 8}
"""The size of one element in memory."""

BITS = {"float32": "int32", "float64": "int64"}
"""The integers as wide as a float."""

INFINITY = float("inf")
NAN = float("nan")


def type_of(dtype: str, width: int) -> str:
    """The LLVM type of ``width`` elements of a dtype in a register.

    >>> type_of("float32", 16)
    '<16 x float>'
    """
    return REGISTER[dtype] if width == 1 else f"<{width} x {REGISTER[dtype]}>"


def suffix_of(dtype: str, width: int) -> str:
    """How the name of an LLVM intrinsic ends for a type.

    >>> suffix_of("float32", 16), suffix_of("int64", 1)
    ('v16f32', 'i64')
    """
    element = {"bool": "i1", "int8": "i8", "int32": "i32", "int64": "i64", "float32": "f32", "float64": "f64"}[dtype]
    return element if width == 1 else f"v{width}{element}"


def conversion(source: str, target: str) -> str:
    """The LLVM instruction that makes a number of one dtype one of another, which is no truth value.

    >>> conversion("int32", "float64"), conversion("float64", "float32"), conversion("bool", "int64")
    ('sitofp', 'fptrunc', 'zext')
    """
    if target in BITS:
        if source in BITS:
            return "fpext" if BYTES[source] < BYTES[target] else "fptrunc"
        return "uitofp" if source == "bool" else "sitofp"
    if source == "bool":
        return "zext"
    return "sext" if BYTES[source] < BYTES[target] else "trunc"


def constant(value: bool | float | Fraction, dtype: str) -> str:
    """One number in LLVM's text; floats are rounded once, to the dtype, and written by their bits.

    >>> constant(Fraction(1, 2), "float32"), constant(-3, "int64"), constant(True, "bool")
    ('0x3FE0000000000000', '-3', 'true')
    """
    if dtype == "bool":
        return "true" if value else "false"
    if dtype not in ("float32", "float64"):
        bits = 8 * BYTES[dtype]
        return str(
            max(-(1 << bits - 1), min(int(value), (1 << bits - 1) - 1)) if isfinite(value) else _end(value, bits)
        )
    number = float(value)
    if dtype == "float32":
        with np.errstate(over="ignore"):
            number = float(np.float32(number))
    return f"0x{struct.unpack('<Q', struct.pack('<d', number))[0]:016X}"


def _end(value: bool | float | Fraction, bits: int) -> int:
    """The integer that is nearest to an infinity."""
    return (1 << bits - 1) - 1 if value > 0 else -(1 << bits - 1)
