"""Equality of expressions up to the names of indices and the order of terms and factors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from covector.calculus.canonical import COMMUTATIVE
from covector.ir import Affine, Apply, Floor, Index, Mod, Read, Reduce, children
from covector.ir.affine import free

Names = dict[Index, Index]


def unify(known: Any, other: Any, names: Names) -> Iterator[Names]:
    """Every way to call the indices of one expression by those of another, each by one, so that both are equal."""
    if type(known) is not type(other):
        return
    if isinstance(known, Index):
        yield from _unify_index(known, other, names)
    elif isinstance(known, Affine):
        if known.constant == other.constant and len(known.terms) == len(other.terms):
            yield from _unify_terms(known.terms, other.terms, names)
    elif isinstance(known, Reduce):
        yield from _unify_reduce(known, other, names)
    elif known is other and not free(known):
        yield names
    elif isinstance(known, Apply):
        if known.function is other.function and len(known.arguments) == len(other.arguments):
            any_order = known.function.name in COMMUTATIVE
            yield from (_unify_any_order if any_order else _unify_all)(known.arguments, other.arguments, names)
    elif not isinstance(known, Read) or known.tensor is other.tensor:
        below = children(known)
        if below or isinstance(known, (Read, Floor, Mod)):
            yield from _unify_all(below, children(other), names)


def _unify_index(known: Index, other: Index, names: Names) -> Iterator[Names]:
    if known in names:
        if names[known] is other:
            yield names
    elif known.extent is other.extent and other not in names.values():
        yield {**names, known: other}


def _unify_reduce(known: Reduce, other: Reduce, names: Names) -> Iterator[Names]:
    if known.operation != other.operation or len(known.indices) != len(other.indices):
        return
    for found in unify(known.body, other.body, names):
        if {found.get(index) for index in known.indices} == set(other.indices):
            yield found


def _unify_all(known: Sequence[Any], other: Sequence[Any], names: Names) -> Iterator[Names]:
    if len(known) != len(other):
        return
    if not known:
        yield names
        return
    for found in unify(known[0], other[0], names):
        yield from _unify_all(known[1:], other[1:], found)


def _unify_any_order(known: Sequence[Any], other: Sequence[Any], names: Names) -> Iterator[Names]:
    if not known:
        yield names
        return
    for place, argument in enumerate(other):
        for found in unify(known[0], argument, names):
            yield from _unify_any_order(known[1:], (*other[:place], *other[place + 1 :]), found)


def _unify_terms(
    known: Sequence[tuple[tuple[Any, ...], int]], other: Sequence[tuple[tuple[Any, ...], int]], names: Names
) -> Iterator[Names]:
    if not known:
        yield names
        return
    atoms, coefficient = known[0]
    for place, (theirs, factor) in enumerate(other):
        if factor == coefficient and len(theirs) == len(atoms):
            for found in _unify_any_order(atoms, theirs, names):
                yield from _unify_terms(known[1:], (*other[:place], *other[place + 1 :]), found)
