"""Every vectorised function against mpmath over its whole range, to the units in the last place that it promises."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np
import pytest

from covector.codegen.target import PORTABLE
from covector.native import jit
from covector.ops import SCALARS

from .vector_functions import compiled, function_code

DTYPES = ("float32", "float64")
POINTS = {"float32": 1500, "float64": 700}


@dataclass(frozen=True)
class Case:
    """A function, its value to many digits, the bound on its error in ulp, and where it is tried.

    A range with a third part is tried evenly in the logarithm.
    """

    truth: Callable[[Any], Any]
    bound: float
    ranges: tuple[tuple[float, ...], ...]


EVEN = 1.0
CASES = {
    "exp": Case(mpmath.exp, 1.0, ((-87, 88.7), (-1, 1), (1e-30, 1e-3, EVEN))),
    "expm1": Case(mpmath.expm1, 1.5, ((-20, 88), (-1, 1), (1e-30, 1, EVEN))),
    "log": Case(mpmath.log, 1.0, ((1e-37, 1e38, EVEN), (0.5, 2), (0.999, 1.001))),
    "log1p": Case(mpmath.log1p, 1.0, ((-0.9999, 1), (1e-30, 1e30, EVEN), (-1e-5, 1e-5))),
    "tanh": Case(mpmath.tanh, 2.1, ((-10, 10), (-0.5, 0.5), (1e-30, 30, EVEN))),
    "sinh": Case(mpmath.sinh, 2.5, ((-89, 89), (-1, 1), (1e-30, 1, EVEN))),
    "cosh": Case(mpmath.cosh, 1.5, ((-89, 89), (-1, 1))),
    "sin": Case(mpmath.sin, 1.5, ((-7, 7), (-9e4, 9e4), (1e5, 1e12, EVEN), (1e-30, 1, EVEN))),
    "cos": Case(mpmath.cos, 1.5, ((-7, 7), (-9e4, 9e4), (1e5, 1e12, EVEN))),
    "tan": Case(mpmath.tan, 3.0, ((-7, 7), (-9e4, 9e4), (1e5, 1e12, EVEN), (1e-30, 1, EVEN))),
    "erf": Case(mpmath.erf, 1.2, ((-7, 7), (-1.1, 1.1), (1e-30, 1, EVEN))),
    "erfc": Case(mpmath.erfc, 4.0, ((-6, 9), (-1, 1))),
    "sigmoid": Case(lambda x: 1 / (1 + mpmath.exp(-x)), 2.0, ((-86, 30), (-1, 1))),
    "softplus": Case(lambda x: mpmath.log1p(mpmath.exp(x)), 2.0, ((-86, 89), (-2, 2))),
    "asin": Case(mpmath.asin, 2.5, ((-1, 1), (1e-30, 1, EVEN))),
    "acos": Case(mpmath.acos, 2.5, ((-1, 1), (0.99, 1))),
    "atan": Case(mpmath.atan, 2.0, ((-10, 10), (-1, 1), (1e-30, 1e30, EVEN))),
    "asinh": Case(mpmath.asinh, 2.0, ((-10, 10), (-1, 1), (1e-30, 1e30, EVEN))),
    "acosh": Case(mpmath.acosh, 3.0, ((1, 10), (1, 1.01), (1, 1e30, EVEN))),
    "atanh": Case(mpmath.atanh, 2.0, ((-0.999, 0.999), (1e-30, 0.99, EVEN))),
}

each_function = pytest.mark.parametrize("name", CASES)
each_dtype = pytest.mark.parametrize("dtype", DTYPES)


def points(case: Case, dtype: str) -> np.ndarray:
    rng = np.random.default_rng(0)
    drawn = [np.array(r[:2]) for r in case.ranges]
    for low, high, *even in case.ranges:
        ends = (np.log(low), np.log(high)) if even else (low, high)
        values = rng.uniform(*ends, POINTS[dtype])
        drawn.append(np.exp(values) if even else values)
    return np.concatenate(drawn).astype(dtype)


def worst_error(truth: Callable[..., Any], found: np.ndarray, *arguments: np.ndarray) -> float:
    """The largest error in ulp, where the value is a normal number."""
    worst = 0.0
    info = np.finfo(found.dtype)
    with mpmath.workprec(200):
        for value, *given in zip(found, *arguments, strict=True):
            right = truth(*(mpmath.mpf(float(argument)) for argument in given))
            if info.tiny <= abs(right) < info.max:
                unit = float(np.spacing(np.abs(np.asarray(float(right), found.dtype))))
                worst = max(worst, float(abs(mpmath.mpf(float(value)) - right) / unit))
    return worst


@each_function
@each_dtype
def test_error_is_bounded(name: str, dtype: str) -> None:
    case = CASES[name]
    x = points(case, dtype)
    assert worst_error(case.truth, compiled(name, dtype)(x), x) <= case.bound


@each_dtype
def test_angles(dtype: str) -> None:
    rng = np.random.default_rng(0)
    y, x = (rng.standard_normal(1000).astype(dtype) for _ in range(2))
    assert worst_error(mpmath.atan2, compiled("atan2", dtype, 0, 2)(y, x), y, x) <= 2.5


def test_the_measure_sees_one_unit() -> None:
    x = np.linspace(0.5, 2, 50, dtype=np.float32)
    assert worst_error(mpmath.exp, np.nextafter(np.exp(x), np.float32(9)), x) > 0.5
    assert worst_error(mpmath.exp, np.exp(x) * np.float32(1.000001), x) > 5


@pytest.mark.parametrize("name", ["exp", "tanh", "erf", "log", "sin", "erfc", "cosh", "asin", "asinh"])
@each_dtype
def test_every_width_and_processor_gives_the_same(name: str, dtype: str) -> None:
    x = points(CASES[name], dtype)
    widest = compiled(name, dtype)(x)
    for width, target in ((1, None), (32, None), (4, PORTABLE)):
        np.testing.assert_array_equal(compiled(name, dtype, width, 1, target)(x), widest)


SPECIAL = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1, -1, 0.5, -0.5, 1000, -1000, 88.72, 88.73, -87.3, -120, 709.5, 710]
SPECIAL += [1e30, -1e30, 1e5, -2e9, 1e-40, -1e-40, 1e-310]


@each_function
@each_dtype
def test_special_values(name: str, dtype: str) -> None:
    x = np.array(SPECIAL, dtype)
    with np.errstate(all="ignore"):
        expected = flushed(np.asarray(SCALARS[name].numeric(flushed(x)), dtype))
    assert same(flushed(compiled(name, dtype)(x)), expected)


@each_dtype
@pytest.mark.parametrize(("name", "numpy"), [("pow", np.power), ("atan2", np.arctan2)])
def test_special_pairs(name: str, numpy: Callable[..., Any], dtype: str) -> None:
    values = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1, -1, 0.5, -0.5, 2, 3, -2, -3, 1e30, 1e-30, 2.5, -2.5, -7]
    first, second = (part.astype(dtype) for part in np.meshgrid(values, values))
    with np.errstate(all="ignore"):
        expected = flushed(numpy(first, second))
    assert same(flushed(compiled(name, dtype, 0, 2)(first, second)), expected)


@each_dtype
def test_powers(dtype: str) -> None:
    rng = np.random.default_rng(0)
    base, exponent = np.exp(rng.uniform(-8, 8, 800)).astype(dtype), rng.uniform(-10, 10, 800).astype(dtype)
    assert worst_error(mpmath.power, compiled("pow", dtype, 0, 2)(base, exponent), base, exponent) <= 1.0


def test_special_values_must_have_the_right_sign() -> None:
    assert not same(np.array([0.0]), np.array([-0.0]))
    assert not same(np.array([np.nan]), np.array([1.0]))


def flushed(x: np.ndarray) -> np.ndarray:
    """Denormal numbers as zero, of the same sign."""
    return np.where(np.abs(x) < np.finfo(x.dtype).tiny, np.copysign(np.zeros((), x.dtype), x), x)


def same(found: np.ndarray, expected: np.ndarray) -> bool:
    """Whether values agree to rounding, NaN where NaN is, and zeros in their sign."""
    if not np.allclose(found, expected, rtol=4 * np.finfo(found.dtype).eps, atol=0, equal_nan=True):
        return False
    zeros = expected == 0
    return bool(np.all(np.signbit(found[zeros]) == np.signbit(expected[zeros])))


@pytest.mark.parametrize("name", [name for name in CASES if name not in ("sin", "cos", "tan")])
@each_dtype
def test_nothing_is_left_to_the_library(name: str, dtype: str) -> None:
    host = jit.host().target
    assembly = jit.assembly(function_code(name, dtype, host.lanes(dtype), 1, host))
    assert "call" not in assembly
    if host.vector_bytes == 64:
        assert "%zmm" in assembly
