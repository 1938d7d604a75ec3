"""Clipping gradients, and parameters as one vector, against PyTorch's."""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import covector as cv  # noqa: E402 (after the skip)
from covector import nn  # noqa: E402
from covector.errors import CovectorError, ShapeError  # noqa: E402
from tests.nn.peers import assert_close, drawn, leaf  # noqa: E402


def with_gradients() -> tuple[list[cv.Tensor], list[torch.Tensor]]:
    pairs = [leaf(drawn(3, 2)), leaf(drawn(4, seed=1)), leaf(drawn(2, seed=2))]
    for x, y in pairs[:2]:
        (x * x * 3).sum().backward()
        (y * y * 3).sum().backward()
    return [x for x, _ in pairs], [y for _, y in pairs]


@pytest.mark.parametrize("norm_type", [2.0, 1.0, 3.0, math.inf])
@pytest.mark.parametrize("max_norm", [0.5, 1e3])
def test_clip_grad_norm(norm_type: float, max_norm: float) -> None:
    ours, theirs = with_gradients()
    found = nn.utils.clip_grad_norm_(ours, max_norm, norm_type)
    assert_close(found, torch.nn.utils.clip_grad_norm_(theirs, max_norm, norm_type))
    for x, y in zip(ours[:2], theirs, strict=False):
        assert_close(x.grad, y.grad)
    assert ours[2].grad is None


def test_clip_grad_value() -> None:
    ours, theirs = with_gradients()
    nn.utils.clip_grad_value_(ours, 0.7)
    torch.nn.utils.clip_grad_value_(theirs, 0.7)
    for x, y in zip(ours[:2], theirs, strict=False):
        assert_close(x.grad, y.grad)


def test_norms_that_are_not_finite() -> None:
    w = cv.tensor([1.0], requires_grad=True)
    (w / 0).sum().backward()
    with pytest.raises(CovectorError, match="norm of the gradients is inf"):
        nn.utils.clip_grad_norm_(w, 1.0, error_if_nonfinite=True)
    assert nn.utils.clip_grad_norm_([], 1.0).item() == 0


def test_parameters_as_a_vector() -> None:
    model = nn.Linear(2, 3)
    vector = nn.utils.parameters_to_vector(model.parameters())
    np.testing.assert_array_equal(vector.numpy()[:6], model.weight.numpy().ravel())
    nn.utils.vector_to_parameters(cv.arange(9).float(), model.parameters())
    assert model.bias.tolist() == [6.0, 7.0, 8.0]
    with pytest.raises(ShapeError, match=r"\(8,\) for 9 elements"):
        nn.utils.vector_to_parameters(cv.arange(8).float(), model.parameters())
