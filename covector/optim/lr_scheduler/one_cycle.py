"""`OneCycleLR`: the rate up to its maximum and down to almost nothing, the momentum the other way."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from covector.errors import CovectorError
from covector.optim.lr_scheduler.schedules import LRScheduler
from covector.optim.optimizer import Optimizer


def _cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) / 2 * (1 + math.cos(math.pi * share))


def _straight(start: float, end: float, share: float) -> float:
    return start + (end - start) * share


_CURVES = {"cos": _cosine, "linear": _straight}


class OneCycleLR(LRScheduler):
    """One cycle over ``total_steps`` (or ``epochs`` of ``steps_per_epoch``), stepped after every batch.

    The rate goes from ``max_lr / div_factor`` up to ``max_lr`` in the share ``pct_start`` of the steps, then down to
    the first rate over ``final_div_factor``; with ``three_phase`` down to the first rate as fast as up, and then on.
    The momentum (or the first beta) goes the other way with ``cycle_momentum``. After the cycle the last rate stays.

    >>> from covector import nn, optim
    >>> optimizer = optim.SGD(nn.Linear(2, 1).parameters(), lr=0.1, momentum=0.9)
    >>> schedule = optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1.0, total_steps=10, pct_start=0.5)
    >>> max(range(10), key=lambda epoch: schedule.rates(epoch)[0])
    4
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | Sequence[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: Literal["cos", "linear"] = "cos",
        cycle_momentum: bool = True,
        base_momentum: float = 0.85,
        max_momentum: float = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        if total_steps is None:
            if epochs is None or steps_per_epoch is None:
                hint = "give total_steps, or epochs and steps_per_epoch"
                raise CovectorError("the length of the cycle is not given", hint=hint)
            total_steps = epochs * steps_per_epoch
        if anneal_strategy not in _CURVES:
            raise CovectorError(f"anneal_strategy is {anneal_strategy!r}", hint=f"one of {', '.join(_CURVES)}")
        groups = len(optimizer.param_groups)
        self.total_steps, self.curve = total_steps, _CURVES[anneal_strategy]
        self.max_lrs = list(max_lr) if isinstance(max_lr, Sequence) else [max_lr] * groups
        if len(self.max_lrs) != groups:
            raise CovectorError(f"{len(self.max_lrs)} maximal rates are given for {groups} groups of parameters")
        self.div_factor, self.final_div_factor = div_factor, final_div_factor
        up = pct_start * total_steps - 1
        downs = [2 * up] if three_phase else []
        self.ends = [up, *(min(down, total_steps - 1) for down in downs), total_steps - 1]
        self.momenta = [max_momentum, base_momentum, max_momentum, max_momentum][: len(self.ends) + 1]
        self.cycle_momentum = cycle_momentum
        for group, most in zip(optimizer.param_groups, self.max_lrs, strict=True):
            group["initial_lr"] = most / div_factor
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, group: int, epoch: int) -> float:
        most = self.max_lrs[group]
        first = most / self.div_factor
        last = first / self.final_div_factor
        corners = [first, most, last] if len(self.ends) == 2 else [first, most, first, last]
        return self._along(corners, epoch)

    def _along(self, corners: Sequence[float], epoch: int) -> float:
        """The value at a step of a curve through some corners."""
        epoch = min(epoch, self.total_steps - 1)
        phase = next(number for number, end in enumerate(self.ends) if epoch <= end)
        start = self.ends[phase - 1] if phase else 0.0
        share = (epoch - start) / (self.ends[phase] - start)
        return self.curve(corners[phase], corners[phase + 1], share)

    def step(self) -> None:
        super().step()
        if self.cycle_momentum:
            momentum = self._along(self.momenta, self.last_epoch)
            for group in self.optimizer.param_groups:
                if "betas" in group:
                    group["betas"] = (momentum, *group["betas"][1:])
                else:
                    group["momentum"] = momentum
