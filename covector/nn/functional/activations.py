"""Activations, element by element, and the softmax family."""

from __future__ import annotations

from typing import Literal

from covector.errors import CovectorError, ShapeError
from covector.nn.ops import ops
from covector.tensors.tensor import Tensor

_SELU_ALPHA = 1.6732632423543772848170429916717
_SELU_SCALE = 1.0507009873554804934193349852946
_GELUS = {"none": "gelu", "tanh": "gelu_tanh"}


def relu(input: Tensor) -> Tensor:
    """The larger of each element and 0.

    >>> from covector import nn, tensor
    >>> nn.functional.relu(tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    return ops.relu(input)


def relu6(input: Tensor) -> Tensor:
    """Each element, at least 0 and at most 6."""
    return hardtanh(input, 0.0, 6.0)


def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    """Each element, at least ``min_val`` and at most ``max_val``; its derivative is 0 at both ends."""
    return ops.where(input <= min_val, min_val, ops.where(input >= max_val, max_val, input))


def leaky_relu(input: Tensor, negative_slope: float = 0.01) -> Tensor:
    """Each element where it is positive, and ``negative_slope`` times it elsewhere."""
    return ops.leaky_relu(input, negative_slope=negative_slope)


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """`leaky_relu` with learned slopes: one, or one for each channel, which is the second axis."""
    channels = weight.reshape((-1, *(1,) * (input.ndim - 2))) if weight.size > 1 and input.ndim > 1 else weight
    positive = input > 0
    return ops.where(positive, input, channels * ops.where(positive, 0, input))


def threshold(input: Tensor, threshold: float, value: float) -> Tensor:
    """Each element where it is larger than the threshold, and ``value`` elsewhere."""
    return ops.where(input <= threshold, value, input)


def elu(input: Tensor, alpha: float = 1.0) -> Tensor:
    """Each element where it is positive, and ``alpha * (exp(x) - 1)`` elsewhere."""
    return ops.elu(input, alpha=alpha)


def celu(input: Tensor, alpha: float = 1.0) -> Tensor:
    """Each element where it is positive, and ``alpha * (exp(x / alpha) - 1)`` elsewhere."""
    positive = input > 0
    # What the other branch has must be finite: its derivative is multiplied with 0 where it is not taken.
    return ops.where(positive, input, alpha * ops.expm1(ops.where(positive, 0, input) / alpha))


def selu(input: Tensor) -> Tensor:
    """`elu`, with the two constants that keep mean 0 and variance 1 from layer to layer."""
    return _SELU_SCALE * elu(input, _SELU_ALPHA)


def gelu(input: Tensor, approximate: Literal["none", "tanh"] = "none") -> Tensor:
    """Each element times the probability that a standard normal variable is at most as large."""
    if approximate not in _GELUS:
        raise CovectorError(f"gelu has no approximation {approximate!r}", hint="one of 'none', 'tanh'")
    return ops.gelu(input) if approximate == "none" else ops.gelu_tanh(input)


def silu(input: Tensor) -> Tensor:
    """Each element times its sigmoid."""
    return ops.silu(input)


def mish(input: Tensor) -> Tensor:
    """Each element times the tanh of its softplus."""
    return input * ops.tanh(ops.softplus(input))


def sigmoid(input: Tensor) -> Tensor:
    """``1 / (1 + exp(-x))``."""
    return ops.sigmoid(input)


def logsigmoid(input: Tensor) -> Tensor:
    """The logarithm of the sigmoid, without overflow."""
    return ops.log_sigmoid(input)


def hardsigmoid(input: Tensor) -> Tensor:
    """``x / 6 + 1 / 2``, at least 0 and at most 1."""
    return relu6(input + 3) / 6


def hardswish(input: Tensor) -> Tensor:
    """Each element times its `hardsigmoid`."""
    return input * relu6(input + 3) / 6


def tanh(input: Tensor) -> Tensor:
    """The hyperbolic tangent."""
    return ops.tanh(input)


def tanhshrink(input: Tensor) -> Tensor:
    """Each element less its hyperbolic tangent."""
    return input - ops.tanh(input)


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """``log(1 + exp(beta * x)) / beta``, and x itself where ``beta * x`` is beyond the threshold."""
    scaled = input * beta
    return ops.where(scaled > threshold, input, ops.softplus(scaled) / beta)


def softsign(input: Tensor) -> Tensor:
    """``x / (1 + |x|)``."""
    return input / (1 + ops.abs(input))


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """The first half along an axis times the sigmoid of the second; raises `ShapeError` where it has no halves."""
    extent = input.shape[dim]
    if extent % 2:
        raise ShapeError(f"glu halves axis {dim}, whose extent is {extent}, of the shape {tuple(input.shape)}")
    axis = dim % input.ndim
    halves = (slice(None, extent // 2), slice(extent // 2, None))
    first, second = (input[(*(slice(None),) * axis, half)] for half in halves)
    return first * ops.sigmoid(second)


def softmax(input: Tensor, dim: int = -1) -> Tensor:
    """The exponentials along an axis, divided by their sum.

    >>> from covector import nn, tensor
    >>> nn.functional.softmax(tensor([0.0, 0.0]), dim=0)
    tensor([0.5000, 0.5000])
    """
    return ops.softmax(input, axis=dim)


def softmin(input: Tensor, dim: int = -1) -> Tensor:
    """The `softmax` of the negative."""
    return ops.softmax(-input, axis=dim)


def log_softmax(input: Tensor, dim: int = -1) -> Tensor:
    """The logarithm of the `softmax`, without overflow or loss of precision."""
    return ops.log_softmax(input, axis=dim)
