"""What a Jacobian is, read off its element form: zero, identity, diagonal, Kronecker, low rank, and so on.

A term falls into components: axes that share no index, no factor and no guard. Of one component the structure is seen
directly; several make a Kronecker product; several terms a sum.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Self

from covector.ir import Affine, Expr, Index, Read, as_affine
from covector.ir.affine import free
from covector.jacobians.factorise import Sizes
from covector.jacobians.form import Form
from covector.jacobians.positions import is_permutation, is_reversal, shifts
from covector.jacobians.support import Support, is_inequality, support
from covector.jacobians.terms import Groups, Term
from covector.notation.print import text
from covector.run.extents import evaluate_extent

DIAGONALS = ("identity", "scalar", "diagonal")
"""Kinds that have their elements on the diagonal alone."""


class Size(int):
    """A number of elements that is shown as the program says it, ``M·N``, where that has symbols."""

    extent: Affine

    def __new__(cls, extent: Affine, sizes: Sizes) -> Self:
        """The size that an extent has where symbols have these values."""
        size = super().__new__(cls, evaluate_extent(extent, sizes))
        size.extent = extent
        return size

    def __str__(self) -> str:
        return text(self.extent, "unicode")


Shape = tuple[Size, Size]


@dataclass(frozen=True)
class Structure:
    """What a Jacobian is: ``kind`` is one of zero, identity, scalar, diagonal, permutation, selection, block-diagonal,
    Kronecker, low rank, Toeplitz, Hankel, banded, triangular, dense, sum.

    ``parts`` are the factors of a Kronecker product, the terms of a sum, or what the blocks are where that is not
    dense; ``rank`` bounds the rank of what has low rank.

    >>> print(Structure("sum", parts=(Structure("diagonal"), Structure("low rank", rank=1))))
    diagonal + low rank (1)
    """

    kind: str
    parts: tuple[Structure, ...] = ()
    rank: int | None = None
    shape: Shape | None = None

    def __str__(self) -> str:
        if self.kind == "sum":
            return " + ".join(f"({part})" if part.kind == "Kronecker" else str(part) for part in self.parts)
        if self.kind == "Kronecker":
            return " ⊗ ".join(_size_named(part) for part in self.parts)
        if self.kind == "block-diagonal" and self.parts:
            return f"block-diagonal of {self.parts[0]}"
        return f"low rank ({self.rank})" if self.kind == "low rank" else self.kind

    @property
    def kinds(self) -> frozenset[str]:
        """The kind, and those of all parts."""
        return frozenset((self.kind,)).union(*(part.kinds for part in self.parts))


def _size_named(part: Structure) -> str:
    size = "" if part.shape is None else f" {part.shape[0]}×{part.shape[1]}"
    return f"{part}{size}"


TYPICAL_SIZES = Sizes()

Cluster = tuple[set[Index], list[Expr]]
"""Indices and the factors that hold them."""


@dataclass(frozen=True)
class Component:
    """Axes of a term that have nothing to do with its other axes: their places among those of the output and of the
    input, and the term over these alone.
    """

    rows: tuple[int, ...]
    columns: tuple[int, ...]
    groups: Groups
    term: Term


@lru_cache(maxsize=1024)
def structure(form: Form, sizes: Sizes = TYPICAL_SIZES) -> Structure:
    """The structure of a form; ``sizes`` are the values of its symbols, if it has any."""
    found = [_of_term(term, form.groups, sizes) for term in form.terms]
    if not found:
        return Structure("zero")
    if len(found) == 1:
        return found[0]
    if all(part.kind in DIAGONALS for part in found):
        return Structure("diagonal")
    if is_permutation(form.terms, form.groups):
        return Structure("permutation", shape=_shape(form.groups, sizes))
    found = _joined_shifts(form, found, sizes)
    if len(found) == 1:
        return found[0]
    order = sorted(found, key=lambda part: (part.kind not in DIAGONALS, part.kind == "low rank"))
    return Structure("sum", tuple(order), shape=found[0].shape)


def _joined_shifts(form: Form, found: list[Structure], sizes: Sizes) -> list[Structure]:
    """The structures of terms, those of several diagonals that are shifted along one axis as one: a band."""
    groups = form.groups
    supports = [support(term, groups) for term in form.terms]
    apart = [shifts(own) for own in supports]
    moving = {axis for own in apart if own is not None for axis, shift in enumerate(own) if shift}
    if sum(own is not None for own in apart) < 2 or len(moving) != 1:
        return found
    factors = [
        factor for own, shift in zip(supports, apart, strict=True) if shift is not None for factor in own.factors
    ]
    kind = "banded" if any(map(free, factors)) else "Toeplitz"
    band = Structure(kind, shape=_shape(groups, sizes))
    if kind == "Toeplitz" and len(groups.outputs) > 1:
        axes = [Groups((row,), (column,)) for row, column in zip(groups.outputs, groups.inputs, strict=True)]
        parts = [
            Structure("Toeplitz" if n in moving else "identity", shape=_shape(axis, sizes))
            for n, axis in enumerate(axes)
        ]
        band = Structure("Kronecker", tuple(_joined_diagonals(parts, sizes)), shape=band.shape)
    return [band, *(part for part, shift in zip(found, apart, strict=True) if shift is None)]


def _of_term(term: Term, groups: Groups, sizes: Sizes) -> Structure:
    shape = _shape(groups, sizes)
    found = components(term, groups)
    kinds = [_of_component(component, term, sizes) for component in found]
    one_sided = [kind for kind in kinds if kind.kind == "vector"]
    both = [kind for kind in kinds if kind.kind != "vector"]
    if one_sided:
        both.append(_low_rank(_size((), sizes), _product_shape(one_sided, sizes)))
    if not both:
        return Structure("identity" if _is_one(term) else "scalar", shape=shape)
    if all(kind.kind in DIAGONALS for kind in both) and any(part.rows != part.columns for part in found):
        return Structure("permutation", shape=shape)
    if all(kind.kind in DIAGONALS for kind in both):
        diagonal = [kind.kind for kind in both]
        kind = "diagonal" if "diagonal" in diagonal else "scalar" if "scalar" in diagonal else "identity"
        return Structure("scalar" if kind == "identity" and not _is_one(term) else kind, shape=shape)
    if all(kind.kind in (*DIAGONALS, "permutation") for kind in both):
        return Structure("permutation", shape=shape)
    if all(kind.kind in (*DIAGONALS, "permutation", "selection") for kind in both):
        return Structure("selection", shape=shape)
    parts = _joined_diagonals(both, sizes)
    if len(parts) == 1:
        return Structure(parts[0].kind, parts[0].parts, parts[0].rank, shape)
    return Structure("Kronecker", tuple(parts), shape=shape)


def _is_one(term: Term) -> bool:
    return term.coefficient == 1 and not term.factors


def _size(indices: Iterable[Index], sizes: Sizes) -> Size:
    return Size(prod((index.extent for index in indices), start=as_affine(1)), sizes)


def _shape(groups: Groups, sizes: Sizes) -> Shape:
    return _size(groups.outputs, sizes), _size(groups.inputs, sizes)


def _product_shape(kinds: Iterable[Structure], sizes: Sizes) -> Shape:
    shapes = [kind.shape for kind in kinds if kind.shape is not None]
    rows, columns = (prod((side.extent for side in sides), start=as_affine(1)) for sides in zip(*shapes, strict=True))
    return Size(rows, sizes), Size(columns, sizes)


def _low_rank(rank: Size, shape: Shape) -> Structure:
    return Structure("low rank", rank=rank, shape=shape) if rank < min(shape) else Structure("dense", shape=shape)


def _joined_diagonals(kinds: list[Structure], sizes: Sizes) -> list[Structure]:
    """The factors of a Kronecker product with neighbouring identities as one."""
    found: list[Structure] = []
    for kind in kinds:
        if found and found[-1].kind == kind.kind == "identity":
            found[-1] = Structure("identity", shape=_product_shape((found[-1], kind), sizes))
        else:
            found.append(kind)
    return found


@lru_cache(maxsize=1024)
def components(term: Term, groups: Groups) -> tuple[Component, ...]:
    """The components of a term, in the order of their first axes; each has the indices of its own axes."""
    clusters: list[Cluster] = [({index}, []) for index in (*groups.all, *term.bound)]
    for factor in (*term.brackets, *term.factors):
        own = free(factor)
        touched = [cluster for cluster in clusters if cluster[0] & own]
        if touched:
            merged: Cluster = (set(), [])
            for indices, factors in touched:
                merged[0].update(indices)
                merged[1].extend(factors)
            merged[1].append(factor)
            clusters = [cluster for cluster in clusters if cluster not in touched] + [merged]
    clusters = _squared([cluster for cluster in clusters if cluster[0] & set(groups.all)], groups)
    place = {index: number for number, index in enumerate(groups.all)}
    clusters.sort(key=lambda cluster: min(place[index] for index in cluster[0] if index in place))
    return tuple(_component(indices, factors, term, groups) for indices, factors in clusters)


def _squared(clusters: list[Cluster], groups: Groups) -> list[Cluster]:
    """The clusters with those that make no square matrices as one, where together they make one."""
    oblong = [cluster for cluster in clusters if not _is_square(cluster[0], groups)]
    together: Cluster = set().union(*(own for own, _ in oblong)), [f for _, factors in oblong for f in factors]
    halves = (set(groups.outputs), set(groups.inputs))
    one_sided = any(not own & half for own, _ in oblong for half in halves)
    if len(oblong) < 2 or not one_sided or not _is_square(together[0], groups):
        return clusters
    return [cluster for cluster in clusters if cluster not in oblong] + [together]


def _is_square(indices: set[Index], groups: Groups) -> bool:
    """Whether as many elements of the output belong to some indices as elements of the input."""
    sides = ([i.extent for i in group if i in indices] for group in (groups.outputs, groups.inputs))
    rows, columns = (prod(extents, start=as_affine(1)) for extents in sides)
    return rows is columns


def _component(indices: set[Index], factors: list[Expr], term: Term, groups: Groups) -> Component:
    rows = tuple(number for number, index in enumerate(groups.outputs) if index in indices)
    columns = tuple(number for number, index in enumerate(groups.inputs) if index in indices)
    own = Groups(tuple(groups.outputs[n] for n in rows), tuple(groups.inputs[n] for n in columns))
    brackets = tuple(bracket for bracket in term.brackets if bracket in factors)
    kept = tuple(factor for factor in factors if factor not in brackets)
    bound = tuple(index for index in term.bound if index in indices)
    return Component(rows, columns, own, Term(term.coefficient**0, brackets, kept, bound))


def scalars(term: Term) -> tuple[Expr, ...]:
    """The factors of a term that depend on no index."""
    return tuple(factor for factor in term.factors if not free(factor))


def _of_component(component: Component, whole: Term, sizes: Sizes) -> Structure:
    groups, term = component.groups, component.term
    shape = _shape(groups, sizes)
    if not groups.outputs or not groups.inputs:
        return Structure("vector", shape=shape)
    found = support(term, groups)
    kind = None if found.guards or found.bound else _by_positions(found, groups, scalars(whole))
    if kind in (None, "selection") and is_permutation((term,), groups):
        kind = "permutation"
    if kind is not None:
        return Structure(kind, shape=shape)
    windows = {kind for factor in term.factors if (kind := _window(factor, groups)) is not None}
    if windows or _is_band(found):
        return Structure(min(windows) if windows else "banded" if found.factors else "Toeplitz", shape=shape)
    if found.guards and all(map(is_inequality, found.guards)) and len(found.guards) == 1:
        return Structure("triangular", shape=shape)
    shared = _indices(found.rows) & _indices(found.columns)
    rank = _size(term.bound, sizes)
    if not shared and not found.guards and all(_one_sided(factor, groups) for factor in term.factors):
        return _low_rank(rank, shape)
    if shared and not found.guards:
        return Structure("block-diagonal", _blocks(term, groups, shared, sizes), shape=shape)
    if found.guards:
        return Structure("selection" if len(found.over) <= len(groups.outputs) else "dense", shape=shape)
    return Structure("dense", shape=shape)


def _blocks(term: Term, groups: Groups, shared: frozenset[Index], sizes: Sizes) -> tuple[Structure, ...]:
    """What the blocks are that stand on the diagonal, where that is not dense."""
    tied = shared.union(*(free(bracket) for bracket in term.brackets))
    inner = Groups(
        tuple(index for index in groups.outputs if index not in tied),
        tuple(index for index in groups.inputs if index not in tied),
    )
    shape, rank = _shape(inner, sizes), _size(term.bound, sizes)
    if not all(_one_sided(factor, inner) for factor in term.factors) or rank >= min(shape):
        return ()
    return (Structure("low rank", rank=rank, shape=shape),)


def _by_positions(found: Support, groups: Groups, scale: tuple[Expr, ...]) -> str | None:
    """The kind of a component whose columns are known where its rows are, or the other way round."""
    rows, columns = _indices(found.rows), _indices(found.columns)
    pure = all(position.index is not None for position in (*found.rows, *found.columns))
    distinct = len(set(found.rows)) == len(found.rows) and len(set(found.columns)) == len(found.columns)
    if rows == columns and is_reversal(found, groups):
        if found.rows == found.columns:
            return "diagonal" if found.factors else "scalar" if scale or found.coefficient != 1 else "identity"
        return "permutation"
    if pure and distinct and found.factors:
        return None
    return "selection" if columns <= rows or rows <= columns else None


def _indices(positions: Iterable[Affine]) -> frozenset[Index]:
    return frozenset().union(*map(free, positions))


def _window(factor: Expr, groups: Groups) -> str | None:
    """What a factor makes that is read at a position with an index of the output and one of the input: ``w[i-p]`` is
    constant along diagonals, ``x[i+p]`` along those the other way.
    """
    if not isinstance(factor, Read):
        return None
    for position in factor.positions:
        signs = [
            {c.constant > 0 for i in group if i in free(position) and (c := position.coefficient(i)) is not None}
            for group in (groups.outputs, groups.inputs)
        ]
        if all(signs):
            return "Hankel" if signs[0] == signs[1] else "Toeplitz"
    return None


def _is_band(found: Support) -> bool:
    """Whether two opposite inequalities keep a component near its diagonal."""
    return len(found.guards) > 1 and all(map(is_inequality, found.guards))


def _one_sided(factor: Expr, groups: Groups) -> bool:
    own = free(factor)
    return not (own & frozenset(groups.outputs) and own & frozenset(groups.inputs))
