"""Rules that settle what is about numbers alone and leave everything else as it was written."""

from __future__ import annotations

from fractions import Fraction

from covector.calculus.build import number
from covector.calculus.conditions import fold_comparison, fold_select
from covector.calculus.rewrite import Rule
from covector.ir import Apply, Expr, Literal


def settle(node: Apply) -> Expr | None:
    """A sum, difference or product of two numbers, and a power with exponent 1."""
    name, (left, right) = node.function.name, node.arguments
    second = right.value if isinstance(right, Literal) else None
    if name == "pow":
        return left if type(second) is Fraction and second == 1 else None
    first = left.value if isinstance(left, Literal) else None
    if type(first) is not Fraction or type(second) is not Fraction:
        return None
    return number({"add": first + second, "sub": first - second, "mul": first * second}[name])


def _of_two(node: Apply) -> Expr | None:
    return settle(node) if len(node.arguments) == 2 else None


LITERALS = (
    Rule("compare-numbers", "eq ne lt le", "[2 = 0] * a", "0 * a", fold_comparison),
    Rule("settled-select", "Select", "select(a < b, c, 0)", "[a < b] * c", fold_select),
    Rule("settle", "add sub mul pow", "(2 - 1) * a", "1 * a", _of_two),
)
