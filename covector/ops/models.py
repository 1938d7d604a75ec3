"""Whole small models and cells: programs of several statements."""

from __future__ import annotations

from covector.ops.record import Operation

_LORA = """
A: R I
h[..., r] = sum[k](A[r, k] * input[..., k])
lora_linear[..., j] = sum[k](input[..., k] * weight[j, k]) + alpha / R * sum[r](B[j, r] * h[..., r])
"""

MODELS = (
    Operation(
        name="lora_linear",
        arguments=("input", "weight", "A", "B", "bias"),
        forms=(_LORA.rstrip() + " + bias[j]", _LORA),
        doc="A linear layer with a correction of rank R: its weight is weight + alpha / R * B @ A.",
        family="models",
        example="input: M infs; weight: outfs infs; A: R infs; B: outfs R; bias: outfs",
        parameters={"alpha": 1},
        sample={"alpha": 2},
    ),
    Operation(
        name="column_parallel_linear",
        arguments=("input", "weight", "bias"),
        forms=(
            """
            weight: B O I
            part[n, b, o] = sum[k](input[n, k] * weight[b, o, k]) + bias[b, o]
            column_parallel_linear[n, o:B*O] = part[n, o // O, o % O]
            """,
        ),
        doc="A linear layer whose outputs are computed in B blocks, one on each device, and put side by side.",
        family="models",
        example="input: N I; weight: B O I; bias: B O",
    ),
    Operation(
        name="row_parallel_linear",
        arguments=("input", "weight", "bias"),
        forms=(
            """
            weight: B O I
            part[b, n, o] = sum[k](input[n, b*I + k] * weight[b, o, k])
            row_parallel_linear[n, o] = sum[b](part[b, n, o]) + bias[o]
            """,
        ),
        doc="A linear layer whose inputs are split into B blocks, one on each device, and whose parts are summed.",
        family="models",
        example="input: N (B*I); weight: B O I; bias: O",
    ),
    Operation(
        name="matrix_factorisation_loss",
        arguments=("T", "U", "V", "mask"),
        forms=(
            "matrix_factorisation_loss = sum[i, j]((T[i, j] - sum[k](U[i, k] * V[j, k]))**2)",
            "matrix_factorisation_loss = sum[i, j](mask[i, j] * (T[i, j] - sum[k](U[i, k] * V[j, k]))**2)",
        ),
        doc="The squared distance of T to the product of U and Vᵀ, over the entries that a mask names if one is given.",
        family="models",
        example="T: M N; U: M K; V: N K",
    ),
    Operation(
        name="logistic_regression_loss",
        arguments=("input", "weight", "target", "bias"),
        forms=(
            """
            z[n] = sum[k](input[n, k] * weight[k]) + bias
            logistic_regression_loss = mean[n](softplus(z[n]) - z[n] * target[n])
            """,
            """
            z[n] = sum[k](input[n, k] * weight[k])
            logistic_regression_loss = mean[n](softplus(z[n]) - z[n] * target[n])
            """,
        ),
        doc="The cross entropy of a linear classifier of two classes with targets 0 and 1.",
        family="models",
        example="input: N D; weight: D; target: N; bias: ()",
    ),
    Operation(
        name="rnn_cell",
        arguments=("input", "h", "weight_ih", "weight_hh", "bias_ih", "bias_hh"),
        forms=(
            "rnn_cell[n, j] = tanh(sum[k](input[n, k] * weight_ih[j, k]) + bias_ih[j]"
            " + sum[l](h[n, l] * weight_hh[j, l]) + bias_hh[j])",
        ),
        doc="The next state of an Elman cell.",
        family="models",
        example="input: N I; h: N H; weight_ih: H I; weight_hh: H H; bias_ih: H; bias_hh: H",
    ),
    Operation(
        name="lstm_cell",
        arguments=("input", "h", "c", "weight_ih", "weight_hh", "bias_ih", "bias_hh"),
        forms=(
            """
            h: N H; weight_ih: (4*H) I; weight_hh: (4*H) H; bias_ih: (4*H); bias_hh: (4*H)
            z[n, q:4, j:H] = (
                sum[k](input[n, k] * weight_ih[q*H + j, k]) + bias_ih[q*H + j]
                + sum[l](h[n, l] * weight_hh[q*H + j, l]) + bias_hh[q*H + j]
            )
            i[n, j] = sigmoid(z[n, 0, j])
            f[n, j] = sigmoid(z[n, 1, j])
            g[n, j] = tanh(z[n, 2, j])
            o[n, j] = sigmoid(z[n, 3, j])
            c_new[n, j] = f[n, j] * c[n, j] + i[n, j] * g[n, j]
            lstm_cell[n, j] = o[n, j] * tanh(c_new[n, j])
            """,
        ),
        doc="The next hidden state of an LSTM cell, with the gates in the order input, forget, cell, output.",
        family="models",
        example=("input: N I; h: N H; c: N H; weight_ih: (4*H) I; weight_hh: (4*H) H; bias_ih: (4*H); bias_hh: (4*H)"),
    ),
    Operation(
        name="gru_cell",
        arguments=("input", "h", "weight_ih", "weight_hh", "bias_ih", "bias_hh"),
        forms=(
            """
            h: N H; weight_ih: (3*H) I; weight_hh: (3*H) H; bias_ih: (3*H); bias_hh: (3*H)
            a[n, q:3, j:H] = sum[k](input[n, k] * weight_ih[q*H + j, k]) + bias_ih[q*H + j]
            b[n, q:3, j:H] = sum[l](h[n, l] * weight_hh[q*H + j, l]) + bias_hh[q*H + j]
            r[n, j] = sigmoid(a[n, 0, j] + b[n, 0, j])
            z[n, j] = sigmoid(a[n, 1, j] + b[n, 1, j])
            t[n, j] = tanh(a[n, 2, j] + r[n, j] * b[n, 2, j])
            gru_cell[n, j] = (1 - z[n, j]) * t[n, j] + z[n, j] * h[n, j]
            """,
        ),
        doc="The next state of a GRU cell, with the gates in the order reset, update, new.",
        family="models",
        example="input: N I; h: N H; weight_ih: (3*H) I; weight_hh: (3*H) H; bias_ih: (3*H); bias_hh: (3*H)",
    ),
)
