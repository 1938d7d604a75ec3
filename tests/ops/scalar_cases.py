"""Points at which the scalar functions are tested: inside their domains, and away from kinks and ties."""

from __future__ import annotations

import math

NAN, INF = math.nan, math.inf

_REAL = (-2.3, -0.7, -0.04, 0.3, 1.9, 4.1)
_POSITIVE = (0.02, 0.3, 0.9, 1.7, 5.0, 40.0)
_INSIDE = (-0.95, -0.6, -0.01, 0.2, 0.5, 0.9)
_OTHER = (1.4, -1.1, 0.6, -0.5, 2.2, -3.0)
_TRUTH = (False, False, True, True)

POINTS: dict[str, tuple[tuple[float | bool, ...], ...]] = {
    "add": (_REAL, _OTHER),
    "mul": (_REAL, _OTHER),
    "sub": (_REAL, _OTHER),
    "neg": (_REAL,),
    "div": (_REAL, _OTHER),
    "pow": (_POSITIVE, _OTHER),
    "sqrt": (_POSITIVE,),
    "rsqrt": (_POSITIVE,),
    "exp": (_REAL,),
    "expm1": (_REAL,),
    "log": (_POSITIVE,),
    "log1p": ((-0.9, -0.3, 1e-9, 0.4, 2.0, 30.0),),
    "sin": (_REAL,),
    "cos": (_REAL,),
    "tan": ((-1.2, -0.7, -0.04, 0.3, 1.4, 2.0),),
    "asin": (_INSIDE,),
    "acos": (_INSIDE,),
    "atan": (_REAL,),
    "atan2": (_REAL, _OTHER),
    "sinh": (_REAL,),
    "cosh": (_REAL,),
    "tanh": (_REAL,),
    "asinh": (_REAL,),
    "acosh": ((1.05, 1.5, 2.0, 3.7, 10.0, 100.0),),
    "atanh": (_INSIDE,),
    "sigmoid": (_REAL,),
    "softplus": (_REAL,),
    "erf": (_REAL,),
    "erfc": (_REAL,),
    "abs": (_REAL,),
    "sign": (_REAL,),
    "relu": (_REAL,),
    "maximum": (_REAL, _OTHER),
    "minimum": (_REAL, _OTHER),
    "eq": ((1.0, 2.0, 2.0, NAN), (2.0, 1.0, 2.0, NAN)),
    "ne": ((1.0, 2.0, 2.0, NAN), (2.0, 1.0, 2.0, NAN)),
    "lt": ((1.0, 2.0, 2.0, NAN), (2.0, 1.0, 2.0, NAN)),
    "le": ((1.0, 2.0, 2.0, NAN), (2.0, 1.0, 2.0, NAN)),
    "and": (_TRUTH, (False, True, False, True)),
    "or": (_TRUTH, (False, True, False, True)),
    "not": ((False, True),),
    "pi": (),
    "stop": (_REAL,),
}

# At NaN, infinities, zeros, and numbers so large or small that a careless formula overflows or loses all its digits.
EXTREMES: tuple[float, ...] = (
    NAN,
    INF,
    -INF,
    0.0,
    -0.0,
    1e-300,
    -1e-300,
    1e-9,
    36.0,
    -36.0,
    800.0,
    -800.0,
    1e300,
    -1e300,
)

# Where PyTorch is another authority than the standard: it gives NaN the sign 0.
UNLIKE_TORCH: dict[str, tuple[float, ...]] = {"sign": (NAN,)}
