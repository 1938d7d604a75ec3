"""Short names for building the nodes that the calculus makes."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from covector.ir import Affine, Apply, Bracket, Expr, Index, Literal, Reduce, as_affine
from covector.ir.node import Node
from covector.ops import SCALARS

ADD, MUL, POW = SCALARS["add"], SCALARS["mul"], SCALARS["pow"]
EQ, NE, LT, LE = SCALARS["eq"], SCALARS["ne"], SCALARS["lt"], SCALARS["le"]
AND, OR, NOT = SCALARS["and"], SCALARS["or"], SCALARS["not"]
STOP = SCALARS["stop"]


def number(value: int | Fraction) -> Literal:
    """An exact number."""
    return Literal(Fraction(value))


ZERO, ONE, MINUS_ONE = number(0), number(1), number(-1)


def add(*terms: Expr) -> Expr:
    """A sum of any number of terms."""
    return terms[0] if len(terms) == 1 else Apply(ADD, terms) if terms else ZERO


def mul(*factors: Expr) -> Expr:
    """A product of any number of factors."""
    return factors[0] if len(factors) == 1 else Apply(MUL, factors) if factors else ONE


def power(base: Expr, exponent: int | Fraction) -> Expr:
    """``base`` to an exact exponent."""
    return base if exponent == 1 else Apply(POW, (base, number(exponent)))


def total(indices: Iterable[Index], body: Expr) -> Expr:
    """``sum[indices](body)``; the body itself over no indices."""
    indices = tuple(indices)
    return Reduce("sum", indices, body) if indices else body


def equal(left: Affine | Node | int, right: Affine | Node | int) -> Bracket:
    """``[left = right]`` of integer expressions: a Kronecker delta."""
    return Bracket(Apply(EQ, (as_affine(left), as_affine(right))))


def at_least_zero(form: Affine) -> Bracket:
    """``[0 <= form]``."""
    return Bracket(Apply(LE, (as_affine(0), form)))


def is_apply(expr: Node, name: str) -> bool:
    """Whether an expression applies the function of this name."""
    return isinstance(expr, Apply) and expr.function.name == name


def is_exact(expr: Node) -> bool:
    """Whether an expression compares values for being equal.

    Its sides must stay as they were written: ``x·0.3 - 0.7`` and ``(3·x - 7)/10`` differ in the last digit, and the
    largest element would no longer be equal to the maximum.
    """
    return isinstance(expr, Apply) and expr.function in (EQ, NE) and not _compares_integers(expr)


def is_integer_condition(expr: Node) -> bool:
    """Whether an expression compares two integer expressions."""
    return isinstance(expr, Apply) and expr.function in (EQ, NE, LT, LE) and _compares_integers(expr)


def _compares_integers(expr: Apply) -> bool:
    return all(isinstance(argument, Affine) for argument in expr.arguments)


def terms_of(expr: Expr) -> tuple[Expr, ...]:
    """The terms of a sum; of anything else, itself."""
    return expr.arguments if isinstance(expr, Apply) and expr.function is ADD else (expr,)


def factors_of(expr: Expr) -> tuple[Expr, ...]:
    """The factors of a product; of anything else, itself."""
    return expr.arguments if isinstance(expr, Apply) and expr.function is MUL else (expr,)


def base_exponent(factor: Expr) -> tuple[Expr, Fraction]:
    """A factor as a base and an exact exponent."""
    if isinstance(factor, Apply) and factor.function is POW:
        base, exponent = factor.arguments
        if isinstance(exponent, Literal) and isinstance(exponent.value, Fraction):
            return base, exponent.value
    return factor, Fraction(1)


def coefficient_of(term: Expr) -> tuple[Fraction, tuple[Expr, ...]]:
    """A term as its exact coefficient and its other factors."""
    coefficient, rest = Fraction(1), []
    for factor in factors_of(term):
        if isinstance(factor, Literal) and type(factor.value) is Fraction:
            coefficient *= factor.value
        else:
            rest.append(factor)
    return coefficient, tuple(rest)


def delta_form(factor: Expr) -> Affine | None:
    """For a Kronecker delta ``[a = b]`` of integer expressions the form a - b, otherwise None."""
    if isinstance(factor, Bracket) and isinstance(factor.condition, Apply) and factor.condition.function is EQ:
        left, right = factor.condition.arguments
        if isinstance(left, Affine) and isinstance(right, Affine):
            return left - right
    return None
