"""Hessians by several arguments as one symmetric matrix of blocks, with systems and determinants of the whole.

Arguments that nothing couples are solved by themselves. Where some are coupled, those whose own block is cheap to solve
and that are not coupled with each other are eliminated by the structure of their block, and what remains, the Schur
complement ``S = H_rr - H_re H_ee⁻¹ H_er``, is a dense matrix over the rest alone. What all of that takes is estimated
for every such choice before anything is computed, and the least is taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from math import prod

import numpy as np

from covector.errors import BudgetError
from covector.jacobians.blocks import SingularError, Solved, log_determinants, sign_of_blocks, solve_dense
from covector.jacobians.jacobian import Jacobian
from covector.jacobians.plan import BUDGET, bytes_text
from covector.jacobians.solve import solved, workspace
from covector.run.reference import Array

Blocks = Mapping[tuple[int, int], Jacobian]
"""The blocks by row and column, on the diagonal and above; those below are their transposed ones."""

INSTEAD = "H @ v works without it, so conjugate gradients do: cv.optim.Newton(…, solver='cg')"


@dataclass(frozen=True)
class Elimination:
    """Which of some coupled arguments are eliminated one by one, which are left for a dense matrix, and the bytes."""

    first: tuple[int, ...]
    rest: tuple[int, ...]
    nbytes: int


@dataclass(frozen=True)
class Together:
    """Solutions by the places of arguments, and the blocks whose determinants are the factors of the whole one."""

    values: Mapping[int, Array]
    blocks: tuple[Solved, ...]

    def logdet(self) -> float:
        """``log |det H|``."""
        return sum(block.logdet() for block in self.blocks)

    def is_positive_definite(self) -> bool:
        """Whether H is: every block that is eliminated, and what was left of the rest."""
        return all(block.sign() == 1 for block in self.blocks)


class Symmetric:
    """A symmetric matrix of Jacobians, with what is solved of it together."""

    def __init__(self, blocks: Blocks, budget: int = BUDGET) -> None:
        self.blocks, self.budget = blocks, budget
        self.own = [block for (row, column), block in blocks.items() if row == column]
        self.shapes = [block.input_shape for block in self.own]
        self.sizes = [prod(shape) for shape in self.shapes]

    def solved(self, rights: Sequence[Array]) -> Together:
        """The solutions for right sides of the shapes of the arguments, of which further axes are carried along."""
        more = rights[0].shape[len(self.shapes[0]) :]
        columns = [right.reshape(*shape, -1) for right, shape in zip(rights, self.shapes, strict=True)]
        parts = [self._solved({place: columns[place] for place in places}) for places in self.coupled()]
        found = {place: own for part in parts for place, own in part.values.items()}
        values = [found[place].reshape((*shape, *more)) for place, shape in enumerate(self.shapes)]
        return Together(dict(enumerate(values)), tuple(block for part in parts for block in part.blocks))

    def shifted(self, shift: float) -> Symmetric:
        """``H + shift · identity``."""
        blocks = {place: b.shifted(shift) if place[0] == place[1] else b for place, b in self.blocks.items()}
        return Symmetric(blocks, self.budget)

    @property
    def nbytes(self) -> int:
        """The bytes of the dense matrices that a system takes, of which none is made to find out."""
        return sum(
            workspace(self.own[places[0]]) if len(places) == 1 else self.elimination(places).nbytes
            for places in self.coupled()
        )

    def factors(self) -> Together:
        """What gives the determinant and the sign."""
        return self.solved([np.zeros((*shape, 1), self.own[0].dtype) for shape in self.shapes])

    def coupled(self) -> list[list[int]]:
        """The arguments in groups, between which every block is zero."""
        groups: list[list[int]] = []
        for place in range(len(self.own)):
            touching = [group for group in groups if any(self._is_coupled(place, other) for other in group)]
            groups = [group for group in groups if group not in touching]
            groups.append(sorted([place, *(other for group in touching for other in group)]))
        return groups

    def _is_coupled(self, one: int, other: int) -> bool:
        block = self.blocks[min(one, other), max(one, other)]
        return block.plan.choice == "chunked" or bool(block.form.terms)

    def _solved(self, rights: Mapping[int, Array]) -> Together:
        """The solutions of coupled arguments by their places."""
        places = tuple(rights)
        if len(places) == 1 and self._is_stored(places[0]):
            alone = solved(self.own[places[0]], rights[places[0]])
            return Together({places[0]: alone.value}, (alone,))
        chosen = self.elimination(places)
        if chosen.nbytes > self.budget:
            count = sum(self.sizes[place] for place in places)
            what = f"these {len(places)} coupled arguments" if len(places) > 1 else "this argument"
            message = f"a system with {what}, {count} unknowns, takes dense matrices of {bytes_text(chosen.nbytes)}"
            hint = f"{INSTEAD}; or allow it: budget={chosen.nbytes}"
            raise BudgetError(f"{message}, more than the budget of {bytes_text(self.budget)}", hint=hint)
        try:
            return self._eliminated(chosen, rights)
        except SingularError:
            if not chosen.first or self._bytes((), places) > self.budget:
                raise
        # The block of an argument may be singular where the whole matrix is not.
        return self._eliminated(Elimination((), places, 0), rights)

    def _is_stored(self, place: int) -> bool:
        return self.own[place].plan.choice != "chunked"

    def elimination(self, places: Sequence[int]) -> Elimination:
        """What is eliminated of some coupled arguments: what takes the least memory."""
        choices = [Elimination((), tuple(places), self._bytes((), places))]
        by_size = sorted(places, key=lambda place: -self.sizes[place])
        first: list[int] = []
        for place in by_size[:-1]:
            if not self._is_stored(place) or any(self._is_coupled(place, other) for other in first):
                continue
            first.append(place)
            rest = tuple(other for other in places if other not in first)
            choices.append(Elimination(tuple(first), rest, self._bytes(first, rest)))
        return min(choices, key=lambda choice: choice.nbytes)

    def _bytes(self, first: Sequence[int], rest: Sequence[int]) -> int:
        """The bytes of the dense matrices that an elimination makes."""
        itemsize = self.own[0].dtype.itemsize
        left = sum(self.sizes[place] for place in rest)
        own = sum(workspace(self.own[place]) + 2 * itemsize * self.sizes[place] * left for place in first)
        return own + 2 * itemsize * left**2

    def _eliminated(self, chosen: Elimination, rights: Mapping[int, Array]) -> Together:
        rest = chosen.rest
        matrix = self._matrix(rest, rest)
        scale = float(np.linalg.norm(matrix))
        right = np.concatenate([rights[place].reshape(self.sizes[place], -1) for place in rest])
        first: dict[int, Array] = {}
        blocks: list[Solved] = []
        for place in chosen.first:
            across = self._matrix([place], rest)
            own = np.concatenate([across, rights[place].reshape(self.sizes[place], -1)], axis=1)
            blocks.append(solved(self.own[place], own.reshape(*self.shapes[place], -1)))
            first[place] = blocks[-1].value.reshape(own.shape)
            moved = across.T @ first[place]
            matrix = matrix - moved[:, : len(matrix)]
            right = right - moved[:, len(matrix) :]
            scale += float(np.linalg.norm(moved[:, : len(matrix)]))
        # What is left after cancellation counts as zero where it is no larger than rounding.
        values = solve_dense(matrix[None], right[None], scale=np.array([scale]))[0]
        found = {place: own[:, len(matrix) :] - own[:, : len(matrix)] @ values for place, own in first.items()}
        ends = accumulate(self.sizes[place] for place in rest)
        found |= {place: values[end - self.sizes[place] : end] for place, end in zip(rest, ends, strict=True)}
        shaped = {place: own.reshape(*self.shapes[place], -1) for place, own in found.items()}
        whole = matrix[None]
        left = Solved(values, partial(log_determinants, whole), partial(sign_of_blocks, whole))
        return Together(shaped, (*blocks, left))

    def _matrix(self, rows: Sequence[int], columns: Sequence[int]) -> Array:
        """Some blocks as one dense matrix."""
        wanted = {(min(row, column), max(row, column)) for row in rows for column in columns}
        known = {
            (row, column): self.blocks[row, column].dense(self.budget).reshape(self.sizes[row], self.sizes[column])
            for row, column in wanted
        }
        return np.block(
            [[known[row, column] if row <= column else known[column, row].T for column in columns] for row in rows]
        )
