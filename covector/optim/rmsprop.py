"""RMSprop."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from covector.nn.ops import ops
from covector.optim.optimizer import Group, Optimizer, State, check_not_negative
from covector.optim.settings import Settings
from covector.tensors.creation import zeros_like
from covector.tensors.tensor import Tensor


class RMSprop(Optimizer):
    """``p ← p - lr * g / (sqrt(s) + eps)`` with ``s ← alpha * s + (1 - alpha) * g²``.

    ``centered`` takes from s the square of the mean of the gradients; with ``momentum`` the step is a sum of steps.

    >>> from covector import optim, tensor
    >>> w = tensor([1.0], requires_grad=True)
    >>> optimizer = optim.RMSprop([w], lr=0.05)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> round(w.item(), 4)
    0.5
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[Group],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        check_not_negative("RMSprop", lr=lr, alpha=alpha, eps=eps, weight_decay=weight_decay, momentum=momentum)
        defaults: dict[str, Any] = {"lr": lr, "alpha": alpha, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, defaults | {"momentum": momentum, "centered": centered, "maximize": maximize})

    def start(self, parameter: Tensor, group: Group) -> State:
        wanted = {"square_avg": True, "momentum_buffer": group["momentum"], "grad_avg": group["centered"]}
        return {name: zeros_like(parameter) for name, is_wanted in wanted.items() if is_wanted}

    def update(self, parameter: Tensor, gradient: Tensor, state: State, group: Group, settings: Settings) -> Tensor:
        dtype = parameter.dtype
        if group["weight_decay"]:
            gradient = gradient + settings("weight_decay", dtype) * parameter
        new = settings("1 - alpha", dtype, lambda group: 1 - group["alpha"])
        square = settings("alpha", dtype) * state["square_avg"] + new * (gradient * gradient)
        state["square_avg"] = square
        if "grad_avg" in state:
            mean = state["grad_avg"] = state["grad_avg"] + (gradient - state["grad_avg"]) * new
            square = square - mean * mean
        along = gradient / (ops.sqrt(square) + settings("eps", dtype))
        if "momentum_buffer" in state:
            along = state["momentum_buffer"] = settings("momentum", dtype) * state["momentum_buffer"] + along
        return parameter - settings("lr", dtype) * along
