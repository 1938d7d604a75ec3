"""The system of a Newton step, ``(H + damping · identity) @ p = -g``: by the structure of H, or by products with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from covector.jacobians.blocks import SingularError
from covector.jacobians.objective import Objective

_INEXACT = 1e-3  # of the gradient, at most, is what a step by conjugate gradients may leave over

Vector = Sequence[NDArray[Any]]
"""An array for each parameter."""


@dataclass(frozen=True)
class Point:
    """Values of the parameters, and the loss and its gradient there."""

    values: Vector
    loss: float
    gradient: Vector


@dataclass(frozen=True)
class Step:
    """A direction, the slope of the loss along it, and how the slope changes: the quadratic model of the loss."""

    direction: Vector
    slope: float
    bend: float

    def promised(self, length: float) -> float:
        """How much less the loss is by the quadratic model after a step of a length."""
        return -length * (self.slope + length * self.bend / 2)


class System(Protocol):
    """What gives the step from a point."""

    def scale(self) -> float:
        """How large the Hessian is, as a damping is measured by it."""

    def step(self, damping: float) -> Step | None:
        """The step with some damping; None where the damped Hessian is not positive definite."""


class Direct:
    """The Hessian by its structure; with ``any_sign`` its step is taken wherever it is, and a singular one raises."""

    def __init__(self, objective: Objective, here: Point, any_sign: bool = False) -> None:
        self.hessian, self.here, self.any_sign = objective.hessian(here.values), here, any_sign

    def scale(self) -> float:
        return max(float(np.abs(block.diagonal()).max(initial=0.0)) for block in self.hessian.own)

    def step(self, damping: float) -> Step | None:
        damped = self.hessian.shifted(damping) if damping else self.hessian
        try:
            solved = damped.solved([-gradient for gradient in self.here.gradient])
        except SingularError:
            if self.any_sign:
                raise
            return None
        if not self.any_sign and not solved.is_positive_definite():
            return None
        direction = list(solved.values.values())
        slope = dot(self.here.gradient, direction)
        return Step(direction, slope, -slope - damping * dot(direction, direction))


class Products:
    """Conjugate gradients, which take products with the Hessian alone (Steihaug 1983).

    ``ran_out`` says whether the last step was not done after ``most`` products.
    """

    def __init__(self, objective: Objective, here: Point, most: int) -> None:
        self.times, self.here, self.most = objective.product(here.values), here, most
        self.ran_out = False

    def scale(self) -> float:
        return norm(self.times(self.here.gradient)) / norm(self.here.gradient)

    def step(self, damping: float) -> Step | None:
        """The step until what is left over is less than the square of the gradient, so that steps converge
        quadratically; where a direction curves down, until there, and None if that is at once.
        """
        start = norm(self.here.gradient)
        enough = start * min(_INEXACT, start)
        direction: Vector = [np.zeros_like(own) for own in self.here.gradient]
        product: Vector = direction
        residual: Vector = [-own for own in self.here.gradient]
        along, left = residual, start**2
        self.ran_out = True
        for _ in range(self.most):
            bent = moved(self.times(along), along, damping)
            curvature = dot(along, bent)
            if curvature <= 0:
                self.ran_out = False
                break
            length = left / curvature
            direction, product = moved(direction, along, length), moved(product, bent, length)
            residual = moved(residual, bent, -length)
            before, left = left, dot(residual, residual)
            if left <= enough**2:
                self.ran_out = False
                break
            along = moved(residual, along, left / before)
        size = dot(direction, direction)
        if not size:
            return None
        return Step(direction, dot(self.here.gradient, direction), dot(direction, product) - damping * size)


def dot(one: Vector, other: Vector) -> float:
    """The sum of the products of elements."""
    return sum(float(np.vdot(a, b)) for a, b in zip(one, other, strict=True))


def norm(vector: Vector) -> float:
    """The Euclidean norm."""
    return float(np.sqrt(dot(vector, vector)))


def largest(vector: Vector) -> float:
    """The largest absolute value; nan where there is one."""
    return max((float(np.abs(part).max(initial=0.0)) for part in vector), default=0.0)


def moved(vector: Vector, direction: Vector, length: float) -> list[NDArray[Any]]:
    """``vector + length · direction``."""
    return [np.asarray(own + part.dtype.type(length) * part) for own, part in zip(vector, direction, strict=True)]
