"""Convolutions with their filters, and pooling."""

from __future__ import annotations

import math
from typing import Literal

from covector.errors import ShapeError
from covector.nn import functional, init
from covector.nn.functional.convolution import Pair
from covector.nn.linear import uniform_of_fan
from covector.nn.module import Module
from covector.nn.parameter import Parameter
from covector.tensors.creation import empty
from covector.tensors.tensor import Tensor


class _Conv(Module):
    """What convolutions of every dimension share: the filters ``(out, in // groups, window…)`` and the bias."""

    bias: Parameter | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: tuple[int, ...],
        stride: tuple[int, ...],
        padding: tuple[int, ...] | Literal["valid", "same"],
        dilation: tuple[int, ...],
        groups: int,
        bias: bool,
        dtype: str,
    ) -> None:
        if in_channels % groups or out_channels % groups:
            raise ShapeError(f"{in_channels} channels in and {out_channels} out cannot be divided into {groups} groups")
        self.in_channels, self.out_channels, self.kernel_size = in_channels, out_channels, kernel_size
        self.stride, self.padding, self.dilation, self.groups = stride, padding, dilation, groups
        self.weight = Parameter(empty(out_channels, in_channels // groups, *kernel_size, dtype=dtype))
        self.bias = Parameter(empty(out_channels, dtype=dtype)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the filters anew."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            uniform_of_fan(self.bias, init.fans(self.weight)[0])

    def extra_repr(self) -> str:
        axes = len(self.kernel_size)
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        text += f", padding={self.padding}" if self.padding != (0,) * axes else ""
        text += f", dilation={self.dilation}" if self.dilation != (1,) * axes else ""
        text += f", groups={self.groups}" if self.groups != 1 else ""
        return text if self.bias is not None else text + ", bias=False"


class Conv1d(_Conv):
    """The cross-correlation of signals ``(N, C, L)`` with learned filters, of shape ``(out, in // groups, K)``."""

    stride: tuple[int]
    padding: tuple[int] | Literal["valid", "same"]
    dilation: tuple[int]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int],
        stride: int | tuple[int] = 1,
        padding: int | tuple[int] | Literal["valid", "same"] = 0,
        dilation: int | tuple[int] = 1,
        groups: int = 1,
        bias: bool = True,
        dtype: str = "float32",
    ) -> None:
        around = padding if isinstance(padding, str) else _one(padding)
        sizes = (_one(kernel_size), _one(stride), around, _one(dilation))
        super().__init__(in_channels, out_channels, *sizes, groups, bias, dtype)

    def forward(self, input: Tensor) -> Tensor:
        settings = (self.stride, self.padding, self.dilation, self.groups)
        return functional.conv1d(input, self.weight, self.bias, *settings)


class Conv2d(_Conv):
    """The cross-correlation of images ``(N, C, H, W)`` with learned filters, of shape ``(out, in // groups, P, Q)``.

    >>> from covector import nn, ones
    >>> nn.Conv2d(1, 4, 3, padding=1)(ones(2, 1, 8, 8)).shape
    (2, 4, 8, 8)
    """

    stride: tuple[int, int]
    padding: tuple[int, int] | Literal["valid", "same"]
    dilation: tuple[int, int]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Pair,
        stride: Pair = 1,
        padding: Pair | Literal["valid", "same"] = 0,
        dilation: Pair = 1,
        groups: int = 1,
        bias: bool = True,
        dtype: str = "float32",
    ) -> None:
        around = padding if isinstance(padding, str) else _two(padding)
        sizes = (_two(kernel_size), _two(stride), around, _two(dilation))
        super().__init__(in_channels, out_channels, *sizes, groups, bias, dtype)

    def forward(self, input: Tensor) -> Tensor:
        settings = (self.stride, self.padding, self.dilation, self.groups)
        return functional.conv2d(input, self.weight, self.bias, *settings)


class MaxPool2d(Module):
    """The maxima of windows of images; ``stride`` is the size of a window unless it is given."""

    def __init__(self, kernel_size: Pair, stride: Pair | None = None, padding: Pair = 0, dilation: Pair = 1) -> None:
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.padding, self.dilation = padding, dilation

    def forward(self, input: Tensor) -> Tensor:
        return functional.max_pool2d(input, self.kernel_size, self.stride, self.padding, self.dilation)

    def extra_repr(self) -> str:
        settings = f"stride={self.stride}, padding={self.padding}, dilation={self.dilation}, ceil_mode=False"
        return f"kernel_size={self.kernel_size}, {settings}"


class AvgPool2d(Module):
    """The means of windows of images; ``stride`` is the size of a window unless it is given."""

    def __init__(
        self, kernel_size: Pair, stride: Pair | None = None, padding: Pair = 0, count_include_pad: bool = True
    ) -> None:
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.padding, self.count_include_pad = padding, count_include_pad

    def forward(self, input: Tensor) -> Tensor:
        settings = (self.stride, self.padding, self.count_include_pad)
        return functional.avg_pool2d(input, self.kernel_size, *settings)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


def _one(value: int | tuple[int]) -> tuple[int]:
    return (value,) if isinstance(value, int) else value


def _two(value: Pair) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else value
