"""A product taken apart: a number, scalars above and below, factors with axes, and the means among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from covector.calculus.build import base_exponent, power
from covector.ir import Affine, Apply, Expr, Index, Literal, Reduce, as_affine, substitute
from covector.ir.affine import exact_quotient, free
from covector.ir.walk import fresh


@dataclass
class Factors:
    """``number · Π tops / Π bottoms``."""

    number: Fraction = Fraction(1)
    tops: list[Expr] = field(default_factory=list)
    bottoms: list[Expr] = field(default_factory=list)

    def scalars(self) -> tuple[list[Expr], list[Expr]]:
        """What holds no index, above and below."""
        return [f for f in self.tops if not free(f)], [f for f in self.bottoms if not free(f)]

    def arrays(self) -> tuple[list[Expr], list[Expr]]:
        """What holds an index, above and below."""
        return [f for f in self.tops if free(f)], [f for f in self.bottoms if free(f)]


def factors_in(expr: Expr) -> Factors:
    """The factors of an expression, those of products and quotients in it too.

    >>> factors_in(Literal(Fraction(3, 2))).number
    Fraction(3, 2)
    """
    found = Factors()
    _gather(expr, Fraction(1), found)
    return found


def _gather(expr: Expr, exponent: Fraction, found: Factors) -> None:
    if isinstance(expr, Literal) and type(expr.value) is Fraction and expr.value and exponent.denominator == 1:
        found.number *= expr.value**exponent.numerator
        return
    if isinstance(expr, Affine) and not free(expr) and len(expr.terms) == 1 and not expr.constant:
        monomial, coefficient = expr.terms[0]
        if (coefficient != 1 or len(monomial) > 1) and abs(exponent) == 1:
            found.number *= Fraction(coefficient) ** exponent.numerator
            for atom in monomial:
                _gather(as_affine(atom), exponent, found)
            return
    if isinstance(expr, Apply) and expr.arguments:
        name, arguments = expr.function.name, expr.arguments
        if name == "mul" and abs(exponent) == 1:
            for argument in arguments:
                _gather(argument, exponent, found)
            return
        if name == "div" and abs(exponent) == 1:
            _gather(arguments[0], exponent, found)
            _gather(arguments[1], -exponent, found)
            return
        if name == "neg" and abs(exponent) == 1:
            found.number = -found.number
            _gather(arguments[0], exponent, found)
            return
        base, own = base_exponent(expr)
        if base is not expr and own < 0 and exponent == 1:
            found.bottoms.append(power(base, -own))
            return
    (found.tops if exponent > 0 else found.bottoms).append(expr)


def with_means(found: Factors) -> Factors:
    """Sums divided by as many as they have terms become means: reductions whose operation is ``mean``."""
    tops, bottoms, number = [], list(found.bottoms), found.number
    for top in found.tops:
        if isinstance(top, Reduce) and top.operation == "sum":
            rest = _without_count(top.indices, number, bottoms)
            if rest is not None:
                number, bottoms = rest
                top = Reduce("mean", top.indices, top.body)
        tops.append(top)
    return Factors(number, tops, bottoms)


def _without_count(
    indices: Sequence[Index], number: Fraction, bottoms: Sequence[Expr]
) -> tuple[Fraction, list[Expr]] | None:
    """The number and what is below once the count of a sum is taken away."""
    left = count(indices)
    if left.is_constant and left.constant == 1:
        return None
    kept: list[Expr] = []
    for bottom in bottoms:
        rest = exact_quotient(left, bottom) if isinstance(bottom, Affine) else None
        if rest is None or (isinstance(bottom, Affine) and bottom.is_constant):
            kept.append(bottom)
        else:
            left = rest
    if not left.is_constant or number.denominator % left.constant:
        return None
    return number * left.constant, kept


def count(indices: Sequence[Index]) -> Affine:
    """How many terms a sum over these indices has."""
    total = as_affine(1)
    for index in indices:
        total = total * index.extent
    return total


def opened(expr: Reduce) -> tuple[tuple[Index, ...], Factors]:
    """All indices and factors of a sum, those of the sums among its factors too."""
    indices, found = list(expr.indices), Factors()
    waiting: list[Expr] = [expr.body]
    while waiting:
        inner = factors_in(waiting.pop(0))
        found.number *= inner.number
        found.bottoms += inner.bottoms
        for factor in inner.tops:
            if isinstance(factor, Reduce) and factor.operation == "sum" and _is_product(factor.body):
                taken = frozenset(indices).union(free(expr.body), *(free(other) for other in inner.tops))
                renamed: dict[Index, Index] = {}
                for index in factor.indices:
                    clash = index in taken
                    new = fresh(index, taken | set(renamed.values()) | set(factor.indices)) if clash else index
                    renamed[index] = new
                indices += renamed.values()
                waiting.append(substitute(factor.body, {o: as_affine(n) for o, n in renamed.items() if o is not n}))
            else:
                found.tops.append(factor)
    return tuple(indices), found


def _is_product(expr: Expr) -> bool:
    """Whether a body is a product of several factors."""
    found = factors_in(expr)
    return len(found.tops) + len(found.bottoms) > 1
