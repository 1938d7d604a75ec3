"""A function with one number as its value, called once: its value, gradient, Hessian and products at any arguments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property, lru_cache
from math import prod
from typing import Any

import numpy as np

from covector.errors import GradientError
from covector.ir import Input, Program, is_float
from covector.ir.tensor import program_of
from covector.jacobians.entry import Block, gradient_program, gradients_program
from covector.jacobians.jacobian import Jacobian
from covector.jacobians.names import names_in
from covector.jacobians.operator import tangents_program
from covector.jacobians.plan import BUDGET
from covector.jacobians.run import contiguous, run
from covector.jacobians.system import Symmetric
from covector.jacobians.tensors import given_tensors
from covector.run.extents import evaluate_extent
from covector.run.reference import Array
from covector.tensors.tensor import Tensor

Values = Sequence[Array]


class Objective:
    """What a function does with tensors, and by it its derivatives at arrays of their shapes.

    What the function finds elsewhere is constant, with the values of this call. Raises `GradientError` where its value
    is not one float.

    >>> import covector as cv
    >>> bowl = Objective(lambda x: (x**2).sum(), [cv.tensor([3.0, 4.0])])
    >>> value, (slope,) = bowl.value_and_gradient([np.array([1.0, 2.0])])
    >>> value, slope
    (5.0, array([2., 4.], dtype=float32))
    """

    def __init__(self, function: Callable[..., Any], tensors: Sequence[Tensor], budget: int = BUDGET) -> None:
        given = given_tensors(function, tensors, {})
        self.program, self.budget = given.program, budget
        names = list(names_in(given.arguments))
        by_name = {tensor.name: tensor for tensor in self.program.inputs}
        self.by = tuple(by_name[name] for name in names)
        self.constants = {name: array for name, array in given.arrays.items() if name not in names}
        if len(self.program.outputs) > 1 or self.program.output.shape or not is_float(self.program.output.dtype):
            shape = "×".join(map(repr, self.program.output.shape)) or "()"
            what = f"{len(self.program.outputs)} values" if len(self.program.outputs) > 1 else f"the shape {shape}"
            message = f"a loss is one float, and this has {what} of {self.program.output.dtype}"
            raise GradientError(message, hint="take its sum() or mean()")

    def value_and_gradient(self, values: Values) -> tuple[float, list[Array]]:
        """The value and the gradient at some arrays."""
        value, *gradient = run(_value_and_gradient(self.program, self.by), self._arrays(values), {})
        return float(value), gradient

    def hessian(self, values: Values) -> Symmetric:
        """The Hessian at some arrays, by its structure; of two blocks that are transposed one is computed."""
        arrays = self._arrays(values)
        return Symmetric({place: block.at(arrays) for place, block in self._blocks.items()}, self.budget)

    @cached_property
    def system_nbytes(self) -> int:
        """The bytes of the dense matrices that a system with the Hessian takes, by its structure."""
        forms = {place: Jacobian(block.ready.form, {}, block.ready.plan) for place, block in self._blocks.items()}
        return Symmetric(forms, self.budget).nbytes

    @property
    def length(self) -> int:
        """The blocks of the Hessian times the statements of the program: how much there is to derive."""
        return len(self.by) * (len(self.by) + 1) // 2 * len(self.program.statements)

    @property
    def nbytes(self) -> int:
        """The bytes of the arguments."""
        return sum(
            prod(evaluate_extent(extent, {}) for extent in own.shape) * np.dtype(own.dtype).itemsize for own in self.by
        )

    @cached_property
    def _blocks(self) -> dict[tuple[int, int], Block]:
        gradients = [gradient_program(self.program, own) for own in self.by]
        return {
            (row, column): Block(gradient, other, (), self.budget)
            for row, gradient in enumerate(gradients)
            for column, other in enumerate(self.by[row:], start=row)
        }

    def product(self, values: Values) -> Callable[[Values], list[Array]]:
        """What gives the Hessian times vectors, by forward over reverse."""
        program, seeds = tangents_program(gradients_program(self.program, self.by), self.by)
        arrays = self._arrays(values)

        def times(vectors: Values) -> list[Array]:
            return run(program, {**arrays, **dict(zip(seeds, map(contiguous, vectors), strict=True))}, {})

        return times

    def _arrays(self, values: Values) -> dict[str, Array]:
        given = {own.name: np.asarray(value, own.dtype) for own, value in zip(self.by, values, strict=True)}
        return {**self.constants, **{name: contiguous(array) for name, array in given.items()}}


@lru_cache(maxsize=256)
def _value_and_gradient(program: Program, by: tuple[Input, ...]) -> Program:
    return program_of((*program.outputs, *gradients_program(program, by).outputs), program.inputs)
