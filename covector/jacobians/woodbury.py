"""What can be solved plus what has low rank, block by block, by the formula of Woodbury."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from covector.calculus.arithmetic import with_coefficient
from covector.calculus.build import mul
from covector.calculus.rules import simplify
from covector.errors import BudgetError
from covector.ir import Compute, Expr, Index, Program, as_affine
from covector.ir.affine import free
from covector.ir.tensor import program_of
from covector.jacobians.blocks import Layout, SingularError, Solved, layout_of, log_determinants, solve_dense
from covector.jacobians.form import Form
from covector.jacobians.terms import Term, placed
from covector.run.reference import Array

if TYPE_CHECKING:
    from covector.jacobians.jacobian import Jacobian


def low_rank_parts(jacobian: Jacobian, layout: Layout) -> tuple[Jacobian, tuple[Term, ...]] | None:
    """The terms that have full rank as one Jacobian, and those that have low rank in each block; None where one of the
    two is missing, or where the ranks are so large that dense blocks are as well.
    """
    low, rest = _low_and_rest(jacobian.form)
    rank = sum(rank_of(term) for term in low)
    if not low or not rest or 2 * rank > layout.height:
        return None
    return jacobian.over(jacobian.form.groups, rest), low


@lru_cache(maxsize=1024)
def _low_and_rest(form: Form) -> tuple[tuple[Term, ...], tuple[Term, ...]]:
    """The terms that have low rank in each block, and the others."""
    layout = layout_of(form)
    low = tuple(term for term in form.terms if _is_split(_inside(term, form, layout), layout))
    return low, tuple(term for term in form.terms if term not in low)


def rank_of(term: Term) -> int:
    """The rank that a term of low rank has at most."""
    return prod(index.extent.constant for index in term.bound)


def _inside(term: Term, form: Form, layout: Layout) -> tuple[Expr, ...]:
    """The factors and brackets of a term inside of a block."""
    outputs = form.groups.outputs
    old = [outputs[row] for row, _ in layout.ties]
    parts = (*term.brackets, *term.factors)
    return tuple(simplify(placed(part, old, map(as_affine, layout.tied))) for part in parts)


def _is_split(parts: Sequence[Expr], layout: Layout) -> bool:
    """Whether no factor holds indices of a block's rows together with indices of its columns."""
    rows, columns = set(layout.rows), set(layout.columns)
    return not any(free(part) & rows and free(part) & columns for part in parts)


def updated(
    layout: Layout,
    solve: Callable[[Jacobian, Array], Solved],
    base: Jacobian,
    low: Sequence[Term],
    right: Array,
) -> Solved | None:
    """The solution with ``base`` plus terms of low rank; None where ``base`` alone cannot be solved."""
    left = np.concatenate([_side(base, layout, term, True) for term in low], axis=-1)
    across = np.concatenate([_side(base, layout, term, False) for term in low], axis=-1)
    rank, count = left.shape[-1], right.shape[layout.axes :]
    both = np.concatenate([right.reshape(*right.shape[: layout.axes], -1), left], axis=-1)
    try:
        whole = solve(base, both)
    except (SingularError, BudgetError):
        return None
    found = layout.inward_columns(whole.value)
    plain, moved = found[..., :-rank], found[..., -rank:]
    turned = np.swapaxes(layout.inward_columns(across), 1, 2)
    small = np.eye(rank) + turned @ moved
    # What is left of 1 after cancellation counts as zero where it is no larger than rounding.
    try:
        weights = solve_dense(small, turned @ plain, scale=1 + np.linalg.norm(turned @ moved, axis=(1, 2)))
    except SingularError:
        message = f"this Jacobian, {base.structure} plus terms of rank {rank}, is singular to working precision"
        raise SingularError(message, hint="damp it: J.shifted(1e-6)") from None
    value = plain - moved @ weights
    shaped = np.zeros((*right.shape[: layout.axes], *count))

    def sign() -> int:
        # Relative to the base, the matrix has the eigenvalues of the small one, and otherwise 1.
        return whole.sign() if (np.linalg.eigvals(small).real > 0).all() else 0

    return Solved(layout.outward(value, shaped), lambda: whole.logdet() + log_determinants(small), sign)


def _side(jacobian: Jacobian, layout: Layout, term: Term, left: bool) -> Array:
    """One side of a term of low rank: over the axes of the output (the left), or of the input, and then its rank."""
    found = jacobian.computed(_side_program(jacobian.form, layout, term, left))
    axes = len(jacobian.output_shape if left else jacobian.input_shape)
    return found.reshape((*found.shape[:axes], -1))


@lru_cache(maxsize=1024)
def _side_program(form: Form, layout: Layout, term: Term, left: bool) -> Program:
    groups = form.groups
    inner = set(layout.rows if left else layout.columns)
    parts = _inside(term, form, layout)
    own = tuple(part for part in parts if free(part) & inner or (left and not free(part) & set(layout.columns)))
    body = with_coefficient(term.coefficient, own) if left else mul(*own)
    axes = groups.outputs if left else groups.inputs
    at: list[Index] = list(axes)
    if left:
        for (row, _), tied in zip(layout.ties, layout.tied, strict=True):
            at[row] = tied
    statement = Compute("side", (*at, *term.bound), body, form.dtype)
    return program_of((statement,), form.tensors)
