"""The terms of a Jacobian: an element form over two groups of indices, as a sum of products.

Each term holds what ties the groups together (brackets of integers, such as δ), the other factors, and the indices that
it is summed over. Sums with deltas in them are multiplied out, so that every delta stands in front of its term.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from covector.calculus.arithmetic import with_coefficient
from covector.calculus.build import ADD, add, coefficient_of, delta_form, factors_of, is_apply, mul, total
from covector.calculus.canonical import canonical
from covector.calculus.factor import factored
from covector.ir import Affine, Apply, Bracket, Expr, Index, Reduce, substitute
from covector.ir.affine import atoms, free
from covector.ir.walk import bound_in, fresh, rename

OUTPUT_LETTERS = "pqrsuvwxyz"
INPUT_LETTERS = "ijklmn"


@dataclass(frozen=True)
class Groups:
    """The indices of a Jacobian: those of the output, then those of the input."""

    outputs: tuple[Index, ...]
    inputs: tuple[Index, ...]

    @property
    def all(self) -> tuple[Index, ...]:
        """Both groups, one after the other."""
        return (*self.outputs, *self.inputs)


@dataclass(frozen=True)
class Term:
    """``coefficient · Σ_bound brackets · factors``."""

    coefficient: Fraction
    brackets: tuple[Bracket, ...]
    factors: tuple[Expr, ...]
    bound: tuple[Index, ...] = ()

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash((self.coefficient, self.brackets, self.factors, self.bound))

    @property
    def expr(self) -> Expr:
        """The term as an expression."""
        scaled = (*self.brackets, *self.factors)
        if not self.bound:
            return with_coefficient(self.coefficient, scaled)
        return with_coefficient(self.coefficient, (total(self.bound, mul(*scaled)),))


def groups_of(outputs: Iterable[Affine], inputs: Iterable[Affine]) -> Groups:
    """Indices of the given extents: p, q, r … for the output and i, j, k … for the input.

    >>> from covector.ir import as_affine
    >>> groups_of([as_affine(2)], [as_affine(3), as_affine(4)])
    Groups(outputs=(p,), inputs=(i, j))
    """
    return Groups(tuple(_named(OUTPUT_LETTERS, outputs)), tuple(_named(INPUT_LETTERS, inputs)))


def _named(letters: str, extents: Iterable[Affine]) -> Iterator[Index]:
    for place, extent in enumerate(extents):
        round_, letter = divmod(place, len(letters))
        yield Index(letters[letter] + (str(round_ + 1) if round_ else ""), extent)


def split(expr: Expr, groups: Groups) -> tuple[Term, ...]:
    """An expression in normal form as a sum of terms."""
    inputs = frozenset(groups.inputs)
    return tuple(_term(part, groups) for part in _multiplied_out(expr, inputs) if coefficient_of(part)[0])


def joined(terms: Iterable[Term]) -> Expr:
    """The sum of terms."""
    return add(*(term.expr for term in terms))


def _multiplied_out(expr: Expr, inputs: frozenset[Index]) -> Iterator[Expr]:
    """The terms of an expression in which no sum with a delta of the input's indices is a factor."""
    if isinstance(expr, Apply) and expr.function is ADD:
        for part in expr.arguments:
            yield from _multiplied_out(part, inputs)
        return
    if isinstance(expr, Reduce) and expr.operation == "sum" and _holds_tie(expr.body, inputs):
        for part in _multiplied_out(expr.body, inputs):
            yield Reduce("sum", expr.indices, part)
        return
    if isinstance(expr, Reduce) and expr.operation == "sum" and (parted := _parted(expr)) is not None:
        for part in parted:
            yield from _multiplied_out(part, inputs)
        return
    factors = factors_of(expr)
    for place, factor in enumerate(factors):
        inner = isinstance(factor, Reduce) or is_apply(factor, "add")
        if len(factors) > 1 and inner and _holds_tie(factor, inputs):
            parts = tuple(_multiplied_out(factor, inputs))
            if len(parts) > 1:
                for part in parts:
                    yield from _multiplied_out(_flat((*factors[:place], part, *factors[place + 1 :])), inputs)
                return
    yield expr


def _parted(expr: Reduce) -> tuple[Expr, ...] | None:
    """A sum of a product multiplied out where a term of one of its factors has none of the summed indices: there that
    term comes out of the sum, and what is left may have low rank. None where there is no such factor.
    """
    bound = frozenset(expr.indices)
    factors = factors_of(expr.body)
    for place, factor in enumerate(factors):
        if is_apply(factor, "add"):
            terms: tuple[Expr, ...] = factor.arguments  # type: ignore[union-attr]
            depends = {bool(free(term) & bound) for term in terms if free(term)}
            if depends == {True, False}:
                rest = factors[:place], factors[place + 1 :]
                return tuple(Reduce("sum", expr.indices, _flat((*rest[0], term, *rest[1]))) for term in terms)
    return None


def _flat(factors: Iterable[Expr]) -> Expr:
    """One product of factors that may be products."""
    return mul(*(part for factor in factors for part in factors_of(factor)))


def _holds_tie(expr: Expr, inputs: frozenset[Index]) -> bool:
    """Whether a bracket of integers with an index of the input stands somewhere in its sums and products."""
    if isinstance(expr, Bracket):
        return is_tie(expr) and bool(free(expr) & inputs)
    if isinstance(expr, Reduce):
        return expr.operation == "sum" and _holds_tie(expr.body, inputs)
    if isinstance(expr, Apply) and expr.function.name in ("add", "mul"):
        return any(_holds_tie(argument, inputs) for argument in expr.arguments)
    return False


def is_tie(factor: Expr) -> bool:
    """Whether a factor is a bracket that compares integers."""
    condition = factor.condition if isinstance(factor, Bracket) else None
    return isinstance(condition, Apply) and all(isinstance(side, Affine) for side in condition.arguments)


def _term(expr: Expr, groups: Groups) -> Term:
    coefficient, factors = coefficient_of(expr)
    bound, opened = _open(factors, groups)
    scale = Fraction(1)
    rest: list[Expr] = []
    for factor in opened:
        # What the terms of a sum have in common is a factor of its own: it may belong to one group alone.
        own, parts = coefficient_of(factored(factor) if is_apply(factor, "add") else factor)
        scale *= own
        rest.extend(parts)
    own_indices = frozenset((*groups.all, *bound))
    brackets = tuple(f for f in rest if isinstance(f, Bracket) and is_tie(f) and free(f) & own_indices)
    kept = tuple(f for f in rest if f not in brackets)
    return Term(coefficient * scale, tuple(dict.fromkeys(brackets)), kept, tuple(bound))


def _open(factors: Iterable[Expr], groups: Groups) -> tuple[list[Index], list[Expr]]:
    """The factors with sums opened that hold both an index of the output alone and one of the input alone."""
    waiting, bound, done = list(factors), list[Index](), list[Expr]()
    while waiting:
        factor = waiting.pop(0)
        outer = (*done, *waiting)
        if not (isinstance(factor, Reduce) and factor.operation == "sum" and _is_mixed(factor, outer, groups)):
            done.append(factor)
            continue
        taken = frozenset((*groups.all, *bound)).union(*(free(f) | bound_in(f) for f in outer))
        renamed: dict[Index, Index] = {}
        for index in factor.indices:
            renamed[index] = fresh(index, taken | frozenset(renamed.values()))
        body = rename(factor.body, {old: new for old, new in renamed.items() if old is not new})
        bound.extend(renamed.values())
        waiting[:0] = factors_of(body)
    return bound, done


def _is_mixed(factor: Reduce, others: Iterable[Expr], groups: Groups) -> bool:
    tied = shared_indices((*others, *factors_of(factor.body)))
    own = free(factor) - tied
    return bool(own & frozenset(groups.outputs)) and bool(own & frozenset(groups.inputs))


def shared_indices(factors: Iterable[Expr]) -> frozenset[Index]:
    """The indices that deltas between other indices tie: neither group has them alone."""
    found: set[Index] = set()
    for factor in factors:
        form = delta_form(factor)
        own = free(factor)
        if form is not None and own and len(atoms(form)) > 1:
            found |= own
    return frozenset(found)


def collected(terms: Iterable[Term]) -> tuple[Term, ...]:
    """Equal terms added up; those that cancel are left out."""
    found: dict[Expr, Term] = {}
    for term in terms:
        key = canonical(Term(Fraction(1), term.brackets, term.factors, term.bound).expr)
        old = found.get(key)
        coefficient = term.coefficient + (old.coefficient if old else 0)
        base = old or term
        found[key] = Term(coefficient, base.brackets, base.factors, base.bound)
    return tuple(term for term in found.values() if term.coefficient)


def placed(expr: Expr, indices: Iterable[Index], positions: Iterable[Affine]) -> Expr:
    """An expression with indices replaced by positions."""
    replaced: Mapping[Index, Affine] = dict(zip(indices, positions, strict=True))
    result: Expr = substitute(expr, replaced)
    return result
