"""What one operation on a tensor costs, define-by-run: to note it down, and to have its value."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import covector as cv
from benchmarks import peers
from benchmarks.measure import Effort, timed
from benchmarks.record import EAGER, NUMPY, TORCH, Bar, Contender, Row

COUNT = 100
ELEMENTS = 16
JAX_EAGER = "JAX"


def rows(effort: Effort) -> list[Row]:
    """Operations alone, and with the value of the last."""
    noted: dict[str, Callable[[], Contender]] = {EAGER: lambda: _chain(_covector(), effort)}
    noted |= {TORCH: lambda: _chain(_torch(), effort), NUMPY: lambda: _chain(_numpy(), effort)}
    valued: dict[str, Callable[[], Contender]] = {
        EAGER: lambda: _chain(_covector(), effort, lambda tensor: tensor.numpy()),
        TORCH: lambda: _chain(_torch(), effort, lambda tensor: tensor.numpy()),
        JAX_EAGER: lambda: _chain(_jax(), effort, np.asarray),
        NUMPY: lambda: _chain(_numpy(), effort, np.asarray),
    }
    return [
        Row(
            "operation-noted",
            f"one operation on a tensor of {ELEMENTS}, nothing looked at",
            noted,
            (Bar(EAGER, under=1e-6),),
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


def _chain(start: Any, effort: Effort, look: Callable[[Any], Any] | None = None) -> Contender:
    """Additions that each read the one before; the figure is that of one."""
    end = look or (lambda tensor: tensor)

    def work() -> Any:
        value = start
        for _ in range(COUNT):
            value = value + start
        return end(value)

    return _each(work, effort, {"value": np.asarray(work())} if look is not None else {})


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
