"""Scaled dot-product attention."""

from __future__ import annotations

from math import inf, sqrt

from covector.errors import CovectorError
from covector.nn.functional.linear import dropout
from covector.nn.ops import ops
from covector.tensors.creation import ones
from covector.tensors.tensor import Tensor


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
) -> Tensor:
    """Means of the rows of ``value``, weighted by the softmax of ``query @ key.mT * scale``.

    ``query`` is ``(…, L, E)``, ``key`` ``(…, S, E)``, ``value`` ``(…, S, Ev)``; the result is ``(…, L, Ev)``. A mask of
    bools says what may be seen, one of floats is added to the scores; ``is_causal`` lets position i see positions up to
    i. ``scale`` is ``1 / sqrt(E)`` unless it is given. Raises `CovectorError` where a mask is given and ``is_causal``
    too.

    >>> from covector import nn, ones
    >>> nn.functional.scaled_dot_product_attention(ones(2, 4, 8), ones(2, 5, 8), ones(2, 5, 3)).shape
    (2, 4, 3)
    """
    if is_causal and attn_mask is not None:
        raise CovectorError("attention with a mask and is_causal", hint="put both into the mask")
    plain = attn_mask is None and not dropout_p and scale is None
    if plain and not is_causal:
        return ops.attention(query, key, value)
    length, seen = query.shape[-2], key.shape[-2]
    if plain and length == seen:
        return ops.causal_attention(query, key, value)
    if is_causal:
        attn_mask = ops.tril(ones(length, seen)) > 0
    return ops.matmul(dropout(attention_weights(query, key, attn_mask, scale), dropout_p), value)


def attention_weights(query: Tensor, key: Tensor, attn_mask: Tensor | None, scale: float | None = None) -> Tensor:
    """The softmax of the scores of each query with every key; a row that may see nothing is NaN, as in PyTorch."""
    scores = ops.matmul(query, key.mT) * (1 / sqrt(query.shape[-1]) if scale is None else scale)
    if attn_mask is None:
        return ops.softmax(scores, axis=-1)
    masked = ops.where(attn_mask, scores, -inf) if attn_mask.dtype == "bool" else scores + attn_mask
    return ops.softmax(masked, axis=-1)
