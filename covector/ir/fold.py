"""Settling what is about numbers alone: ``(1 - 0)·x + 0·y`` is ``x``."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from covector.ir.element import Apply, Expr, Literal
from covector.ir.walk import transform

ZERO, ONE = Literal(Fraction(0)), Literal(Fraction(1))


def fold(expr: Expr) -> Expr:
    """The expression with arithmetic of numbers done, and with zeros and ones that have no effect left out."""
    result: Expr = transform(expr, lambda node: (fold_once(node) or node) if isinstance(node, Apply) else node)
    return result


def fold_once(node: Apply) -> Expr | None:
    """One function of numbers, or with a neutral or absorbing number; otherwise None."""
    name = node.function.name
    if name in ("add", "mul"):
        return _fold_many(node, ZERO if name == "add" else ONE)
    values = [_exact(argument) for argument in node.arguments]
    if name == "sub" and None not in values:
        return Literal(Fraction(values[0] or 0) - Fraction(values[1] or 0))
    if name == "neg" and values[0] is not None:
        return Literal(-values[0])
    if name == "sub" and values[1] == 0:
        return node.arguments[0]
    if name == "pow" and values[1] == 1:
        return node.arguments[0]
    return None


def _fold_many(node: Apply, neutral: Literal) -> Expr | None:
    """The numbers of a sum or product as one, and none where that has no effect."""
    numbers = [argument for argument in node.arguments if _exact(argument) is not None]
    rest = tuple(argument for argument in node.arguments if argument not in numbers)
    value: Any = neutral.value
    for number in numbers:
        value = value + number.value if neutral is ZERO else value * number.value  # type: ignore[union-attr]
    if neutral is ONE and numbers and value == 0:
        return ZERO
    if len(numbers) < 2 and not (numbers and numbers[0] is neutral and rest):
        return None
    kept = rest if value == neutral.value and rest else (Literal(value), *rest)
    return kept[0] if len(kept) == 1 else Apply(node.function, kept)


def _exact(expr: Expr) -> Fraction | None:
    return expr.value if isinstance(expr, Literal) and type(expr.value) is Fraction else None
