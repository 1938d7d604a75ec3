"""Convolutions and pooling, in PyTorch's layouts: batch, channel, then positions."""

from __future__ import annotations

from covector.ops.record import Operation

_CONV = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1}
_TRANSPOSED = {"stride": 1, "padding": 0, "output_padding": 0, "dilation": 1}
_CONV_RECTANGULAR = {
    "stride_y": 1,
    "stride_x": 1,
    "padding_y": 0,
    "padding_x": 0,
    "dilation_y": 1,
    "dilation_x": 1,
    "groups": 1,
}
_POOL = {"size": 2, "stride": 2, "padding": 0}
_POOL_RECTANGULAR = {"size_y": 2, "size_x": 2, "stride_y": 2, "stride_x": 2, "padding_y": 0, "padding_x": 0}

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
_CONV2D_RECTANGULAR = """
image: N B H W
weight: O C P Q
conv2d_rectangular[
    n, o, y:(H + 2*padding_y - dilation_y*(P - 1) - 1)//stride_y + 1,
    x:(W + 2*padding_x - dilation_x*(Q - 1) - 1)//stride_x + 1
] = sum[c, p, q](
    pad(image[
        n, (o // (O//groups))*C + c, stride_y*y + dilation_y*p - padding_y, stride_x*x + dilation_x*q - padding_x
    ]) * weight[o, c, p, q])
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
        name="conv2d_rectangular",
        arguments=("image", "weight", "bias"),
        forms=(_CONV2D_RECTANGULAR.rstrip() + " + bias[o]", _CONV2D_RECTANGULAR),
        doc="The cross-correlation of images with filters, with a stride, a padding and a dilation for each axis.",
        family="convolution",
        example="image: N C H W; weight: O C P Q; bias: O",
        parameters=_CONV_RECTANGULAR,
        sample={"stride_x": 2, "padding_y": 1},
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
    Operation(
        name="avg_pool2d_rectangular",
        arguments=("image",),
        forms=(
            """
            image: ... H W
            avg_pool2d_rectangular[
                ..., y:(H + 2*padding_y - size_y)//stride_y + 1, x:(W + 2*padding_x - size_x)//stride_x + 1
            ] = mean[p:size_y, q:size_x](pad(image[..., stride_y*y + p - padding_y, stride_x*x + q - padding_x]))
            """,
        ),
        doc="The means of rectangular windows over the last two axes.",
        family="convolution",
        example="image: N C H W",
        parameters=_POOL_RECTANGULAR,
        sample={"size_x": 3, "stride_x": 1},
    ),
    Operation(
        name="max_pool2d_rectangular",
        arguments=("image",),
        forms=(
            """
            image: ... H W
            max_pool2d_rectangular[
                ..., y:(H + 2*padding_y - dilation_y*(size_y - 1) - 1)//stride_y + 1,
                x:(W + 2*padding_x - dilation_x*(size_x - 1) - 1)//stride_x + 1
            ] = max[p:size_y, q:size_x](
                pad(image[..., stride_y*y + dilation_y*p - padding_y, stride_x*x + dilation_x*q - padding_x], -inf))
            """,
        ),
        doc="The maxima of rectangular windows over the last two axes, whose elements may stand apart.",
        family="convolution",
        example="image: N C H W",
        parameters={**_POOL_RECTANGULAR, "dilation_y": 1, "dilation_x": 1},
        sample={"size_x": 3, "stride_x": 1},
    ),
)
