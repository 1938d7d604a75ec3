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
from covector.codegen.lanes import halves, joined
from covector.codegen.types import BITS, BYTES, suffix_of


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


def polynomial(x: Value, coefficients: tuple[float, ...], square: Value | None = None) -> Value:
    """``Σ coefficients[k]·x^k``, the even and the odd powers apart where there are many, or the ``square`` is there."""
    if square is None and len(coefficients) <= 8:
        return _horner(x, coefficients)
    square = x * x if square is None else square
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


def scaled(x: Value, number: Value, exponent: Value) -> Value:
    """``x·2^exponent``, infinite or zero where that is too large or too small; ``number`` is the same as a float."""
    if x.builder.module.target.scales:
        return _scaled_at_once(x, number, exponent)
    half = exponent >> 1
    return x * power_of_two(half, x.dtype) * power_of_two(exponent - half, x.dtype)


def _scaled_at_once(x: Value, number: Value, exponent: Value) -> Value:
    """The same by the instruction of AVX-512 that takes the exponent as a float, one register after another."""
    build, size = x.builder, BYTES[x.dtype] * x.width
    if size > 64:
        parts = zip(halves(x), halves(number), halves(exponent), strict=True)
        return joined(*(_scaled_at_once(*part) for part in parts))
    if size < 16:
        whole = exponent.convert("int32")
        return build.call(
            f"llvm.ldexp.{suffix_of(x.dtype, x.width)}.{suffix_of('int32', x.width)}", x.dtype, [x, whole]
        )
    name = f"llvm.x86.avx512.mask.scalef.{'ps' if x.dtype == 'float32' else 'pd'}.{8 * size}"
    mask = max(x.width, 8)
    rounding = (", i32", ", i32 4") if size == 64 else ("", "")
    build.module.declare(f"declare {x.type} @{name}({x.type}, {x.type}, {x.type}, i{mask}{rounding[0]})")
    text = f"call {x.type} @{name}({x}, {number}, {x.type} zeroinitializer, i{mask} -1{rounding[1]})"
    return build.instruction(text, x.dtype, x.width)


def reduced_exponent(x: Value) -> tuple[Value, Value, Value]:
    """``r`` and the whole ``n`` with x = n·ln 2 + r, r between -ln 2 / 2 and ln 2 / 2; n as a float and an integer."""
    form = FORMATS[x.dtype]
    number, exponent = nearest_multiple(x, LOG2_E)
    rest = x.builder.multiply_add(number, -form.ln2_high, x)
    return x.builder.multiply_add(number, -form.ln2_low, rest), number, exponent


def significand(x: Value) -> tuple[Value, Value]:
    """The significand between √½ and √2, and the exponent, as floats, of a positive number."""
    form = FORMATS[x.dtype]
    bits = x.bits(BITS[x.dtype])
    exponent = (bits - form.half_root_bits) >> form.fraction
    return (bits - (exponent << form.fraction)).bits(x.dtype), exponent.convert(x.dtype)
