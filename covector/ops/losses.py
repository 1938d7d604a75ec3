"""Losses: each is one number, the mean over the batch unless its sentence says otherwise."""

from __future__ import annotations

from covector.ops.record import EVERY_AXIS, Operation

LOSSES = (
    Operation(
        name="mse",
        arguments=("prediction", "target"),
        forms=tuple(f"mse = mean[{every}]((prediction[{every}] - target[{every}])**2)" for every in EVERY_AXIS),
        doc="The mean squared error.",
        family="losses",
        example="prediction: M N; target: M N",
    ),
    Operation(
        name="squared_error_sum",
        arguments=("prediction", "target"),
        forms=tuple(
            f"squared_error_sum = sum[{every}]((prediction[{every}] - target[{every}])**2 / 2)" for every in EVERY_AXIS
        ),
        doc="Half the sum of squared errors.",
        family="losses",
        example="prediction: N; target: N",
    ),
    Operation(
        name="mae",
        arguments=("prediction", "target"),
        forms=tuple(f"mae = mean[{every}](abs(prediction[{every}] - target[{every}]))" for every in EVERY_AXIS),
        doc="The mean absolute error.",
        family="losses",
        example="prediction: M N; target: M N",
    ),
    Operation(
        name="huber",
        arguments=("prediction", "target"),
        forms=tuple(
            f"""
            e[{every}] = prediction[{every}] - target[{every}]
            huber = mean[{every}](
                select(abs(e[{every}]) < delta, e[{every}]**2 / 2, delta * (abs(e[{every}]) - delta / 2))
            )
            """
            for every in EVERY_AXIS
        ),
        doc="The mean of half the squared error where that is below delta, and a straight line beyond.",
        family="losses",
        example="prediction: M N; target: M N",
        parameters={"delta": 1},
        sample={"delta": 0.75},
    ),
    Operation(
        name="cross_entropy",
        arguments=("x", "target"),
        forms=(
            """
            logp[n, c] = x[n, c] - stop(max[k](x[n, k])) - log(sum[l](exp(x[n, l] - stop(max[k](x[n, k])))))
            cross_entropy = -mean[n]((1 - label_smoothing) * logp[n, target[n]] + label_smoothing * mean[c](logp[n, c]))
            """,
        ),
        doc="The cross entropy of scores x with the indices of the true classes, whose labels may be smoothed.",
        family="losses",
        example="x: N C; target: N int64",
        parameters={"label_smoothing": 0},
    ),
    Operation(
        name="cross_entropy_probabilities",
        arguments=("x", "target"),
        forms=(
            """
            logp[n, c] = x[n, c] - stop(max[k](x[n, k])) - log(sum[l](exp(x[n, l] - stop(max[k](x[n, k])))))
            cross_entropy_probabilities = -mean[n](
                (1 - label_smoothing) * sum[c](target[n, c] * logp[n, c]) + label_smoothing * mean[c](logp[n, c])
            )
            """,
        ),
        doc="The cross entropy of scores x with the true probabilities of the classes, which may be smoothed.",
        family="losses",
        example="x: N C; target: N C",
        parameters={"label_smoothing": 0},
    ),
    Operation(
        name="nll",
        arguments=("logp", "target"),
        forms=("nll = -mean[n](logp[n, target[n]])",),
        doc="The negative log-likelihood of the true classes, whose indices are given.",
        family="losses",
        example="logp: N C; target: N int64",
    ),
    Operation(
        name="binary_cross_entropy_with_logits",
        arguments=("x", "target"),
        forms=tuple(
            f"binary_cross_entropy_with_logits = mean[{every}](softplus(x[{every}]) - x[{every}] * target[{every}])"
            for every in EVERY_AXIS
        ),
        doc="The cross entropy of the sigmoid of x with targets from 0 to 1, without overflow.",
        family="losses",
        example="x: N; target: N",
    ),
    Operation(
        name="kl_divergence",
        arguments=("logq", "p"),
        forms=("kl_divergence = mean[n](sum[c](select(p[n, c] > 0, p[n, c] * (log(p[n, c]) - logq[n, c]), 0)))",),
        doc="The Kullback-Leibler divergence of p from q, whose logarithm is given.",
        family="losses",
        example="logq: N C; p: N C",
    ),
)
