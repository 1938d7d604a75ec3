"""Axes that a delta ties in every term, and the dense blocks along them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from math import prod

import numpy as np

from covector.calculus.build import delta_form
from covector.errors import CovectorError, ShapeError
from covector.ir import Index
from covector.ir.affine import atoms, free
from covector.jacobians.form import Form
from covector.jacobians.run import contiguous
from covector.jacobians.terms import Groups, Term
from covector.run.reference import Array

CONDITION = 0.1
"""A matrix is taken to be singular from this condition number on, in units of 1/ε of its dtype."""

Ties = tuple[tuple[int, int], ...]
"""Pairs of an axis of the output and one of the input."""


class SingularError(CovectorError, np.linalg.LinAlgError):
    """A system that has no solution, or more than one."""


@dataclass(frozen=True)
class Solved:
    """The solution of a system, and what gives ``log |det|`` and the sign of its matrix when somebody asks.

    The sign of a symmetric matrix is 1 where it is positive definite, -1 where it is negative definite, and otherwise
    0, as it is where that would take more than the solution does.
    """

    value: Array
    logdet: Callable[[], float]
    sign: Callable[[], int]


def ties_of(form: Form) -> Ties:
    """The axes that a delta ties in every term: there is a block for each of their elements."""
    groups = form.groups
    found = [_tied(term, groups) for term in form.terms]
    return tuple(
        (row, column)
        for row in range(len(groups.outputs))
        for column in range(len(groups.inputs))
        if all((row, column) in pairs for pairs in found)
    )


def _tied(term: Term, groups: Groups) -> set[tuple[int, int]]:
    pairs: set[tuple[int, int]] = set()
    for bracket in term.brackets:
        form = delta_form(bracket)
        if form is None or form.constant or set(atoms(form)) != free(form):
            continue
        if sorted(coefficient for _, coefficient in form.terms) == [-1, 1]:
            pairs |= {
                (row, column)
                for row, p in enumerate(groups.outputs)
                for column, i in enumerate(groups.inputs)
                if free(form) == {p, i} and p.extent is i.extent
            }
    return pairs


class Layout:
    """The axes of a square Jacobian as blocks: tied axes, the other axes of the output, those of the input."""

    def __init__(self, form: Form) -> None:
        groups, ties = form.groups, ties_of(form)
        self.ties = ties
        self.row_axes = [axis for axis in range(len(groups.outputs)) if axis not in {row for row, _ in ties}]
        self.column_axes = [axis for axis in range(len(groups.inputs)) if axis not in {column for _, column in ties}]
        self.tied: tuple[Index, ...] = tuple(groups.inputs[column] for _, column in ties)
        self.rows = tuple(groups.outputs[axis] for axis in self.row_axes)
        self.columns = tuple(groups.inputs[axis] for axis in self.column_axes)
        self.count, self.height, self.width = _size(self.tied), _size(self.rows), _size(self.columns)
        self.axes = len(groups.outputs)
        if self.height != self.width:
            raise ShapeError(f"its blocks have {self.height} rows and {self.width} columns, so they have no inverse")

    @property
    def is_symmetric(self) -> bool:
        """Whether an axis of the output is tied to the same one of the input, so that a block has a sign."""
        return all(row == column for row, column in self.ties)

    @property
    def inner(self) -> Groups:
        """The indices inside of a block."""
        return Groups(self.rows, self.columns)

    def inward(self, right: Array) -> Array:
        """A right side as (block, row, further axes)."""
        more = range(self.axes, right.ndim)
        order = (*(row for row, _ in self.ties), *self.row_axes, *more)
        return np.ascontiguousarray(right.transpose(order)).reshape(self.count, self.height, -1)

    def outward(self, solved: Array, right: Array) -> Array:
        """A solution (block, column, further axes) as an array of the input's shape, with the axes of a right side."""
        shape = (*(index.extent.constant for index in (*self.tied, *self.columns)), *right.shape[self.axes :])
        order = [*(column for _, column in self.ties), *self.column_axes]
        more = range(len(order), len(shape))
        return contiguous(solved.reshape(shape).transpose((*np.argsort(order), *more)))

    def inward_columns(self, array: Array) -> Array:
        """An array of the input's shape and further axes as (block, column, further axes)."""
        order = [*(column for _, column in self.ties), *self.column_axes]
        more = range(len(order), array.ndim)
        return np.ascontiguousarray(array.transpose((*order, *more))).reshape(self.count, self.width, -1)


@lru_cache(maxsize=1024)
def layout_of(form: Form) -> Layout:
    """The layout of a square form."""
    return Layout(form)


def _size(indices: tuple[Index, ...]) -> int:
    return prod(index.extent.constant for index in indices)


def solve_dense(blocks: Array, right: Array, scale: Array | None = None) -> Array:
    """The solutions with dense blocks; raises `SingularError`.

    ``scale`` is how large the numbers were that the blocks were computed from, where that is more than their own norm.
    """
    if not np.isfinite(blocks).all():
        raise SingularError("this Jacobian holds infinite elements or nan, so no system with it can be solved")
    try:
        found = np.linalg.solve(blocks, right)
    except np.linalg.LinAlgError:
        raise _singular(blocks) from None
    with np.errstate(all="ignore"):
        norms = np.linalg.norm(blocks, axis=(1, 2)) if scale is None else scale
        grown = norms * np.linalg.norm(found, axis=(1, 2))
        limit = CONDITION / np.finfo(blocks.dtype).eps * np.linalg.norm(right, axis=(1, 2))
    if not np.isfinite(found).all() or (grown > limit).any():
        raise _singular(blocks)
    return np.asarray(found)


def log_determinants(blocks: Array) -> float:
    """The sum of the logarithms of the determinants' absolute values; raises `SingularError` where one is 0."""
    sign, logarithms = np.linalg.slogdet(blocks)
    if (sign == 0).any():
        raise _singular(blocks)
    return float(logarithms.sum())


def sign_of(values: Array) -> int:
    """1 where all numbers are positive, -1 where all are negative, otherwise 0.

    >>> sign_of(np.array([1.0, 2.0])), sign_of(np.array([-1.0])), sign_of(np.array([1.0, -1.0]))
    (1, -1, 0)
    """
    return 1 if (values > 0).all() else -1 if (values < 0).all() else 0


def sign_of_blocks(blocks: Array) -> int:
    """The sign of symmetric blocks, all together; 0 where they are not symmetric."""
    turned = np.swapaxes(blocks, 1, 2)
    if np.abs(blocks - turned).max(initial=0) > np.sqrt(np.finfo(blocks.dtype).eps) * np.abs(blocks).max(initial=0):
        return 0
    sign = sign_of(np.einsum("bii->bi", blocks))
    try:
        np.linalg.cholesky(sign * blocks)
    except np.linalg.LinAlgError:
        return 0
    return sign


def _singular(blocks: Array) -> SingularError:
    what = "this Jacobian" if len(blocks) == 1 else "a block of this Jacobian"
    height, width = blocks.shape[1:]
    return SingularError(f"{what}, {height}×{width}, is singular to working precision", hint="damp it: J.shifted(1e-6)")
