"""Applying rewrite rules until none fires: from the leaves, each node until it is still.

What a node becomes depends on the node alone, so results are remembered. The rules that fired are recorded by
name, for the steps of a derivation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from covector.calculus.build import is_exact, is_integer_condition
from covector.errors import CovectorError
from covector.ir import Affine, Apply, Expr, Read, Reduce, children, rebuild
from covector.ir.node import Node

STEP_LIMIT = 200_000
"""Rule applications in one simplification before it is given up as one that does not end."""


@dataclass(frozen=True)
class Rule:
    """A named rewrite rule.

    ``left`` and ``right`` state it in the notation; where ``apply`` is None they are all there is, otherwise
    ``apply`` carries it out for any number of factors, terms and indices. It gives the new node, or None where
    the rule does not fit. ``kind`` says at which nodes it is tried: the name of a scalar function, "sum" or
    another reduction, "Bracket", "Select", "Affine", or "*". ``title`` and ``title_zh`` are its names in a
    derivation; a rule without is bookkeeping that no reader needs to see. ``where`` states what must hold of
    the pattern's names.
    """

    name: str
    kind: str
    left: str
    right: str
    apply: Callable[[Any], Expr | None]
    title: str = ""
    title_zh: str = ""
    where: str = ""


class Rewriter:
    """Rules at work on expressions; ``fired`` holds those with a title that were applied, in order."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules: dict[str, list[Rule]] = {}
        for rule in rules:
            for kind in rule.kind.split():
                self.rules.setdefault(kind, []).append(rule)
        self.memo: dict[Node, tuple[Expr, tuple[Rule, ...]]] = {}
        self.fired: list[Rule] = []
        self.steps = 0

    def __call__(self, expr: Expr) -> Expr:
        """The expression that no rule changes any more."""
        if expr not in self.memo:
            before, self.fired = self.fired, []
            current = self.inside(expr)
            while (changed := self.once(current)) is not None and changed is not current:
                current = self.inside(changed)
            self.memo[expr] = (current, tuple(dict.fromkeys(self.fired)))
            self.memo.setdefault(current, (current, ()))
            self.fired = before
        result, fired = self.memo[expr]
        self.fired.extend(fired)
        return result

    def explain(self, expr: Expr) -> tuple[Expr, tuple[Rule, ...]]:
        """The expression that no rule changes any more, and the rules with a title that led there, each once, in
        order.
        """
        self.fired = []
        return self(expr), tuple(dict.fromkeys(self.fired))

    def inside(self, expr: Expr) -> Expr:
        """The expression with its parts rewritten; positions, conditions over integers and exact comparisons stay."""
        if isinstance(expr, (Read, Affine)) or is_integer_condition(expr) or is_exact(expr):
            return expr
        parts: tuple[Any, ...] = tuple(self(child) for child in children(expr))
        result: Expr = rebuild(expr, parts)
        return result

    def once(self, expr: Expr) -> Expr | None:
        """The expression after the first rule that fits, or None."""
        for rule in (*self.rules.get(_kind(expr), ()), *self.rules.get("*", ())):
            changed: Expr | None = rule.apply(expr)
            if changed is not None and changed is not expr:
                self.steps += 1
                if self.steps > STEP_LIMIT:
                    raise CovectorError(f"simplification does not end: rule {rule.name!r} at {expr!r:.200}")
                if rule.title:
                    self.fired.append(_with_indices(rule, expr, changed))
                return changed
        return None


def _with_indices(rule: Rule, before: Expr, after: Expr) -> Rule:
    """The rule with a title that names the summed indices which it took away."""
    if not (rule.name.startswith("sum-delta") and isinstance(before, Reduce)):
        return rule
    kept = after.indices if isinstance(after, Reduce) else ()
    gone = ", ".join(index.name for index in before.indices if index not in kept)
    return replace(rule, title=f"{rule.title} on {gone}", title_zh=f"{rule.title_zh} {gone}")


def _kind(expr: Expr) -> str:
    if isinstance(expr, Apply):
        return expr.function.name
    return expr.operation if isinstance(expr, Reduce) else type(expr).__name__
