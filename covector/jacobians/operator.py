"""Products with a Jacobian that is not formed: the program's tangent forward, its cotangent backward."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from math import prod

import numpy as np

from covector.calculus.build import ZERO
from covector.calculus.derivative import tangent
from covector.calculus.reverse import gradients
from covector.calculus.rules import simplify
from covector.ir import Compute, Input, Program, Tensor
from covector.ir.tensor import program_of, read_tensors
from covector.jacobians.run import contiguous, run
from covector.jacobians.terms import groups_of
from covector.run.reference import Array


@dataclass(frozen=True)
class Operator:
    """``∂output/∂wrt`` of a program at given arrays, times vectors."""

    program: Program
    wrt: Tensor
    arrays: Mapping[str, Array]
    extents: Mapping[str, int]
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    sign: int = 1

    def forward(self, vector: Array) -> Array:
        """``J @ v``; further axes of v are carried along."""
        found = tangent_program(self.program, self.wrt)
        axes = len(self.input_shape)
        columns = vector.reshape((*self.input_shape, -1))
        results = [self._run(found, contiguous(columns[..., n]), self.output_shape) for n in range(columns.shape[-1])]
        stacked = np.stack(results, axis=-1) if results else np.zeros((*self.output_shape, 0), vector.dtype)
        return self.sign * stacked.reshape((*self.output_shape, *vector.shape[axes:]))

    def backward(self, cotangent: Array) -> Array:
        """``u @ J``; axes of u before the output's are carried along."""
        found = cotangent_program(self.program, self.wrt)
        leading = cotangent.shape[: cotangent.ndim - len(self.output_shape)]
        rows = cotangent.reshape((-1, *self.output_shape))
        results = [self._run(found, row, self.input_shape) for row in rows]
        stacked = np.stack(results) if results else np.zeros((0, *self.input_shape), cotangent.dtype)
        return self.sign * stacked.reshape((*leading, *self.input_shape))

    def rows(self, start: int, stop: int) -> Array:
        """The dense rows of some entries of the first output axis."""
        count = prod(self.output_shape[1:])
        units = np.zeros(((stop - start) * count, prod(self.output_shape)))
        units[np.arange(len(units)), np.arange(start * count, stop * count)] = 1
        found = self.backward(units.reshape((-1, *self.output_shape)))
        return found.reshape(stop - start, *self.output_shape[1:], *self.input_shape)

    def negated(self) -> Operator:
        """The operator of the Jacobian with its sign turned."""
        return replace(self, sign=-self.sign)

    def _run(self, found: tuple[Program, str] | None, vector: Array, shape: tuple[int, ...]) -> Array:
        if found is None:
            return np.zeros(shape)
        program, name = found
        if not name:
            return run(program, self.arrays, self.extents)[0] * vector
        return run(program, {**self.arrays, name: contiguous(vector)}, self.extents)[0]


def tangent_program(program: Program, wrt: Tensor) -> tuple[Program, str] | None:
    """The program that computes the tangent of the output, and the name of its input that is the tangent of ``wrt``.

    None where the output does not depend on ``wrt``.
    """
    found, (seed,) = tangents_program(program, (wrt,))
    return None if isinstance(found.output, Compute) and found.output.body is ZERO else (found, seed)


@lru_cache(maxsize=256)
def tangents_program(program: Program, by: tuple[Tensor, ...]) -> tuple[Program, tuple[str, ...]]:
    """The program that computes the tangents of the outputs from those of some tensors, and the names of these.

    The tangent of an output that depends on none of them is an array of zeros.
    """
    names = set(program.tensors())
    seeds = tuple(Input(_unused("V", names), own.shape, own.dtype) for own in by)
    tangents: dict[Tensor, Tensor] = dict(zip(by, seeds, strict=True))
    for statement in program.statements:
        if isinstance(statement, Compute) and any(read in tangents for read in read_tensors(statement)):
            body = simplify(tangent(statement.body, tangents))
            if body is not ZERO:
                name = _unused(f"{statement.name}_t", names)
                tangents[statement] = Compute(name, statement.indices, body, statement.dtype)
    outputs = []
    for output in program.outputs:
        found = tangents.get(output)
        zero = Compute(_unused("zero", names), groups_of(output.shape, ()).outputs, ZERO, output.dtype)
        outputs.append(found if isinstance(found, Compute) else zero)
    return program_of(outputs, (*program.inputs, *seeds)), tuple(seed.name for seed in seeds)


@lru_cache(maxsize=256)
def cotangent_program(program: Program, wrt: Tensor) -> tuple[Program, str] | None:
    """The program that computes the cotangent of ``wrt``, and the name of its input that is the output's cotangent.

    That of a number is 1, and its name is empty. None where the output does not depend on ``wrt``.
    """
    found = gradients(program, [wrt])
    if found.cotangents[wrt] is None:
        return None
    derived = found.gradient_program([wrt])
    return program_of(derived.outputs, derived.inputs), found.seed.name if found.seed else ""


def _unused(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    taken.add(name)
    return name
