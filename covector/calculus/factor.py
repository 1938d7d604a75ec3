"""The last touch: what the terms of a sum have in common stands before it, as a person writes.

``y·G - y·Σ_l G·y`` becomes ``y·(G - Σ_l G·y)``. Nothing after this pass expects the normal form.
"""

from __future__ import annotations

from fractions import Fraction

from covector.calculus.arithmetic import collect_terms, common_number, fold_root, with_coefficient
from covector.calculus.build import (
    ADD,
    MUL,
    ONE,
    add,
    base_exponent,
    coefficient_of,
    factors_of,
    is_apply,
    is_exact,
    mul,
    power,
    terms_of,
)
from covector.calculus.canonical import canonical
from covector.calculus.conditions import opposite
from covector.ir import Affine, Apply, Bracket, Expr, Read, Reduce, Select, children, rebuild, transform, walk
from covector.ir.affine import order
from covector.ir.node import cached
from covector.ops import SCALARS

Powers = dict[Expr, tuple[Expr, Fraction]]


def factored(expr: Expr) -> Expr:
    """The expression with common factors taken out of its sums, and positive terms first."""
    result: Expr = cached(expr, "factored", _factored)
    return result


def _factored(expr: Expr) -> Expr:
    if is_exact(expr):
        return expr
    parts = tuple(factored(child) if not isinstance(child, Affine) else child for child in children(expr))
    rebuilt: Expr = rebuild(expr, parts)
    if isinstance(rebuilt, Apply) and rebuilt.function is MUL:
        return _flat_product(rebuilt)
    if isinstance(rebuilt, Apply) and rebuilt.function is ADD:
        return _take_out(rebuilt)
    if isinstance(rebuilt, Reduce) and rebuilt.operation == "sum":
        coefficient, rest = coefficient_of(rebuilt.body)
        if coefficient != 1 and rest:
            return with_coefficient(coefficient, (Reduce("sum", rebuilt.indices, mul(*rest)),))
    return rebuilt


def _flat_product(node: Apply) -> Expr:
    """One product, its number first and its sums last."""
    flat: list[Expr] = []
    for factor in node.arguments:
        flat.extend(factor.arguments if isinstance(factor, Apply) and factor.function is MUL else (factor,))
    coefficient, rest = coefficient_of(mul(*_logistic(flat)))
    if coefficient < 0:
        flipped = _flip(rest)
        coefficient, rest = (coefficient, rest) if flipped is None else (-coefficient, flipped)
    return with_coefficient(coefficient, tuple(sorted(rest, key=order)))


def _logistic(factors: list[Expr]) -> list[Expr]:
    """The factors with ``exp(a) / (1 + exp(a))`` said as ``sigmoid(a)``."""
    for exponential in factors:
        if is_apply(exponential, "exp"):
            other = next((f for f in factors if _is_one_plus(f, exponential)), None)
            if other is not None:
                rest = [factor for factor in factors if factor is not exponential and factor is not other]
                return [*rest, Apply(SCALARS["sigmoid"], children(exponential))]
    return factors


def _is_one_plus(factor: Expr, exponential: Expr) -> bool:
    """Whether a factor is ``1 / (1 + exp(a))``."""
    base, exponent = base_exponent(factor)
    terms = set(map(canonical, base.arguments)) if is_apply(base, "add") else set()  # type: ignore[union-attr]
    return exponent == -1 and terms == {ONE, canonical(exponential)}


def _flip(factors: tuple[Expr, ...]) -> tuple[Expr, ...] | None:
    """The factors with the first difference turned round, which turns the sign: ``-(a - b)`` is ``b - a``."""
    for place, factor in enumerate(factors):
        base, exponent = base_exponent(factor)
        if isinstance(base, Apply) and base.function is ADD and exponent.denominator == 1 and exponent.numerator % 2:
            signs = {coefficient_of(term)[0] > 0 for term in base.arguments}
            if len(signs) == 2:
                terms = [with_coefficient(-c, rest) for c, rest in map(coefficient_of, base.arguments)]
                terms.sort(key=_reading_order)
                return (*factors[:place], power(add(*terms), exponent), *factors[place + 1 :])
    return None


def _reading_order(term: Expr) -> tuple[bool, int]:
    """Positive terms first, then short ones."""
    return coefficient_of(term)[0] < 0, sum(1 for _ in walk(term))


def _take_out(node: Apply) -> Expr:
    terms = [coefficient_of(term) for term in node.arguments]
    number = _common_number([coefficient for coefficient, _ in terms])
    powers = [_powers(rest) for _, rest in terms]
    common = _common_powers(powers)
    rest = [
        _root_folded(with_coefficient(coefficient / number, tuple(_divide(own, common))))
        for (coefficient, _), own in zip(terms, powers, strict=True)
    ]
    rest = _flattened(rest)
    rest.sort(key=_reading_order)
    inside = _rejoined(rest) or add(*rest)
    outside = [power(base, exponent) for base, exponent in common.values()]
    if not outside and number == 1:
        return inside
    product = with_coefficient(number, (*outside, inside))
    return _flat_product(product) if isinstance(product, Apply) else product


def _flattened(terms: list[Expr]) -> list[Expr]:
    """Terms in which sums came to stand once what they had in common was taken out, as one sum."""
    flat = tuple(part for term in terms for part in terms_of(term))
    if len(flat) == len(terms):
        return terms
    joined = Apply(ADD, flat)
    return list(terms_of(collect_terms(joined) or joined))


def _root_folded(term: Expr) -> Expr:
    return (fold_root(term) or term) if isinstance(term, Apply) and term.function is MUL else term


def _rejoined(terms: list[Expr]) -> Expr | None:
    """``[c]·a + [not c]·b`` as ``select(c, a, b)``."""
    if len(terms) != 2:
        return None
    first, second = (factors_of(term) for term in terms)
    for bracket in first:
        if isinstance(bracket, Bracket):
            other = Bracket(opposite(bracket.condition) or bracket.condition)
            if other is not bracket and other in second:
                then = mul(*(factor for factor in first if factor is not bracket))
                return Select(bracket.condition, then, mul(*(factor for factor in second if factor is not other)))
    return None


def _common_number(coefficients: list[Fraction]) -> Fraction:
    """What the coefficients have in common; negative where all of them are."""
    common = common_number(coefficients)
    return -common if all(c < 0 for c in coefficients) else common


def _powers(factors: tuple[Expr, ...]) -> Powers:
    found: Powers = {}
    for factor in factors:
        base, exponent = base_exponent(factor)
        key = canonical(base)
        # What was done inside may have made two factors equal.
        before = found[key][1] if key in found and not isinstance(base, Bracket) else Fraction(0)
        found[key] = (base, before + exponent)
    return {key: power for key, power in found.items() if power[1]}


def _common_powers(terms: list[Powers]) -> Powers:
    """The powers that divide every term: of each base the exponent nearest to zero, all of one sign."""
    common: Powers = {}
    for key, (base, exponent) in terms[0].items():
        exponents = [other[key][1] for other in terms if key in other]
        if len(exponents) < len(terms) or (isinstance(base, Bracket) and exponent != 1):
            continue
        if all(e > 0 for e in exponents):
            common[key] = (base, min(exponents))
        elif all(e < 0 for e in exponents):
            common[key] = (base, max(exponents))
    return common


def _divide(own: Powers, common: Powers) -> list[Expr]:
    left = []
    for key, (base, exponent) in own.items():
        remaining = exponent - (common[key][1] if key in common else 0)
        if remaining:
            left.append(power(base, remaining))
    return left


Signature = tuple[str, ...]


def oriented(expr: Expr, differences: frozenset[tuple[Signature, Signature]]) -> Expr:
    """The expression with even powers of differences turned as the user wrote them: ``(mu - x)²`` as ``(x - mu)²``.

    ``differences`` holds, for each difference that was written, what its two sides read.
    """

    def turn(node: object) -> object:
        if not isinstance(node, Apply):
            return node
        base, exponent = base_exponent(node)
        if (
            exponent.denominator != 1
            or exponent.numerator % 2
            or not isinstance(base, Apply)
            or base.function is not ADD
        ):
            return node
        terms = [coefficient_of(term) for term in base.arguments]
        if sorted(coefficient > 0 for coefficient, _ in terms) != [False, True]:
            return node
        ahead = next(signature(mul(*rest)) for coefficient, rest in terms if coefficient > 0)
        behind = next(signature(mul(*rest)) for coefficient, rest in terms if coefficient < 0)
        if (ahead, behind) in differences or (behind, ahead) not in differences:
            return node
        turned = sorted((with_coefficient(-c, rest) for c, rest in terms), key=_reading_order)
        return power(add(*turned), exponent)

    result: Expr = transform(expr, turn)
    return result


def signature(expr: Expr) -> Signature:
    """The names of the tensors that an expression reads."""
    return tuple(sorted({node.tensor.name for node in walk(expr) if isinstance(node, Read)}))
