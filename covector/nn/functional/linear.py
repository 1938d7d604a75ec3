"""Linear maps, embeddings, dropout and distances."""

from __future__ import annotations

from covector.errors import CovectorError
from covector.nn.ops import ops
from covector.tensors import random
from covector.tensors.tensor import Tensor


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """``input @ weight.T + bias``: the last axis, of extent ``in``, becomes one of extent ``out``.

    The weight has the shape ``(out, in)``, the bias ``(out,)``. Raises `ShapeError` where these do not fit.

    >>> from covector import nn, ones
    >>> nn.functional.linear(ones(2, 3), ones(4, 3)).shape
    (2, 4)
    """
    return ops.linear(input, weight, bias)


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """For each output a form that is linear in both inputs; the weight has the shape ``(out, in1, in2)``."""
    return ops.bilinear(input1, input2, weight, bias)


def embedding(input: Tensor, weight: Tensor, padding_idx: int | None = None) -> Tensor:
    """The rows of the weight that integers name; the row ``padding_idx`` gets no gradient.

    Raises `BoundsError`, when the values are looked at, where an integer names no row.

    >>> from covector import nn, tensor
    >>> nn.functional.embedding(tensor([1, 0]), tensor([[1.0, 2.0], [3.0, 4.0]])).tolist()
    [[3.0, 4.0], [1.0, 2.0]]
    """
    rows = ops.embedding(input, weight)
    if padding_idx is None:
        return rows
    padding = ops.unsqueeze(input == padding_idx % weight.shape[0], -1)
    return ops.where(padding, rows.detach(), rows)


def one_hot(input: Tensor, num_classes: int) -> Tensor:
    """For each integer a row of ``num_classes`` that is 1 at its place and 0 elsewhere, as int64."""
    return ops.astype(ops.one_hot(input, classes=num_classes), "int64")


def dropout(input: Tensor, p: float = 0.5, training: bool = True) -> Tensor:
    """In training, each element set to 0 with probability ``p`` and divided by ``1 - p`` otherwise; else as it is.

    Raises `CovectorError` where ``p`` is no probability.
    """
    if not 0 <= p <= 1:
        raise CovectorError(f"dropout with the probability {p}", hint="p is between 0 and 1")
    if not training or p == 0:
        return input
    if p == 1:
        return input * 0
    kept = random.uniform(input.shape, dtype=input.dtype) >= p
    return ops.where(kept, input / (1 - p), 0)


def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """Each vector along an axis over its p-norm, or over ``eps`` where that is larger."""
    length = ops.norm(input, p, dim, keepdims=True)
    return input / ops.where(length < eps, eps, length)


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """The cosine of the angle between two vectors along an axis; a length below ``eps`` counts as that."""
    lengths = (ops.norm(x, axis=dim, keepdims=True) for x in (x1, x2))
    first, second = (x / ops.where(length < eps, eps, length) for x, length in zip((x1, x2), lengths, strict=True))
    return ops.sum(first * second, axis=dim)
