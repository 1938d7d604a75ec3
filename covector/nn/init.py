"""Initialisation: functions that give a tensor new values in place, with PyTorch's names and formulas.

They draw from `covector.random`: after ``cv.random.seed(0)`` a model begins with the same weights.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from covector.errors import CovectorError, ShapeError
from covector.tensors import random
from covector.tensors.backward import no_grad
from covector.tensors.creation import asarray, eye, full
from covector.tensors.node import STATE
from covector.tensors.tensor import Tensor
from covector.tensors.update import set_data

_GAINS = {
    "linear": 1.0,
    "conv1d": 1.0,
    "conv2d": 1.0,
    "sigmoid": 1.0,
    "tanh": 5 / 3,
    "relu": math.sqrt(2),
    "selu": 3 / 4,
}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor that keeps the variance of what goes through an activation; ``param`` is leaky_relu's slope.

    >>> calculate_gain("tanh")
    1.6666666666666667
    """
    if nonlinearity == "leaky_relu":
        return math.sqrt(2 / (1 + (0.01 if param is None else param) ** 2))
    if nonlinearity not in _GAINS:
        known = ", ".join([*_GAINS, "leaky_relu"])
        raise CovectorError(f"there is no gain for {nonlinearity!r}", hint=f"one of {known}")
    return _GAINS[nonlinearity]


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0) -> Tensor:
    """Values between a and b, each as likely."""
    return _set(tensor, random.uniform(tensor.shape, low=a, high=b, dtype=tensor.dtype))


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0) -> Tensor:
    """Values of a normal distribution."""
    return _set(tensor, random.normal(tensor.shape, dtype=tensor.dtype) * std + mean)


def trunc_normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0) -> Tensor:
    """Values of a normal distribution, drawn again where they are outside of a to b."""
    drawn = np.asarray(random.normal(tensor.shape, dtype="float64").numpy()) * std + mean
    while (outside := (drawn < a) | (drawn > b)).any():
        again = random.normal((int(outside.sum()),), dtype="float64").numpy()
        drawn = drawn.copy()
        drawn[outside] = again * std + mean
    return _set(tensor, asarray(drawn).to(tensor.dtype))


def constant_(tensor: Tensor, val: float) -> Tensor:
    """One value everywhere.

    >>> from covector import zeros
    >>> constant_(zeros(2), 3.0)
    tensor([3., 3.])
    """
    return _set(tensor, full(tensor.shape, val, dtype=tensor.dtype))


def ones_(tensor: Tensor) -> Tensor:
    """Ones."""
    return constant_(tensor, 1.0)


def zeros_(tensor: Tensor) -> Tensor:
    """Zeros."""
    return constant_(tensor, 0.0)


def eye_(tensor: Tensor) -> Tensor:
    """The identity matrix."""
    if tensor.ndim != 2:
        raise ShapeError(f"eye_ of a tensor of shape {tuple(tensor.shape)}", hint="it sets matrices")
    return _set(tensor, eye(tensor.shape[0], tensor.shape[1], dtype=tensor.dtype))


def xavier_uniform_(tensor: Tensor, gain: float = 1.0) -> Tensor:
    """Uniform values of the variance ``2 * gain² / (fan_in + fan_out)``."""
    bound = gain * math.sqrt(6 / sum(fans(tensor)))
    return uniform_(tensor, -bound, bound)


def xavier_normal_(tensor: Tensor, gain: float = 1.0) -> Tensor:
    """Normal values of the variance ``2 * gain² / (fan_in + fan_out)``."""
    return normal_(tensor, 0.0, gain * math.sqrt(2 / sum(fans(tensor))))


def kaiming_uniform_(
    tensor: Tensor, a: float = 0.0, mode: Literal["fan_in", "fan_out"] = "fan_in", nonlinearity: str = "leaky_relu"
) -> Tensor:
    """Uniform values of the variance ``gain² / fan``, for activations of the given kind."""
    bound = math.sqrt(3) * calculate_gain(nonlinearity, a) / math.sqrt(_fan(tensor, mode))
    return uniform_(tensor, -bound, bound)


def kaiming_normal_(
    tensor: Tensor, a: float = 0.0, mode: Literal["fan_in", "fan_out"] = "fan_in", nonlinearity: str = "leaky_relu"
) -> Tensor:
    """Normal values of the variance ``gain² / fan``, for activations of the given kind."""
    return normal_(tensor, 0.0, calculate_gain(nonlinearity, a) / math.sqrt(_fan(tensor, mode)))


def orthogonal_(tensor: Tensor, gain: float = 1.0) -> Tensor:
    """A matrix, of all but the first axis as one, whose rows or columns are orthogonal and of length ``gain``."""
    if tensor.ndim < 2:
        raise ShapeError(f"orthogonal_ of a tensor of shape {tuple(tensor.shape)}", hint="it sets matrices")
    rows, columns = tensor.shape[0], tensor.size // tensor.shape[0]
    drawn = np.asarray(random.normal((max(rows, columns), min(rows, columns)), dtype="float64").numpy())
    q, r = np.linalg.qr(drawn)
    q = q * np.sign(np.diag(r))  # of all orthogonal matrices each is as likely
    matrix = gain * (q if rows >= columns else q.T)
    return _set(tensor, asarray(np.ascontiguousarray(matrix).reshape(tensor.shape)).to(tensor.dtype))


def fans(tensor: Tensor) -> tuple[int, int]:
    """How many inputs an output of a weight has, and how many outputs an input: ``(out, in, window…)``.

    >>> from covector import zeros
    >>> fans(zeros(8, 4, 3, 3))
    (36, 72)
    """
    if tensor.ndim < 2:
        message = f"a tensor of shape {tuple(tensor.shape)} has no numbers of inputs and outputs"
        raise ShapeError(message, hint="initialise vectors with uniform_, normal_ or constant_")
    window = math.prod(tensor.shape[2:])
    return tensor.shape[1] * window, tensor.shape[0] * window


def _fan(tensor: Tensor, mode: str) -> int:
    if mode not in ("fan_in", "fan_out"):
        raise CovectorError(f"there is no mode {mode!r}", hint="one of 'fan_in', 'fan_out'")
    return fans(tensor)[mode == "fan_out"]


def _set(tensor: Tensor, values: Tensor) -> Tensor:
    """Let a tensor hold values that nobody else holds; those that are there already are not copied."""
    if values._node.entry is None and STATE.trace is None:
        set_data(tensor, values)
        return tensor
    with no_grad():
        tensor.copy_(values)
    return tensor
