"""How each scalar function of the table is computed, from values of the dtype of its result."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from covector.codegen.builder import Builder, Number, Value
from covector.codegen.mathematics_error import complementary_error_function, error_function
from covector.codegen.mathematics_exponential import (
    exponential,
    exponential_minus_one,
    hyperbolic_cosine,
    hyperbolic_sine,
    hyperbolic_tangent,
    logarithm,
    logarithm_plus_one,
    logistic,
    softplus,
)
from covector.codegen.mathematics_inverse import (
    arccosine,
    arcsine,
    arctangent,
    arctangent_of_two,
    inverse_hyperbolic_cosine,
    inverse_hyperbolic_sine,
    inverse_hyperbolic_tangent,
)
from covector.codegen.mathematics_power import float_power, integer_power
from covector.codegen.mathematics_trigonometric import cosine, sine, tangent

Code = Callable[..., Value]


def subtract(build: Builder, a: Value, b: Value) -> Value:
    """``a - b``."""
    return a - b


def negate(build: Builder, x: Value) -> Value:
    """``-x``."""
    return -x


def divide(build: Builder, a: Value, b: Value) -> Value:
    """``a / b``; a divisor that all lanes share is inverted once."""
    return a * (1 / b) if b.width < a.width else a / b


def square_root(build: Builder, x: Value) -> Value:
    """The square root."""
    return build.intrinsic("sqrt", x)


def reciprocal_root(build: Builder, x: Value) -> Value:
    """``1 / √x``."""
    return 1 / square_root(build, x)


def absolute(build: Builder, x: Value) -> Value:
    """The absolute value."""
    if x.is_float:
        return build.intrinsic("fabs", x)
    return x if x.dtype == "bool" else (x < 0).where(-x, x)


def sign(build: Builder, x: Value) -> Value:
    """-1, 0 or 1; NaN for NaN."""
    if x.dtype == "bool":
        return x
    found = (x > 0).where(1, (x < 0).where(build.lift(-1, x), 0))
    return x.is_nan().where(x, found) if x.is_float else found


def rectify(build: Builder, x: Value) -> Value:
    """The larger of x and 0; NaN for NaN."""
    return x if x.dtype == "bool" else (x < 0).where(0, x)


def larger(build: Builder, a: Value, b: Value) -> Value:
    """The larger of two; NaN where one of them is NaN."""
    if a.dtype == "bool":
        return a | b
    return build.intrinsic("maximum", a, b, flags="nsz") if a.is_float else (a > b).where(a, b)


def smaller(build: Builder, a: Value, b: Value) -> Value:
    """The smaller of two; NaN where one of them is NaN."""
    if a.dtype == "bool":
        return a & b
    return build.intrinsic("minimum", a, b, flags="nsz") if a.is_float else (a < b).where(a, b)


def comparison(relation: str) -> Code:
    """What compares two values."""
    return lambda build, a, b: a.compare(relation, b)


MOST_FACTORS = 64
"""The largest whole exponent that is written as multiplications."""


def power(base: Value, number: Number | None, exponent: Callable[[], Value]) -> Value:
    """``base`` to a power: multiplications where the exponent is a small whole number."""
    build = base.builder
    if number is not None and abs(float(number)) <= MOST_FACTORS and number == int(number):
        whole = repeated(base, abs(int(number)))
        return whole if number >= 0 else 1 / whole
    if number == Fraction(1, 2):
        # The power of -inf is inf, not NaN, and that of -0 is 0.
        root = square_root(build, base)
        return base.equals(float("-inf")).where(float("inf"), root + 0.0) if base.is_float else root
    if not base.is_float:
        return integer_power(build, base, exponent())
    return float_power(build, base, exponent())


def repeated(base: Value, count: int) -> Value:
    """``base`` to a whole power that is not negative, by squaring."""
    if base.dtype == "bool":
        return base if count else base.builder.lift(True, base)
    result: Value | None = None
    while count:
        if count & 1:
            result = base if result is None else result * base
        count >>= 1
        if count:
            base = base * base
    return base.builder.lift(1, base) if result is None else result


SCALAR_CODE: dict[str, Code] = {
    "sub": subtract,
    "neg": negate,
    "div": divide,
    "sqrt": square_root,
    "rsqrt": reciprocal_root,
    "abs": absolute,
    "sign": sign,
    "relu": rectify,
    "maximum": larger,
    "minimum": smaller,
    **{relation: comparison(relation) for relation in ("eq", "ne", "lt", "le")},
    "exp": exponential,
    "expm1": exponential_minus_one,
    "log": logarithm,
    "log1p": logarithm_plus_one,
    "tanh": hyperbolic_tangent,
    "sinh": hyperbolic_sine,
    "cosh": hyperbolic_cosine,
    "sigmoid": logistic,
    "softplus": softplus,
    "sin": sine,
    "cos": cosine,
    "tan": tangent,
    "erf": error_function,
    "erfc": complementary_error_function,
    "pow": float_power,
    "asin": arcsine,
    "acos": arccosine,
    "atan": arctangent,
    "atan2": arctangent_of_two,
    "asinh": inverse_hyperbolic_sine,
    "acosh": inverse_hyperbolic_cosine,
    "atanh": inverse_hyperbolic_tangent,
}
"""The code of every function of the table that is a function of the values of its arguments and of nothing else."""
