"""Products as their factors."""

from __future__ import annotations

from covector.calculus.build import LE, LT, MINUS_ONE, MUL, factors_of, is_apply
from covector.ir import Affine, Apply, Bracket, Expr


def flat_factors(expr: Expr) -> tuple[Expr, ...]:
    """The factors of a product, those of products among them too; a negative as one with -1."""
    if isinstance(expr, Apply) and is_apply(expr, "neg"):
        return (MINUS_ONE, *flat_factors(expr.arguments[0]))
    if isinstance(expr, Apply) and expr.function is MUL:
        return tuple(part for factor in factors_of(expr) for part in flat_factors(factor))
    return (expr,)


def nonnegative_form(factor: Expr) -> Affine | None:
    """For ``[a <= b]`` of integer expressions b - a, which it says is not negative."""
    if isinstance(factor, Bracket) and isinstance(factor.condition, Apply):
        left, right = (*factor.condition.arguments, None, None)[:2]
        if isinstance(left, Affine) and isinstance(right, Affine) and factor.condition.function in (LE, LT):
            return right - left - (1 if factor.condition.function is LT else 0)
    return None
