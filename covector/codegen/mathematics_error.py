"""The error function and its complement."""

from __future__ import annotations

from covector.codegen.builder import Builder, Value
from covector.codegen.mathematics import clamp, exact, polynomial
from covector.codegen.mathematics_exponential import exponential

NEAR = {
    "float32": (
        0.1283791657295594,
        -0.376126258374651,
        0.11283585248605635,
        -0.02685381458207252,
        0.005188330482592488,
        -0.0008010202699272506,
        7.853849828429409e-05,
    ),
    "float64": (
        0.1283791670955126,
        -0.3761263890318375,
        0.11283791670954858,
        -0.02686617064507296,
        0.00522397762478137,
        -0.0008548326978765149,
        0.00012055331037551108,
        -1.4925593518728226e-05,
        1.6460972954153765e-06,
        -1.635002619207727e-07,
        1.4657883530919653e-08,
        -1.136567067182716e-09,
        5.945255584223488e-11,
    ),
}
"""erf(x) / x - 1 as a polynomial in x², for x up to 1."""

LOGARITHM_OF_REST = (
    -0.0002564761024790072,
    -1.1274259576821508,
    -0.63760026009026,
    -0.10356669289721548,
    0.022051898642683462,
    -0.0029995150514974082,
    0.00019150141132937877,
)
"""log(erfc(a)) for a from 0.95 to 4.1, as precise as 1 - erfc(a) needs it in float32."""

CENTRE = {"float32": 2.0, "float64": 4.0}
"""The a at which the next polynomials have their zero: their variable is (a - centre) / (a + centre)."""

TAIL = {
    "float32": (
        1.2769783814245625,
        -0.09276382716857001,
        -0.16603037102469947,
        0.16405130872950036,
        -0.05422090598657322,
        -0.008034072609355142,
        0.008733722073784022,
        0.0012651311742701299,
        -0.0015132951018052786,
        -0.00039619865007041195,
        0.00030830652593658747,
    ),
    "float64": (
        1.2329951186255526,
        -0.1396211168405625,
        0.015379652102620085,
        0.06809705425469102,
        -0.10103906603632881,
        0.09373283499842373,
        -0.06633036581152359,
        0.037167515535965506,
        -0.01619773406803239,
        0.005031969995146048,
        -0.0007577731996507051,
        -0.00019925681357546614,
        0.00015062119103377211,
        -2.4398676151005224e-05,
        -1.1220327113979107e-05,
        5.708088440815395e-06,
        2.899532071987858e-07,
        -8.220299396507399e-07,
        8.009570962004262e-08,
        1.0549424790155701e-07,
        -2.233349259139654e-08,
        -1.0505279234334613e-08,
        3.3969302849268252e-09,
    ),
}
"""(1 + 2a)·exp(a²)·erfc(a), for a from 0.75 on."""

LARGEST = {"float32": 10.2, "float64": 27.5}
"""Beyond it erfc is zero."""


def _near(x: Value) -> Value:
    """erf(x), for x between -1 and 1."""
    return x.builder.multiply_add(x, polynomial(x * x, NEAR[x.dtype]), x)


def _tail(size: Value) -> Value:
    """erfc(a), for a from 0.75 on."""
    build, centre = size.builder, CENTRE[size.dtype]
    square = size * size
    lost = build.multiply_add(size, size, -square)
    decay = exponential(build, -square)
    decay = build.multiply_add(decay, -lost, decay)
    ratio = (size - centre) / (size + centre)
    return decay * polynomial(ratio, TAIL[size.dtype]) / build.multiply_add(size, 2.0, 1.0)


@exact
def error_function(build: Builder, x: Value) -> Value:
    """erf(x), to 2 ulp."""
    size = build.intrinsic("fabs", x)
    if x.dtype == "float32":
        rest = exponential(build, polynomial(clamp(size, 0.9, 4.1), LOGARITHM_OF_REST))
    else:
        rest = _tail(clamp(size, 0.9, 6.5))
    far = build.intrinsic("copysign", 1.0 - rest, x)
    return (size > 1).where(far, _near(x))


@exact
def complementary_error_function(build: Builder, x: Value) -> Value:
    """1 - erf(x), to 4 ulp."""
    tail = _tail(clamp(build.intrinsic("fabs", x), 0.75, LARGEST[x.dtype]))
    far = (x < 0).where(2.0 - tail, tail)
    return ((x < 0.75) & (x > -1)).where(1.0 - _near(clamp(x, -1.0, 1.0)), far)
