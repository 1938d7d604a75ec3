"""Numbers where a person would place them: ``1e-5 + s`` rather than ``1e-5·(1 + 100000·s)``, and one root for two.

The calculus takes common numbers out of sums and splits roots, so that equal expressions become one; here they are put
back where the numbers that stand in the text get much shorter.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, TypeGuard

from covector.ir.element import Apply, Expr, Literal, ScalarFunction
from covector.notation.styles import Style, decimal

Bottoms = list[tuple[Expr, Fraction]]

_NOTATION = Style()
_LONG, _GAIN = 8, 4
_HALF = Fraction(1, 2)


def with_scaled_sums(
    multiply: ScalarFunction, coefficient: Fraction, tops: list[Any], bottoms: Bottoms
) -> tuple[Fraction, list[Any], Bottoms]:
    """The product with each sum in it scaled so that the numbers are short; ``multiply`` is the function ``mul``."""
    for number, top in enumerate(tops):
        if _is_sum(top):
            scale = _best_scale(coefficient, top, Fraction(-1))
            tops = [*tops[:number], _scaled(multiply, top, scale), *tops[number + 1 :]]
            coefficient /= scale
    for number, (base, exponent) in enumerate(bottoms):
        if exponent == 1 and _is_sum(base):
            scale = _best_scale(coefficient, base, Fraction(1))
            bottoms = [*bottoms[:number], (_scaled(multiply, base, scale), exponent), *bottoms[number + 1 :]]
            coefficient *= scale
    return coefficient, tops, bottoms


def with_one_root(multiply: ScalarFunction, tops: list[Any], bottoms: Bottoms) -> tuple[list[Any], Bottoms]:
    """The product with the roots of numbers above and below the line as one root, which comes first."""
    above = [top for top in tops if _is_root(top)]
    below = [(base, exponent) for base, exponent in bottoms if exponent == _HALF and _is_number(base)]
    if not above or not below:
        return tops, bottoms
    raise_to = above[0].function
    inverses = [Apply(raise_to, (base, Literal(Fraction(-1)))) for base, _ in below]
    inside = Apply(multiply, (*(root.arguments[0] for root in above), *inverses))
    root = Apply(raise_to, (inside, Literal(_HALF)))
    return [root, *(top for top in tops if top not in above)], [pair for pair in bottoms if pair not in below]


def _is_sum(expr: Any) -> TypeGuard[Apply]:
    return isinstance(expr, Apply) and expr.function.name == "add"


def _is_root(expr: Any) -> bool:
    if not (isinstance(expr, Apply) and expr.function.name == "pow"):
        return False
    base, exponent = expr.arguments
    return isinstance(exponent, Literal) and exponent.value == _HALF and _is_number(base)


def _is_number(expr: Expr) -> bool:
    if isinstance(expr, Apply):
        return expr.function.name == "pi"
    return isinstance(expr, Literal) and type(expr.value) is Fraction and expr.value > 0


def _term(term: Expr) -> tuple[Fraction, tuple[Expr, ...]]:
    """A term as its number and its other factors."""
    factors = term.arguments if isinstance(term, Apply) and term.function.name == "mul" else (term,)
    first = factors[0] if factors else None
    if isinstance(first, Literal) and type(first.value) is Fraction:
        return first.value, factors[1:]
    return Fraction(1), factors


def _best_scale(coefficient: Fraction, total: Apply, turn: Fraction) -> Fraction:
    """The scale of a sum that leaves the shortest numbers in it and before it, where that is much shorter."""
    numbers = [_term(term)[0] for term in total.arguments]
    outside = abs(coefficient)
    candidates = [1 / abs(number) for number in numbers if number]
    candidates += [outside if turn < 0 else 1 / outside] if outside else []

    def cost(scale: Fraction) -> int:
        before = outside * scale if turn > 0 else outside / scale
        return _length(before) + sum(_length(abs(number) * scale) for number in numbers)

    now = cost(Fraction(1))
    best = min(candidates, key=cost, default=Fraction(1))
    return best if now >= _LONG and now - cost(best) >= _GAIN else Fraction(1)


def _length(value: Fraction) -> int:
    """About how many characters a number takes before other factors."""
    if value == 1:
        return 0
    as_ratio = sum(len(str(part)) for part in value.as_integer_ratio() if part != 1)
    return as_ratio if decimal(value) is None else min(as_ratio, len(_NOTATION.number(value).text))


def _scaled(multiply: ScalarFunction, total: Apply, scale: Fraction) -> Apply:
    """The sum with every term multiplied by a number."""
    if scale == 1:
        return total
    return Apply(total.function, tuple(_multiplied(multiply, *_term(term), scale) for term in total.arguments))


def _multiplied(multiply: ScalarFunction, number: Fraction, rest: Sequence[Expr], scale: Fraction) -> Expr:
    factors = (*([Literal(number * scale)] if number * scale != 1 or not rest else []), *rest)
    return factors[0] if len(factors) == 1 else Apply(multiply, factors)
