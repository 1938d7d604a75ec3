"""What the positions of a Jacobian's elements make, whatever the values: permutations, and shifted diagonals."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod

import numpy as np

from covector.ir import Affine, Index, Read, Symbol, walk
from covector.ir.affine import free
from covector.jacobians.form import Form
from covector.jacobians.products import scattered
from covector.jacobians.support import Support, support
from covector.jacobians.terms import Groups, Term
from covector.run.extents import evaluate_extent
from covector.run.reference import evaluate

LARGEST = 1 << 16
"""The most elements that are looked at one by one."""


def is_reversal(found: Support, groups: Groups) -> bool:
    """Whether every axis is gone through forwards or backwards, each by an index of its own.

    That makes a permutation of any size: ``[j = N - 1 - i]`` is one.
    """
    for positions, axes in ((found.rows, groups.outputs), (found.columns, groups.inputs)):
        through = [_gone_through(position, axis.extent) for position, axis in zip(positions, axes, strict=True)]
        if None in through or set(through) != set(found.over) or len(through) != len(found.over):
            return False
    return True


def _gone_through(position: Affine, extent: Affine) -> Index | None:
    """The index that goes through all of an axis, forwards or backwards, as a position says."""
    for own in (position, extent - 1 - position):
        if own.index is not None and own.index.extent is extent:
            return own.index
    return None


def is_permutation(terms: tuple[Term, ...], groups: Groups) -> bool:
    """Whether some terms without factors have one element in each row and each column together.

    The elements are looked at one by one; where that cannot be done, as extents are symbols or positions are data, or
    would be many, the answer is no.
    """
    if any(term.factors for term in terms) or not _is_known(terms, groups):
        return False
    shape, other = (tuple(evaluate_extent(i.extent, {}) for i in group) for group in (groups.outputs, groups.inputs))
    counts = [prod(evaluate_extent(i.extent, {}) for i in support(term, groups).over) for term in terms]
    size = prod(shape)
    if size != prod(other) or sum(counts) > LARGEST:
        return False
    rows, columns = [], []
    for term in terms:
        values = evaluate(scattered(Form(groups, (term,), (), "float64"), term, (shape, other)), {})
        kept = values["kept"].astype(bool)
        rows.append(np.broadcast_to(values["rows"], kept.shape)[kept])
        columns.append(np.broadcast_to(values["columns"], kept.shape)[kept])
    return all(_once_each(np.concatenate(found), size) for found in (rows, columns))


def _is_known(terms: Iterable[Term], groups: Groups) -> bool:
    """Whether extents are numbers, and positions depend on no data."""
    parts = [bracket for term in terms for bracket in term.brackets]
    extents = [index.extent for index in groups.all]
    return not any(isinstance(node, Read | Symbol) for part in (*parts, *extents) for node in walk(part))


def _once_each(found: np.ndarray, size: int) -> bool:
    return len(found) == size and np.array_equal(np.sort(found), np.arange(size))


def shifts(found: Support) -> tuple[int, ...] | None:
    """How far below the main diagonal a term stands, axis by axis: ``[i = p + 3]`` is -3; None if it is no diagonal."""
    if len(found.rows) != len(found.columns):
        return None
    apart = [row - column for row, column in zip(found.rows, found.columns, strict=True)]
    own = [free(position) for position in found.rows]
    each = all(len(indices) == 1 for indices in own) and len(frozenset().union(*own)) == len(own)
    return tuple(a.constant for a in apart) if each and not any(a.terms for a in apart) else None
