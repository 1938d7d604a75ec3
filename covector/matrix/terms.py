"""Sums as terms with signs."""

from __future__ import annotations

from collections.abc import Sequence

from covector.calculus.build import MINUS_ONE, add, coefficient_of, mul, number
from covector.ir import Apply, Expr


def signed_terms(expr: Expr, sign: int = 1) -> list[tuple[int, Expr]]:
    """The terms of sums and differences, with their signs; a negative number in a term turns its sign.

    >>> signed_terms(number(-2))
    [(-1, 2)]
    """
    if isinstance(expr, Apply) and expr.arguments:
        name, arguments = expr.function.name, expr.arguments
        if name == "add":
            return [pair for argument in arguments for pair in signed_terms(argument, sign)]
        if name == "sub":
            return [*signed_terms(arguments[0], sign), *signed_terms(arguments[1], -sign)]
        if name == "neg":
            return signed_terms(arguments[0], -sign)
    coefficient, rest = coefficient_of(expr)
    if coefficient < 0:
        kept = rest if coefficient == -1 and rest else (number(-coefficient), *rest)
        return [(-sign, mul(*kept))]
    return [(sign, expr)]


def total_of(terms: Sequence[tuple[int, Expr]]) -> Expr:
    """The sum of terms with signs."""
    return add(*(term if sign > 0 else mul(MINUS_ONE, term) for sign, term in terms))
