"""Products in groups: the indices that say which group an element is of become indices of their own.

In ``r[o] = Σ_c w[o, c]·x[c + C·(o // O)]`` the group ``o // O`` is a batch, and so it is in the adjoint, where
``w[s, i - C·(s // O)]`` is inside its bounds for one group only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from covector.calculus.build import factors_of, mul
from covector.ir import Affine, Index, Read, as_affine, substitute
from covector.ir.affine import atoms, free
from covector.ir.walk import fresh
from covector.schedule.contract import is_affine
from covector.schedule.unravel import parts_of, unravelled


@dataclass(frozen=True, slots=True)
class Terms:
    """A product: the target's indices and the positions that they mean, the indices summed over, and what is read."""

    own: tuple[Index, ...]
    positions: tuple[Affine, ...]
    inner: tuple[Index, ...]
    left: Read
    right: Read


def grouped(terms: Terms) -> Terms:
    """The product with its groups apart, where it has such."""
    if not (is_affine(terms.left) and is_affine(terms.right)):
        terms = _unravelled(terms)
    while (found := _one_block(terms)) is not None:
        terms = found
    return terms


def _unravelled(terms: Terms) -> Terms:
    """Indices of the target that a quotient takes apart as several."""
    expr, split = unravelled((*terms.own, *terms.inner), mul(terms.left, terms.right))
    reads = [factor for factor in factors_of(expr) if isinstance(factor, Read)]
    return Terms(
        tuple(part for index in terms.own for part in parts_of(index, split)),
        tuple(substitute(position, split) for position in terms.positions),
        tuple(part for index in terms.inner for part in parts_of(index, split)),
        *reads,
    )


def _one_block(terms: Terms) -> Terms | None:
    """The product without an index of blocks, of which a read is inside its bounds for one only."""
    for read in (terms.left, terms.right):
        for position, extent in zip(read.positions, read.tensor.shape, strict=True):
            for block in terms.inner:
                index = _divided(position, extent, block)
                if index in terms.own:
                    return _joined(terms, index, block, extent)
    return None


def _divided(position: Affine, extent: Affine, block: Index) -> Index | None:
    """The index i of a position ``i - extent·block`` that runs over all blocks."""
    for atom in atoms(position):
        if isinstance(atom, Index) and atom is not block and atom.extent is block.extent * extent:
            return atom if position is as_affine(atom) - extent * as_affine(block) else None
    return None


def _joined(terms: Terms, index: Index, block: Index, size: Affine) -> Terms:
    """The product with an index of the target as a block and a place in it."""
    taken = frozenset((*terms.own, *terms.inner, *free(terms.left), *free(terms.right)))
    high = fresh(Index(index.name, block.extent), taken)
    low = fresh(Index(index.name, size), taken | {high})
    names = {index: size * as_affine(high) + low, block: as_affine(high)}
    place = terms.own.index(index)
    left, right = (substitute(read, names) for read in (terms.left, terms.right))
    return replace(
        terms,
        own=(*terms.own[:place], high, low, *terms.own[place + 1 :]),
        positions=tuple(substitute(position, names) for position in terms.positions),
        inner=tuple(other for other in terms.inner if other is not block),
        left=left,
        right=right,
    )


def is_filtered(own: Sequence[Index], inner: Sequence[Index], left: Read, right: Read) -> bool:
    """Whether one operand is a filter that moves over the other, which is read again and again in turn."""
    return _moves_over(own, inner, left, right) or _moves_over(own, inner, right, left)


def _moves_over(own: Sequence[Index], inner: Sequence[Index], image: Read, filters: Read) -> bool:
    moving = [index for index in own if index not in free(filters)]
    taps = [index for index in inner if index in free(filters)]
    return any(
        any(index in free(position) for index in moving) and any(tap in free(position) for tap in taps)
        for position in image.positions
    )
