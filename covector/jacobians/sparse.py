"""The elements of a Jacobian that may be other than zero, as a sparse matrix and as a picture's points."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from covector.errors import BudgetError, CovectorError
from covector.jacobians.plan import bytes_text
from covector.jacobians.products import scattered
from covector.jacobians.run import run
from covector.jacobians.support import support
from covector.run.extents import evaluate_extent
from covector.run.reference import Array

if TYPE_CHECKING:
    from covector.jacobians.jacobian import Jacobian

BYTES_EACH = 3 * 8
"""Bytes that one element takes: its row, its column, its value."""


def coo(jacobian: Jacobian) -> Any:
    """A ``scipy.sparse.coo_array``; raises `CovectorError` without SciPy, `BudgetError` where it would be too large."""
    try:
        from scipy.sparse import coo_array
    except ImportError:
        raise CovectorError(
            "J.sparse() makes a matrix of SciPy, which is not installed", hint="pip install scipy"
        ) from None
    rows, columns, values = elements(jacobian)
    sides = prod(jacobian.output_shape), prod(jacobian.input_shape)
    found = coo_array((values, (rows, columns)), shape=sides)
    found.sum_duplicates()
    return found


def elements(jacobian: Jacobian) -> tuple[Array, Array, Array]:
    """Rows, columns and values of the elements of every term, one after the other."""
    form, budget = jacobian.form, jacobian.plan.budget
    need = BYTES_EACH * count(jacobian)
    if need > budget:
        message = f"the sparse Jacobian would take {bytes_text(need)}, more than the budget of {bytes_text(budget)}"
        raise BudgetError(message, hint="J @ v, J.diagonal() and J.solve work on the factors")
    order = jacobian.output_shape, jacobian.input_shape
    parts = []
    for term in form.terms:
        found = run(scattered(form, term, order), jacobian.arrays, {})
        rows, columns, kept, values = (array.ravel() for array in found)
        parts.append([array[kept.astype(bool)] for array in (rows, columns, values)])
    empty = [np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, jacobian.dtype)]
    rows, columns, values = (np.concatenate(arrays) for arrays in zip(empty, *parts, strict=True))
    return rows, columns, values


def count(jacobian: Jacobian) -> int:
    """How many elements the terms have at most that may be other than zero."""
    form = jacobian.form
    over = (support(term, form.groups).over for term in form.terms)
    return sum(prod(evaluate_extent(index.extent, {}) for index in indices) for indices in over)
