"""Adam and AdamW."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from covector.errors import CovectorError
from covector.frontend.arrays import Array
from covector.frontend.elementwise import elementwise
from covector.optim.optimizer import Group, Optimizer, State, check_not_negative
from covector.optim.rule import Rule, decayed, kept, sqrt
from covector.optim.settings import Setting, setting
from covector.tensors.creation import zeros, zeros_like
from covector.tensors.rounding import as_type
from covector.tensors.tensor import Tensor


def _adam(
    parameter: Array,
    gradient: Array,
    exp_avg: Array,
    exp_avg_sq: Array,
    step: Array,
    lr: Array,
    beta1: Array,
    beta2: Array,
    old: Array,
    new: Array,
    new_square: Array,
    eps: Array,
    weight_decay: Array | None = None,
    shrinkage: Array | None = None,
    max_exp_avg_sq: Array | None = None,
) -> dict[str, Array]:
    """The step of a parameter; ``old`` is beta2, ``new`` and ``new_square`` are what the betas are short of 1.

    The means begin at 0, which the size of the step and the divisor of the root make up for: in float64.
    """
    gradient = decayed(gradient, parameter, weight_decay)
    if shrinkage is not None:
        parameter = parameter * shrinkage
    made = {"step": kept(step + 1), "exp_avg": kept(exp_avg + (gradient - exp_avg) * new)}
    square = made["exp_avg_sq"] = kept(old * exp_avg_sq + new_square * (gradient * gradient))
    if max_exp_avg_sq is not None:
        square = made["max_exp_avg_sq"] = kept(elementwise("maximum", max_exp_avg_sq, square))
    size = as_type(lr / (1 - beta1 ** made["step"]), parameter.dtype)
    divisor = as_type(sqrt(1 - beta2 ** made["step"]), parameter.dtype)
    return made | {"parameter": parameter - size * made["exp_avg"] / (sqrt(square) / divisor + eps)}


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

    rule = Rule("adam", _adam)
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

    def numbers(self, group: Group) -> Mapping[str, Setting]:
        wanted = {"eps": setting("eps"), "old": _beta(1), "new": _missing(0), "new_square": _missing(1)}
        if group["weight_decay"] and self.decoupled:
            wanted["shrinkage"] = lambda group: 1 - float(group["lr"]) * float(group["weight_decay"])
        elif group["weight_decay"]:
            wanted["weight_decay"] = setting("weight_decay")
        return wanted

    def exact_numbers(self, group: Group) -> Mapping[str, Setting]:
        return {"lr": setting("lr"), "beta1": _beta(0), "beta2": _beta(1)}


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


def _beta(place: int) -> Setting:
    """The share that a mean keeps."""
    return lambda group: float(group["betas"][place])


def _missing(place: int) -> Setting:
    """The share that a new gradient has in a mean."""
    return lambda group: 1 - float(group["betas"][place])
