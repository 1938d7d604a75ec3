"""Running what a Jacobian needs: stored factors, and products with vectors."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from covector.ir import Compute, Program, Read, Reduce, Tensor
from covector.calculus.build import coefficient_of, factors_of
from covector.jacobians.contract import lowered
from covector.jacobians.factorise import Sizes
from covector.run.extents import bind_extents
from covector.run.reference import Array, evaluate_statement

KEPT = 512
"""Programs that are remembered in the form in which they are run."""


@lru_cache(maxsize=KEPT)
def _lowered(program: Program, extents: tuple[tuple[str, int], ...]) -> Program:
    return lowered(program, Sizes(extents))


def run(program: Program, arrays: Mapping[str, Array], extents: Mapping[str, int]) -> list[Array]:
    """The values of the outputs of a program."""
    found = _lowered(program, tuple(sorted(extents.items())))
    bound = bind_extents(found.inputs, arrays, extents)
    values: dict[Tensor, Array] = {tensor: arrays[tensor.name][None] for tensor in found.inputs}
    for statement in found.statements:
        product = _product(statement, values) if isinstance(statement, Compute) else None
        values[statement] = evaluate_statement(statement, values, bound) if product is None else product
    return [values[output][0] for output in found.outputs]


def _product(statement: Compute, values: Mapping[Tensor, Array]) -> Array | None:
    """A sum of a product of two reads, by BLAS; None where a statement is something else."""
    scale, rest = coefficient_of(statement.body)
    if len(rest) != 1 or not isinstance(rest[0], Reduce) or rest[0].operation != "sum":
        return None
    number, factors = coefficient_of(rest[0].body)
    if len(factors) != 2 or not all(isinstance(factor, Read) for factor in factors):
        return None
    operands: list[object] = []
    letters = {index: place for place, index in enumerate((*statement.indices, *rest[0].indices))}
    for factor in factors:
        assert isinstance(factor, Read)
        indices = [position.index for position in factor.positions]
        if any(index is None or index not in letters for index in indices) or len(set(indices)) < len(indices):
            return None
        operands += [values[factor.tensor][0], [letters[index] for index in indices if index is not None]]
    found = np.einsum(*operands, [letters[index] for index in statement.indices], optimize=True)
    return np.asarray(found * float(scale * number), dtype=statement.dtype)[None]
