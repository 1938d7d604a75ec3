"""Attention of several heads."""

from __future__ import annotations

from math import inf

from covector.errors import CovectorError, ShapeError
from covector.nn import functional, init
from covector.nn.functional.attention import attention_weights
from covector.nn.linear import Linear
from covector.nn.module import Module
from covector.nn.ops import ops
from covector.nn.parameter import Parameter
from covector.tensors.creation import empty, ones, zeros
from covector.tensors.tensor import Tensor


class MultiheadAttention(Module):
    """Attention of ``num_heads`` heads, each over ``embed_dim / num_heads`` numbers, and a linear map of their results.

    Inputs are ``(L, N, E)``, with ``batch_first`` ``(N, L, E)``, or ``(L, E)`` without a batch. The projections of
    query, key and value stand one above the other in ``in_proj_weight``, ``(3 E, E)``, unless ``kdim`` or ``vdim``
    differ from ``embed_dim``: then they are ``q_proj_weight``, ``k_proj_weight`` and ``v_proj_weight``.

    >>> from covector import nn, ones
    >>> out, weights = nn.MultiheadAttention(8, 2, batch_first=True)(*[ones(3, 5, 8)] * 3)
    >>> out.shape, weights.shape
    ((3, 5, 8), (3, 5, 5))
    """

    in_proj_weight: Parameter | None
    q_proj_weight: Parameter | None
    k_proj_weight: Parameter | None
    v_proj_weight: Parameter | None
    in_proj_bias: Parameter | None

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        dtype: str = "float32",
    ) -> None:
        if embed_dim % num_heads:
            raise ShapeError(f"embed_dim {embed_dim} cannot be divided among {num_heads} heads")
        self.embed_dim, self.num_heads, self.dropout, self.batch_first = embed_dim, num_heads, dropout, batch_first
        self.kdim, self.vdim = kdim or embed_dim, vdim or embed_dim
        together = self.kdim == self.vdim == embed_dim
        apart = [
            None if together else Parameter(empty(embed_dim, k, dtype=dtype)) for k in (embed_dim, self.kdim, self.vdim)
        ]
        self.q_proj_weight, self.k_proj_weight, self.v_proj_weight = apart
        self.in_proj_weight = Parameter(empty(3 * embed_dim, embed_dim, dtype=dtype)) if together else None
        self.in_proj_bias = Parameter(zeros(3 * embed_dim, dtype=dtype)) if bias else None
        self.out_proj = Linear(embed_dim, embed_dim, bias=bias, dtype=dtype)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the projections anew."""
        for weight in (self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight):
            if weight is not None:
                init.xavier_uniform_(weight)
        for bias in (self.in_proj_bias, self.out_proj.bias):
            if bias is not None:
                init.zeros_(bias)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """The result, of the shape of the query, and the weights (N, L, S): the mean over the heads, or None.

        As in PyTorch a True in a mask of bools *hides*: of ``key_padding_mask`` (N, S) a key, of ``attn_mask`` (L, S)
        or (N * heads, L, S) a key from a query; masks of floats are added to the scores. ``is_causal`` hides later
        keys.
        """
        given = {id(x): self._batch_first(x) for x in (query, key, value)}  # one tensor that comes thrice stays one
        batch = [given[id(x)] for x in (query, key, value)]
        heads = [self._in_heads(x) for x in self._projected(*batch)]
        extents = heads[0].shape[-2], heads[1].shape[-2]
        alone = is_causal and not need_weights and attn_mask is None and key_padding_mask is None
        mask = None if alone else self._mask(key_padding_mask, attn_mask, is_causal, extents, heads[0].dtype)
        dropped = self.dropout if self.training else 0.0
        weights = None
        if need_weights:
            weights = functional.dropout(attention_weights(heads[0], heads[1], mask), dropped)
            mixed = ops.matmul(weights, heads[2])
        else:
            mixed = functional.scaled_dot_product_attention(heads[0], heads[1], heads[2], mask, dropped, alone)
        together = ops.reshape(ops.permute(mixed, (0, 2, 1, 3)), (*batch[0].shape[:2], self.embed_dim))
        result = self._as_given(self.out_proj(together), query)
        if weights is not None:
            weights = ops.mean(weights, axis=1) if average_attn_weights else weights
            weights = ops.squeeze(weights, 0) if query.ndim == 2 else weights
        return result, weights

    def _batch_first(self, x: Tensor) -> Tensor:
        """An input as ``(N, L, E)``."""
        if x.ndim == 2:
            return ops.unsqueeze(x, 0)
        return x if self.batch_first else ops.permute(x, (1, 0, 2))

    def _as_given(self, x: Tensor, like: Tensor) -> Tensor:
        """A result in the layout in which the inputs are given."""
        if like.ndim == 2:
            return ops.squeeze(x, 0)
        return x if self.batch_first else ops.permute(x, (1, 0, 2))

    def _projected(self, query: Tensor, key: Tensor, value: Tensor) -> list[Tensor]:
        """Query, key and value, each through its projection."""
        size = self.embed_dim
        if self.in_proj_weight is not None and query is key is value:
            projected = functional.linear(query, self.in_proj_weight, self.in_proj_bias)
            return [projected[..., part * size : (part + 1) * size] for part in range(3)]
        parts = [slice(part * size, (part + 1) * size) for part in range(3)]
        if self.in_proj_weight is not None:
            weights: list[Tensor | None] = [self.in_proj_weight[part] for part in parts]
        else:
            weights = [self.q_proj_weight, self.k_proj_weight, self.v_proj_weight]
        biases = [None if self.in_proj_bias is None else self.in_proj_bias[part] for part in parts]
        given = zip((query, key, value), weights, biases, strict=True)
        return [functional.linear(x, weight, bias) for x, weight, bias in given if weight is not None]

    def _in_heads(self, x: Tensor) -> Tensor:
        """From ``(N, L, E)`` to ``(N, heads, L, E / heads)``."""
        apart = x.reshape((*x.shape[:2], self.num_heads, self.embed_dim // self.num_heads))
        return ops.permute(apart, (0, 2, 1, 3))

    def _mask(
        self, padding: Tensor | None, mask: Tensor | None, is_causal: bool, extents: tuple[int, int], dtype: str
    ) -> Tensor | None:
        """What is added to the scores ``(N, heads, L, S)``: the masks together."""
        found: list[Tensor] = []
        if mask is not None:
            if tuple(mask.shape[-2:]) != extents or mask.ndim not in (2, 3):
                message = f"attn_mask has the shape {tuple(mask.shape)}"
                raise ShapeError(message, hint=f"it is {extents} or (N * heads, *{extents})")
            found.append(_added(mask.reshape((-1, self.num_heads, *extents)) if mask.ndim == 3 else mask, dtype))
        elif is_causal:
            found.append(_added(ops.triu(ones(extents), 1) > 0, dtype))
        if padding is not None:
            if padding.shape[-1] != extents[1]:
                raise CovectorError(f"key_padding_mask has the shape {tuple(padding.shape)}, for {extents[1]} keys")
            found.append(_added(padding.reshape((-1, 1, 1, extents[1])), dtype))
        return sum(found[1:], start=found[0]) if found else None

    def extra_repr(self) -> str:
        return f"embed_dim={self.embed_dim}, num_heads={self.num_heads}, batch_first={self.batch_first}"


def _added(mask: Tensor, dtype: str) -> Tensor:
    """A mask of bools, whose True hides, as one that is added to scores."""
    return ops.where(mask, -inf, zeros((), dtype=dtype)) if mask.dtype == "bool" else mask
