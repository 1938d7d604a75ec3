"""Initialisation: the distributions are PyTorch's, and a seed gives the same weights."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import covector as cv  # noqa: E402 (after the skip)
from covector import nn, optim  # noqa: E402
from covector.errors import CovectorError, ShapeError  # noqa: E402
from covector.tensors import programs  # noqa: E402

SHAPE = (64, 32, 3, 3)
INITIALISERS: dict[str, Callable[[Any, Any], Any]] = {
    "uniform": lambda init, w: init.uniform_(w, -2.0, 3.0),
    "normal": lambda init, w: init.normal_(w, 1.0, 2.0),
    "truncated": lambda init, w: init.trunc_normal_(w, 0.5, 1.5, -1.0, 2.0),
    "constant": lambda init, w: init.constant_(w, 0.25),
    "ones": lambda init, w: init.ones_(w),
    "zeros": lambda init, w: init.zeros_(w),
    "xavier uniform": lambda init, w: init.xavier_uniform_(w, gain=2.0),
    "xavier normal": lambda init, w: init.xavier_normal_(w),
    "kaiming uniform": lambda init, w: init.kaiming_uniform_(w, a=math.sqrt(5)),
    "kaiming normal": lambda init, w: init.kaiming_normal_(w, mode="fan_out", nonlinearity="relu"),
}


@pytest.mark.parametrize("name", INITIALISERS)
def test_the_distribution_is_pytorchs(name: str) -> None:
    cv.random.manual_seed(0)
    torch.manual_seed(0)
    ours, theirs = nn.Parameter(cv.empty(*SHAPE)), torch.empty(SHAPE)
    assert INITIALISERS[name](nn.init, ours) is ours
    found, expected = ours.numpy(), INITIALISERS[name](torch.nn.init, theirs).numpy()
    spread = float(expected.std()) or 1.0
    assert found.mean() == pytest.approx(expected.mean(), abs=0.03 * spread)
    assert found.std() == pytest.approx(expected.std(), rel=0.03)
    points = np.linspace(0.01, 0.99, 25)
    np.testing.assert_allclose(np.quantile(found, points), np.quantile(expected, points), atol=0.06 * spread)
    assert found.min() >= expected.min() - 0.5 * spread
    assert found.max() <= expected.max() + 0.5 * spread


LAYERS: dict[str, Callable[[Any], Any]] = {
    "Linear": lambda nn: nn.Linear(50, 400),
    "Bilinear": lambda nn: nn.Bilinear(20, 10, 60),
    "Conv1d": lambda nn: nn.Conv1d(16, 200, 5),
    "Conv2d": lambda nn: nn.Conv2d(16, 200, 3, groups=2),
    "Embedding": lambda nn: nn.Embedding(100, 50),
    "LSTMCell": lambda nn: nn.LSTMCell(30, 60),
    "MultiheadAttention": lambda nn: nn.MultiheadAttention(60, 4),
    "MultiheadAttention of other widths": lambda nn: nn.MultiheadAttention(60, 4, kdim=30, vdim=50),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_begin_as_pytorchs(name: str) -> None:
    cv.random.manual_seed(0)
    torch.manual_seed(0)
    expected = LAYERS[name](torch.nn).state_dict()
    found = LAYERS[name](nn).state_dict()
    assert [*found] == [*expected]
    for key, tensor in found.items():
        spread = expected[key].std().item()
        assert tensor.shape == tuple(expected[key].shape)
        assert tensor.numpy().std() == pytest.approx(spread, rel=0.15, abs=1e-12)
        assert np.abs(tensor.numpy()).max() == pytest.approx(expected[key].abs().max().item(), rel=0.25, abs=1e-12)


def test_a_seed_gives_the_same_weights() -> None:
    weights = []
    for _ in range(2):
        cv.random.manual_seed(3)
        weights.append(nn.Linear(4, 3).weight.numpy())
    np.testing.assert_array_equal(*weights)


def test_eye_and_orthogonal() -> None:
    np.testing.assert_array_equal(nn.init.eye_(cv.empty(2, 3)).numpy(), np.eye(2, 3))
    for shape in ((5, 3), (3, 5), (4, 2, 3)):
        matrix = nn.init.orthogonal_(cv.empty(*shape, dtype="float64"), gain=2.0).numpy().reshape(shape[0], -1)
        gram = matrix @ matrix.T if matrix.shape[0] <= matrix.shape[1] else matrix.T @ matrix
        np.testing.assert_allclose(gram, 4 * np.eye(len(gram)), atol=1e-12)


@pytest.mark.parametrize("name", ["linear", "conv2d", "sigmoid", "tanh", "relu", "selu", "leaky_relu"])
def test_gains(name: str) -> None:
    assert nn.init.calculate_gain(name) == pytest.approx(torch.nn.init.calculate_gain(name))
    assert nn.init.calculate_gain("leaky_relu", 0.3) == pytest.approx(torch.nn.init.calculate_gain("leaky_relu", 0.3))


def test_mistakes_are_named() -> None:
    with pytest.raises(CovectorError, match="no gain for 'sine'"):
        nn.init.calculate_gain("sine")
    with pytest.raises(ShapeError, match=r"shape \(3,\)"):
        nn.init.kaiming_uniform_(cv.empty(3))
    with pytest.raises(CovectorError, match="no mode 'fan'"):
        nn.init.kaiming_normal_(cv.empty(3, 3), mode="fan")


def test_what_is_set_stays_what_it_was() -> None:
    """The same parameter, which learns, and whose memory is its own."""
    weight = nn.Parameter(np.zeros((3, 3), "float32"))
    result = nn.init.eye_(weight)
    assert result is weight
    assert weight.requires_grad
    (weight * 2).sum().backward()
    np.testing.assert_array_equal(weight.grad.numpy(), np.full((3, 3), 2))
    other = weight.detach().clone()
    nn.init.constant_(weight, 5)
    np.testing.assert_array_equal(other.numpy(), np.eye(3))


def test_initialising_in_a_traced_function_draws_in_each_call() -> None:
    weight = cv.zeros(4)
    draw = cv.jit(lambda: nn.init.uniform_(weight).sum())
    assert float(draw()) != float(draw())


@pytest.mark.parametrize("make", [optim.SGD, optim.Adam, optim.AdamW, optim.RMSprop])
def test_a_loop_of_training_compiles_one_program(make: Any) -> None:
    model = nn.Sequential(nn.Linear(7, 11), nn.ReLU(), nn.Linear(11, 3))
    optimizer, images = make(model.parameters(), lr=0.01), cv.ones(5, 7)
    labels, counts = cv.tensor(np.arange(5) % 3), []
    for _ in range(4):
        before = programs.compiled_count
        loss = nn.functional.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss.item()
        counts.append(programs.compiled_count - before)
    assert counts[0] <= 2
    assert counts[1:] == [0, 0, 0]
