"""Identities of scalar functions: rules that are their own statement."""

from __future__ import annotations

from functools import cache

from covector.calculus.arithmetic import ARITHMETIC
from covector.calculus.build import MUL, mul
from covector.calculus.match import Binding, match
from covector.calculus.rewrite import Rewriter, Rule
from covector.ir import Apply, Expr, Input, Read, substitute, walk
from covector.ir.node import Node
from covector.notation.element import scalar_expression

NAMES = ("a", "b", "c")


@cache
def _sides(left: str, right: str) -> tuple[Expr, Expr]:
    """Both sides of an identity in normal form."""
    arithmetic = Rewriter(ARITHMETIC)
    return arithmetic(scalar_expression(left, NAMES)[1]), arithmetic(scalar_expression(right, NAMES)[1])


def identity(name: str, kind: str, left: str, right: str, where: str = "") -> Rule:
    """A rule that matches its left side and gives its right side."""

    def apply(node: Expr) -> Expr | None:
        pattern, result = _sides(left, right)
        used: frozenset[Node] = frozenset(node.tensor for node in walk(pattern) if isinstance(node, Read))
        if isinstance(pattern, Apply) and pattern.function is MUL and isinstance(node, Apply):
            return _in_product(pattern, result, node, used)
        for binding in match(pattern, node, used):
            return _bound(result, binding)
        return None

    return Rule(name, kind, left, right, apply, where=where)


def _in_product(pattern: Apply, result: Expr, node: Apply, used: frozenset[Node]) -> Expr | None:
    """The identity applied to some of the factors of a product."""
    count = len(pattern.arguments)
    for start in range(len(node.arguments)):
        for other in range(start + 1, len(node.arguments)):
            if count != 2:
                return None
            part = Apply(MUL, (node.arguments[start], node.arguments[other]))
            for binding in match(pattern, part, used):
                rest = [factor for place, factor in enumerate(node.arguments) if place not in (start, other)]
                return mul(_bound(result, binding), *rest)
    return None


def _bound(result: Expr, binding: Binding) -> Expr:
    found: Expr = substitute(result, {Read(key, ()): value for key, value in binding.items() if isinstance(key, Input)})
    return found


IDENTITIES = (
    identity("exp-log", "exp", "exp(log(a))", "a", "a > 0"),
    identity("log-exp", "log", "log(exp(a))", "a"),
    identity("exp-zero", "exp", "exp(0)", "1"),
    identity("log-one", "log", "log(1)", "0"),
    identity("sign-times-abs", "mul", "abs(a) * sign(a)", "a"),
    identity("abs-squared", "pow", "abs(a)**2", "a**2"),
    identity("abs-abs", "abs", "abs(abs(a))", "abs(a)"),
    identity("sigmoid-zero", "sigmoid", "sigmoid(0)", "1/2"),
    identity("tanh-zero", "tanh", "tanh(0)", "0"),
    identity("sin-zero", "sin", "sin(0)", "0"),
    identity("cos-zero", "cos", "cos(0)", "1"),
    identity("maximum-same", "maximum", "maximum(a, a)", "a"),
    identity("minimum-same", "minimum", "minimum(a, a)", "a"),
    identity("stop-stop", "stop", "stop(stop(a))", "stop(a)"),
)
