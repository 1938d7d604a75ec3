"""Sine, cosine and tangent: reduced by multiples of π/2 in three parts, beyond a limit by the C library."""

from __future__ import annotations

from covector.codegen.builder import Builder, Value
from covector.codegen.library import call_library
from covector.codegen.mathematics import exact, nearest_multiple, polynomial

QUARTER = {
    "float32": (1.5707963705062866, -4.371138828673793e-08, -1.7151245100059e-15),
    "float64": (1.5707963267948966, 6.123233995736766e-17, -1.4973849048591833e-33),
}
"""π/2 as the sum of three numbers, each as precise as the format is."""

LIMIT = {"float32": 1.0e5, "float64": 1.0e9}
"""Beyond it three parts are not enough."""

SINE = {
    "float32": (-0.16666666663630159, 0.008333331787426065, -0.00019840039856392413, 2.724389073159956e-06),
    "float64": (
        -0.16666666666666666,
        0.008333333333333331,
        -0.00019841269841264572,
        2.7557319218958494e-06,
        -2.5052106101466572e-08,
        1.6058511055806807e-10,
        -7.58549654843458e-13,
    ),
}
"""(sin(r) - r) / r³ as a polynomial in r², for r between -π/4 and π/4."""

COSINE = {
    "float32": (0.041666666664132594, -0.00138888875989612, 2.4800561162181186e-05, -2.7295912657355733e-07),
    "float64": (
        0.041666666666666664,
        -0.0013888888888888887,
        2.480158730158437e-05,
        -2.755731922119108e-07,
        2.0876755718227408e-09,
        -1.1470449450568719e-11,
        4.745204177248062e-14,
    ),
}
"""(cos(r) - 1 + r²/2) / r⁴ as a polynomial in r²."""


def _reduced(x: Value) -> tuple[Value, Value]:
    """What is left of an angle, and in which quarter it is."""
    number, quarter = nearest_multiple(x, 0.6366197723675814)
    rest = x
    for part in QUARTER[x.dtype]:
        rest = x.builder.multiply_add(number, -part, rest)
    return rest, quarter


def _sine_and_cosine(rest: Value) -> tuple[Value, Value]:
    build, square = rest.builder, rest * rest
    sine = build.multiply_add(rest * square, polynomial(square, SINE[rest.dtype]), rest)
    near = build.multiply_add(square, -0.5, 1.0)
    lost = build.multiply_add(square, -0.5, 1.0 - near)
    cosine = near + build.multiply_add(square * square, polynomial(square, COSINE[rest.dtype]), lost)
    return sine, cosine


def _signed(value: Value, negative: Value) -> Value:
    return negative.where(-value, value)


def _anywhere(build: Builder, x: Value, name: str, near: Value) -> Value:
    """A value that is right near zero, and the library's where an angle is far away."""
    far = build.intrinsic("fabs", x) > LIMIT[x.dtype]
    result = build.variable(near)
    with build.when(build.any_lane(far)):
        result.set(far.where(call_library(name, build, x), near))
    return result.get()


@exact
def sine(build: Builder, x: Value) -> Value:
    """sin(x), to 2 ulp."""
    rest, quarter = _reduced(x)
    sine, cosine = _sine_and_cosine(rest)
    value = _signed((quarter & 1).differs(0).where(cosine, sine), (quarter & 2).differs(0))
    return _anywhere(build, x, "sin", x.equals(0).where(x, value))


@exact
def cosine(build: Builder, x: Value) -> Value:
    """cos(x), to 2 ulp."""
    rest, quarter = _reduced(x)
    sine, cosine = _sine_and_cosine(rest)
    value = _signed((quarter & 1).differs(0).where(sine, cosine), ((quarter + 1) & 2).differs(0))
    return _anywhere(build, x, "cos", value)


@exact
def tangent(build: Builder, x: Value) -> Value:
    """tan(x), to 4 ulp."""
    rest, quarter = _reduced(x)
    sine, cosine = _sine_and_cosine(rest)
    odd = (quarter & 1).differs(0)
    value = odd.where(-cosine, sine) / odd.where(sine, cosine)
    return _anywhere(build, x, "tan", x.equals(0).where(x, value))
