"""Adagrad."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from covector.frontend.arrays import Array
from covector.optim.optimizer import Group, Optimizer, State, check_not_negative
from covector.optim.rule import Rule, decayed, kept, sqrt
from covector.optim.settings import Setting, setting
from covector.tensors.creation import full_like, zeros
from covector.tensors.rounding import as_type
from covector.tensors.tensor import Tensor


def _adagrad(
    parameter: Array,
    gradient: Array,
    sum: Array,
    step: Array,
    lr: Array,
    lr_decay: Array,
    eps: Array,
    weight_decay: Array | None = None,
) -> dict[str, Array]:
    """The step of a parameter, of a rate that is computed in float64."""
    gradient = decayed(gradient, parameter, weight_decay)
    rate = as_type(lr / (1 + step * lr_decay), parameter.dtype)
    total = kept(sum + gradient * gradient)
    return {"parameter": parameter - rate * gradient / (sqrt(total) + eps), "sum": total, "step": step + 1}


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

    rule = Rule("adagrad", _adagrad)

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

    def numbers(self, group: Group) -> Mapping[str, Setting]:
        return {name: setting(name) for name in ("eps", *(("weight_decay",) if group["weight_decay"] else ()))}

    def exact_numbers(self, group: Group) -> Mapping[str, Setting]:
        return {"lr": setting("lr"), "lr_decay": setting("lr_decay")}
