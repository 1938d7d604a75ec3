"""Losses of a training with covector and with PyTorch, from the same weights, in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

import covector as cv
from covector import nn
from tests.nn.peers import Build, arrays, drawn, pair


def mlp(nn: Any) -> Any:
    return nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 3))


def cnn(nn: Any) -> Any:
    return nn.Sequential(
        *(nn.Conv2d(1, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(4, 6, 3, stride=2), nn.GELU(), nn.Flatten(), nn.Linear(6, 3)),
    )


def normalised(nn: Any) -> Any:
    return nn.Sequential(
        nn.Linear(6, 12), nn.LayerNorm(12), nn.GELU(), nn.Linear(12, 12), nn.RMSNorm(12), nn.Linear(12, 3)
    )


def attention_block(nn: Any) -> Any:
    """A transformer's block: attention and a network, each after a normalisation and beside its input."""

    class Transformer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Linear(6, 8)
            self.before, self.between = nn.LayerNorm(8), nn.LayerNorm(8)
            self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
            self.network = nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 8))
            self.head = nn.Linear(8, 3)

        def forward(self, x: Any) -> Any:
            x = self.embed(x)
            normal = self.before(x)
            x = x + self.attention(normal, normal, normal, need_weights=False)[0]
            x = x + self.network(self.between(x))
            return self.head(x[:, 0])

    return Transformer()


MODELS: dict[str, tuple[Build, tuple[int, ...]]] = {
    "mlp": (mlp, (6,)),
    "cnn": (cnn, (1, 6, 6)),
    "normalised": (normalised, (6,)),
    "attention": (attention_block, (4, 6)),
}

OPTIMISERS: dict[str, tuple[str, dict[str, Any]]] = {
    "sgd": ("SGD", {"lr": 0.1}),
    "sgd momentum": ("SGD", {"lr": 0.01, "momentum": 0.9, "weight_decay": 1e-2}),
    "sgd dampening": ("SGD", {"lr": 0.05, "momentum": 0.9, "dampening": 0.3}),
    "sgd nesterov": ("SGD", {"lr": 0.05, "momentum": 0.8, "nesterov": True}),
    "adam": ("Adam", {"lr": 1e-2}),
    "adam amsgrad": ("Adam", {"lr": 1e-2, "amsgrad": True, "weight_decay": 1e-2, "betas": (0.8, 0.95)}),
    "adamw": ("AdamW", {"lr": 1e-2, "weight_decay": 0.1}),
    "rmsprop": ("RMSprop", {"lr": 1e-3}),
    "rmsprop centered": (
        "RMSprop",
        {"lr": 1e-3, "momentum": 0.9, "centered": True, "weight_decay": 1e-2, "alpha": 0.9},
    ),
    "adagrad": ("Adagrad", {"lr": 1e-2, "lr_decay": 0.1, "weight_decay": 1e-2, "initial_accumulator_value": 0.1}),
    "maximize": ("SGD", {"lr": 1e-2, "maximize": True}),
}


def curves(
    model: str, optimiser: str, steps: int, jit: bool = False
) -> tuple[list[float], list[float], nn.Module, torch.nn.Module]:
    """The losses of both, and the models after the training."""
    build, sample = MODELS[model]
    ours, theirs = pair(build)
    name, settings = OPTIMISERS[optimiser]
    our_optimizer = getattr(cv.optim, name)(ours.parameters(), **settings)
    their_optimizer = getattr(torch.optim, name)(theirs.parameters(), **settings)
    batches = [(drawn(8, *sample, seed=seed), np.random.default_rng(seed).integers(0, 3, 8)) for seed in range(4)]
    our_step = cv.jit(_step) if jit else _step
    our_loss, their_loss = nn.CrossEntropyLoss(), torch.nn.CrossEntropyLoss()
    found, expected = [], []
    for step in range(steps):
        x, y = batches[step % len(batches)]
        found.append(our_step(ours, our_loss, our_optimizer, cv.tensor(x), cv.tensor(y)).item())
        expected.append(_step(theirs, their_loss, their_optimizer, torch.tensor(x), torch.tensor(y)).item())
    return found, expected, ours, theirs


def _step(model: Any, criterion: Callable[..., Any], optimizer: Any, x: Any, y: Any) -> Any:
    optimizer.zero_grad()
    loss = criterion(model(x), y)
    loss.backward()
    optimizer.step()
    return loss


def distance(ours: nn.Module, theirs: torch.nn.Module) -> float:
    """The largest difference of a weight, relative to the largest weight."""
    expected = arrays(theirs.state_dict())
    state = ours.state_dict()
    return max(
        float(np.abs(state[name].numpy() - value).max() / max(1.0, np.abs(value).max()))
        for name, value in expected.items()
    )


def main() -> None:
    """Print how far 200 steps are from PyTorch's, define-by-run and under `jit`: ``python -m tests.optim.curves``."""
    for model in MODELS:
        for optimiser in ("sgd momentum", "adam", "adamw"):
            for jit in (False, True):
                found, expected, ours, theirs = curves(model, optimiser, 200, jit)
                loss = float(np.abs(np.array(found) / expected - 1).max())
                how = "jit" if jit else "define-by-run"
                print(f"{model:12} {optimiser:14} {how:14} loss {loss:.1e}  weights {distance(ours, theirs):.1e}")


if __name__ == "__main__":
    main()
