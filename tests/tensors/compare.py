"""Running a function on tensors of covector and of PyTorch and comparing values and gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

import covector as cv

Function = Callable[..., Any]

TOLERANCE = {"float32": 2e-5, "float64": 1e-12}


def random_array(shape: Sequence[int], dtype: str = "float64", seed: int = 0, low: float = -2, high: float = 2) -> Any:
    """Numbers that are evenly distributed, or whole numbers for an integer dtype."""
    source = np.random.default_rng([seed, *shape])
    if dtype == "bool":
        return source.random(shape) < 0.5
    if dtype.startswith("int"):
        return source.integers(int(low), int(high) + 1, shape).astype(dtype)
    return source.uniform(low, high, shape).astype(dtype)


def assert_same(found: Any, wanted: torch.Tensor, what: str = "", scale: float = 1.0) -> None:
    """Raise where a tensor is not what PyTorch has: shape, dtype and values."""
    expected = wanted.detach().numpy()
    assert found.shape == tuple(expected.shape), f"{what}: {found.shape} is not {expected.shape}"
    assert str(found.dtype) == str(expected.dtype), f"{what}: {found.dtype} is not {expected.dtype}"
    tolerance = TOLERANCE.get(str(expected.dtype), 0) * scale
    np.testing.assert_allclose(found.numpy(), expected, rtol=tolerance, atol=tolerance, err_msg=what)


def assert_agree(
    ours: Function, theirs: Function, arrays: Sequence[Any], gradients: bool = True, scale: float = 1.0
) -> None:
    """Raise where a function of arrays gives other values or gradients than PyTorch's."""
    wants = [gradients and array.dtype.kind == "f" for array in arrays]
    mine = [cv.tensor(array, requires_grad=wanted) for array, wanted in zip(arrays, wants, strict=True)]
    other = [torch.tensor(array, requires_grad=wanted) for array, wanted in zip(arrays, wants, strict=True)]
    found, wanted = ours(*mine), theirs(*other)
    assert_same(found, wanted, "value", scale)
    if not any(wants) or not wanted.requires_grad:
        assert not found.requires_grad
        return
    seed = random_array(wanted.shape, str(wanted.detach().numpy().dtype), seed=7)
    found.backward(cv.tensor(seed))
    wanted.backward(torch.tensor(seed))
    for place, (own, theirs_) in enumerate(zip(mine, other, strict=True)):
        if wants[place]:
            assert own.grad is not None
            gradient = theirs_.grad if theirs_.grad is not None else torch.zeros_like(theirs_)
            assert_same(own.grad, gradient, f"gradient of argument {place}", scale)
