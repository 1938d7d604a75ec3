"""The table of scalar functions: how each is computed, and its derivatives, one line each in the notation itself.

A derivative is written with the function itself where its value can be used again: the derivative of ``y = tanh(x)`` is
``1 - y**2``.
"""

from __future__ import annotations

import numpy as np

from covector.ir.element import ScalarFunction
from covector.ops import numeric

_ARITHMETIC = (
    ScalarFunction(
        name="add",
        parameters=("a", "b"),
        derivatives=(),  # the calculus knows that a sum is linear in each of any number of terms
        numeric=numeric.add,
        result="same",
        doc="The sum of its arguments.",
        variadic=True,
    ),
    ScalarFunction(
        name="mul",
        parameters=("a", "b"),
        derivatives=(),  # the calculus knows the product rule for any number of factors
        numeric=numeric.mul,
        result="same",
        doc="The product of its arguments.",
        variadic=True,
    ),
    ScalarFunction(
        name="sub",
        parameters=("a", "b"),
        derivatives=("1", "-1"),
        numeric=np.subtract,
        result="same",
        doc="The difference of a and b.",
    ),
    ScalarFunction(
        name="neg",
        parameters=("x",),
        derivatives=("-1",),
        numeric=np.negative,
        result="same",
        doc="The negative of x.",
    ),
    ScalarFunction(
        name="div",
        parameters=("a", "b"),
        derivatives=("1/b", "-a/b**2"),
        numeric=np.true_divide,
        domain="b != 0",
        doc="The quotient of a and b.",
    ),
    ScalarFunction(
        name="pow",
        parameters=("a", "b"),
        derivatives=("select(b == 0, 0, b * a**(b - 1))", "select(a == 0 and b >= 0, 0, a**b * log(a))"),
        numeric=numeric.power,
        result="same",
        domain="a > 0 or (a == 0 and b >= 0)",
        kinks="Where b is 0 the derivative by a is 0, and where a is 0 and b is not negative the derivative by b is 0.",
        doc="a to the power b; a may be negative where b is whole.",
    ),
)

_ROOTS_AND_LOGARITHMS = (
    ScalarFunction(
        name="sqrt",
        parameters=("x",),
        derivatives=("1/(2*sqrt(x))",),
        numeric=np.sqrt,
        domain="x >= 0",
        kinks="The derivative at 0 is infinite.",
        doc="The square root of x.",
    ),
    ScalarFunction(
        name="rsqrt",
        parameters=("x",),
        derivatives=("-rsqrt(x)**3/2",),
        numeric=numeric.rsqrt,
        domain="x > 0",
        doc="One over the square root of x.",
    ),
    ScalarFunction(
        name="exp",
        parameters=("x",),
        derivatives=("exp(x)",),
        numeric=np.exp,
        doc="e to the power x.",
    ),
    ScalarFunction(
        name="expm1",
        parameters=("x",),
        derivatives=("exp(x)",),
        numeric=np.expm1,
        doc="exp(x) - 1, precise where x is tiny.",
    ),
    ScalarFunction(
        name="log",
        parameters=("x",),
        derivatives=("1/x",),
        numeric=np.log,
        domain="x > 0",
        doc="The natural logarithm of x.",
    ),
    ScalarFunction(
        name="log1p",
        parameters=("x",),
        derivatives=("1/(1 + x)",),
        numeric=np.log1p,
        domain="x > -1",
        doc="log(1 + x), precise where x is tiny.",
    ),
)

_TRIGONOMETRIC = (
    ScalarFunction(
        name="sin",
        parameters=("x",),
        derivatives=("cos(x)",),
        numeric=np.sin,
        doc="The sine of x, in radians.",
    ),
    ScalarFunction(
        name="cos",
        parameters=("x",),
        derivatives=("-sin(x)",),
        numeric=np.cos,
        doc="The cosine of x, in radians.",
    ),
    ScalarFunction(
        name="tan",
        parameters=("x",),
        derivatives=("1 + tan(x)**2",),
        numeric=np.tan,
        domain="cos(x) != 0",
        doc="The tangent of x, in radians.",
    ),
    ScalarFunction(
        name="asin",
        parameters=("x",),
        derivatives=("1/sqrt(1 - x**2)",),
        numeric=np.arcsin,
        domain="-1 <= x <= 1",
        kinks="The derivative at -1 and 1 is infinite.",
        doc="The angle from -π/2 to π/2 whose sine is x.",
    ),
    ScalarFunction(
        name="acos",
        parameters=("x",),
        derivatives=("-1/sqrt(1 - x**2)",),
        numeric=np.arccos,
        domain="-1 <= x <= 1",
        kinks="The derivative at -1 and 1 is infinite.",
        doc="The angle from 0 to π whose cosine is x.",
    ),
    ScalarFunction(
        name="atan",
        parameters=("x",),
        derivatives=("1/(1 + x**2)",),
        numeric=np.arctan,
        doc="The angle from -π/2 to π/2 whose tangent is x.",
    ),
    ScalarFunction(
        name="atan2",
        parameters=("y", "x"),
        derivatives=("x/(x**2 + y**2)", "-y/(x**2 + y**2)"),
        numeric=np.arctan2,
        kinks="At x = y = 0 there is no derivative, and at y = 0 with x negative the value jumps by 2π.",
        doc="The angle from the x axis to the point (x, y), from -π to π.",
    ),
)

_HYPERBOLIC = (
    ScalarFunction(
        name="sinh",
        parameters=("x",),
        derivatives=("cosh(x)",),
        numeric=np.sinh,
        doc="The hyperbolic sine of x.",
    ),
    ScalarFunction(
        name="cosh",
        parameters=("x",),
        derivatives=("sinh(x)",),
        numeric=np.cosh,
        doc="The hyperbolic cosine of x.",
    ),
    ScalarFunction(
        name="tanh",
        parameters=("x",),
        derivatives=("1 - tanh(x)**2",),
        numeric=np.tanh,
        doc="The hyperbolic tangent of x.",
    ),
    ScalarFunction(
        name="asinh",
        parameters=("x",),
        derivatives=("1/sqrt(x**2 + 1)",),
        numeric=np.arcsinh,
        doc="The number whose hyperbolic sine is x.",
    ),
    ScalarFunction(
        name="acosh",
        parameters=("x",),
        derivatives=("1/sqrt(x**2 - 1)",),
        numeric=np.arccosh,
        domain="x >= 1",
        kinks="The derivative at 1 is infinite.",
        doc="The number, not negative, whose hyperbolic cosine is x.",
    ),
    ScalarFunction(
        name="atanh",
        parameters=("x",),
        derivatives=("1/(1 - x**2)",),
        numeric=np.arctanh,
        domain="-1 < x < 1",
        doc="The number whose hyperbolic tangent is x.",
    ),
)

_SIGMOIDS = (
    ScalarFunction(
        name="sigmoid",
        parameters=("x",),
        derivatives=("sigmoid(x)*(1 - sigmoid(x))",),
        numeric=numeric.sigmoid,
        doc="1 / (1 + exp(-x)).",
    ),
    ScalarFunction(
        name="softplus",
        parameters=("x",),
        derivatives=("sigmoid(x)",),
        numeric=numeric.softplus,
        doc="log(1 + exp(x)).",
    ),
    ScalarFunction(
        name="erf",
        parameters=("x",),
        derivatives=("2/sqrt(pi)*exp(-x**2)",),
        numeric=numeric.erf,
        doc="The error function of x.",
    ),
    ScalarFunction(
        name="erfc",
        parameters=("x",),
        derivatives=("-2/sqrt(pi)*exp(-x**2)",),
        numeric=numeric.erfc,
        doc="1 - erf(x), precise where that is tiny.",
    ),
)

_PIECEWISE = (
    ScalarFunction(
        name="abs",
        parameters=("x",),
        derivatives=("sign(x)",),
        numeric=np.abs,
        result="same",
        kinks="The derivative at 0 is 0.",
        doc="The absolute value of x.",
    ),
    ScalarFunction(
        name="sign",
        parameters=("x",),
        derivatives=(None,),
        numeric=np.sign,
        result="same",
        kinks="The derivative at 0 is 0.",
        doc="-1, 0 or 1, as x is negative, zero or positive.",
    ),
    ScalarFunction(
        name="relu",
        parameters=("x",),
        derivatives=("[x > 0]",),
        numeric=numeric.relu,
        result="same",
        kinks="The derivative at 0 is 0.",
        doc="The larger of x and 0.",
    ),
    ScalarFunction(
        name="maximum",
        parameters=("a", "b"),
        derivatives=("[a > b] + [a == b]/2", "[b > a] + [a == b]/2"),
        numeric=np.maximum,
        result="same",
        kinks="Where a equals b both derivatives are 1/2.",
        doc="The larger of a and b.",
    ),
    ScalarFunction(
        name="minimum",
        parameters=("a", "b"),
        derivatives=("[a < b] + [a == b]/2", "[b < a] + [a == b]/2"),
        numeric=np.minimum,
        result="same",
        kinks="Where a equals b both derivatives are 1/2.",
        doc="The smaller of a and b.",
    ),
)

# The notation reads a > b as b < a.
_CONDITIONS = (
    ScalarFunction("eq", ("a", "b"), (None, None), np.equal, result="bool", doc="Whether a equals b."),
    ScalarFunction("ne", ("a", "b"), (None, None), np.not_equal, result="bool", doc="Whether a differs from b."),
    ScalarFunction("lt", ("a", "b"), (None, None), np.less, result="bool", doc="Whether a is less than b."),
    ScalarFunction("le", ("a", "b"), (None, None), np.less_equal, result="bool", doc="Whether a is at most b."),
    ScalarFunction(
        "and", ("a", "b"), (), numeric.logical_and, result="bool", doc="Whether all arguments are true.", variadic=True
    ),
    ScalarFunction(
        "or", ("a", "b"), (), numeric.logical_or, result="bool", doc="Whether any argument is true.", variadic=True
    ),
    ScalarFunction("not", ("x",), (None,), np.logical_not, result="bool", doc="Whether x is false."),
)

_SPECIAL = (
    ScalarFunction("pi", (), (), numeric.pi, doc="The ratio of a circle's circumference to its diameter."),
    ScalarFunction("stop", ("x",), (None,), numeric.stop, result="same", doc="The value of x, not differentiated."),
)

SCALARS: dict[str, ScalarFunction] = {
    function.name: function
    for family in (
        _ARITHMETIC,
        _ROOTS_AND_LOGARITHMS,
        _TRIGONOMETRIC,
        _HYPERBOLIC,
        _SIGMOIDS,
        _PIECEWISE,
        _CONDITIONS,
        _SPECIAL,
    )
    for function in family
}
