"""NaN, infinities, zeros and huge numbers in every argument: values and gradients are as in PyTorch.

What differs on purpose is in `DIFFERENT`, with the reason; everything else is equal.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch

import covector as cv
from tests.support.numeric_functions import BINARY, ROWS, UNARY, Function, by_covector, by_pytorch

NAN, INF = float("nan"), float("inf")

NUMBERS = (NAN, INF, -INF, 0.0, -0.0, 1, -1, 0.5, -0.5, 2.5, -3, 1e30, -1e30, 100, -100, 1000, -1000, 1e-15)
MATRIX = np.array(
    [
        *([1, 2, NAN, 0, 0.5], [NAN, NAN, NAN, NAN, 0.5], [INF, NAN, -INF, 1, 0.5], [INF, 1, 2, 3, 0.5]),
        *([-INF, 1, 2, 3, 0.5], [INF, INF, 1, 1, 2], [-INF, -INF, 1, 2, 0.5], [INF, -INF, 0, 1, 0.5]),
        *([INF] * 5, [-INF] * 5, [0.0] * 5, [1.0] * 5, [-0.0, 0, -1, -2, 0.5], [0, 1, 0, 2, 0.5]),
        *([0, 3, 2, 1, 0.5], [1000, -1000, 0, 999, 0.5], [3, 3, 1, 1, 0.5]),
    ]
)

Points = np.ndarray
"""For each element that is compared, or each row, the numbers that it depends on."""


@dataclass(frozen=True)
class Difference:
    """Where a gradient, or also a value, is another than in PyTorch on purpose."""

    why: str
    where: Callable[[Points], np.ndarray]
    values: bool = False


def any_nan(points: Points) -> np.ndarray:
    return np.isnan(points).any(axis=1)


def not_finite(points: Points) -> np.ndarray:
    return ~np.isfinite(points).all(axis=1)


BY_CASES = Difference("the derivative is told by cases, and NaN is none of them", any_nan)
MAXIMA = Difference("no element is the largest one where there is NaN", any_nan)
SIGN = Difference("the sign of NaN is NaN, as the Array API says", any_nan)

DIFFERENT: dict[str, Difference] = {
    **dict.fromkeys(("relu", "relu6", "hardtanh", "hardsigmoid", "hardswish", "elu", "celu", "selu"), BY_CASES),
    **dict.fromkeys(("clip", "clip below", "clip above", "0**x", "**"), BY_CASES),
    **dict.fromkeys(("clip by a tensor", "clip to below", "maximum", "minimum"), BY_CASES),
    **dict.fromkeys(("amax", "amin"), MAXIMA),
    **dict.fromkeys(("largest", "smallest", "max_pool"), Difference(MAXIMA.why, lambda p: np.ones(len(p), bool))),
    **dict.fromkeys(("abs", "norm 1", "norm of the largest"), SIGN),
    "absolute error": Difference(SIGN.why, not_finite),
    **dict.fromkeys(("asin", "acos"), Difference("the root beneath overflows", lambda p: np.abs(p[:, 0]) > 1e20)),
    **dict.fromkeys(
        ("x**1.5", "x**-0.5"),
        Difference(
            "minus infinity has powers, as C says; PyTorch has a root here",
            lambda p: (p[:, 0] == -INF) | (p[:, 0] == 0),
            True,
        ),
    ),
    "gelu": Difference("PyTorch's is NaN for float32 alone", lambda p: p[:, 0] == INF, True),
    "x % 2": Difference("nothing is left of what is not finite", not_finite),
    "%": Difference(
        "a quotient has no more digits than its dtype", lambda p: not_finite(p) | (np.abs(p) > 1e20).any(1), True
    ),
    "atan2": Difference("there is no derivative at the origin", lambda p: (np.abs(p) < 1e-10).all(axis=1)),
    "clip by tensors": Difference(
        "with one bound twice, all is below it or above", lambda p: any_nan(p) | (p[:, 1] == 0)
    ),
    "logits": Difference(
        "precise where a score is far below 0, not where it is infinite", lambda p: (np.abs(p) > 1e20).any(1), True
    ),
    "kullback-leibler": Difference(
        "a target of 0 contributes 0 against whatever, and one of infinity infinity",
        lambda p: np.isin(p[:, 1], (0, INF)),
        True,
    ),
    "cumprod": Difference("the derivative by a factor is the product of the others", not_finite),
}


def results(
    library: Any, call: Callable[..., Any], function: Function, arrays: Sequence[np.ndarray], traced: bool = False
) -> list[np.ndarray]:
    """The value, and the gradients of its sum."""

    def run(*tensors: Any) -> list[Any]:
        value = call(function, *tensors)
        if not value.requires_grad:
            return [value]
        found = library.autograd.grad(value.sum(), tensors, allow_unused=True)
        return [value, *(library.zeros_like(x) if g is None else g for g, x in zip(found, tensors, strict=True))]

    tensors = [library.tensor(array, requires_grad=True) for array in arrays]
    return [value.detach().numpy() for value in (cv.jit(run) if traced else run)(*tensors)]


def assert_as_in_pytorch(
    name: str, function: Function, arrays: Sequence[np.ndarray], points: Points, dtype: str
) -> None:
    """Raise where a value or gradient differs, but for what differs on purpose."""
    given = [np.asarray(array, dtype) for array in arrays]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted = results(torch, by_pytorch, function, given)
    found = results(cv, by_covector, function, given, traced=dtype == "float32" and name != "masked")
    difference = DIFFERENT.get(name)
    assert len(found) == len(wanted), "whether there is a gradient"
    for number, (ours, theirs) in enumerate(zip(found, wanted, strict=True)):
        assert ours.shape == theirs.shape
        skipped = np.zeros(len(points), bool)
        if difference is not None and (number or difference.values):
            skipped = difference.where(points)
        kept = ~skipped if ours.ndim and len(ours) == len(points) else np.full(ours.shape, not skipped.any())
        tolerance = 2e-5 if dtype == "float32" else 1e-11
        if ours.dtype.kind == "f" and name != "hardsigmoid":
            message = f"gradient {number - 1}" if number else "value"
            np.testing.assert_allclose(ours[kept], theirs[kept], tolerance, tolerance, err_msg=message)


PAIRS = np.array(list(itertools.product(NUMBERS, repeat=2)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", UNARY)
def test_of_one_number(name: str, dtype: str) -> None:
    assert_as_in_pytorch(name, UNARY[name], [np.array(NUMBERS)], np.array(NUMBERS)[:, None], dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", BINARY)
def test_of_two_numbers(name: str, dtype: str) -> None:
    assert_as_in_pytorch(name, BINARY[name], [PAIRS[:, 0], PAIRS[:, 1]], PAIRS, dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ROWS)
def test_of_rows(name: str, dtype: str) -> None:
    assert_as_in_pytorch(name, ROWS[name], [MATRIX], MATRIX, dtype)
