"""Stochastic gradient descent, with momentum."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from covector.errors import CovectorError
from covector.frontend.arrays import Array
from covector.frontend.elementwise import select
from covector.optim.optimizer import Group, Optimizer, State, check_not_negative
from covector.optim.rule import Rule, decayed, kept
from covector.optim.settings import Setting, setting
from covector.tensors.creation import zeros, zeros_like
from covector.tensors.tensor import Tensor


def _sgd(
    parameter: Array,
    gradient: Array,
    lr: Array,
    weight_decay: Array | None = None,
    momentum: Array | None = None,
    momentum_buffer: Array | None = None,
    step: Array | None = None,
    share: Array | None = None,
    nesterov: bool = False,
) -> dict[str, Array]:
    """The step of a parameter; ``share`` is what a new gradient has in the buffer, but for the first, at step 0."""
    made = {}
    gradient = decayed(gradient, parameter, weight_decay)
    if momentum is not None and momentum_buffer is not None:
        added = gradient
        if step is not None and share is not None:
            added = gradient * select(step == 0, 1, share)
            made["step"] = step + 1
        buffer = made["momentum_buffer"] = kept(momentum * momentum_buffer + added)
        gradient = gradient + momentum * buffer if nesterov else buffer
    return made | {"parameter": parameter - lr * gradient}


class SGD(Optimizer):
    """``p ← p - lr * v`` with ``v ← momentum * v + (1 - dampening) * g``; the first v is g.

    With ``nesterov`` the step is along ``g + momentum * v``; ``weight_decay`` adds that share of p to its gradient.

    >>> from covector import optim, tensor
    >>> w = tensor([1.0], requires_grad=True)
    >>> optimizer = optim.SGD([w], lr=0.25)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.tolist()
    [0.5]
    """

    rule = Rule("sgd", _sgd)

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[Group],
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        check_not_negative("SGD", lr=lr, momentum=momentum, weight_decay=weight_decay)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise CovectorError("nesterov needs a momentum, and no dampening")
        defaults: dict[str, Any] = {"lr": lr, "momentum": momentum, "dampening": dampening}
        super().__init__(params, defaults | {"weight_decay": weight_decay, "nesterov": nesterov, "maximize": maximize})

    def start(self, parameter: Tensor, group: Group) -> State:
        if not group["momentum"]:
            return {}
        buffer = {"momentum_buffer": zeros_like(parameter)}
        return buffer | {"step": zeros((), dtype="float64")} if group["dampening"] else buffer

    def numbers(self, group: Group) -> Mapping[str, Setting]:
        wanted = {"lr": setting("lr")}
        if group["weight_decay"]:
            wanted["weight_decay"] = setting("weight_decay")
        if group["momentum"]:
            wanted["momentum"] = setting("momentum")
        if group["momentum"] and group["dampening"]:
            wanted["share"] = _share
        return wanted

    def flags(self, group: Group) -> Mapping[str, bool]:
        return {"nesterov": bool(group["nesterov"])}


def _share(group: Group) -> float:
    """The share that a new gradient has in the buffer."""
    return 1 - float(group["dampening"])
