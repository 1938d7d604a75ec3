"""Activations, and the softmax family."""

from __future__ import annotations

from covector.ops.record import Operation

ACTIVATIONS = (
    Operation(
        name="softmax",
        arguments=("x",),
        forms=(
            "softmax[..., j] = exp(x[..., j] - stop(max[k](x[..., k])))"
            " / sum[l](exp(x[..., l] - stop(max[k](x[..., k]))))",
        ),
        doc="The exponentials along the last axis, divided by their sum.",
        family="activations",
        example="x: M N",
        axis=True,
    ),
    Operation(
        name="log_softmax",
        arguments=("x",),
        forms=(
            "log_softmax[..., j] = x[..., j] - stop(max[k](x[..., k]))"
            " - log(sum[l](exp(x[..., l] - stop(max[k](x[..., k])))))",
        ),
        doc="The logarithm of the softmax along the last axis, without overflow or loss of precision.",
        family="activations",
        example="x: M N",
        axis=True,
    ),
    Operation(
        name="logsumexp",
        arguments=("x",),
        forms=("logsumexp[...] = log(sum[l](exp(x[..., l] - stop(max[k](x[..., k]))))) + stop(max[k](x[..., k]))",),
        doc="The logarithm of the sum of the exponentials along the last axis, without overflow.",
        family="activations",
        example="x: M N",
        axis=True,
    ),
    Operation(
        name="gelu",
        arguments=("x",),
        forms=("gelu[...] = x[...] / 2 * (1 + erf(x[...] / sqrt(2)))",),
        doc="x times the probability that a standard normal variable is at most x.",
        family="activations",
        example="x: N",
    ),
    Operation(
        name="gelu_tanh",
        arguments=("x",),
        forms=("gelu_tanh[...] = x[...] / 2 * (1 + tanh(sqrt(2 / pi) * (x[...] + 0.044715 * x[...]**3)))",),
        doc="The approximation of gelu by tanh.",
        family="activations",
        example="x: N",
    ),
    Operation(
        name="silu",
        arguments=("x",),
        forms=("silu[...] = x[...] * sigmoid(x[...])",),
        doc="x times its sigmoid.",
        family="activations",
        example="x: N",
    ),
    Operation(
        name="swiglu",
        arguments=("gate", "x"),
        forms=("swiglu[...] = gate[...] * sigmoid(gate[...]) * x[...]",),
        doc="x times the silu of the gate.",
        family="activations",
        example="gate: M N; x: M N",
    ),
    Operation(
        name="leaky_relu",
        arguments=("x",),
        forms=("leaky_relu[...] = select(x[...] > 0, x[...], negative_slope * x[...])",),
        doc="x where it is positive, and a small multiple of x elsewhere.",
        family="activations",
        example="x: N",
        parameters={"negative_slope": 0.01},
    ),
    Operation(
        name="elu",
        arguments=("x",),
        forms=("elu[...] = select(x[...] > 0, x[...], alpha * expm1(x[...]))",),
        doc="x where it is positive, and a curve that falls to -alpha elsewhere.",
        family="activations",
        example="x: N",
        parameters={"alpha": 1},
        sample={"alpha": 1.5},
    ),
    Operation(
        name="log_sigmoid",
        arguments=("x",),
        forms=("log_sigmoid[...] = -softplus(-x[...])",),
        doc="The logarithm of the sigmoid, without overflow.",
        family="activations",
        example="x: N",
    ),
)
