"""Linear maps, embeddings, dropout, and modules that only change a shape."""

from __future__ import annotations

import math

from covector.errors import CovectorError
from covector.nn import functional, init
from covector.nn.module import Module
from covector.nn.ops import ops
from covector.nn.parameter import Parameter
from covector.tensors.creation import empty
from covector.tensors.tensor import Tensor
from covector.tensors.update import set_data


class Identity(Module):
    """What it is given."""

    def forward(self, input: Tensor) -> Tensor:
        """The input."""
        return input


class Linear(Module):
    """``y = x Wᵀ + b``: the last axis, of ``in_features``, becomes one of ``out_features``.

    ``weight`` has the shape ``(out_features, in_features)``, ``bias`` ``(out_features,)``; both begin uniform within
    ``±1/sqrt(in_features)``.

    >>> from covector import nn, ones
    >>> nn.Linear(3, 2)(ones(4, 3)).shape
    (4, 2)
    """

    bias: Parameter | None

    def __init__(self, in_features: int, out_features: int, bias: bool = True, dtype: str = "float32") -> None:
        self.in_features, self.out_features = in_features, out_features
        self.weight = Parameter(empty(out_features, in_features, dtype=dtype))
        self.bias = Parameter(empty(out_features, dtype=dtype)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weights anew."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            uniform_of_fan(self.bias, self.in_features)

    def forward(self, input: Tensor) -> Tensor:
        """``input @ weight.T + bias``."""
        return functional.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class Bilinear(Module):
    """``y = x1 A x2 + b`` for each of ``out_features``; the weight has the shape ``(out, in1, in2)``."""

    bias: Parameter | None

    def __init__(
        self, in1_features: int, in2_features: int, out_features: int, bias: bool = True, dtype: str = "float32"
    ) -> None:
        self.in1_features, self.in2_features, self.out_features = in1_features, in2_features, out_features
        self.weight = Parameter(empty(out_features, in1_features, in2_features, dtype=dtype))
        self.bias = Parameter(empty(out_features, dtype=dtype)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weights anew."""
        uniform_of_fan(self.weight, self.in1_features)
        if self.bias is not None:
            uniform_of_fan(self.bias, self.in1_features)

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        """The form of both inputs."""
        return functional.bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        features = f"in1_features={self.in1_features}, in2_features={self.in2_features}"
        return f"{features}, out_features={self.out_features}, bias={self.bias is not None}"


class Embedding(Module):
    """A row of ``embedding_dim`` numbers for each of ``num_embeddings`` integers, normal at first.

    The row ``padding_idx`` begins as zeros and gets no gradient.
    """

    def __init__(
        self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None, dtype: str = "float32"
    ) -> None:
        if padding_idx is not None and not -num_embeddings <= padding_idx < num_embeddings:
            raise CovectorError(f"padding_idx is {padding_idx}, and there are {num_embeddings} rows")
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        self.padding_idx = None if padding_idx is None else padding_idx % num_embeddings
        self.weight = Parameter(empty(num_embeddings, embedding_dim, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the rows anew."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            rows = self.weight.detach()
            rows[self.padding_idx] = 0
            set_data(self.weight, rows)

    def forward(self, input: Tensor) -> Tensor:
        """The rows of integers."""
        return functional.embedding(input, self.weight, self.padding_idx)

    def extra_repr(self) -> str:
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"


class Flatten(Module):
    """The axes from ``start_dim`` to ``end_dim`` as one."""

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, input: Tensor) -> Tensor:
        """The input with fewer axes."""
        return ops.flatten(input, self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """The axis ``dim`` as several, of the extents ``unflattened_size``."""

    def __init__(self, dim: int, unflattened_size: tuple[int, ...]) -> None:
        self.dim, self.unflattened_size = dim, tuple(unflattened_size)

    def forward(self, input: Tensor) -> Tensor:
        """The input with more axes."""
        place = self.dim % input.ndim
        return ops.reshape(input, (*input.shape[:place], *self.unflattened_size, *input.shape[place + 1 :]))

    def extra_repr(self) -> str:
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"


class Dropout(Module):
    """In training, each element set to 0 with probability ``p`` and divided by ``1 - p`` otherwise."""

    def __init__(self, p: float = 0.5) -> None:
        if not 0 <= p <= 1:
            raise CovectorError(f"dropout with the probability {p}", hint="p is between 0 and 1")
        self.p = p

    def forward(self, input: Tensor) -> Tensor:
        """The input, thinned in training."""
        return functional.dropout(input, self.p, self.training)

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace=False"


def uniform_of_fan(parameter: Tensor, fan_in: int) -> None:
    """Uniform values within ``±1/sqrt(fan_in)``."""
    bound = 1 / math.sqrt(fan_in) if fan_in else 0.0
    init.uniform_(parameter, -bound, bound)
