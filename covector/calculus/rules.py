"""The one list of rewrite rules, and what applies them.

`RULES` bring an expression to its normal form: a sum of products of powers under arranged sums, without deltas
of summed indices; `FIRST` are those that come before the one that solves deltas over the integers. `EXPANSIONS`
in addition multiply everything out, for proofs of equality.
"""

from __future__ import annotations

from collections.abc import Iterable

from covector.calculus.arithmetic import ARITHMETIC
from covector.calculus.build import ZERO, add, mul, number
from covector.calculus.canonical import canonical
from covector.calculus.conditions import CONDITIONS
from covector.calculus.expand import EXPANDING
from covector.calculus.identities import IDENTITIES
from covector.calculus.rewrite import Rewriter, Rule
from covector.calculus.sums import POSTPONED, SUMS
from covector.ir import Expr

RULES: tuple[Rule, ...] = (*CONDITIONS, *ARITHMETIC, *IDENTITIES, *SUMS)
FIRST: tuple[Rule, ...] = tuple(rule for rule in RULES if rule.name != POSTPONED)
EXPANSIONS: tuple[Rule, ...] = (*EXPANDING, *RULES)


def simplify(expr: Expr, rules: Iterable[Rule] = RULES) -> Expr:
    """The normal form of an expression."""
    return Rewriter(rules)(expr)


def expand(expr: Expr, *, through_stops: bool = True) -> Expr:
    """The normal form with everything multiplied out, for proofs.

    What ``stop`` holds is its value, or else, for what must hold of derivatives too, something of its own.
    """
    rules = EXPANSIONS if through_stops else tuple(rule for rule in EXPANSIONS if rule.name != "stop-is-value")
    result: Expr = canonical(Rewriter(rules)(Rewriter(RULES)(expr)))
    return result


def proved_equal(left: Expr, right: Expr) -> bool:
    """Whether the rules bring the difference of two expressions to zero."""
    return expand(add(left, mul(number(-1), right))) is ZERO
