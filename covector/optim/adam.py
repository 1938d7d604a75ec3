"""Adam and AdamW."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from covector.errors import CovectorError
from covector.nn.ops import ops
from covector.optim.optimizer import Group, Optimizer, State, check_not_negative
from covector.optim.settings import Settings
from covector.tensors.creation import zeros, zeros_like
from covector.tensors.tensor import Tensor


class Adam(Optimizer):
    """Steps of about ``lr`` along the mean of the gradients over the root of the mean of their squares.

    ``betas`` are the shares that the means keep at each step, ``eps`` is added to the root, ``weight_decay`` adds that
    share of a parameter to its gradient, and ``amsgrad`` takes the largest mean of squares so far.

    >>> from covector import optim, tensor
    >>> w = tensor([1.0], requires_grad=True)
    >>> optimizer = optim.Adam([w], lr=0.25)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> round(w.item(), 4)
    0.75
    """

    decoupled = False  # whether weight decay shrinks the parameter rather than enters its gradient

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[Group],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        kind = type(self).__name__
        check_not_negative(kind, lr=lr, eps=eps, weight_decay=weight_decay)
        if not all(0 <= beta < 1 for beta in betas):
            raise CovectorError(f"{kind}: betas are {betas}, and must be at least 0 and below 1")
        defaults: dict[str, Any] = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, defaults | {"amsgrad": amsgrad, "maximize": maximize})

    def start(self, parameter: Tensor, group: Group) -> State:
        state = {"step": zeros((), dtype="float64")}
        names = ["exp_avg", "exp_avg_sq", *(["max_exp_avg_sq"] if group["amsgrad"] else [])]
        return state | {name: zeros_like(parameter) for name in names}

    def update(self, parameter: Tensor, gradient: Tensor, state: State, group: Group, settings: Settings) -> Tensor:
        dtype = parameter.dtype
        if group["weight_decay"]:
            if self.decoupled:
                parameter = parameter * settings("kept", dtype, lambda group: 1 - group["lr"] * group["weight_decay"])
            else:
                gradient = gradient + settings("weight_decay", dtype) * parameter
        mean, square = state["exp_avg"], state["exp_avg_sq"]
        step = state["step"] = state["step"] + 1
        mean = state["exp_avg"] = mean + (gradient - mean) * settings("1 - beta1", dtype, _missing(0))
        kept, new = settings("beta2", dtype, lambda group: group["betas"][1]), settings("1 - beta2", dtype, _missing(1))
        square = state["exp_avg_sq"] = kept * square + new * (gradient * gradient)
        if group["amsgrad"]:
            square = state["max_exp_avg_sq"] = ops.maximum(state["max_exp_avg_sq"], square)
        size, root = _corrections(step, settings)
        denominator = ops.sqrt(square) / ops.astype(root, dtype) + settings("eps", dtype)
        return parameter - ops.astype(size, dtype) * mean / denominator


class AdamW(Adam):
    """`Adam` whose ``weight_decay`` shrinks the parameter itself, by ``lr * weight_decay``, apart from its gradient."""

    decoupled = True

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[Group],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize)


def _missing(place: int) -> Any:
    """The share that a new gradient has in a mean."""
    return lambda group: 1 - group["betas"][place]


def _corrections(step: Tensor, settings: Settings) -> tuple[Tensor, Tensor]:
    """The size of a step, and what the root is divided by: the means begin at 0, which both make up for.

    In float64, whatever the parameter is.
    """
    beta1 = settings("beta1", "float64", lambda group: group["betas"][0])
    beta2 = settings("beta2", "float64", lambda group: group["betas"][1])
    return settings("lr", "float64") / (1 - beta1**step), ops.sqrt(1 - beta2**step)
