"""Linear systems and determinants by structure.

A single term is a Kronecker product of its components, and each is solved along its own axes. A sum whose terms share
deltas is solved block by block; what has low rank beside something that can be solved, by the formula of Woodbury,
``(B + U V)⁻¹ = B⁻¹ - B⁻¹ U (1 + V B⁻¹ U)⁻¹ V B⁻¹``, in each block by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from math import inf, log, prod
from typing import TYPE_CHECKING

import numpy as np

from covector.calculus.build import mul
from covector.calculus.rules import simplify
from covector.errors import ShapeError
from covector.ir import Compute, Program, as_affine
from covector.ir.affine import free
from covector.ir.tensor import program_of
from covector.ir.walk import unshadowed
from covector.jacobians.blocks import (
    Layout,
    SingularError,
    Solved,
    layout_of,
    log_determinants,
    sign_of,
    sign_of_blocks,
    solve_dense,
)
from covector.jacobians.form import Form
from covector.jacobians.plan import check_dense
from covector.jacobians.run import contiguous
from covector.jacobians.sparse import elements
from covector.jacobians.structure import DIAGONALS, Component, components, scalars, structure
from covector.jacobians.terms import Term, placed
from covector.jacobians.woodbury import low_rank_parts, rank_of, updated
from covector.run.reference import Array

if TYPE_CHECKING:
    from covector.jacobians.jacobian import Jacobian

INSTEAD = "J @ v and u @ J work without it, so an iterative method such as conjugate gradients does"

DAMPED = "damp it: J.shifted(1e-6)"


def solve(jacobian: Jacobian, right: Array) -> Array:
    """``x`` with ``J @ x = right``; axes of the right side after the output's are carried along."""
    return solved(jacobian, right).value


def logdet(jacobian: Jacobian) -> float:
    """``log |det J|``; -inf where J is singular."""
    try:
        return solved(jacobian, np.zeros((*jacobian.output_shape, 1), jacobian.dtype)).logdet()
    except SingularError:
        return -inf


def is_positive_definite(jacobian: Jacobian) -> bool:
    """Whether a symmetric Jacobian was found to be positive definite."""
    try:
        return solved(jacobian, np.zeros((*jacobian.output_shape, 1), jacobian.dtype)).sign() == 1
    except SingularError:
        return False


def workspace(jacobian: Jacobian) -> int:
    """The bytes of the dense matrices that `solve` makes, before it makes them."""
    itemsize = jacobian.dtype.itemsize
    if jacobian.plan.choice == "chunked":
        return jacobian.plan.dense_nbytes
    if len(jacobian.form.terms) == 1:
        found = components(jacobian.form.terms[0], jacobian.form.groups)
        return sum(_component_bytes(jacobian, component) for component in found)
    layout = layout_of(jacobian.form)
    parts = low_rank_parts(jacobian, layout)
    if parts is None:
        return layout.count * layout.height * layout.width * itemsize
    base, low = parts
    rank = sum(rank_of(term) for term in low)
    return workspace(base) + 2 * layout.count * layout.height * rank * itemsize


def _component_bytes(jacobian: Jacobian, component: Component) -> int:
    own = jacobian.over(component.groups, (component.term,))
    if own.structure.kind in (*DIAGONALS, "permutation", "selection"):
        return 0
    layout = layout_of(own.form)
    return layout.count * layout.height * layout.width * jacobian.dtype.itemsize


def solved(jacobian: Jacobian, right: Array) -> Solved:
    """The solution with what gives the determinant and the sign; raises `SingularError`."""
    rows, columns = prod(jacobian.output_shape), prod(jacobian.input_shape)
    if rows != columns:
        message = f"this Jacobian has {rows} rows and {columns} columns, so no system with it has exactly one solution"
        raise ShapeError(message, hint="solve the normal equations: (J.T @ J).solve(u @ J)")
    terms = jacobian.form.terms
    if rows == 0:
        more = right.shape[len(jacobian.output_shape) :]
        return Solved(np.zeros((*jacobian.input_shape, *more), right.dtype), lambda: 0.0, lambda: 1)
    if not terms:
        raise SingularError("this Jacobian is zero everywhere", hint=DAMPED)
    if len(terms) == 1:
        return _product(jacobian, right)
    layout = layout_of(jacobian.form)
    parts = low_rank_parts(jacobian, layout)
    if parts is not None:
        base, updates = parts
        found = updated(layout, solved, base, updates, right)
        if found is not None:
            return found
    return _blocks(jacobian, right, layout)


# One term


def _product(jacobian: Jacobian, right: Array) -> Solved:
    """A Kronecker product, component by component."""
    (term,) = jacobian.form.terms
    scale = float(term.coefficient) * _scale(jacobian, term)
    if scale == 0:
        raise SingularError("this Jacobian is zero everywhere", hint=DAMPED)
    found = components(term, jacobian.form.groups)
    whole = prod(jacobian.output_shape)
    if any(_count(c, "outputs") != _count(c, "inputs") for c in found):
        raise SingularError(
            f"this Jacobian is {structure(jacobian.form)}, a product of matrices that are not square: it is singular",
            hint=DAMPED,
        )
    value = right / scale
    parts: list[Callable[[], float]] = [lambda: whole * log(abs(scale))]
    signs: list[Callable[[], int]] = [lambda: 1 if scale > 0 else -1]
    labels = [("row", axis) for axis in range(len(jacobian.output_shape))]
    labels += [("more", axis) for axis in range(right.ndim - len(labels))]
    for component in found:
        own = [labels.index(("row", axis)) for axis in component.rows]
        rest = [axis for axis in range(value.ndim) if axis not in own]
        solved = _component(jacobian, component, contiguous(value.transpose((*own, *rest))))
        value = solved.value
        parts.append(partial(_times, solved, whole // max(_count(component, "outputs"), 1)))
        signs.append(solved.sign if component.rows == component.columns else lambda: 0)
        labels = [("column", axis) for axis in component.columns] + [labels[axis] for axis in rest]
    order = [labels.index(("column", axis)) for axis in range(len(jacobian.input_shape))]
    order += [place for place, label in enumerate(labels) if label[0] == "more"]
    value = contiguous(value.transpose(order))
    return Solved(value, lambda: sum(part() for part in parts), lambda: prod(sign() for sign in signs))


def _times(solved: Solved, count: int) -> float:
    """The logarithm of the determinant of several blocks that are alike."""
    return count * solved.logdet()


def _scale(jacobian: Jacobian, term: Term) -> float:
    """The product of the factors of a term that depend on no index."""
    factors = scalars(term)
    if not factors:
        return 1.0
    statement = Compute("scale", (), mul(*factors), jacobian.form.dtype)
    return float(jacobian.computed(program_of((statement,), jacobian.form.tensors)))


def _count(component: Component, side: str) -> int:
    indices = component.groups.outputs if side == "outputs" else component.groups.inputs
    return prod(index.extent.constant for index in indices)


def _component(jacobian: Jacobian, component: Component, right: Array) -> Solved:
    own = jacobian.over(component.groups, (component.term,))
    kind = own.structure.kind
    if kind in DIAGONALS:
        return _divided(own, right)
    if kind in ("permutation", "selection"):
        return _scattered(own, right)
    if kind == "low rank":
        raise SingularError(f"this Jacobian has a factor of {own.structure}, so it is singular", hint=DAMPED)
    return _blocks(own, right, layout_of(own.form))


def _divided(jacobian: Jacobian, right: Array) -> Solved:
    if not jacobian.form.terms[0].factors:
        return Solved(right, lambda: 0.0, lambda: 1)
    diagonal = jacobian.diagonal()
    zeros = int((diagonal == 0).sum())
    if zeros:
        message = f"{zeros} of {diagonal.size} elements of the diagonal are 0, so this Jacobian is singular"
        raise SingularError(message, hint=DAMPED)
    spread = diagonal.reshape(*diagonal.shape, *(1,) * (right.ndim - diagonal.ndim))
    return Solved(right / spread, lambda: _log_product(diagonal), lambda: sign_of(diagonal))


def _scattered(jacobian: Jacobian, right: Array) -> Solved:
    """Where every row and every column has one element."""
    rows, columns, values = elements(jacobian)
    size = prod(jacobian.output_shape)
    once = len(rows) == size == len(np.unique(rows)) == len(np.unique(columns))
    if not once or not values.all():
        message = f"this Jacobian is a {jacobian.structure} that leaves rows or columns empty, so it is singular"
        raise SingularError(message, hint=DAMPED)
    more = right.shape[len(jacobian.output_shape) :]
    flat = right.reshape(size, -1)
    found = np.empty_like(flat)
    found[columns] = flat[rows] / values[:, None]
    return Solved(found.reshape((*jacobian.input_shape, *more)), lambda: _log_product(values), lambda: 0)


def _log_product(values: Array) -> float:
    """The logarithm of the absolute value of a product."""
    return float(np.log(np.abs(values)).sum())


# Block by block


def _blocks(jacobian: Jacobian, right: Array, layout: Layout) -> Solved:
    """The dense blocks along tied axes, each solved by itself; without ties, the dense matrix."""
    program, shape, alike = _block_program(jacobian.form)
    check_dense(shape, prod(shape) * jacobian.dtype.itemsize, jacobian.plan.budget, INSTEAD)
    blocks = jacobian.computed(program)
    blocks = blocks.reshape(-1, layout.height, layout.width)
    found = layout.outward(solve_dense(blocks, layout.inward(right)), right)
    times = layout.count if alike else 1
    sign = partial(sign_of_blocks, blocks) if layout.is_symmetric else lambda: 0
    return Solved(found, lambda: times * log_determinants(blocks), sign)


@lru_cache(maxsize=1024)
def _block_program(form: Form) -> tuple[Program, tuple[int, ...], bool]:
    """What computes the dense blocks, their shape, and whether all of them are alike, so that one is computed."""
    layout = layout_of(form)
    old = [form.groups.outputs[row] for row, _ in layout.ties]
    body = simplify(placed(form.expr, old, map(as_affine, layout.tied)))
    alike = not free(body) & set(layout.tied)
    indices = (*(() if alike else layout.tied), *layout.rows, *layout.columns)
    shape = tuple(index.extent.constant for index in indices)
    statement = Compute("blocks", indices, unshadowed(body, indices), form.dtype)
    return program_of((statement,), form.tensors), shape, alike
