"""Nothing as input: batches of 0, between others, and functions of empty axes, are as in PyTorch."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import covector as cv
from tests.nn.peers import pair
from tests.support.numeric_functions import BINARY, ROWS, UNARY, Function, by_covector, by_pytorch


def block(layers: Any) -> Any:
    """Attention and a normalisation."""

    class Block(layers.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.attention, self.norm = layers.MultiheadAttention(8, 2, batch_first=True), layers.LayerNorm(8)
            self.linear = layers.Linear(8, 3)

        def forward(self, x: Any) -> Any:
            return self.linear(self.norm(x + self.attention(x, x, x, need_weights=False)[0])).mean(dim=1)

    return Block()


def mlp(layers: Any) -> Any:
    return layers.Sequential(layers.Linear(5, 8), layers.ReLU(), layers.LayerNorm(8), layers.Linear(8, 3))


def cnn(layers: Any) -> Any:
    return layers.Sequential(
        *(layers.Conv2d(1, 4, 3), layers.ReLU(), layers.MaxPool2d(2), layers.GroupNorm(2, 4)),
        *(layers.Conv2d(4, 4, 2, padding=1), layers.AvgPool2d(2), layers.Flatten(), layers.Linear(16, 3)),
    )


MODELS: dict[str, tuple[Callable[[Any], Any], tuple[int, ...]]] = {
    "mlp": (mlp, (5,)),
    "cnn": (cnn, (1, 8, 8)),
    "attention": (block, (4, 8)),
}
LOSSES: dict[str, Callable[..., Any]] = {
    "cross entropy": lambda functional, y, classes, _: functional.cross_entropy(y, classes),
    "squared error": lambda functional, y, _, target: functional.mse_loss(y, target, reduction="sum"),
}


@pytest.mark.parametrize("traced", [False, True])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("name", MODELS)
def test_a_batch_of_none_between_others(name: str, loss: str, traced: bool) -> None:
    make, shape = MODELS[name]
    ours, theirs = pair(make)

    def results(library: Any, model: Any, x: Any, classes: Any, target: Any) -> list[Any]:
        y = model(x)
        value = LOSSES[loss](library.nn.functional, y, classes, target)
        return [y, value, *library.autograd.grad(value, [x, *model.parameters()])]

    def run(*given: Any) -> list[Any]:
        return results(cv, ours, *given)

    way = cv.jit(run) if traced else run
    for batch in (4, 6, 0, 5, 1, 0):
        rng = np.random.default_rng(batch)
        x, classes, target = rng.random((batch, *shape)), rng.integers(0, 3, batch), rng.random((batch, 3))
        wanted = results(
            torch, theirs, torch.tensor(x, requires_grad=True), torch.tensor(classes), torch.tensor(target)
        )
        found = way(cv.tensor(x, requires_grad=True), cv.tensor(classes), cv.tensor(target))
        for one, other in zip(found, wanted, strict=True):
            np.testing.assert_allclose(one.numpy(), other.detach().numpy(), 1e-11, 1e-11)


FUNCTIONS: list[tuple[str, Function, int]] = [
    (name, function, 2 if table is BINARY else 1)
    for table in (UNARY, BINARY, ROWS)
    for name, function in table.items()
    if name != "masked"  # it looks at values
]


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0), (1, 1)])
@pytest.mark.parametrize("traced", [False, True])
def test_functions_of_nothing(shape: tuple[int, int], traced: bool) -> None:
    refused = {}
    for name, function, count in FUNCTIONS:
        arrays = [np.full(shape, 0.5)] * count

        def results(library: Any, call: Any, *tensors: Any, function: Function = function) -> list[Any]:
            value = call(function, *tensors)
            if not value.requires_grad:
                return [value]
            found = library.autograd.grad(value.sum(), tensors, allow_unused=True)
            return [value, *(library.zeros_like(x) if g is None else g for x, g in zip(tensors, found, strict=True))]

        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                wanted = results(torch, by_pytorch, *(torch.tensor(array, requires_grad=True) for array in arrays))
        except (RuntimeError, IndexError) as error:
            refused[name] = error
            continue

        def run(*tensors: Any, results: Any = results) -> list[Any]:
            return list(results(cv, by_covector, *tensors))

        found = (cv.jit(run) if traced else run)(*(cv.tensor(array, requires_grad=True) for array in arrays))
        for one, other in zip(found, wanted, strict=True):
            assert one.shape == tuple(other.shape), name
            np.testing.assert_allclose(one.numpy(), other.detach().numpy(), 1e-7, 1e-7, err_msg=name)
    assert len(refused) < 15
