"""What once went wrong with tensors, made as small as it gets: each agrees with PyTorch, define-by-run and traced."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch

import covector as cv
from tests.tensors.compare import assert_agree, assert_same

Function = Callable[..., Any]

NAN, INF = float("nan"), float("inf")


QUOTIENTS = tuple(zip(*itertools.product((0.0, 1.0, -1.0, 2.5, -7.0, INF, -INF, NAN), repeat=2), strict=True))
"""Two lists with every pair of these numbers."""


@dataclass(frozen=True)
class Fault:
    """A function of a library and of tensors that are made from lists; ``traced`` where jit can have it, too."""

    why: str
    function: Function
    arrays: tuple[Any, ...]
    gradients: bool = True
    traced: bool = True


def _written(x: Any, key: Any, value: Any) -> Any:
    result = x.clone()
    result[key] = value
    return result


def _updated(x: Any, y: Any) -> Any:
    result = x.clone()
    result += y
    result[..., :1] = 0.5
    return result


FAULTS = [
    Fault(
        "written to nothing, an extent of 1 lost its gradient", lambda _, x: _written(x, slice(7, -1), 3.0), ([1.5],)
    ),
    Fault(
        "two copies updated inside a trace took the memory of the argument",
        lambda _, x, y: _updated(x, y) * _updated(x, 2 * y),
        ([1.0, 2.0], [3.0, 4.0]),
    ),
    Fault("an axis of extent 0 had no part", lambda _, x: x.split(2)[0] * 2, ([],)),
    Fault("log-sum-exp of infinity was NaN", lambda L, x: L.logsumexp(x, -1), ([[1.0, INF], [-INF, -INF]],)),
    Fault("a mask of no axes was refused", lambda _, x: x[x > 1], (1.5,), traced=False),
    Fault("a mask of no axes was refused", lambda _, x: x[x > 2], (1.5,), traced=False),
    Fault("True is an index of a new axis", lambda _, x: x[True], ([1.5, 2.0],)),
    Fault("infinity goes in -1 times", lambda _, x, y: x.detach() // y.detach(), QUOTIENTS),
    Fault("1 % 0.1 was negative, -1 % infinity was NaN", lambda _, x, y: x % y, QUOTIENTS, gradients=False),
    Fault("bounds the wrong way round gave the lower one", lambda _, x: x.clip(1, 0.5), ([-1.0, 0.7, 2.0],)),
    Fault(
        "NaN was sorted first when traced", lambda L, x: L.sort(x)[0], ([1.0, NAN, INF, -INF, NAN],), gradients=False
    ),
    Fault("NaN is first, downward", lambda L, x: L.argsort(x, descending=True, stable=True), ([1.0, NAN, INF, 2.0],)),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.why)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_once_went_wrong(fault: Fault, dtype: str) -> None:
    arrays = [np.asarray(array, dtype) for array in fault.arrays]
    ours, theirs = (lambda *x, library=library: fault.function(library, *x) for library in (cv, torch))
    assert_agree(ours, theirs, arrays, fault.gradients)
    if fault.traced:
        traced, tensors = cv.jit(ours), [cv.tensor(array) for array in arrays]
        for _ in range(2):
            assert_same(traced(*tensors), theirs(*map(torch.tensor, arrays)))
        for tensor, array in zip(tensors, arrays, strict=True):
            np.testing.assert_array_equal(tensor.numpy(), array)


def test_whole_numbers_beyond_those_of_float64_are_divided_exactly() -> None:
    x = np.array([2**62, -(2**63), 2**63 - 1, 2**53 + 1, -(2**63), 5, -5, 0])
    y = np.array([5, 7, -2, 3, -1, 0, 3, 3])
    for dtype in ("int64", "int32"):
        a, b = x.astype(dtype), y.astype(dtype)
        fits = b != 0
        for name in ("floor_divide", "remainder"):
            found = getattr(cv, name)(cv.tensor(a), cv.tensor(b)).numpy()
            wanted = getattr(torch, name)(torch.tensor(a[fits]), torch.tensor(b[fits])).numpy()
            np.testing.assert_array_equal(found[fits], wanted)
            assert found.dtype == dtype
            assert not found[~fits].any(), "divided by 0 they are 0, as in NumPy"
