"""Attention, and the rotation of its queries and keys by position."""

from __future__ import annotations

from covector.ops.record import Operation

ATTENTION = (
    Operation(
        name="attention",
        arguments=("Q", "K", "V"),
        forms=(
            """
            Q: ... N D
            S[..., i, j] = sum[d](Q[..., i, d] * K[..., j, d]) / sqrt(D)
            P[..., i, j] = (
                exp(S[..., i, j] - stop(max[k](S[..., i, k])))
                / sum[l](exp(S[..., i, l] - stop(max[k](S[..., i, k]))))
            )
            attention[..., i, d] = sum[j](P[..., i, j] * V[..., j, d])
            """,
        ),
        doc="Scaled dot-product attention: means of the rows of V, weighted by the softmax of QKᵀ / sqrt(D).",
        family="attention",
        example="Q: N D; K: M D; V: M E",
    ),
    Operation(
        name="causal_attention",
        arguments=("Q", "K", "V"),
        forms=(
            """
            Q: ... N D
            S[..., i, j] = sum[d](Q[..., i, d] * K[..., j, d]) / sqrt(D)
            m[..., i] = stop(max[k](select(k <= i, S[..., i, k], -inf)))
            P[..., i, j] = [j <= i] * exp(S[..., i, j] - m[..., i]) / sum[l]([l <= i] * exp(S[..., i, l] - m[..., i]))
            causal_attention[..., i, d] = sum[j](P[..., i, j] * V[..., j, d])
            """,
        ),
        doc="Scaled dot-product attention in which position i sees the positions up to i alone.",
        family="attention",
        example="Q: N D; K: N D; V: N E",
    ),
    Operation(
        name="rotary_embedding",
        arguments=("x", "angle"),
        forms=(
            """
            x: ... N (2*F); angle: N F
            rotary_embedding[..., n, d] = (
                x[..., n, d] * cos(angle[n, d % F])
                + select(d < F, -x[..., n, d + F], x[..., n, d - F]) * sin(angle[n, d % F])
            )
            """,
        ),
        doc="The pairs that the two halves of the last axis make, each turned by the angle for its position.",
        family="attention",
        example="x: N (2*F); angle: N F",
    ),
)
