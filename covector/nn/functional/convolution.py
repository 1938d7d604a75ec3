"""Convolutions and pooling in PyTorch's layouts: batch, channels, positions; the batch may be left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from covector.errors import CovectorError, ShapeError
from covector.nn.ops import ops
from covector.tensors.creation import ones
from covector.tensors.tensor import Tensor

Pair = int | tuple[int, int]
"""A number for both axes of an image, or one for each: height, width."""


def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | tuple[int] = 1,
    padding: int | tuple[int] | Literal["valid", "same"] = 0,
    dilation: int | tuple[int] = 1,
    groups: int = 1,
) -> Tensor:
    """The cross-correlation of signals ``(N, C, L)`` with filters ``(O, C // groups, K)``.

    Raises `ShapeError` where the channels do not fit the filters and the groups, or a filter is longer than the signal.

    >>> from covector import nn, ones
    >>> nn.functional.conv1d(ones(1, 1, 5), ones(2, 1, 3)).shape
    (1, 2, 3)
    """
    (every,), (apart,) = _several("stride", stride, 1), _several("dilation", dilation, 1)
    _check_channels("conv1d", input, weight, groups)
    if padding == "same":
        input, around = _same(input, weight.shape[2:], (every,), (apart,))
    else:
        (around,) = _several("padding", 0 if padding == "valid" else padding, 1)
    _check_windows("conv1d", input, weight.shape[2:], (around,), (apart,))
    parameters = {"stride": every, "padding": around, "dilation": apart, "groups": groups}
    return _batched(input, 3, lambda signal: ops.conv1d(signal, weight, bias, **parameters))


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Pair = 1,
    padding: Pair | Literal["valid", "same"] = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> Tensor:
    """The cross-correlation of images ``(N, C, H, W)`` with filters ``(O, C // groups, P, Q)``.

    Raises `ShapeError` where the channels do not fit the filters and the groups, or a filter is larger than the image.

    >>> from covector import nn, ones
    >>> nn.functional.conv2d(ones(1, 1, 5, 5), ones(2, 1, 3, 3), stride=2, padding=1).shape
    (1, 2, 3, 3)
    """
    every, apart = _several("stride", stride, 2), _several("dilation", dilation, 2)
    _check_channels("conv2d", input, weight, groups)
    if padding == "same":
        input, both = _same(input, weight.shape[2:], every, apart)
        around: tuple[int, ...] = (both, both)
    else:
        around = _several("padding", 0 if padding == "valid" else padding, 2)
    _check_windows("conv2d", input, weight.shape[2:], around, apart)
    function, parameters = _by_axis("conv2d", {"stride": every, "padding": around, "dilation": apart})
    return _batched(input, 4, lambda image: function(image, weight, bias, groups=groups, **parameters))


def max_pool2d(
    input: Tensor, kernel_size: Pair, stride: Pair | None = None, padding: Pair = 0, dilation: Pair = 1
) -> Tensor:
    """The maxima of windows of images ``(…, H, W)``; ``stride`` is the size of a window unless it is given.

    Raises `ShapeError` where a window is larger than the image, and `CovectorError` where the padding is more than half
    a window.
    """
    size, around, apart = _windows("max_pool2d", input, kernel_size, padding, dilation)
    every = size if stride is None else _several("stride", stride, 2)
    sizes = {"size": size, "stride": every, "padding": around, "dilation": apart}
    plain = apart == (1, 1) and _is_square(size, every, around)
    if plain:
        return ops.max_pool2d(input, size=size[0], stride=every[0], padding=around[0])
    return ops.max_pool2d_rectangular(input, **_named(sizes))


def avg_pool2d(
    input: Tensor,
    kernel_size: Pair,
    stride: Pair | None = None,
    padding: Pair = 0,
    count_include_pad: bool = True,
) -> Tensor:
    """The means of windows of images ``(…, H, W)``; ``stride`` is the size of a window unless it is given.

    Without ``count_include_pad`` the zeros around the image do not count. Raises what `max_pool2d` raises.
    """
    size, around, _ = _windows("avg_pool2d", input, kernel_size, padding, 1)
    every = size if stride is None else _several("stride", stride, 2)
    function, parameters = _by_axis("avg_pool2d", {"size": size, "stride": every, "padding": around})
    means: Tensor = function(input, **parameters)
    if count_include_pad or around == (0, 0):
        return means
    return means / function(ones(input.shape[-2:], dtype=input.dtype), **parameters)


def _several(name: str, value: Any, count: int) -> tuple[int, ...]:
    """A number for each axis, from one for all or one for each."""
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,) * count
    if len(values) != count or not all(isinstance(number, int) for number in values):
        axes = "one for the axis" if count == 1 else f"one for all axes, or {count}"
        raise CovectorError(f"{name} is {value!r}, and must be whole numbers: {axes}")
    return values


def _is_square(*pairs: tuple[int, ...]) -> bool:
    return all(len(set(pair)) == 1 for pair in pairs)


def _named(pairs: Mapping[str, tuple[int, ...]]) -> dict[str, int]:
    """The parameters of an operation that has one for each axis."""
    return {f"{name}_{axis}": value for name, pair in pairs.items() for axis, value in zip("yx", pair, strict=True)}


def _by_axis(name: str, pairs: Mapping[str, tuple[int, ...]]) -> tuple[Callable[..., Tensor], dict[str, int]]:
    """The operation for squares, or where the axes differ the one for rectangles, with its parameters."""
    if _is_square(*pairs.values()):
        return getattr(ops, name), {key: pair[0] for key, pair in pairs.items()}
    return getattr(ops, f"{name}_rectangular"), _named(pairs)


def _batched(input: Tensor, rank: int, function: Callable[[Tensor], Tensor]) -> Tensor:
    """The function of a batch, where the input may be one sample of it."""
    if input.ndim == rank - 1:
        return ops.squeeze(function(ops.unsqueeze(input, 0)), 0)
    return function(input)


def _same(
    input: Tensor, sizes: tuple[int, ...], strides: tuple[int, ...], dilations: tuple[int, ...]
) -> tuple[Tensor, int]:
    """The input with zeros around, so that the result has its extents; and the padding that is left to do: none."""
    if set(strides) != {1}:
        raise CovectorError(f"padding='same' with the stride {strides}", hint="it needs stride 1")
    widths: list[tuple[int, int]] = [(0, 0)] * (input.ndim - len(sizes))
    for size, dilation in zip(sizes, dilations, strict=True):
        total = dilation * (size - 1)
        widths.append((total // 2, total - total // 2))
    return ops.pad(input, widths), 0


def _check_channels(name: str, input: Tensor, weight: Tensor, groups: int) -> None:
    """Raise where the ranks, channels, filters and groups of a convolution do not fit."""
    rank = weight.ndim
    layout = "(N, C, L)" if rank == 3 else "(N, C, H, W)"
    if rank != int(name[4]) + 2 or input.ndim not in (rank, rank - 1):
        message = f"{name} of an input of shape {tuple(input.shape)} with a weight of shape {tuple(weight.shape)}"
        raise ShapeError(message, hint=f"the input is {layout}, the N may be left out")
    channels = input.shape[1 - rank]
    if channels != weight.shape[1] * groups:
        message = (
            f"{name}: the input has {channels} channels, and the weight takes {weight.shape[1]} in {groups} groups"
        )
        shapes = f"input {tuple(input.shape)}, weight {tuple(weight.shape)}"
        raise ShapeError(message, hint=f"in_channels is {weight.shape[1] * groups}; shapes: {shapes}")
    if weight.shape[0] % groups:
        raise ShapeError(f"{name}: {weight.shape[0]} filters cannot be divided into {groups} groups")


def _check_windows(
    name: str, input: Tensor, sizes: tuple[int, ...], around: tuple[int, ...], apart: tuple[int, ...]
) -> None:
    """Raise where a window is larger than what it moves over."""
    extents = input.shape[-len(sizes) :]
    reach = tuple(dilation * (size - 1) + 1 for size, dilation in zip(sizes, apart, strict=True))
    room = tuple(extent + 2 * padding for extent, padding in zip(extents, around, strict=True))
    if any(far > there for far, there in zip(reach, room, strict=True)):
        message = f"{name}: a window of {reach} does not fit into the padded extents {room}"
        raise ShapeError(
            message, hint=f"the input has the shape {tuple(input.shape)}; a smaller window, or more padding"
        )


def _windows(
    name: str, input: Tensor, kernel_size: Pair, padding: Pair, dilation: Pair
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """The size, padding and dilation of a pool's windows, which fit its input."""
    size, around = _several("kernel_size", kernel_size, 2), _several("padding", padding, 2)
    apart = _several("dilation", dilation, 2)
    if input.ndim not in (3, 4):
        raise ShapeError(
            f"{name} of an input of shape {tuple(input.shape)}", hint="the input is (N, C, H, W) or (C, H, W)"
        )
    if any(2 * edge > extent for edge, extent in zip(around, size, strict=True)):
        raise CovectorError(f"{name}: the padding {around} is more than half of the window {size}")
    _check_windows(name, input, size, around, apart)
    return size, around, apart
