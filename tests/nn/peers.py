"""Models of covector and of PyTorch with the same weights, in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

import covector as cv
from covector import nn

torch.set_num_threads(1)  # these models are small, and other processes want the cores

Build = Callable[[Any], Any]
"""A model, given ``covector.nn`` or ``torch.nn``."""


def pair(build: Build) -> tuple[nn.Module, torch.nn.Module]:
    """The same model twice, with PyTorch's first weights."""
    torch.manual_seed(0)
    theirs = build(torch.nn).double()
    ours = build(nn).double()
    ours.load_state_dict(arrays(theirs.state_dict()))
    return ours, theirs


def arrays(state: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
    """A state dict of PyTorch as arrays."""
    return {name: tensor.detach().numpy().copy() for name, tensor in state.items()}


def drawn(*shape: int, seed: int = 0) -> np.ndarray:
    """Normal numbers in float64."""
    return np.random.default_rng(seed).standard_normal(shape)


def assert_close(ours: Any, theirs: torch.Tensor, tolerance: float = 1e-10) -> None:
    """Equal to a relative tolerance, by the largest element."""
    found, expected = ours.detach().numpy(), theirs.detach().numpy()
    assert found.shape == expected.shape
    assert str(ours.dtype) == str(expected.dtype)
    scale = max(1.0, np.abs(expected[np.isfinite(expected)]).max(initial=0.0))
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance * scale)


def leaf(array: np.ndarray) -> tuple[cv.Tensor, torch.Tensor]:
    """A tensor of each, floats with a gradient."""
    wants = array.dtype.kind == "f"
    return cv.tensor(array, requires_grad=wants), torch.tensor(array, requires_grad=wants)
