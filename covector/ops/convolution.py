"""Convolutions and pooling, in PyTorch's layouts: batch, channel, then positions."""

from __future__ import annotations

from covector.ops.record import Operation

_CONV = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1}
_TRANSPOSED = {"stride": 1, "padding": 0, "output_padding": 0, "dilation": 1}
_POOL = {"size": 2, "stride": 2, "padding": 0}

_CONV1D = """
signal: N B W
weight: O C Q
conv1d[n, o, x:(W + 2*padding - dilation*(Q - 1) - 1)//stride + 1] = sum[c, q](
    pad(signal[n, (o // (O//groups))*C + c, stride*x + dilation*q - padding]) * weight[o, c, q])
"""
_CONV2D = """
image: N B H W
weight: O C P Q
conv2d[
    n, o, y:(H + 2*padding - dilation*(P - 1) - 1)//stride + 1, x:(W + 2*padding - dilation*(Q - 1) - 1)//stride + 1
] = sum[c, p, q](
    pad(image[n, (o // (O//groups))*C + c, stride*y + dilation*p - padding, stride*x + dilation*q - padding])
    * weight[o, c, p, q])
"""
_CONV_TRANSPOSE1D = """
signal: N C W
weight: C O Q
conv_transpose1d[n, o, x:(W - 1)*stride - 2*padding + dilation*(Q - 1) + output_padding + 1] = sum[c, j, q](
    [x + padding = stride*j + dilation*q] * signal[n, c, j] * weight[c, o, q])
"""
_CONV_TRANSPOSE2D = """
image: N C H W
weight: C O P Q
conv_transpose2d[
    n, o, y:(H - 1)*stride - 2*padding + dilation*(P - 1) + output_padding + 1,
    x:(W - 1)*stride - 2*padding + dilation*(Q - 1) + output_padding + 1
] = sum[c, i, j, p, q](
    [y + padding = stride*i + dilation*p] * [x + padding = stride*j + dilation*q]
    * image[n, c, i, j] * weight[c, o, p, q])
"""

CONVOLUTION = (
    Operation(
        name="conv1d",
        arguments=("signal", "weight", "bias"),
        forms=(_CONV1D.rstrip() + " + bias[o]", _CONV1D),
        doc="The cross-correlation of signals with filters over the last axis.",
        family="convolution",
        example="signal: N C W; weight: O C Q; bias: O",
        parameters=_CONV,
    ),
    Operation(
        name="conv2d",
        arguments=("image", "weight", "bias"),
        forms=(_CONV2D.rstrip() + " + bias[o]", _CONV2D),
        doc="The cross-correlation of images with filters over the last two axes.",
        family="convolution",
        example="image: N C H W; weight: O C P Q; bias: O",
        parameters=_CONV,
        sample={"stride": 2, "padding": 1},
    ),
    Operation(
        name="conv_transpose1d",
        arguments=("signal", "weight", "bias"),
        forms=(_CONV_TRANSPOSE1D.rstrip() + " + bias[o]", _CONV_TRANSPOSE1D),
        doc="The adjoint of conv1d in its signal.",
        family="convolution",
        example="signal: N C W; weight: C O Q; bias: O",
        parameters=_TRANSPOSED,
        sample={"stride": 2},
    ),
    Operation(
        name="conv_transpose2d",
        arguments=("image", "weight", "bias"),
        forms=(_CONV_TRANSPOSE2D.rstrip() + " + bias[o]", _CONV_TRANSPOSE2D),
        doc="The adjoint of conv2d in its image.",
        family="convolution",
        example="image: N C H W; weight: C O P Q; bias: O",
        parameters=_TRANSPOSED,
        sample={"stride": 2},
    ),
    Operation(
        name="avg_pool2d",
        arguments=("image",),
        forms=(
            """
            image: ... H W
            avg_pool2d[..., y:(H + 2*padding - size)//stride + 1, x:(W + 2*padding - size)//stride + 1] = mean[
                p:size, q:size](pad(image[..., stride*y + p - padding, stride*x + q - padding]))
            """,
        ),
        doc="The means of square windows over the last two axes.",
        family="convolution",
        example="image: N C H W",
        parameters=_POOL,
    ),
    Operation(
        name="max_pool2d",
        arguments=("image",),
        forms=(
            """
            image: ... H W
            max_pool2d[..., y:(H + 2*padding - size)//stride + 1, x:(W + 2*padding - size)//stride + 1] = max[
                p:size, q:size](pad(image[..., stride*y + p - padding, stride*x + q - padding], -inf))
            """,
        ),
        doc="The maxima of square windows over the last two axes.",
        family="convolution",
        example="image: N C H W",
        parameters=_POOL,
    ),
)
