"""Indices that are taken apart by quotients and remainders become several: reading a reshaped tensor is affine again.

``h[f // N, f % N]`` for f over M·N is ``h[a, b]`` for ``f = N·a + b``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from covector.ir import Affine, Floor, Index, Mod, Read, as_affine, substitute, transform, walk
from covector.ir.affine import exact_quotient, free
from covector.ir.bounds import nonnegative
from covector.ir.node import cached
from covector.ir.walk import fresh
from covector.schedule.views import simplified

Split = dict[Index, Affine]


def unravelled(indices: Sequence[Index], expr: Any) -> tuple[Any, Split]:
    """An expression with some of the indices taken apart, and what they are in terms of the new ones."""
    split: Split = {}
    left = list(indices)
    while (found := _divisor(left, expr)) is not None:
        index, size, count = found
        taken = frozenset((*left, *indices, *free(expr)))
        high = fresh(Index(index.name, count), taken)
        low = fresh(Index(index.name, size), taken | {high})
        form = size * as_affine(high) + low
        expr = transform(substitute(expr, {index: form}), _settled)
        split = {old: substitute(new, {index: form}) for old, new in split.items()}
        if index in indices:
            split[index] = form
        place = left.index(index)
        left[place : place + 1] = [high, low]
    return expr, split


def parts_of(index: Index, split: Split) -> tuple[Index, ...]:
    """The indices that stand for one, from the outside in; the index itself where it is whole."""
    form = split.get(index)
    if form is None:
        return (index,)
    return tuple(sorted(free(form), key=lambda part: -_weight(form, part)))


def _weight(form: Affine, part: Index) -> float:
    """By how much a part moves its index; what is only known in a call counts as much."""
    coefficient = form.coefficient(part)
    assert coefficient is not None
    return coefficient.constant if coefficient.is_constant else 10.0**9 * len(coefficient.terms[0][0])


def _settled(node: Any) -> Any:
    return simplified(node) if isinstance(node, Read) else node


def _divisor(indices: Sequence[Index], expr: Any) -> tuple[Index, Affine, Affine] | None:
    """An index that a position divides, what by, and how often that goes into its extent."""
    for atom in cached(expr, "quotients", lambda node: tuple(_quotients(node))):
        for index in indices:
            coefficient = atom.numerator.coefficient(index) if index in free(atom.numerator) else None
            size = exact_quotient(atom.denominator, coefficient) if coefficient is not None else None
            runs = size is not None and size is not as_affine(1) and nonnegative(size)  # not where the index is negated
            count = exact_quotient(index.extent, size) if size is not None and runs else None
            if size is not None and count is not None and not (count.is_constant and count.constant <= 1):
                return index, size, count
    return None


def _quotients(expr: Any) -> Iterator[Floor | Mod]:
    """The quotients and remainders in the positions of reads."""
    for node in walk(expr):
        if isinstance(node, Read):
            for position in node.positions:
                if not position.is_constant and position.index is None:
                    yield from (part for part in walk(position) if isinstance(part, (Floor, Mod)))
