"""What can be proved about integer expressions from the ranges of their indices.

Every symbol is at least 1 wherever an index runs over it (over an empty extent there is nothing to prove), so a
polynomial whose coefficients are not negative after ``symbol → symbol + 1`` is not negative.
"""

from __future__ import annotations

from covector.ir.affine import (
    Affine,
    Floor,
    Index,
    Mod,
    Symbol,
    as_affine,
    atoms,
    exact_quotient,
    floor_div,
    replace_atoms,
)
from covector.ir.node import Node, cached


def nonnegative(form: Affine) -> bool:
    """Whether ``form >= 0`` is proved."""
    result: bool = cached(form, "nonnegative", lambda node: _is_plainly(node) or _by_coefficients(lower_bound(node)))
    return result


def _is_plainly(form: Affine) -> bool:
    """Whether ``form >= 0`` is seen term by term; most forms are of this kind, and it makes no other forms."""
    least = form.constant
    for monomial, coefficient in form.terms:
        if coefficient >= 0:
            if not all(isinstance(atom, (Index, Symbol)) for atom in monomial):
                return False
            continue
        index = monomial[0] if len(monomial) == 1 else None
        if not isinstance(index, Index) or not index.extent.is_constant or index.extent.constant < 1:
            return False
        least += coefficient * (index.extent.constant - 1)
    return least >= 0


def within(position: Affine, extent: Affine) -> bool:
    """Whether ``0 <= position < extent`` is proved."""
    index = position.index
    if index is not None and index.extent is extent:
        return True
    return nonnegative(position) and nonnegative(extent - position - 1)


def lower_bound(form: Affine) -> Affine:
    """A lower bound without indices, as good as intervals give it."""
    return -upper_bound(-form)


def upper_bound(form: Affine) -> Affine:
    """An upper bound without indices, as good as intervals give it."""
    for _ in range(16):
        atom = next((a for a in reversed(list(atoms(form))) if isinstance(a, (Index, Floor, Mod))), None)
        bounded = None if atom is None else _bound_atom(form, atom)
        if bounded is None or bounded is form:
            return form
        form = bounded
    return form


def _bound_atom(form: Affine, atom: Node) -> Affine | None:
    """The form with one atom replaced by the end of its range that makes it largest."""
    coefficient = form.coefficient(atom)
    if coefficient is None:
        return None
    rest = form - coefficient * atom
    if _by_coefficients(coefficient):
        return _largest(atom, coefficient, rest)
    if _by_coefficients(-coefficient):
        return _smallest(atom, coefficient, rest)
    return None


def _largest(atom: Node, coefficient: Affine, rest: Affine) -> Affine:
    if isinstance(atom, Index):
        return rest + coefficient * (atom.extent - 1)
    if isinstance(atom, Mod):
        return rest + coefficient * (atom.denominator - 1)
    assert isinstance(atom, Floor)
    whole = floor_div(coefficient, atom.denominator)
    if whole * atom.denominator is coefficient:
        return rest + whole * atom.numerator
    if atom.denominator.is_constant:
        top = floor_div(upper_bound(atom.numerator), atom.denominator)
        return rest + coefficient * top
    quotient = exact_quotient(upper_bound(atom.numerator) + 1, atom.denominator)
    return rest + coefficient * (atom if quotient is None else quotient - 1)


def _smallest(atom: Node, coefficient: Affine, rest: Affine) -> Affine:
    if isinstance(atom, Floor):
        whole = floor_div(-coefficient, atom.denominator)
        if whole * atom.denominator is -coefficient:
            return rest - whole * (atom.numerator - atom.denominator + 1)
        if not _by_coefficients(lower_bound(atom.numerator)):
            return rest + coefficient * atom
    return rest


def _by_coefficients(form: Affine) -> bool:
    """Whether a polynomial over symbols that are at least 1 has no negative coefficient."""
    unknown = list(atoms(form))
    if any(not isinstance(atom, Symbol) for atom in unknown):
        floors = [a for a in unknown if not isinstance(a, Symbol)]
        if not all(isinstance(a, Floor) and _by_coefficients(a.numerator) for a in floors):
            return False
    shifted = replace_atoms(form, {atom: as_affine(atom) + 1 for atom in unknown if isinstance(atom, Symbol)})
    return shifted.constant >= 0 and all(coefficient >= 0 for _, coefficient in shifted.terms)
