"""What the vectorised functions share: polynomials, splitting a number into its exponent and the rest, and putting it
together again.

None of them branches, so that every lane takes the same path; each is written once for both precisions, with constants
of its own for each. Denormal arguments count as zero, and results that would be denormal are zero: the code runs with
denormals flushed. The error bounds in the docstrings are in units of the last place (ulp) and are tested.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps

from covector.codegen.builder import Builder, Value
from covector.codegen.types import BITS


@dataclass(frozen=True, slots=True)
class Format:
    """A floating-point format: the bits of its fraction, its bias, and ln 2 as a short number and what it lacks."""

    fraction: int
    bias: int
    ln2_high: float
    ln2_low: float
    round_magic: float
    magic_bits: int
    half_root_bits: int
    """The bits of √½, from where on a significand counts as one of the next binary order."""


FORMATS = {
    "float32": Format(23, 127, 0.693359375, -2.12194440054690583e-4, 12582912.0, 0x4B400000, 0x3F3504F3),
    "float64": Format(
        52,
        1023,
        0.693147180369123816490,
        1.90821492927058770002e-10,
        6755399441055744.0,
        0x4338000000000000,
        0x3FE6A09E667F3BCD,
    ),
}

LOG2_E = 1.4426950408889634


def exact(code: Callable[..., Value]) -> Callable[..., Value]:
    """A function whose arithmetic is IEEE arithmetic, whatever is allowed where it is called."""

    @wraps(code)
    def strict(build: Builder, *arguments: Value) -> Value:
        with build.fast(""):
            return code(build, *arguments)

    return strict


def polynomial(x: Value, coefficients: tuple[float, ...]) -> Value:
    """``Σ coefficients[k]·x^k``, the even and the odd powers apart where there are many."""
    if len(coefficients) <= 8:
        return _horner(x, coefficients)
    square = x * x
    even, odd = _horner(square, coefficients[::2]), _horner(square, coefficients[1::2])
    return x.builder.multiply_add(odd, x, even)


def _horner(x: Value, coefficients: tuple[float, ...]) -> Value:
    result = x.builder.constant(coefficients[-1], x.dtype, x.width)
    for coefficient in reversed(coefficients[:-1]):
        result = x.builder.multiply_add(result, x, coefficient)
    return result


def clamp(x: Value, low: float, high: float) -> Value:
    """The nearest number between two; NaN stays NaN."""
    x = (x > high).where(high, x)
    return (x < low).where(low, x)


def nearest_multiple(x: Value, inverse: float) -> tuple[Value, Value]:
    """The whole number nearest to ``x·inverse``, as a float and as an integer; for NaN any, and below 2^21 only."""
    form = FORMATS[x.dtype]
    shifted = x.builder.multiply_add(x, inverse, form.round_magic)
    return shifted - form.round_magic, shifted.bits(BITS[x.dtype]) - form.magic_bits


def power_of_two(exponent: Value, dtype: str) -> Value:
    """2 to a whole exponent for which that is a normal number."""
    form = FORMATS[dtype]
    return ((exponent + form.bias) << form.fraction).bits(dtype)


def scaled(x: Value, exponent: Value) -> Value:
    """``x·2^exponent``, infinite or zero where that is too large or too small."""
    build = x.builder
    if build.module.target.scales:
        whole = exponent.convert("int32")
        suffix = f"{_suffix(x)}.{_suffix(whole)}"
        return build.call(f"llvm.ldexp.{suffix}", x.dtype, [x, whole])
    half = exponent >> 1
    return x * power_of_two(half, x.dtype) * power_of_two(exponent - half, x.dtype)


def _suffix(value: Value) -> str:
    name = {"float32": "f32", "float64": "f64", "int32": "i32"}[value.dtype]
    return name if value.width == 1 else f"v{value.width}{name}"


def reduced_exponent(x: Value) -> tuple[Value, Value]:
    """``r`` and the integer ``n`` with x = n·ln 2 + r, r between -ln 2 / 2 and ln 2 / 2."""
    form = FORMATS[x.dtype]
    number, exponent = nearest_multiple(x, LOG2_E)
    rest = x.builder.multiply_add(number, -form.ln2_high, x)
    return x.builder.multiply_add(number, -form.ln2_low, rest), exponent


def significand(x: Value) -> tuple[Value, Value]:
    """The significand between √½ and √2, and the exponent, as floats, of a positive number."""
    form = FORMATS[x.dtype]
    bits = x.bits(BITS[x.dtype])
    exponent = (bits - form.half_root_bits) >> form.fraction
    return (bits - (exponent << form.fraction)).bits(x.dtype), exponent.convert(x.dtype)
