"""Sums whose brackets say where a term goes: ``Σ_n [v = ids[n]]·G[n,d]`` adds G[n] to row ids[n]."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from covector.calculus.build import delta_form
from covector.export.fraction import Product
from covector.ir import Affine, Bracket, Index, Read, Tensor, as_affine, walk
from covector.ir.affine import free
from covector.ir.bounds import within

SCATTER = '''
def scatter_sum(shape, at, values):
    """Zeros of this shape with the values added at the positions at; those that lie outside are left out."""
    out = np.zeros([size + (axis < len(at)) for axis, size in enumerate(shape)], np.asarray(values).dtype)
    np.add.at(out, tuple(np.where((a >= 0) & (a < size), a, size) for a, size in zip(at, shape)), values)
    return out[tuple(slice(size) for size in shape)]
'''


@dataclass(frozen=True)
class Scatter:
    """The indices of the result with the position that each term has there; what is left of the sum and its brackets.

    ``inside`` says whether every position is known to be inside the bounds.
    """

    places: tuple[tuple[Index, Affine], ...]
    summed: tuple[Index, ...]
    brackets: tuple[Bracket, ...]
    inside: bool


def find_scatter(indices: Sequence[Index], product: Product, trusted: set[tuple[Tensor, Affine]]) -> Scatter | None:
    """How to scatter the terms of a sum over indices, or None where no bracket says it."""
    reduced, places, kept = frozenset(indices), dict[Index, Affine](), list[Bracket]()
    factors = [base for base, _ in (*product.tops, *product.bottoms)]
    for bracket in product.brackets:
        others = [*factors, *(other for other in product.brackets if other is not bracket)]
        place = _place(bracket, reduced, frozenset().union(*(free(other) for other in others)))
        if place is None or place[0] in places:
            kept.append(bracket)
        else:
            places[place[0]] = place[1]
    used: frozenset[Index] = frozenset().union(*(free(position) for position in places.values()))
    if not places or used & frozenset(places):
        return None
    inside = all(_inside(index, position, trusted) for index, position in places.items())
    batch = sorted(used - reduced, key=lambda index: index.name)
    every = tuple(places.items()) + tuple((index, as_affine(index)) for index in batch)
    return Scatter(every, tuple(index for index in indices if index not in used), tuple(kept), inside)


def _place(bracket: Bracket, reduced: frozenset[Index], elsewhere: frozenset[Index]) -> tuple[Index, Affine] | None:
    """The index of the result that a delta fixes, and the value that it gives it."""
    form = delta_form(bracket)
    if form is None:
        return None
    for index in sorted(free(form) - reduced - elsewhere, key=lambda index: index.name):
        coefficient = form.coefficient(index)
        if coefficient is as_affine(1) or coefficient is as_affine(-1):
            rest = form - coefficient * index
            position = -rest if coefficient is as_affine(1) else rest
            if free(position) & reduced and index not in free(position):
                return index, position
    return None


def _inside(index: Index, position: Affine, trusted: set[tuple[Tensor, Affine]]) -> bool:
    reads = [node for node in walk(position) if isinstance(node, Read)]
    if not reads:
        return within(position, index.extent)
    atom = position.atom
    return isinstance(atom, Read) and (atom.tensor, index.extent) in trusted
