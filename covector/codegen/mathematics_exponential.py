"""Exponentials, logarithms, and what is made of them: hyperbolic functions, the logistic function, softplus."""

from __future__ import annotations

from math import log

from covector.codegen.builder import Builder, Value
from covector.codegen.mathematics import (
    FORMATS,
    LOG2_E,
    clamp,
    exact,
    nearest_multiple,
    polynomial,
    power_of_two,
    reduced_exponent,
    scaled,
    significand,
)

INFINITY, NAN = float("inf"), float("nan")

EXPONENTIAL = {
    "float32": (
        0.4999999343209906,
        0.16666520398846632,
        0.04166839078968039,
        0.008368745127127025,
        0.0013814539878298446,
    ),
    "float64": (
        0.5,
        0.1666666666666667,
        0.041666666666666685,
        0.008333333333326023,
        0.0013888888888874177,
        0.00019841269875208494,
        2.480158734786373e-05,
        2.755725490970847e-06,
        2.755725240677752e-07,
        2.5105420584484216e-08,
        2.092176005170754e-09,
    ),
}
"""(exp(r) - 1 - r) / r², for r between -ln 2 / 2 and ln 2 / 2, as precise as exp(r) needs it."""

MINUS_ONE = {
    "float32": (
        0.5000000013629264,
        0.16666666757484178,
        0.04166646332579245,
        0.008333285646286012,
        0.0013933825510791956,
        0.00019907837456579675,
    ),
    "float64": EXPONENTIAL["float64"],
}
"""The same, as precise as exp(r) - 1 needs it."""

EXPONENTIAL_RANGE = {"float32": (-104.0, 89.0), "float64": (-746.0, 710.0)}
"""Beyond the first the exponential is zero, beyond the second infinite."""

LOGARITHM_32 = (
    0.3333333123825088,
    -0.24999981030866017,
    0.20000692840053305,
    -0.1666916681890274,
    0.14250986560440349,
    -0.12396246400959741,
    0.1163609530470618,
    -0.11663729105765969,
    0.07332807200636439,
)
"""(log(1 + f) - f + f²/2) / f³, for 1 + f between √½ and √2."""

LOGARITHM_64 = (
    0.6666666666666666,
    0.4000000000000095,
    0.285714285707591,
    0.22222222401628233,
    0.1818179459697809,
    0.1538629566461297,
    0.13267293038414138,
    0.1310192856246222,
)
"""(log((1 + s) / (1 - s)) - 2s) / s³ as a polynomial in s², for s = f / (2 + f)."""

HALF_MINUS_ONE = {
    dtype: tuple(2.0 ** (power + 1) * coefficient for power, coefficient in enumerate(coefficients))
    for dtype, coefficients in MINUS_ONE.items()
}
"""((exp(2r) - 1) / 2 - r) / r², for r between -ln 2 / 4 and ln 2 / 4."""

NO_MORE_EXPM1 = {"float32": -18.0, "float64": -39.0}
"""Below it exp(x) - 1 is -1."""

SATURATED = {"float32": 10.0, "float64": 22.0}
"""Beyond it the hyperbolic tangent is 1."""


@exact
def exponential(build: Builder, x: Value) -> Value:
    """exp(x), to 1 ulp."""
    return exponential_scaled(x, 0)


def exponential_scaled(x: Value, shift: int) -> Value:
    """exp(x)·2^shift, also where exp(x) alone would be too large."""
    low, high = EXPONENTIAL_RANGE[x.dtype]
    rest, number, exponent = reduced_exponent(clamp(x, low, high + 1))
    slope = x.builder.multiply_add(polynomial(rest, EXPONENTIAL[x.dtype]), rest, 1.0)
    grown = x.builder.multiply_add(slope, rest, 1.0)
    return scaled(grown, number + shift, exponent + shift) if shift else scaled(grown, number, exponent)


def _minus_one(x: Value) -> Value:
    """exp(x) - 1, but for the sign of zero, where that neither overflows nor is -1."""
    build, form = x.builder, FORMATS[x.dtype]
    number, exponent = nearest_multiple(x, LOG2_E)
    high = build.multiply_add(number, -form.ln2_high, x)
    rest = build.multiply_add(number, -form.ln2_low, high)
    lost = build.multiply_add(number, -form.ln2_low, high - rest)
    grown = rest + build.multiply_add(rest * rest, polynomial(rest, MINUS_ONE[x.dtype]), lost)
    half = power_of_two(exponent - 1, x.dtype)
    return build.multiply_add(grown, half, half - 0.5) * 2.0


@exact
def exponential_minus_one(build: Builder, x: Value) -> Value:
    """exp(x) - 1, to 2 ulp."""
    return x.equals(0).where(x, _minus_one(clamp(x, NO_MORE_EXPM1[x.dtype], EXPONENTIAL_RANGE[x.dtype][1])))


def _log_of_sum(f: Value, exponent: Value, rest: Value | None) -> Value:
    """log(1 + f) + exponent·ln 2 + rest, where ``rest`` is tiny."""
    build, form, square = f.builder, FORMATS[f.dtype], f * f
    low = exponent * form.ln2_low if rest is None else build.multiply_add(exponent, form.ln2_low, rest)
    if f.dtype == "float32":
        curved = build.multiply_add(f * square, polynomial(f, LOGARITHM_32), low)
        curved = build.multiply_add(square, -0.5, curved)
        return build.multiply_add(exponent, form.ln2_high, f + curved)
    half_square, ratio = square * 0.5, f / (f + 2.0)
    series = (ratio * ratio) * polynomial(ratio * ratio, LOGARITHM_64)
    curved = build.multiply_add(ratio, half_square + series, low)
    return build.multiply_add(exponent, form.ln2_high, f - (half_square - curved))


@exact
def logarithm(build: Builder, x: Value) -> Value:
    """log(x), to 2 ulp: -inf at 0, NaN below."""
    part, exponent = significand(x)
    found = _log_of_sum(part - 1.0, exponent, None)
    found = (x < INFINITY).where(found, x)
    return (x <= 0).where(x.equals(0).where(build.lift(-INFINITY, x), NAN), found)


@exact
def logarithm_plus_one(build: Builder, x: Value) -> Value:
    """log(1 + x), to 2 ulp: -inf at -1, NaN below."""
    total = x + 1.0
    lost = (x > 1).where(1.0 - (total - x), x - (total - 1.0)) / total
    part, exponent = significand(total)
    near = exponent.equals(0)
    found = _log_of_sum(near.where(x, part - 1.0), exponent, near.where(0.0, lost))
    found = (x < INFINITY).where(found, x)
    found = x.equals(0).where(x, found)
    return (x <= -1).where(x.equals(-1).where(build.lift(-INFINITY, x), NAN), found)


@exact
def hyperbolic_tangent(build: Builder, x: Value) -> Value:
    """tanh(x), to 2.5 ulp."""
    # With x = n·ln 2/2 + r it is (2^n·e - 1)/(2^n·e + 1), where e = exp(2r).
    form, size, limit = FORMATS[x.dtype], build.intrinsic("fabs", x), SATURATED[x.dtype]
    size = (size > limit).where(limit, size)
    number, exponent = nearest_multiple(size, 2 * LOG2_E)
    if x.dtype == "float32":  # n is so small that one number for ln 2 is precise enough
        rest = build.multiply_add(number, -log(2) / 2, size)
    else:
        rest = build.multiply_add(number, -form.ln2_high / 2, size)
        rest = build.multiply_add(number, -form.ln2_low / 2, rest)
    square = rest * rest
    half = build.multiply_add(square, polynomial(rest, HALF_MINUS_ONE[x.dtype], square), rest)
    power, double = power_of_two(exponent, x.dtype), power_of_two(exponent + 1, x.dtype)
    top = build.multiply_add(half, double, power - 1.0)
    return build.intrinsic("copysign", top / (top + 2.0), x)


@exact
def hyperbolic_sine(build: Builder, x: Value) -> Value:
    """sinh(x), to 3 ulp."""
    size = build.intrinsic("fabs", x)
    grown = _minus_one((size > 30).where(30.0, size))
    near = (grown + grown / (grown + 1.0)) * 0.5
    return build.intrinsic("copysign", (size > 25).where(exponential_scaled(size, -1), near), x)


@exact
def hyperbolic_cosine(build: Builder, x: Value) -> Value:
    """cosh(x), to 2 ulp."""
    half = exponential_scaled(build.intrinsic("fabs", x), -1)
    return half + 0.25 / half


@exact
def logistic(build: Builder, x: Value) -> Value:
    """1 / (1 + exp(-x)), to 2 ulp."""
    return 1.0 / (exponential(build, -x) + 1.0)


@exact
def softplus(build: Builder, x: Value) -> Value:
    """log(1 + exp(x)), to 3 ulp."""
    tail = logarithm_plus_one(build, exponential(build, -build.intrinsic("fabs", x)))
    return (x < 0).where(0.0, x) + tail
