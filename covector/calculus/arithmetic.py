"""Rules of arithmetic: sums of products of powers, with exact coefficients."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import gcd, inf, isqrt

from covector.calculus.build import (
    ADD,
    MUL,
    ONE,
    POW,
    ZERO,
    add,
    base_exponent,
    coefficient_of,
    mul,
    number,
    power,
    terms_of,
)
from covector.calculus.canonical import canonical
from covector.calculus.rewrite import Rule
from covector.ir import Affine, Apply, Bracket, Expr, Literal, as_affine
from covector.ir.affine import order
from covector.ops import SCALARS


def _rational(expr: Expr) -> Fraction | None:
    return expr.value if isinstance(expr, Literal) and type(expr.value) is Fraction else None


def _surface(make: Callable[..., Expr]) -> Callable[[Apply], Expr]:
    return lambda node: make(*node.arguments)


def flatten(node: Apply) -> Expr | None:
    """Sums in sums and products in products become one."""
    if not any(isinstance(part, Apply) and part.function is node.function for part in node.arguments):
        return add(*node.arguments) if len(node.arguments) < 2 and node.function is ADD else None
    parts: list[Expr] = []
    for part in node.arguments:
        parts.extend(part.arguments if isinstance(part, Apply) and part.function is node.function else (part,))
    return Apply(node.function, tuple(parts))


def collect_terms(node: Apply) -> Expr | None:
    """Equal terms are added up; zero terms go."""
    found: dict[Expr, tuple[Fraction, tuple[Expr, ...]]] = {}
    for term in node.arguments:
        coefficient, rest = coefficient_of(term)
        key = canonical(mul(*rest)) if rest else ONE
        old = found.get(key)
        found[key] = (coefficient + (old[0] if old else 0), old[1] if old else rest)
    kept = [(c, rest) for c, rest in found.values() if c]
    if len(kept) == len(node.arguments) and len(kept) > 1:
        return None
    return add(*(with_coefficient(c, rest) for c, rest in kept))


def with_coefficient(coefficient: Fraction, factors: tuple[Expr, ...]) -> Expr:
    """A product with an exact coefficient, which is left out where it is 1."""
    if coefficient == 0:
        return ZERO
    return mul(*factors) if coefficient == 1 and factors else mul(number(coefficient), *factors)


def order_arguments(node: Apply) -> Expr | None:
    """Terms and factors in one order."""
    ordered = tuple(sorted(node.arguments, key=_term_order if node.function is ADD else order))
    return None if ordered == node.arguments else Apply(node.function, ordered)


def _term_order(term: Expr) -> tuple[object, ...]:
    coefficient, rest = coefficient_of(term)
    return (tuple(order(factor) for factor in rest), coefficient)


def distribute_number(node: Apply) -> Expr | None:
    """A number times a sum: each term gets it."""
    if len(node.arguments) == 2:
        first, second = node.arguments
        if _rational(first) is not None and isinstance(second, Apply) and second.function is ADD:
            return add(*(mul(first, term) for term in second.arguments))
    return None


def fold_numbers(node: Apply) -> Expr | None:
    """The numbers in a product become one, which comes first; zero takes all."""
    values = [value for factor in node.arguments if (value := _rational(factor)) is not None]
    if not values or (len(values) == 1 and values[0] not in (0, 1)):
        return None
    coefficient = Fraction(1)
    for value in values:
        coefficient *= value
    rest = tuple(factor for factor in node.arguments if _rational(factor) is None)
    return with_coefficient(coefficient, rest)


def fold_root(node: Apply) -> Expr | None:
    """A whole number beside its own root: ``2 / sqrt(2)`` is ``sqrt(2)``, ``sqrt(2) / 2`` is ``1 / sqrt(2)``."""
    value = next((found for factor in node.arguments if (found := _rational(factor)) is not None), None)
    for factor in node.arguments:
        base, exponent = base_exponent(factor)
        root = _rational(base)
        if value is None or root is None or root.denominator != 1 or root < 2 or exponent.denominator == 1:
            continue
        step = (
            1
            if exponent < 0 and value.numerator % root == 0
            else -1
            if exponent > 0 and value.denominator % root == 0
            else 0
        )
        if step:
            others = tuple(f for f in node.arguments if f is not factor and _rational(f) is None)
            return with_coefficient(value / root**step, (power(base, exponent + step), *others))
    return None


def collect_powers(node: Apply) -> Expr | None:
    """Equal factors become one power; a bracket is its own square."""
    found: dict[Expr, tuple[Expr, Fraction]] = {}
    for factor in node.arguments:
        base, exponent = base_exponent(factor)
        if _rational(base) is not None:
            base, exponent = factor, Fraction(1)
        key = canonical(base)
        old = found.get(key)
        exponent = exponent + old[1] if old and not isinstance(base, Bracket) else exponent
        found[key] = (old[0] if old else base, exponent)
    if len(found) == len(node.arguments) and len(found) > 1:
        return None
    return mul(*(power(base, exponent) for base, exponent in found.values() if exponent))


def primitive_factor(node: Apply) -> Expr | None:
    """A sum in a product gives its common number to the product, and its first term is positive."""
    if len(node.arguments) < 2:
        return None
    outer, factors = Fraction(1), []
    for factor in node.arguments:
        base, exponent = base_exponent(factor)
        scale = content(base) if exponent.denominator == 1 else abs(content(base))
        if scale != 1 and (exponent.denominator == 1 or _exact_root(scale, exponent) is not None):
            found = scale**exponent.numerator if exponent.denominator == 1 else _exact_root(scale, exponent)
            outer *= Fraction(found or 1)
            base = add(*(mul(number(1 / scale), term) for term in terms_of(base)))
            factor = power(base, exponent)
        factors.append(factor)
    if outer == 1 and tuple(factors) == node.arguments:
        return None
    if len(factors) == 2 and outer != 1 and _rational(factors[0]) is not None:
        return None
    return mul(number(outer), *factors)


def content(expr: Expr) -> Fraction:
    """The number that can be taken out of a sum so that its coefficients become coprime integers, the first
    positive.
    """
    if not (isinstance(expr, Apply) and expr.function is ADD):
        return Fraction(1)
    coefficients = [coefficient_of(term)[0] for term in expr.arguments]
    first = coefficient_of(min(expr.arguments, key=_term_order))[0]
    common = common_number(coefficients)
    return -common if first < 0 else common


def common_number(coefficients: list[Fraction]) -> Fraction:
    """What can be taken out of coefficients so that they become simpler.

    The greatest common divisor of the numerators, over the denominator that all of them have.
    """
    top = gcd(*(c.numerator for c in coefficients))
    bottoms = {c.denominator for c in coefficients}
    bottom = bottoms.pop() if len(bottoms) == 1 else 1
    return Fraction(top, bottom)


def _exact_root(value: Fraction, exponent: Fraction) -> Fraction | None:
    """``value ** exponent`` where that is rational and the exponent a half."""
    if exponent.denominator == 1:
        return value**exponent.numerator if value or exponent > 0 else None
    if exponent.denominator != 2 or value < 0:
        return None
    top, bottom = isqrt(value.numerator), isqrt(value.denominator)
    if top * top != value.numerator or bottom * bottom != value.denominator:
        return None
    root = Fraction(top, bottom)
    return root**exponent.numerator if root or exponent > 0 else None


def fold_power(node: Apply) -> Expr | None:
    """Powers with exponent 0 or 1, of numbers, of powers, of products and of brackets."""
    base, exponent_node = node.arguments
    exponent = _rational(exponent_node)
    if exponent is None:
        return None
    if exponent in (0, 1):
        return ONE if exponent == 0 else base
    if (value := _rational(base)) is not None:
        root = _exact_root(value, exponent) if abs(exponent) <= 64 else None
        return None if root is None else number(root)
    if isinstance(base, Bracket) and exponent > 0:
        return base
    if isinstance(base, Apply) and base.function is POW:
        return _power_of_power(base, exponent)
    if isinstance(base, Apply) and base.function is MUL:
        return _power_of_product(base, exponent)
    scale = content(base)
    if scale != 1 and (root := _exact_root(abs(scale) if exponent.denominator > 1 else scale, exponent)) is not None:
        if exponent.denominator > 1 and scale < 0:
            scale = -scale
        if scale != 1:
            return mul(number(root), power(add(*(mul(number(1 / scale), term) for term in terms_of(base))), exponent))
    return None


def _power_of_power(base: Apply, exponent: Fraction) -> Expr | None:
    inner_base, inner = base_exponent(base)
    if inner_base is base:
        return None
    if exponent.denominator == 1 or inner.denominator % 2 == 0 or inner.numerator % 2 == 1:
        return power(inner_base, inner * exponent)
    # (x²)^½ is |x|, not x.
    return power(Apply(SCALARS["abs"], (inner_base,)), inner * exponent)


def _power_of_product(base: Apply, exponent: Fraction) -> Expr | None:
    if exponent.denominator == 1:
        if exponent < 0 and any(isinstance(factor, Bracket) for factor in base.arguments):
            return None
        return mul(*(power(factor, exponent) for factor in base.arguments))
    positive = [factor for factor in base.arguments if is_positive(factor)]
    if not positive:
        return None
    rest = tuple(factor for factor in base.arguments if factor not in positive)
    return mul(*(power(factor, exponent) for factor in positive), *([power(mul(*rest), exponent)] if rest else []))


def is_positive(expr: Expr) -> bool:
    """Whether an expression is positive wherever it is finite."""
    if (value := _rational(expr)) is not None:
        return value > 0
    if isinstance(expr, Affine):
        return all(c > 0 for _, c in expr.terms) and expr.constant >= 0 and bool(expr.terms or expr.constant)
    if isinstance(expr, Apply):
        base, exponent = base_exponent(expr)
        if base is not expr:
            return is_positive(base) and bool(exponent)
        if expr.function in (ADD, MUL):
            return all(is_positive(argument) for argument in expr.arguments)
        return expr.function.name in ("exp", "cosh", "sigmoid", "softplus", "pi")
    operation = getattr(expr, "operation", None)
    return operation in ("sum", "prod", "max", "min") and is_positive(expr.body)  # type: ignore[union-attr]


def integer_value(node: Affine) -> Expr | None:
    """An integer expression in a value: numbers and products of extents become numbers and products."""
    if node.is_constant:
        return number(node.constant)
    if len(node.terms) == 1 and node.constant == 0:
        monomial, coefficient = node.terms[0]
        if coefficient != 1 or len(monomial) > 1:
            return mul(number(coefficient), *(as_affine(atom) for atom in monomial))
    return None


def fold_infinity(node: Apply) -> Expr | None:
    """A positive number of infinities is infinity."""
    values = [factor.value for factor in node.arguments if isinstance(factor, Literal)]
    if len(values) == len(node.arguments) and inf in values and all(value > 0 for value in values):
        return Literal(inf)
    return None


def _double(a: Expr, b: Expr) -> Expr:
    return add(a, mul(number(-1), b))


ARITHMETIC = (
    Rule("subtract", "sub", "a - b", "a + -1*b", _surface(_double)),
    Rule("negate", "neg", "-a", "-1*a", _surface(lambda a: mul(number(-1), a))),
    Rule("divide", "div", "a / b", "a * b**-1", _surface(lambda a, b: mul(a, power(b, -1)))),
    Rule("square-root", "sqrt", "sqrt(a)", "a**(1/2)", _surface(lambda a: power(a, Fraction(1, 2))), where="a > 0"),
    Rule(
        "reciprocal-root",
        "rsqrt",
        "rsqrt(a)",
        "a**(-1/2)",
        _surface(lambda a: power(a, Fraction(-1, 2))),
        where="a > 0",
    ),
    Rule("flatten", "add mul", "a + (b + c)", "a + b + c", flatten),
    Rule("distribute-number", "mul", "2 * (a + b)", "2*a + 2*b", distribute_number),
    Rule("fold-numbers", "mul", "2 * a * 3", "6 * a", fold_numbers),
    Rule("fold-root", "mul", "2 * 2**(-1/2) * a", "2**(1/2) * a", fold_root),
    Rule("collect-powers", "mul", "a * b * a**2", "a**3 * b", collect_powers),
    Rule("collect-terms", "add", "a*b + c + 2*a*b - c", "3*a*b", collect_terms),
    Rule("primitive-factor", "mul", "(2*a - 4*b) * c", "2 * (a - 2*b) * c", primitive_factor),
    Rule("fold-power", "pow", "(a**2 * b)**3", "a**6 * b**3", fold_power),
    Rule("fold-infinity", "mul", "2 * inf", "inf", fold_infinity),
    Rule("integer-value", "Affine", "(4*M) // 2", "2 * M", integer_value),
    Rule("order", "add mul", "b * a", "a * b", order_arguments),
)
