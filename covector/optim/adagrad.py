"""Adagrad."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from covector.nn.ops import ops
from covector.optim.optimizer import Group, Optimizer, State, check_not_negative
from covector.optim.settings import Settings
from covector.tensors.creation import full_like, zeros
from covector.tensors.tensor import Tensor


class Adagrad(Optimizer):
    """``p ← p - rate * g / (sqrt(s) + eps)``, s the sum of all ``g²`` so far.

    The rate is ``lr / (1 + t * lr_decay)`` at step t, from 0; s begins as ``initial_accumulator_value``.

    >>> from covector import optim, tensor
    >>> w = tensor([1.0], requires_grad=True)
    >>> optimizer = optim.Adagrad([w], lr=0.25)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> round(w.item(), 4)
    0.75
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[Group],
        lr: float = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        *,
        maximize: bool = False,
    ) -> None:
        check_not_negative("Adagrad", lr=lr, lr_decay=lr_decay, weight_decay=weight_decay, eps=eps)
        check_not_negative("Adagrad", initial_accumulator_value=initial_accumulator_value)
        defaults: dict[str, Any] = {"lr": lr, "lr_decay": lr_decay, "weight_decay": weight_decay, "eps": eps}
        more = {"initial_accumulator_value": initial_accumulator_value, "maximize": maximize}
        super().__init__(params, defaults | more)

    def start(self, parameter: Tensor, group: Group) -> State:
        first = float(group["initial_accumulator_value"])
        return {"step": zeros((), dtype="float64"), "sum": full_like(parameter, first)}

    def update(self, parameter: Tensor, gradient: Tensor, state: State, group: Group, settings: Settings) -> Tensor:
        dtype = parameter.dtype
        if group["weight_decay"]:
            gradient = gradient + settings("weight_decay", dtype) * parameter
        rate = settings("lr", dtype)
        if group["lr_decay"]:
            lr, decay = settings("lr", "float64"), settings("lr_decay", "float64")
            rate = (lr / (1 + state["step"] * decay)).to(dtype)
        state["step"] = state["step"] + 1
        total = state["sum"] = state["sum"] + gradient * gradient
        return parameter - rate * gradient / (ops.sqrt(total) + settings("eps", dtype))
