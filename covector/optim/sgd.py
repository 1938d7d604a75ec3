"""Stochastic gradient descent, with momentum."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from covector.errors import CovectorError
from covector.nn.ops import ops
from covector.optim.optimizer import Group, Optimizer, State, check_not_negative
from covector.optim.settings import Settings
from covector.tensors.creation import zeros, zeros_like
from covector.tensors.tensor import Tensor


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

    def update(self, parameter: Tensor, gradient: Tensor, state: State, group: Group, settings: Settings) -> Tensor:
        dtype = parameter.dtype
        if group["weight_decay"]:
            gradient = gradient + settings("weight_decay", dtype) * parameter
        if "momentum_buffer" in state:
            momentum, added = settings("momentum", dtype), gradient
            if "step" in state:
                # The first step is not dampened.
                share = ops.where(state["step"] == 0, 1, settings("undampened", dtype, _undampened))
                added, state["step"] = gradient * share, state["step"] + 1
            buffer = momentum * state["momentum_buffer"] + added
            state["momentum_buffer"] = buffer
            gradient = gradient + momentum * buffer if group["nesterov"] else buffer
        return parameter - settings("lr", dtype) * gradient


def _undampened(group: Group) -> float:
    return 1 - float(group["dampening"])
