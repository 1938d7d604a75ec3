"""Sums whose brackets say where each term goes: ``Σ_n [v = ids[n]]·G[n,d]`` adds G[n] to row ids[n]."""

from __future__ import annotations

from collections.abc import Iterable

from covector.calculus.build import delta_form, mul
from covector.ir import Affine, Compute, Expr, Index, Read, Reduce, as_affine, substitute, walk
from covector.ir.affine import free
from covector.schedule.factors import flat_factors
from covector.schedule.nest import Nest


def scattered(statement: Compute) -> Nest | None:
    """The loops of a sum over its terms, each added where it belongs; None where no bracket says so."""
    body = statement.body
    if not isinstance(body, Reduce) or body.operation != "sum":
        return None
    factors, places = list(flat_factors(body.body)), dict[Index, Affine]()
    for factor in flat_factors(body.body):
        found = destination(factor, frozenset(statement.indices) - set(places), frozenset(body.indices))
        if found is not None and (statement.is_derived or is_plain(found[1], found[0], factors)):
            index, place = found
            factors.remove(factor)
            factors = [substitute(other, {index: place}) for other in factors]
            places = {other: substitute(form, {index: place}) for other, form in places.items()} | {index: place}
    if not places or any(free(place) & set(places) for place in places.values()):
        return None
    positions = tuple(places.get(index, as_affine(index)) for index in statement.indices)
    own = tuple(index for index in statement.indices if index not in places)
    return Nest(statement, positions, own, body.indices, "sum", mul(*factors))


def destination(factor: Expr, own: frozenset[Index], summed: frozenset[Index]) -> tuple[Index, Affine] | None:
    """The index of the result that a delta fixes, and what it says that it is."""
    form = delta_form(factor)
    if form is None or not free(form) & summed:
        return None
    for index in sorted(free(form) & own, key=lambda index: index.name):
        found = solved(form, index)
        if found is not None:
            return index, found
    return None


def is_plain(form: Affine, index: Index, factors: Iterable[Expr]) -> bool:
    """Whether what a form says of an index makes no position depend on data that did not before."""
    if not any(isinstance(node, Read) for node in walk(form)):
        return True
    reads = (node for factor in factors for node in walk(factor) if isinstance(node, Read))
    return not any(index in free(position) for read in reads for position in read.positions)


def solved(form: Affine, index: Index) -> Affine | None:
    """What an index is where a form is 0; None where that is no integer expression without it."""
    coefficient = form.coefficient(index)
    if coefficient is None or not coefficient.is_constant or abs(coefficient.constant) != 1:
        return None
    return (form - coefficient * index) * -coefficient.constant
