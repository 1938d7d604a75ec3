"""Inverses: of the trigonometric functions, all from one arctangent, and of the hyperbolic ones, from logarithms."""

from __future__ import annotations

from math import log, pi

from covector.codegen.builder import Builder, Value
from covector.codegen.mathematics import exact, polynomial
from covector.codegen.mathematics_exponential import logarithm, logarithm_plus_one

ARCTANGENT = {
    "float32": (
        -0.3333333314544774,
        0.19999959522700614,
        -0.14284271542118282,
        0.11090976606041056,
        -0.08945650767017413,
        0.07071523200054626,
        -0.049628049644753994,
        0.026961342457339135,
        -0.009492915755353569,
        0.001565749476944061,
    ),
    "float64": (
        -0.3333333333333333,
        0.19999999999999937,
        -0.14285714285704015,
        0.11111111110429077,
        -0.09090909066861702,
        0.07692307171295205,
        -0.06666659093586251,
        0.058822746797546864,
        -0.05262558962684411,
        0.04758407523653419,
        -0.04331889696780746,
        0.03942322738514649,
        -0.03535533603074109,
        0.03048376419269655,
        -0.024410945148244396,
        0.017430658108259556,
        -0.010626440338344338,
        0.005281897132325562,
        -0.002029129324898135,
        0.0005602273668539254,
        -9.832668769693996e-05,
        8.206280272459222e-06,
    ),
}
"""(atan(x) - x) / x³ as a polynomial in x², for x from 0 to 1."""

REST_OF_PI = {"float32": -8.742277657347586e-08, "float64": 1.2246467991473532e-16}
"""What π lacks when it is rounded to the format."""

LARGE = {"float32": 1e9, "float64": 1e150}
"""From here on the square of a number is too large, or 1 is nothing beside it."""


def _angle(y: Value, x: Value) -> Value:
    """The angle from 0 to π of a point whose y is not negative; NaN at the origin."""
    build = y.builder
    size = build.intrinsic("fabs", x)
    steep = y > size
    ratio = steep.where(size, y) / steep.where(y, size)
    square = ratio * ratio
    angle = build.multiply_add(ratio * square, polynomial(square, ARCTANGENT[y.dtype]), ratio)
    lost = REST_OF_PI[y.dtype]
    angle = steep.where((pi / 2) - (angle - lost / 2), angle)
    behind = build.intrinsic("copysign", build.lift(1.0, x), x) < 0
    return behind.where(pi - (angle - lost), angle)


@exact
def arctangent(build: Builder, x: Value) -> Value:
    """atan(x), to 2 ulp."""
    size = build.intrinsic("fabs", x)
    return build.intrinsic("copysign", _angle(size, build.lift(1.0, x)), x)


@exact
def arctangent_of_two(build: Builder, y: Value, x: Value) -> Value:
    """The angle of the point (x, y), from -π to π, to 3 ulp."""
    y, x = build.matched(y, x)
    size = build.intrinsic("fabs", y)
    # Where both are zero, or both infinite, their ratio is that of what they are the limits of.
    both_zero = size.equals(0) & x.equals(0)
    both_infinite = size.equals(float("inf")) & build.intrinsic("fabs", x).equals(float("inf"))
    size = both_infinite.where(1.0, size)
    other = (both_zero | both_infinite).where(build.intrinsic("copysign", build.lift(1.0, x), x), x)
    return build.intrinsic("copysign", _angle(size, other), y)


@exact
def arcsine(build: Builder, x: Value) -> Value:
    """asin(x), to 3 ulp."""
    size = build.intrinsic("fabs", x)
    cosine = build.intrinsic("sqrt", (1.0 - size) * (size + 1.0))
    return build.intrinsic("copysign", _angle(size, cosine), x)


@exact
def arccosine(build: Builder, x: Value) -> Value:
    """acos(x), to 3 ulp."""
    return _angle(build.intrinsic("sqrt", 1.0 - x), build.intrinsic("sqrt", x + 1.0)) * 2.0


@exact
def inverse_hyperbolic_sine(build: Builder, x: Value) -> Value:
    """asinh(x), to 4 ulp."""
    size = build.intrinsic("fabs", x)
    large = size > LARGE[x.dtype]
    near = large.where(1.0, size)
    square = near * near
    root = build.intrinsic("sqrt", square + 1.0) + 1.0
    value = logarithm_plus_one(build, near + square / root)
    return build.intrinsic("copysign", large.where(logarithm(build, size) + log(2), value), x)


@exact
def inverse_hyperbolic_cosine(build: Builder, x: Value) -> Value:
    """acosh(x), to 4 ulp; NaN below 1."""
    large = x > LARGE[x.dtype]
    more = large.where(1.0, x) - 1.0
    value = logarithm_plus_one(build, more + build.intrinsic("sqrt", more * (more + 2.0)))
    return (x < 1).where(float("nan"), large.where(logarithm(build, x) + log(2), value))


@exact
def inverse_hyperbolic_tangent(build: Builder, x: Value) -> Value:
    """atanh(x), to 4 ulp; infinite at -1 and 1, NaN beyond."""
    size = build.intrinsic("fabs", x)
    value = logarithm_plus_one(build, (size + size) / (1.0 - size)) * 0.5
    return build.intrinsic("copysign", (size > 1).where(float("nan"), value), x)
