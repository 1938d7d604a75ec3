"""Newton's method: steps that solve ``H @ p = -g`` by the structure of the Hessian, or by conjugate gradients."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

import numpy as np

from covector.errors import CovectorError, JitError
from covector.jacobians.objective import Objective
from covector.optim.newton_system import Direct, Point, Products, Step, System, largest, moved, norm
from covector.optim.optimizer import Group, Optimizer, State, check_not_negative
from covector.tensors.backward import enable_grad, no_grad
from covector.tensors.creation import asarray
from covector.tensors.node import STATE
from covector.tensors.tensor import Tensor
from covector.transforms.functional_call import holding

Strategy = Literal["trust", "line_search"]
Solver = Literal["auto", "direct", "cg"]

_ENOUGH_LESS = 1e-4  # the share of the promised decrease that a step must make
_GOOD, _POOR = 0.75, 0.25  # shares from which on, and up to which, the damping is changed
_FIRST_DAMPING = 1e-3  # in units of the Hessian, as is the least
_LEAST_DAMPING = 1e-12
_FACTOR = 4.0  # by which the damping grows and shrinks
_MOST_TRIES = 40  # systems, or lengths of a step, that are tried from one point
_FEW = 50  # products that are tried before dense matrices
_SHORT = 60  # blocks of the Hessian times statements, of programs whose Hessian is derived without being asked for
_LITTLE = 32  # times the bytes of the parameters may be dense without trying products first
_ROUNDING = 8.0  # decreases of the loss up to so many units in its last place say nothing


class Newton(Optimizer):
    """Up to ``max_iter`` steps of Newton's method in each call of ``step``.

    ``step`` is given a closure that computes the loss and returns it. It is called once, and what it did is
    differentiated as a program: a ``backward`` in it is not needed, and does no harm. With ``solver="direct"`` the
    system of a step is solved by the structure of the Hessian: a diagonal, blocks, a Kronecker product, a diagonal plus
    low rank, and for several parameters by a Schur complement. With ``"cg"`` conjugate gradients take products of the
    Hessian with vectors alone, at most ``cg_iter`` of them for a step. ``"auto"`` takes the structure where it takes
    little memory, otherwise products, and dense matrices from where these do not get there in a few dozen; for deep
    models products alone, since deriving their Hessian takes long.

    ``strategy`` says what is done where the loss is not quadratic. ``"trust"`` adds a multiple of the identity to the
    Hessian where it is not positive definite or a step makes the loss no less, and takes it away again as steps succeed
    (Levenberg, Marquardt). ``"line_search"`` adds it only to make the Hessian positive definite, and shortens steps.
    With None every step is taken as it is, ``lr`` times the solution. ``damping`` is added to the diagonal in any case.

    Steps end where the largest gradient is at most ``tolerance_grad``, where no parameter moves by more than
    ``tolerance_change``, or where the loss cannot be made less. ``budget`` is how many bytes the Hessian, and dense
    matrices for its system, may take: `BudgetError` says what they would take. Raises `SingularError` where the
    Hessian is singular and the strategy is None, `GradientError` where the loss is not one float, and `JitError` where
    the closure looks at values.

    >>> from covector import exp, optim, tensor
    >>> w = tensor([1.0, -2.0], requires_grad=True)
    >>> optimizer = optim.Newton([w])
    >>> first = optimizer.step(lambda: (exp(w) - 2 * w).sum())
    >>> [round(value, 4) for value in w.tolist()]
    [0.6931, 0.6931]
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[Group],
        lr: float = 1.0,
        max_iter: int = 20,
        damping: float = 0.0,
        strategy: Strategy | None = "trust",
        solver: Solver = "auto",
        cg_iter: int = 250,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-12,
        budget: int = 1 << 30,
    ) -> None:
        tolerances = {"tolerance_grad": tolerance_grad, "tolerance_change": tolerance_change}
        check_not_negative("Newton", lr=lr, max_iter=max_iter, damping=damping, cg_iter=cg_iter, **tolerances)
        if strategy not in ("trust", "line_search", None):
            raise CovectorError(f"Newton has no strategy {strategy!r}", hint="'trust', 'line_search' or None")
        if solver not in ("auto", "direct", "cg"):
            raise CovectorError(f"Newton has no solver {solver!r}", hint="'auto', 'direct' or 'cg'")
        settings = {"lr": lr, "max_iter": max_iter, "damping": damping, "strategy": strategy, "solver": solver}
        super().__init__(params, settings | tolerances | {"cg_iter": cg_iter, "budget": budget})
        if len(self.param_groups) > 1:
            raise CovectorError("Newton takes one group of parameters", hint="a step is one of all parameters together")
        self.memory: dict[str, Any] = {"n_iter": 0, "func_evals": 0, "n_solves": 0, "damping": 0.0, "dense": False}

    def start(self, parameter: Tensor, group: Group) -> State:
        return {}

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Make up to ``max_iter`` steps; returns the loss before the first."""
        if closure is None:
            message = "Newton.step is given no closure, and needs the loss as a function of the parameters"
            raise CovectorError(message, hint="optimizer.step(closure), where closure returns the loss")
        if STATE.trace is not None:
            hint = "call it outside: it compiles the loss, its gradient and its Hessian itself"
            raise JitError("Newton.step looks at the loss, which a function that is traced cannot", hint=hint)
        group, parameters = self.param_groups[0], self._parameters()
        objective = Objective(_of_parameters(parameters, closure), parameters, group["budget"])
        first = here = self._at(objective, [parameter.detach().numpy() for parameter in parameters])
        if not math.isfinite(here.loss):
            raise CovectorError(f"the loss is {here.loss} where Newton's method starts", hint="start elsewhere")
        for _ in range(group["max_iter"]):
            if largest(here.gradient) <= group["tolerance_grad"]:
                break
            before, here = here, self._next(objective, here)
            if here is before:
                break
            self.memory["n_iter"] += 1
            if largest(moved(here.values, before.values, -1.0)) <= group["tolerance_change"]:
                break
        with no_grad():
            for parameter, value in zip(parameters, here.values, strict=True):
                parameter.copy_(asarray(value))
        return asarray(np.asarray(first.loss, here.gradient[0].dtype))

    def _at(self, objective: Objective, values: Sequence[Any]) -> Point:
        self.memory["func_evals"] += 1
        return Point(values, *objective.value_and_gradient(values))

    def _next(self, objective: Objective, here: Point) -> Point:
        """The point after one step; the same one where no step makes the loss less."""
        group = self.param_groups[0]
        system = self._system(objective, here)
        for tries in range(_MOST_TRIES):
            self.memory["n_solves"] += 1
            damping = group["damping"] + self._damping(system, here)
            step = system.step(damping)
            if isinstance(system, Products) and system.ran_out and self._may_be_dense(objective):
                self.memory["dense"], system = True, self._system(objective, here, dense=True)
                step = system.step(damping)
            if step is not None:
                found, share = self._taken(objective, here, step)
                if found is not None:
                    self._adapt(share, is_first=not tries)
                    return found
            self._damp(system, here)
        return here

    def _system(self, objective: Objective, here: Point, dense: bool = False) -> System:
        """What solves the system of a step."""
        group = self.param_groups[0]
        is_auto = group["solver"] == "auto" and not (dense or self.memory["dense"])
        if group["solver"] == "cg" or (is_auto and not self._is_structured(objective)):
            may_change = is_auto and objective.length <= _SHORT
            return Products(objective, here, min(_FEW, group["cg_iter"]) if may_change else group["cg_iter"])
        return Direct(objective, here, any_sign=group["strategy"] is None)

    def _is_structured(self, objective: Objective) -> bool:
        return objective.length <= _SHORT and objective.system_nbytes <= _LITTLE * objective.nbytes

    def _may_be_dense(self, objective: Objective) -> bool:
        group = self.param_groups[0]
        is_auto = group["solver"] == "auto" and objective.length <= _SHORT
        return bool(is_auto and objective.system_nbytes <= group["budget"])

    def _taken(self, objective: Objective, here: Point, step: Step) -> tuple[Point | None, float]:
        """The point after a step as the strategy takes it, None where it wants another one, and the share of the
        promised decrease of the loss.
        """
        group = self.param_groups[0]
        promised = step.promised(group["lr"])
        is_rounded = promised <= _ROUNDING * np.finfo(here.gradient[0].dtype).eps * abs(here.loss)
        if group["strategy"] == "line_search" and not is_rounded:
            return self._searched(objective, here, step)
        there = self._at(objective, moved(here.values, step.direction, group["lr"]))
        if group["strategy"] is None:
            return there, 1.0
        if is_rounded:
            return there if largest(there.gradient) < largest(here.gradient) else here, 1.0
        share = (here.loss - there.loss) / promised
        return there if share >= _ENOUGH_LESS else None, share

    def _searched(self, objective: Objective, here: Point, step: Step) -> tuple[Point | None, float]:
        """The point after the first of shorter and shorter steps that makes the loss less by enough."""
        length = self.param_groups[0]["lr"]
        for _ in range(_MOST_TRIES):
            there = self._at(objective, moved(here.values, step.direction, length))
            if here.loss - there.loss >= -_ENOUGH_LESS * length * step.slope:
                return there, 1.0
            length /= 2
        return None, 0.0

    # Near a minimum a damping in proportion to the gradient vanishes as fast as the distance does, so that convergence
    # stays quadratic, even where the minimum is not alone and the Hessian there is singular.

    def _damping(self, system: System, here: Point) -> float:
        """What is added to the diagonal on account of steps that failed before."""
        relative: float = self.memory["damping"]
        return relative and max(relative * norm(here.gradient), _LEAST_DAMPING * system.scale())

    def _damp(self, system: System, here: Point) -> None:
        """Trust the quadratic model less."""
        least = _FIRST_DAMPING * system.scale() / norm(here.gradient)
        self.memory["damping"] = max(self.memory["damping"] * _FACTOR, least)

    def _adapt(self, share: float, is_first: bool) -> None:
        """Trust the model more where the first step that was tried has kept what it promised, less where it has not."""
        if share < _POOR:
            self.memory["damping"] *= _FACTOR
        elif share >= _GOOD and is_first:
            self.memory["damping"] /= _FACTOR

    def state_dict(self) -> dict[str, Any]:
        """The counts and the damping so far, and the settings."""
        return {**super().state_dict(), "state": {0: dict(self.memory)}}

    def load_state_dict(self, state_dict: Any) -> None:
        """Go on from where a state was taken; raises `StateError` where it is of other parameters."""
        super().load_state_dict({**state_dict, "state": {}})
        saved = dict(next(iter(state_dict["state"].values()), {}))
        self.memory.update({name: saved[name] for name in self.memory if name in saved})


def _of_parameters(parameters: Sequence[Tensor], closure: Callable[[], Any]) -> Callable[..., Any]:
    """A closure as a function of the values of parameters, which ask for gradients in it."""

    def loss(*values: Tensor) -> Any:
        with holding(parameters, [value.requires_grad_() for value in values]), enable_grad():
            return closure()

    loss.__name__ = getattr(closure, "__name__", "the closure")
    return loss
