"""Products, traces, diagonals, norms and distances."""

from __future__ import annotations

from covector.ops.record import EVERY_AXIS, Operation

LINEAR_ALGEBRA = (
    Operation(
        name="matmul",
        arguments=("a", "b"),
        forms=(
            "matmul = sum[k](a[k] * b[k])",
            "matmul[..., i] = sum[k](a[..., i, k] * b[k])",
            "matmul[..., j] = sum[k](a[k] * b[..., k, j])",
            "matmul[..., i, j] = sum[k](a[..., i, k] * b[..., k, j])",
        ),
        doc="The matrix product, of vectors, matrices, and batches of matrices whose leading axes broadcast.",
        family="linear algebra",
        example="a: M K; b: K N",
    ),
    Operation(
        name="dot",
        arguments=("a", "b"),
        forms=("dot = sum[k](a[k] * b[k])",),
        doc="The inner product of two vectors.",
        family="linear algebra",
        example="a: N; b: N",
    ),
    Operation(
        name="inner",
        arguments=("a", "b"),
        forms=(
            "inner = sum[k](a[k] * b[k])",
            "inner[i] = sum[k](a[i, k] * b[k])",
            "inner[j] = sum[k](a[k] * b[j, k])",
            "inner[i, j] = sum[k](a[i, k] * b[j, k])",
        ),
        doc="The sum of products over the last axes of a and b.",
        family="linear algebra",
        example="a: M K; b: N K",
    ),
    Operation(
        name="outer",
        arguments=("a", "b"),
        forms=("outer[i, j] = a[i] * b[j]",),
        doc="Every product of an element of a with an element of b.",
        family="linear algebra",
        example="a: M; b: N",
    ),
    Operation(
        name="linear",
        arguments=("input", "weight", "bias"),
        forms=(
            "linear[..., j] = sum[k](input[..., k] * weight[j, k]) + bias[j]",
            "linear[..., j] = sum[k](input[..., k] * weight[j, k])",
        ),
        doc="The affine map of the last axis that a fully connected layer is.",
        family="linear algebra",
        example="input: M infs; weight: outfs infs; bias: outfs",
    ),
    Operation(
        name="bilinear",
        arguments=("left", "right", "weight", "bias"),
        forms=(
            "bilinear[..., o] = sum[i, j](left[..., i] * weight[o, i, j] * right[..., j]) + bias[o]",
            "bilinear[..., o] = sum[i, j](left[..., i] * weight[o, i, j] * right[..., j])",
        ),
        doc="For each output a form that is linear in left and in right.",
        family="linear algebra",
        example="left: N I; right: N J; weight: O I J; bias: O",
    ),
    Operation(
        name="trace",
        arguments=("a",),
        forms=("trace = sum[i](a[i, i])",),
        doc="The sum of the diagonal of a square matrix.",
        family="linear algebra",
        example="a: N N",
    ),
    Operation(
        name="diag",
        arguments=("a",),
        forms=("a: N; diag[i:N, j:N] = [i = j] * a[i]", "diag[i] = a[i, i]"),
        doc="The diagonal matrix of a vector, or the diagonal of a square matrix.",
        family="linear algebra",
        example="a: N",
    ),
    Operation(
        name="diagonal",
        arguments=("a",),
        forms=("diagonal[..., i] = a[..., i, i]",),
        doc="The diagonal of the last two axes.",
        family="linear algebra",
        example="a: N N",
    ),
    Operation(
        name="transpose",
        arguments=("a",),
        forms=("transpose[..., j, i] = a[..., i, j]",),
        doc="The last two axes exchanged.",
        family="linear algebra",
        example="a: M N",
    ),
    Operation(
        name="norm",
        arguments=("a",),
        forms=tuple(f"norm = sqrt(sum[{every}](a[{every}]**2))" for every in EVERY_AXIS),
        doc="The Euclidean norm of all elements, of a matrix the Frobenius norm; it has no derivative at zero.",
        family="linear algebra",
        example="a: M N",
    ),
    Operation(
        name="cosine_similarity",
        arguments=("a", "b"),
        forms=(
            """
            s[...] = sqrt(sum[k](a[..., k]**2))
            t[...] = sqrt(sum[k](b[..., k]**2))
            cosine_similarity[...] = sum[k](a[..., k] * b[..., k]) / (s[...] * t[...])
            """,
        ),
        doc="The cosine of the angle between a and b along the last axis; vectors of zeros have none.",
        family="linear algebra",
        example="a: N D; b: N D",
        axis=True,
    ),
    Operation(
        name="pairwise_squared_distances",
        arguments=("a", "b"),
        forms=("pairwise_squared_distances[..., i, j] = sum[k]((a[..., i, k] - b[..., j, k])**2)",),
        doc="The squared Euclidean distance of every row of a to every row of b.",
        family="linear algebra",
        example="a: M D; b: N D",
    ),
    Operation(
        name="cumsum",
        arguments=("x",),
        forms=("x: ... N; cumsum[..., i:N] = sum[j]([j <= i] * x[..., j])",),
        doc="The sums of everything up to and including each element of the last axis.",
        family="linear algebra",
        example="x: N",
        axis=True,
    ),
)
