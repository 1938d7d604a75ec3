"""RMSprop."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from covector.frontend.arrays import Array
from covector.optim.optimizer import Group, Optimizer, State, check_not_negative
from covector.optim.rule import Rule, decayed, kept, sqrt
from covector.optim.settings import Setting, setting
from covector.tensors.creation import zeros_like
from covector.tensors.tensor import Tensor


def _rmsprop(
    parameter: Array,
    gradient: Array,
    square_avg: Array,
    lr: Array,
    alpha: Array,
    new: Array,
    eps: Array,
    weight_decay: Array | None = None,
    grad_avg: Array | None = None,
    momentum: Array | None = None,
    momentum_buffer: Array | None = None,
) -> dict[str, Array]:
    """The step of a parameter; ``new`` is what alpha is short of 1."""
    gradient = decayed(gradient, parameter, weight_decay)
    square = kept(alpha * square_avg + new * (gradient * gradient))
    made = {"square_avg": square}
    if grad_avg is not None:
        mean = made["grad_avg"] = kept(grad_avg + (gradient - grad_avg) * new)
        square = square - mean * mean
    along = gradient / (sqrt(square) + eps)
    if momentum is not None and momentum_buffer is not None:
        along = made["momentum_buffer"] = kept(momentum * momentum_buffer + along)
    return made | {"parameter": parameter - lr * along}


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

    rule = Rule("rmsprop", _rmsprop)

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

    def numbers(self, group: Group) -> Mapping[str, Setting]:
        names = ["lr", "alpha", "eps", *(name for name in ("weight_decay", "momentum") if group[name])]
        return {name: setting(name) for name in names} | {"new": lambda group: 1 - float(group["alpha"])}
