"""What one operation on a tensor costs, define-by-run: to note it down, and to have its value."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import covector as cv
from benchmarks import peers
from benchmarks.measure import Effort, timed
from benchmarks.record import EAGER, NUMPY, TORCH, Bar, Contender, Row

COUNT = 100
BLOCK = 20
ELEMENTS = 16
JAX_EAGER = "JAX"


def rows(effort: Effort) -> list[Row]:
    """Operations alone, and with the value of the last."""
    noted: dict[str, Callable[[], Contender]] = {EAGER: lambda: _noting(_covector(), lambda tensor: tensor.numpy())}
    noted |= {TORCH: lambda: _noting(_torch(), np.asarray), NUMPY: lambda: _noting(_numpy(), np.asarray)}
    valued: dict[str, Callable[[], Contender]] = {
        EAGER: lambda: _chain(_covector(), effort, lambda tensor: tensor.numpy()),
        TORCH: lambda: _chain(_torch(), effort, lambda tensor: tensor.numpy()),
        JAX_EAGER: lambda: _chain(_jax(), effort, np.asarray),
        NUMPY: lambda: _chain(_numpy(), effort, np.asarray),
    }
    return [
        Row(
            "operation-noted",
            f"one operation on a tensor of {ELEMENTS}, before anything is looked at",
            noted,
            (Bar(EAGER, under=1e-6),),
            expected=lambda: {"value": np.full(ELEMENTS, 1.0 + COUNT)},
        ),
        Row(
            "operation-valued",
            f"one operation of {COUNT} on a tensor of {ELEMENTS}, the last value looked at",
            valued,
            expected=lambda: {"value": np.full(ELEMENTS, 1.0 + COUNT)},
        ),
        Row(
            "operation-gradient",
            f"one operation of {COUNT}, with requires_grad and backward, the gradient looked at",
            {EAGER: partial(_backward, _covector, effort), TORCH: partial(_backward, _torch, effort)},
            expected=lambda: {"value": np.ones(ELEMENTS)},
        ),
    ]


def _added(start: Any) -> Any:
    """Additions that each read the one before."""
    value = start
    for _ in range(COUNT):
        value = value + start
    return value


def _noting(start: Any, look: Callable[[Any], Any]) -> Contender:
    """Additions alone: the last value is looked at after the clock has stopped."""

    def sample() -> float:
        taken = 0.0
        for _ in range(BLOCK):
            started = time.perf_counter()
            value = _added(start)
            taken += time.perf_counter() - started
            look(value)
        return taken / (BLOCK * COUNT)

    return Contender(sample, {"value": look(_added(start))})


def _chain(start: Any, effort: Effort, look: Callable[[Any], Any]) -> Contender:
    """Additions, and a look at the last value; the figure is that of one."""
    return _each(lambda: look(_added(start)), effort, {"value": np.asarray(look(_added(start)))})


def _backward(make: Callable[[], Any], effort: Effort) -> Contender:
    """Additions of a constant, their sum, and its gradient."""
    start, other = make().requires_grad_(), make()

    def work() -> Any:
        value = start
        for _ in range(COUNT):
            value = value + other
        value.sum().backward()
        gradient = start.grad.numpy()
        start.grad = None
        return gradient

    return _each(work, effort, {"value": np.array(work())})


def _each(work: Callable[[], Any], effort: Effort, outcome: dict[str, np.ndarray]) -> Contender:
    whole = timed(work, effort)
    return Contender(lambda: whole() / COUNT, outcome)


def _covector() -> Any:
    return cv.ones(ELEMENTS)


def _torch() -> Any:
    return peers.torch().ones(ELEMENTS)


def _jax() -> Any:
    return peers.jax().numpy.ones(ELEMENTS)


def _numpy() -> Any:
    return np.ones(ELEMENTS, dtype=np.float32)
