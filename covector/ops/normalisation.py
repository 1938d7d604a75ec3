"""Layers that give their input mean 0 and variance 1, or mean square 1, over some of its axes."""

from __future__ import annotations

from covector.ops.record import Operation

_LAYER_STATISTICS = """
mu[...] = mean[k](x[..., k])
sigma[...] = sqrt(mean[k]((x[..., k] - mu[...])**2) + eps)
xhat[..., j] = (x[..., j] - mu[...]) / sigma[...]
"""
_ROOT_MEAN_SQUARE = """
rms[...] = sqrt(mean[k](x[..., k]**2) + eps)
xhat[..., j] = x[..., j] / rms[...]
"""
_POSITIONS = ("", ", i", ", i, j")  # what follows the channel
_EXTENTS = ("N C", "N C L", "N C H W")

NORMALISATION = (
    Operation(
        name="layer_norm",
        arguments=("x", "weight", "bias"),
        forms=(
            _LAYER_STATISTICS + "layer_norm[..., j] = xhat[..., j] * weight[j] + bias[j]",
            _LAYER_STATISTICS + "layer_norm[..., j] = xhat[..., j] * weight[j]",
            _LAYER_STATISTICS + "layer_norm[..., j] = xhat[..., j]",
        ),
        doc="x with mean 0 and variance 1 along the last axis, then scaled and shifted.",
        family="normalisation",
        example="x: N D; weight: D; bias: D",
        parameters={"eps": 1e-5},
    ),
    Operation(
        name="rms_norm",
        arguments=("x", "weight"),
        forms=(
            _ROOT_MEAN_SQUARE + "rms_norm[..., j] = xhat[..., j] * weight[j]",
            _ROOT_MEAN_SQUARE + "rms_norm[..., j] = xhat[..., j]",
        ),
        doc="x with mean square 1 along the last axis, then scaled.",
        family="normalisation",
        example="x: N D; weight: D",
        parameters={"eps": 1e-6},
    ),
    Operation(
        name="batch_norm",
        arguments=("x", "weight", "bias"),
        forms=tuple(
            f"""
            mu[c] = mean[n{at}](x[n, c{at}])
            sigma[c] = sqrt(mean[n{at}]((x[n, c{at}] - mu[c])**2) + eps)
            xhat[n, c{at}] = (x[n, c{at}] - mu[c]) / sigma[c]
            batch_norm[n, c{at}] = xhat[n, c{at}]{affine}
            """
            for affine in (" * weight[c] + bias[c]", "")
            for at in _POSITIONS
        ),
        doc="x with mean 0 and variance 1 in each channel over the batch, as in training, then scaled and shifted.",
        family="normalisation",
        example="x: N C; weight: C; bias: C",
        parameters={"eps": 1e-5},
    ),
    Operation(
        name="group_norm",
        arguments=("x", "weight", "bias"),
        forms=tuple(
            f"""
            x: {extents}
            mu[n, g:groups] = mean[d:C//groups{at}](x[n, g*(C//groups) + d{at}])
            sigma[n, g:groups] = sqrt(mean[d:C//groups{at}]((x[n, g*(C//groups) + d{at}] - mu[n, g])**2) + eps)
            xhat[n, c{at}] = (x[n, c{at}] - mu[n, c // (C//groups)]) / sigma[n, c // (C//groups)]
            group_norm[n, c{at}] = xhat[n, c{at}]{affine}
            """
            for affine in (" * weight[c] + bias[c]", "")
            for at, extents in zip(_POSITIONS, _EXTENTS, strict=True)
        ),
        doc="x with mean 0 and variance 1 in each group of channels of each sample, then scaled and shifted.",
        family="normalisation",
        example="x: N (2*S) H W; weight: (2*S); bias: (2*S)",
        parameters={"groups": 1, "eps": 1e-5},
        sample={"groups": 2},
    ),
)
