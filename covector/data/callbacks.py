"""Callbacks of `fit`: what is done after each epoch, and how a training ends early."""

from __future__ import annotations

import math
from dataclasses import dataclass
from os import PathLike
from typing import Any, Literal, Protocol, runtime_checkable

from covector.data.history import History
from covector.data.weights import save
from covector.errors import CovectorError
from covector.nn import Module
from covector.optim import Optimizer


@dataclass
class Training:
    """What a callback sees: the model, the optimiser, the history so far; ``stop`` set to True ends the training."""

    model: Module
    optimizer: Optimizer
    history: History
    stop: bool = False

    @property
    def epoch(self) -> int:
        """The number of the epoch that has just ended, from 1."""
        return len(self.history)

    def figure(self, name: str) -> float:
        """A figure of the epoch that has just ended; raises `CovectorError` where it has none of the name."""
        last = self.history.epochs[-1]
        if name not in last:
            hint = f"this epoch has: {', '.join(last)}; validation_… need fit(…, validation=…)"
            raise CovectorError(f"there is no figure {name!r} to watch", hint=hint)
        return last[name]


@runtime_checkable
class Callback(Protocol):
    """What is called with a `Training` after each epoch; ``finish`` is called at the end where there is one."""

    def __call__(self, training: Training) -> None:
        """What is done after an epoch."""


class _Best:
    """Watches a figure for the best epoch so far."""

    def __init__(self, monitor: str, mode: Literal["min", "max"], min_delta: float = 0.0) -> None:
        if mode not in ("min", "max"):
            raise CovectorError(f"mode is {mode!r}", hint="'min' for losses, 'max' for accuracies")
        self.monitor, self.sign, self.min_delta = monitor, 1 if mode == "min" else -1, min_delta
        self.best = math.inf

    def is_better(self, training: Training) -> bool:
        """Whether this epoch's figure passes the best by more than ``min_delta``."""
        figure = self.sign * training.figure(self.monitor)
        if figure < self.best - self.min_delta:
            self.best = figure
            return True
        return False


class EarlyStopping:
    """Ends a training when a figure has not become better for ``patience`` epochs.

    With ``restore_best`` the model then has the weights of its best epoch again, also where the training ends by
    itself.
    """

    def __init__(
        self,
        monitor: str = "validation_loss",
        patience: int = 5,
        mode: Literal["min", "max"] = "min",
        min_delta: float = 0.0,
        restore_best: bool = True,
    ) -> None:
        self.patience, self.restore_best = patience, restore_best
        self._watch, self._waited = _Best(monitor, mode, min_delta), 0
        self._weights: dict[str, Any] | None = None

    def __call__(self, training: Training) -> None:
        """Count the epochs without progress."""
        if self._watch.is_better(training):
            self._waited = 0
            if self.restore_best:
                self._weights = {name: tensor.numpy().copy() for name, tensor in training.model.state_dict().items()}
        else:
            self._waited += 1
            training.stop = training.stop or self._waited >= self.patience

    def finish(self, training: Training) -> None:
        """Put the best weights back."""
        if self._weights is not None:
            training.model.load_state_dict(self._weights)


class Checkpoint:
    """Saves the model and the optimiser after each epoch, with ``monitor`` only after the best one so far.

    The file is a safetensors file of ``{"model": …, "optimizer": …, "epoch": …}``, which `covector.load` reads.
    """

    def __init__(
        self, path: str | PathLike[str], monitor: str | None = None, mode: Literal["min", "max"] = "min", every: int = 1
    ) -> None:
        self.path, self.every = path, every
        self._watch = None if monitor is None else _Best(monitor, mode)

    def __call__(self, training: Training) -> None:
        """Save where it is time."""
        if training.epoch % self.every or (self._watch is not None and not self._watch.is_better(training)):
            return
        state = {"model": training.model.state_dict(), "optimizer": training.optimizer.state_dict()}
        save(self.path, {**state, "epoch": training.epoch})
