"""L-BFGS: steps along directions in which the curvature seen in the last steps is accounted for.

It looks at the loss after every evaluation, so its own vector arithmetic is NumPy's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from covector.errors import CovectorError, StateError
from covector.optim.line_search import Point, strong_wolfe
from covector.optim.optimizer import Group, Optimizer, State
from covector.tensors.backward import enable_grad, no_grad
from covector.tensors.creation import asarray
from covector.tensors.tensor import Tensor

Vector = NDArray[Any]

_LEAST_CURVATURE = 1e-10  # pairs of steps and gradients that curve less are not remembered
_ARRAYS = ("d", "prev_flat_grad")
_LISTS = ("old_dirs", "old_stps")
_NUMBERS = ("n_iter", "func_evals", "t", "H_diag")


class LBFGS(Optimizer):
    """Up to ``max_iter`` steps of the limited-memory BFGS method in each call of ``step``.

    ``step`` is given a closure that clears the gradients, computes the loss, calls ``backward`` and returns the loss;
    it is called up to ``max_eval`` times, ``1.25 * max_iter`` unless given. Steps end early where the largest gradient
    is at most ``tolerance_grad``, or loss and parameters change by less than ``tolerance_change``. ``history_size``
    steps are remembered. ``line_search_fn`` is None or ``"strong_wolfe"``.

    >>> from covector import optim, tensor
    >>> w = tensor([3.0, -2.0], requires_grad=True)
    >>> optimizer = optim.LBFGS([w], line_search_fn="strong_wolfe")
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = ((w - 1) ** 2).sum()
    ...     loss.backward()
    ...     return loss
    >>> first = optimizer.step(closure)
    >>> [round(value, 4) for value in w.tolist()]
    [1.0, 1.0]
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[Group],
        lr: float = 1.0,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: Literal["strong_wolfe"] | None = None,
    ) -> None:
        if line_search_fn not in (None, "strong_wolfe"):
            raise CovectorError(f"LBFGS has no line search {line_search_fn!r}", hint="None or 'strong_wolfe'")
        defaults: dict[str, Any] = {"lr": lr, "max_iter": max_iter, "max_eval": max_eval or max_iter * 5 // 4}
        tolerances = {"tolerance_grad": tolerance_grad, "tolerance_change": tolerance_change}
        super().__init__(
            params, defaults | tolerances | {"history_size": history_size, "line_search_fn": line_search_fn}
        )
        if len(self.param_groups) > 1:
            raise CovectorError("LBFGS takes one group of parameters", hint="a step is one of all parameters together")
        self.memory: dict[str, Any] = {"n_iter": 0, "func_evals": 0}

    def start(self, parameter: Tensor, group: Group) -> State:
        return {}

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Make up to ``max_iter`` steps; returns the loss before the first."""
        if closure is None:
            message = "LBFGS.step is given no closure, and evaluates the loss several times"
            raise CovectorError(
                message, hint="optimizer.step(closure), where closure returns the loss after backward()"
            )
        group, memory = self.param_groups[0], self.memory
        first, here = self._evaluate(closure)
        if _largest(here.gradient) <= group["tolerance_grad"]:
            return first
        evaluations = 1
        for iteration in range(1, group["max_iter"] + 1):
            memory["n_iter"] += 1
            direction = self._direction(here.gradient)
            is_first = memory["n_iter"] == 1
            length = min(1.0, 1.0 / float(np.abs(here.gradient).sum())) * group["lr"] if is_first else group["lr"]
            slope = float(here.gradient @ direction)
            memory.update(d=direction, t=length, prev_flat_grad=here.gradient)
            if slope > -group["tolerance_change"]:
                break
            before = here
            here, length, used = self._move(closure, here, direction, length, iteration, evaluations)
            memory["t"] = length
            evaluations += used
            if self._is_done(before, here, length * direction, iteration, evaluations):
                break
        return first

    def _evaluate(self, closure: Callable[[], Any]) -> tuple[Any, Point]:
        """What the closure returns, and the loss and the gradient."""
        with enable_grad():
            loss = closure()
        self.memory["func_evals"] += 1
        return loss, Point(float(loss), self._gradient())

    def _gradient(self) -> Vector:
        """The gradients of all parameters as one vector; where there is none, zeros."""
        parts = []
        for parameter in self._parameters():
            gradient = (
                np.zeros(parameter.shape, str(parameter.dtype)) if parameter.grad is None else parameter.grad.numpy()
            )
            parts.append(gradient.ravel())
        return np.concatenate(parts)

    def _values(self) -> Vector:
        return np.concatenate([parameter.detach().numpy().ravel() for parameter in self._parameters()])

    def _set(self, values: Vector) -> None:
        start = 0
        with no_grad():
            for parameter in self._parameters():
                part = values[start : start + parameter.size]
                parameter.copy_(asarray(np.ascontiguousarray(part).reshape(parameter.shape)))
                start += parameter.size

    def _direction(self, gradient: Vector) -> Vector:
        """The direction of the next step: the gradient times an estimate of the inverse Hessian, downhill."""
        memory = self.memory
        if "d" not in memory:
            memory.update(old_dirs=[], old_stps=[], H_diag=1.0)
            return -gradient
        change, moved = gradient - memory["prev_flat_grad"], memory["d"] * memory["t"]
        curvature = float(change @ moved)
        if curvature > _LEAST_CURVATURE:
            kept = self.param_groups[0]["history_size"] - 1
            memory["old_dirs"] = [*_last(memory["old_dirs"], kept), change]
            memory["old_stps"] = [*_last(memory["old_stps"], kept), moved]
            memory["H_diag"] = curvature / float(change @ change)
        pairs = [(y, s, 1 / float(y @ s)) for y, s in zip(memory["old_dirs"], memory["old_stps"], strict=True)]
        direction = -gradient
        shares = []
        for y, s, inverse in reversed(pairs):
            shares.append(inverse * float(s @ direction))
            direction = direction - shares[-1] * y
        direction = direction * memory["H_diag"]
        for (y, s, inverse), share in zip(pairs, reversed(shares), strict=True):
            direction = direction + s * (share - inverse * float(y @ direction))
        return np.asarray(direction)

    def _move(
        self,
        closure: Callable[[], Any],
        here: Point,
        direction: Vector,
        length: float,
        iteration: int,
        evaluations: int,
    ) -> tuple[Point, float, int]:
        """Step along a direction; the new point, the length of the step, and how often the loss was evaluated."""
        group, origin = self.param_groups[0], self._values()
        if group["line_search_fn"] is None:
            self._set(origin + length * direction)
            if iteration == group["max_iter"]:
                return here, length, 0
            return self._evaluate(closure)[1], length, 1

        def at(distance: float) -> Point:
            self._set(origin + distance * direction)
            return self._evaluate(closure)[1]

        found, length, used = strong_wolfe(at, direction, here, length, group["max_eval"] - evaluations)
        self._set(origin + length * direction)
        return found, length, used

    def _is_done(self, before: Point, here: Point, moved: Vector, iteration: int, evaluations: int) -> bool:
        group = self.param_groups[0]
        return bool(
            iteration == group["max_iter"]
            or evaluations >= group["max_eval"]
            or _largest(here.gradient) <= group["tolerance_grad"]
            or _largest(moved) <= group["tolerance_change"]
            or abs(here.loss - before.loss) < group["tolerance_change"]
        )

    def state_dict(self) -> dict[str, Any]:
        """The memory of past steps, and the settings."""
        saved = super().state_dict()
        memory = {name: asarray(self.memory[name]) for name in _ARRAYS if name in self.memory}
        lists = {name: [asarray(array) for array in self.memory.get(name, [])] for name in _LISTS}
        numbers = {name: self.memory[name] for name in _NUMBERS if name in self.memory}
        return {**saved, "state": {0: {**memory, **lists, **numbers}}}

    def load_state_dict(self, state_dict: Any) -> None:
        """Go on from where a state was taken; raises `StateError` where it is of other parameters."""
        saved = dict(next(iter(state_dict["state"].values()), {}))
        total = sum(parameter.size for parameter in self._parameters())
        arrays = {name: np.asarray(saved[name]) for name in _ARRAYS if name in saved}
        lists = {name: [np.asarray(array) for array in saved.get(name) or []] for name in _LISTS}
        for array in (*arrays.values(), *(array for held in lists.values() for array in held)):
            if array.shape != (total,):
                raise StateError(f"the state is of {array.size} elements of parameters, and LBFGS has {total}")
        super().load_state_dict({**state_dict, "state": {}})
        numbers = {name: saved[name] for name in _NUMBERS if name in saved}
        self.memory = {"n_iter": 0, "func_evals": 0, **arrays, **lists, **numbers}


def _largest(vector: Vector) -> float:
    return float(np.abs(vector).max(initial=0.0))


def _last(held: list[Vector], count: int) -> list[Vector]:
    return held[len(held) - min(count, len(held)) :]
