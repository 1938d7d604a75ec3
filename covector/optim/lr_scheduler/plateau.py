"""`ReduceLROnPlateau`: the rate goes down when a figure no longer gets better."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

from covector.errors import CovectorError
from covector.optim.optimizer import Optimizer

_STATE = ("best", "bad_epochs", "cooling", "last_epoch")


class ReduceLROnPlateau:
    """The rate times ``factor`` when a figure has not become better for more than ``patience`` epochs.

    ``step`` is given the figure of an epoch: a loss to be small (``mode="min"``) or an accuracy to be large
    (``"max"``). It is better where it passes the best by more than ``threshold``, relative to it or absolute. After a
    reduction ``cooldown`` epochs do not count. A rate goes no lower than ``min_lr``, and stays where it would change by
    less than ``eps``.

    >>> from covector import nn, optim
    >>> optimizer = optim.SGD(nn.Linear(2, 1).parameters(), lr=0.5)
    >>> schedule = optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=1)
    >>> for loss in (1.0, 1.0, 1.0):
    ...     schedule.step(loss)
    >>> schedule.get_last_lr()
    [0.25]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: Literal["min", "max"] = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: Literal["rel", "abs"] = "rel",
        cooldown: int = 0,
        min_lr: float | Sequence[float] = 0.0,
        eps: float = 1e-8,
    ) -> None:
        if factor >= 1:
            raise CovectorError(f"the factor {factor} would not reduce the rate", hint="a factor below 1, such as 0.1")
        if mode not in ("min", "max") or threshold_mode not in ("rel", "abs"):
            message = f"mode is {mode!r} and threshold_mode is {threshold_mode!r}"
            raise CovectorError(message, hint="mode is 'min' or 'max', threshold_mode 'rel' or 'abs'")
        self.optimizer, self.mode, self.factor, self.patience = optimizer, mode, factor, patience
        self.threshold, self.threshold_mode, self.cooldown, self.eps = threshold, threshold_mode, cooldown, eps
        groups = len(optimizer.param_groups)
        self.min_lrs = list(min_lr) if isinstance(min_lr, Sequence) else [min_lr] * groups
        self.best = math.inf if mode == "min" else -math.inf
        self.bad_epochs = self.cooling = self.last_epoch = 0

    def step(self, metrics: Any) -> None:
        """Take note of an epoch's figure, and reduce the rates where it is time."""
        figure = float(metrics)
        self.last_epoch += 1
        if self._is_better(figure):
            self.best, self.bad_epochs = figure, 0
        else:
            self.bad_epochs += 1
        if self.cooling:
            self.cooling, self.bad_epochs = self.cooling - 1, 0
        if self.bad_epochs > self.patience:
            self._reduce()
            self.cooling, self.bad_epochs = self.cooldown, 0

    def get_last_lr(self) -> list[float]:
        """The rates that are set."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """What `load_state_dict` needs to go on from here."""
        return {name: getattr(self, name) for name in _STATE}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from where a state was taken."""
        for name in _STATE:
            setattr(self, name, state_dict[name])

    def _is_better(self, figure: float) -> bool:
        sign = 1 if self.mode == "min" else -1
        margin = self.threshold * (abs(self.best) if self.threshold_mode == "rel" else 1)
        if math.isinf(self.best):
            margin = 0
        return sign * figure < sign * self.best - margin

    def _reduce(self) -> None:
        for group, least in zip(self.optimizer.param_groups, self.min_lrs, strict=True):
            lower = max(group["lr"] * self.factor, least)
            if group["lr"] - lower > self.eps:
                group["lr"] = lower
