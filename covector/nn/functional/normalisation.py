"""Normalisations: over the last axes, over the batch, over groups of channels."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from covector.errors import CovectorError, ShapeError
from covector.nn.ops import ops
from covector.tensors.backward import no_grad
from covector.tensors.tensor import Tensor


def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """The input with mean 0 and variance 1 over its last axes, of ``normalized_shape``, then scaled and shifted.

    Raises `ShapeError` where the last axes are others.

    >>> from covector import nn, tensor
    >>> nn.functional.layer_norm(tensor([[1.0, 3.0]]), [2]).tolist()[0][1] > 0.999
    True
    """
    flat = _last_flat("layer_norm", input, normalized_shape)
    if weight is None and bias is not None:
        return ops.reshape(ops.layer_norm(flat, eps=eps), input.shape) + bias
    given = [given.reshape((-1,)) for given in (weight, bias) if given is not None]
    return ops.reshape(ops.layer_norm(flat, *given, eps=eps), input.shape)


def rms_norm(
    input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    """The input with mean square 1 over its last axes, of ``normalized_shape``, then scaled.

    ``eps`` is that of the dtype unless it is given. Raises `ShapeError` where the last axes are others.
    """
    flat = _last_flat("rms_norm", input, normalized_shape)
    given = [] if weight is None else [weight.reshape((-1,))]
    small = np.finfo(input.dtype).eps if eps is None else eps
    return ops.reshape(ops.rms_norm(flat, *given, eps=float(small)), input.shape)


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float | Tensor = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """The input ``(N, C, …)`` with mean 0 and variance 1 in each channel, then scaled and shifted.

    In training the statistics are those of the batch, and move the running ones by the share ``momentum``; otherwise
    they are the running ones. Raises `ShapeError` where a channel has one value only in training.
    """
    channels = (1, -1, *(1,) * (input.ndim - 2))
    if not training:
        if running_mean is None or running_var is None:
            raise CovectorError("batch_norm without running statistics", hint="they are needed with training=False")
        scale = 1 / ops.sqrt(running_var + eps)
        normal = (input - running_mean.reshape(channels)) * scale.reshape(channels)
        return _affine(normal, weight, bias, channels)
    if input.size == input.shape[1]:
        raise ShapeError(f"batch_norm in training of one value for each channel: shape {tuple(input.shape)}")
    if running_mean is not None and running_var is not None:
        _move(input, running_mean, running_var, momentum)
    if weight is not None and bias is not None:
        return ops.batch_norm(input, weight, bias, eps=eps)
    return _affine(ops.batch_norm(input, eps=eps), weight, bias, channels)


def group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """The input ``(N, C, …)`` with mean 0 and variance 1 in each group of channels, then scaled and shifted.

    Raises `ShapeError` where the channels cannot be divided into the groups.
    """
    if input.ndim < 2 or input.shape[1] % num_groups:
        raise ShapeError(f"group_norm of {num_groups} groups of the channels of the shape {tuple(input.shape)}")
    if weight is not None and bias is not None:
        return ops.group_norm(input, weight, bias, groups=num_groups, eps=eps)
    normal = ops.group_norm(input, groups=num_groups, eps=eps)
    return _affine(normal, weight, bias, (1, -1, *(1,) * (input.ndim - 2)))


def _last_flat(name: str, input: Tensor, normalized_shape: Sequence[int]) -> Tensor:
    """The input with its last axes, which must have the given shape, as one."""
    count = len(normalized_shape)
    if tuple(input.shape[input.ndim - count :]) != tuple(normalized_shape) or count > input.ndim:
        message = f"{name} over the last axes {tuple(normalized_shape)} of an input of shape {tuple(input.shape)}"
        raise ShapeError(message)
    return input if count == 1 else input.reshape((*input.shape[: input.ndim - count], prod(normalized_shape)))


def _affine(normal: Tensor, weight: Tensor | None, bias: Tensor | None, channels: tuple[int, ...]) -> Tensor:
    """The normalised input scaled and shifted by what is given."""
    scaled = normal if weight is None else normal * weight.reshape(channels)
    return scaled if bias is None else scaled + bias.reshape(channels)


def _move(input: Tensor, running_mean: Tensor, running_var: Tensor, momentum: float | Tensor) -> None:
    """Move the running statistics towards those of a batch."""
    axes = (0, *range(2, input.ndim))
    with no_grad():
        batch = input.detach()
        mean, variance = ops.mean(batch, axis=axes), ops.var(batch, axis=axes, correction=1)
        running_mean.copy_((1 - momentum) * running_mean + momentum * mean)
        running_var.copy_((1 - momentum) * running_var + momentum * variance)
