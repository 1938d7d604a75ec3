"""Rules that multiply out, for proofs: two equal polynomials in the same functions end in the same sum of products."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

from covector.calculus.build import (
    ADD,
    MINUS_ONE,
    MUL,
    ONE,
    add,
    base_exponent,
    factors_of,
    is_apply,
    mul,
    number,
    power,
)
from covector.calculus.rewrite import Rule
from covector.ir import Apply, Expr, Literal, Reduce
from covector.ops import SCALARS

TERM_LIMIT = 400
"""Terms that one product may be multiplied out to; a larger one stays a product."""


def multiply_out(node: Apply) -> Expr | None:
    """A product of sums is the sum of the products."""
    groups, size = [], 1
    for factor in node.arguments:
        base, exponent = base_exponent(factor)
        if isinstance(base, Apply) and base.function is ADD and exponent.denominator == 1 and 1 <= exponent <= 4:
            groups += [base.arguments] * int(exponent)
            size *= len(base.arguments) ** int(exponent)
        else:
            groups.append((factor,))
    if size == 1 or size > TERM_LIMIT:
        return None
    return add(*(mul(*choice) for choice in product(*groups)))


def multiply_out_power(node: Apply) -> Expr | None:
    """A small power of a sum is the sum of the products."""
    base, exponent = base_exponent(node)
    if isinstance(base, Apply) and base.function is ADD and exponent.denominator == 1 and 2 <= exponent <= 4:
        return multiply_out(Apply(MUL, (node, ONE)))
    return None


def multiply_into_sum(node: Reduce) -> Expr | None:
    """A product of sums under a sum is multiplied out."""
    body = node.body
    if is_apply(body, "mul"):
        expanded = multiply_out(body)  # type: ignore[arg-type]
        return None if expanded is None else Reduce("sum", node.indices, expanded)
    return None


def split_exponential(node: Apply) -> Expr | None:
    """``exp(a + b)`` is ``exp(a)·exp(b)``, and ``exp(2·a)`` is ``exp(a)²``."""
    (argument,) = node.arguments
    if isinstance(argument, Apply) and argument.function is ADD:
        return mul(*(Apply(node.function, (term,)) for term in argument.arguments))
    if isinstance(argument, Apply) and argument.function is MUL:
        first = argument.arguments[0]
        if isinstance(first, Literal) and type(first.value) is Fraction and first.value != 1:
            return power(Apply(node.function, (mul(*argument.arguments[1:]),)), first.value)
    return None


def split_logarithm(node: Apply) -> Expr | None:
    """``log(exp(a)·b)`` is ``a + log(b)``."""
    (argument,) = node.arguments
    terms, rest = [], []
    for factor in factors_of(argument):
        base, exponent = base_exponent(factor)
        if is_apply(base, "exp"):
            terms.append(mul(number(exponent), base.arguments[0]))  # type: ignore[union-attr]
        else:
            rest.append(factor)
    if not terms:
        return None
    return add(*terms, *([Apply(node.function, (mul(*rest),))] if rest else []))


def _logistic(node: Apply) -> Expr:
    return power(add(ONE, Apply(SCALARS["exp"], (mul(MINUS_ONE, node.arguments[0]),))), -1)


EXPANDING = (
    Rule("multiply-out", "mul", "(a + b) * (c + d)", "a*c + a*d + b*c + b*d", multiply_out),
    Rule("multiply-out-power", "pow", "(a + b)**2", "a*a + 2*a*b + b*b", multiply_out_power),
    Rule(
        "multiply-into-sum", "sum", "sum[k]((f[k] + a) * g[k])", "sum[k](f[k]*g[k]) + a*sum[k](g[k])", multiply_into_sum
    ),
    Rule("split-exponential", "exp", "exp(a + b)", "exp(a) * exp(b)", split_exponential),
    Rule("split-logarithm", "log", "log(exp(a) * b)", "a + log(b)", split_logarithm, where="b > 0"),
    Rule("logistic", "sigmoid", "sigmoid(a)", "1 / (1 + exp(-a))", _logistic),
    Rule("stop-is-value", "stop", "stop(a)", "a", lambda node: node.arguments[0]),
)
