"""Cells of recurrent networks: one step, which a loop over the sequence calls."""

from __future__ import annotations

from typing import Literal

from covector.errors import CovectorError, ShapeError
from covector.nn import functional
from covector.nn.linear import uniform_of_fan
from covector.nn.module import Module
from covector.nn.ops import ops
from covector.nn.parameter import Parameter
from covector.tensors.creation import empty, zeros
from covector.tensors.tensor import Tensor


class _Cell(Module):
    """What cells share: the weights of each gate one above the other, for the input and for the state."""

    gates = 1
    bias_ih: Parameter | None
    bias_hh: Parameter | None

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, dtype: str = "float32") -> None:
        rows = self.gates * hidden_size
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        self.weight_ih = Parameter(empty(rows, input_size, dtype=dtype))
        self.weight_hh = Parameter(empty(rows, hidden_size, dtype=dtype))
        self.bias_ih = Parameter(empty(rows, dtype=dtype)) if bias else None
        self.bias_hh = Parameter(empty(rows, dtype=dtype)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weights anew."""
        for parameter in self.parameters():
            uniform_of_fan(parameter, self.hidden_size)

    def _state(self, input: Tensor, h: Tensor | None) -> Tensor:
        """The state that is given, or zeros."""
        if input.ndim not in (1, 2) or input.shape[-1] != self.input_size:
            message = f"{type(self).__name__} of an input of shape {tuple(input.shape)}"
            raise ShapeError(message, hint=f"the input is (N, {self.input_size}) or ({self.input_size},)")
        wanted = (*input.shape[:-1], self.hidden_size)
        if h is None:
            return zeros(wanted, dtype=input.dtype)
        if tuple(h.shape) != wanted:
            raise ShapeError(f"{type(self).__name__}: the state has the shape {tuple(h.shape)}, not {wanted}")
        return h

    def _sums(self, input: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        """What the input and what the state contribute to each gate."""
        from_input = functional.linear(input, self.weight_ih, self.bias_ih)
        return from_input, functional.linear(h, self.weight_hh, self.bias_hh)

    def _gates(self, sums: Tensor) -> list[Tensor]:
        """The part of each gate."""
        size = self.hidden_size
        return [sums[..., gate * size : (gate + 1) * size] for gate in range(self.gates)]

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}" + ("" if self.bias else ", bias=False")


class RNNCell(_Cell):
    """An Elman cell: ``tanh`` or ``relu`` of a linear map of the input and one of the state."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: Literal["tanh", "relu"] = "tanh",
        dtype: str = "float32",
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise CovectorError(f"RNNCell has no nonlinearity {nonlinearity!r}", hint="one of 'tanh', 'relu'")
        self.nonlinearity = nonlinearity
        super().__init__(input_size, hidden_size, bias, dtype)

    def extra_repr(self) -> str:
        return super().extra_repr() + ("" if self.nonlinearity == "tanh" else f", nonlinearity={self.nonlinearity}")

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """The next state ``(N, hidden)``, from the input ``(N, in)`` and the state, zeros unless it is given."""
        from_input, from_state = self._sums(input, self._state(input, hx))
        function = ops.tanh if self.nonlinearity == "tanh" else ops.relu
        return function(from_input + from_state)


class LSTMCell(_Cell):
    """A long short-term memory cell, with the gates in the order input, forget, cell, output.

    >>> from covector import nn, ones
    >>> h, c = nn.LSTMCell(3, 5)(ones(2, 3))
    >>> h.shape, c.shape
    ((2, 5), (2, 5))
    """

    gates = 4

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        """The next hidden state and the next cell state, from the input and both, zeros unless they are given."""
        h, c = (self._state(input, None if hx is None else state) for state in (hx or (None, None)))
        from_input, from_state = self._sums(input, h)
        i, f, g, o = self._gates(from_input + from_state)
        c = ops.sigmoid(f) * c + ops.sigmoid(i) * ops.tanh(g)
        return ops.sigmoid(o) * ops.tanh(c), c


class GRUCell(_Cell):
    """A gated recurrent unit, with the gates in the order reset, update, new."""

    gates = 3

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """The next state ``(N, hidden)``, from the input ``(N, in)`` and the state, zeros unless it is given."""
        h = self._state(input, hx)
        from_input, from_state = self._sums(input, h)
        (ri, zi, ni), (rh, zh, nh) = self._gates(from_input), self._gates(from_state)
        update = ops.sigmoid(zi + zh)
        new = ops.tanh(ni + ops.sigmoid(ri + rh) * nh)
        return (1 - update) * new + update * h
