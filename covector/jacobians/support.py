"""Where a term of a Jacobian is not zero: its deltas solved, each row and column as positions over what is left free.

``[i = p] [j = 2·q + 1]`` has the free indices p, q, its rows are (p, q) and its columns (p, 2·q + 1). What cannot be
solved stays as guards. The structure is read off these positions, and a sparse matrix is written down from them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from covector.calculus.build import LE, ONE, at_least_zero, delta_form, is_apply
from covector.calculus.rules import simplify
from covector.ir import Affine, Bracket, Expr, Index, Read, as_affine, substitute
from covector.ir.affine import atoms, free
from covector.ir.bounds import nonnegative, within
from covector.jacobians.terms import Groups, Term


@dataclass(frozen=True)
class Support:
    """A term with its deltas solved: ``coefficient · Σ_bound factors`` at ``rows`` and ``columns``, for all values of
    ``over`` at which the guards hold, and zero elsewhere.
    """

    coefficient: Fraction
    over: tuple[Index, ...]
    rows: tuple[Affine, ...]
    columns: tuple[Affine, ...]
    guards: tuple[Expr, ...]
    factors: tuple[Expr, ...]
    bound: tuple[Index, ...]


@lru_cache(maxsize=1024)
def support(term: Term, groups: Groups) -> Support:
    """The support of a term."""
    rows = tuple(map(as_affine, groups.outputs))
    columns = tuple(map(as_affine, groups.inputs))
    guards: tuple[Expr, ...] = term.brackets
    factors = term.factors
    while (found := _solution(guards, frozenset(groups.all))) is not None:
        bracket, index, position = found
        replaced = {index: position}
        rows = tuple(substitute(row, replaced) for row in rows)
        columns = tuple(substitute(column, replaced) for column in columns)
        rest = (substitute(guard, replaced) for guard in guards if guard is not bracket)
        bounds = (position, index.extent - 1 - position)
        ranges = (at_least_zero(form) for form in bounds if not nonnegative(form) and not _within_data(form))
        guards = tuple(g for g in map(simplify, dict.fromkeys((*rest, *ranges))) if g is not ONE)
        factors = tuple(substitute(factor, replaced) for factor in factors)
    left = frozenset().union(*map(free, (*rows, *columns)))
    over = tuple(index for index in groups.all if index in left)
    return Support(term.coefficient, over, rows, columns, guards, factors, term.bound)


def _solution(guards: Iterable[Expr], own: frozenset[Index]) -> tuple[Expr, Index, Affine] | None:
    """A delta with an index that it says: one that stays in its range if there is one, else one of the output."""
    found: list[tuple[bool, bool, str, Expr, Index, Affine]] = []
    for guard in guards:
        form = delta_form(guard)
        for index in () if form is None else free(form) & own:
            assert form is not None
            coefficient = form.coefficient(index)
            if coefficient is None or coefficient.terms or abs(coefficient.constant) != 1:
                continue
            position = (form - coefficient * index) * -coefficient.constant
            if index not in free(position):
                inside = _within_data(position) or within(position, index.extent)
                found.append((not inside, index.name < "p", index.name, guard, index, position))
    return min(found, key=lambda choice: choice[:3])[3:] if found else None


def _within_data(form: Affine) -> bool:
    """Whether a bound is that of a data-dependent position, which the forward has already been held to."""
    return any(isinstance(atom, Read) for atom in atoms(form))


def is_inequality(guard: Expr) -> bool:
    """Whether a guard is ``[0 <= form]``.

    >>> from covector.ir import Symbol
    >>> is_inequality(at_least_zero(as_affine(Symbol("N"))))
    True
    """
    return isinstance(guard, Bracket) and is_apply(guard.condition, LE.name)
