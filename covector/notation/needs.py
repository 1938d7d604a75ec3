"""What the notation must be told because it cannot be inferred: reads that may fall outside the bounds, and extents."""

from __future__ import annotations

from typing import Any

from covector.errors import BudgetError
from covector.ir.affine import Affine, Index, free
from covector.ir.bounds import nonnegative, within
from covector.ir.element import Apply, Bracket, Expr, Read, Reduce, Select
from covector.ir.node import Node
from covector.ir.walk import children, walk
from covector.notation.resugar import as_integer

_COMPARISONS = ("eq", "ne", "lt", "le")
_MOST_VISITS = 200_000

Facts = frozenset[Affine]
"""Integer forms that are known not to be negative."""


def extent_is_inferred(index: Index, scope: Expr) -> bool:
    """Whether the reads in the scope in which an index stands alone tell its extent."""
    extents = {
        extent
        for node in walk(scope)
        if isinstance(node, Read)
        for position, extent in zip(node.positions, node.tensor.shape, strict=False)
        if position.index is index
    }
    return extents == {index.extent}


def loose_reads(root: Node) -> frozenset[Read]:
    """The reads that can fall outside the bounds where nothing around them prevents it.

    The sides of a comparison are tried as integer expressions first, which no bracket guards: they need pad.
    """
    loose: set[Read] = set()
    seen: set[tuple[Node, Facts]] = set()
    stack: list[tuple[Any, Facts]] = [(root, frozenset())]
    while stack:
        node, facts = stack.pop()
        if (node, facts) in seen:
            continue
        seen.add((node, facts))
        if len(seen) > _MOST_VISITS:
            raise BudgetError("this expression is too large to be written in the notation")
        if isinstance(node, Read) and not _stays_inside(node, facts):
            loose.add(node)
        stack.extend(_below(node, facts))
    return frozenset(loose)


def _below(node: Any, facts: Facts) -> list[tuple[Any, Facts]]:
    """The children of a node, each with what is known there."""
    if isinstance(node, Apply) and node.function.name == "mul":
        brackets = [factor for factor in node.arguments if isinstance(factor, Bracket)]
        inner = facts.union(*(_facts(bracket.condition) for bracket in brackets))
        return [(factor, facts if isinstance(factor, Bracket) else inner) for factor in node.arguments]
    if isinstance(node, Apply) and node.function.name in _COMPARISONS:
        return [(read, frozenset()) for child in node.arguments for read in walk(child) if isinstance(read, Read)]
    if isinstance(node, Select):
        return [(node.condition, facts), (node.then, facts | _facts(node.condition)), (node.otherwise, facts)]
    if isinstance(node, Reduce):
        facts = frozenset(fact for fact in facts if not free(fact) & set(node.indices))
    return [(child, facts) for child in children(node)]


def _facts(condition: Expr) -> Facts:
    """The forms that a condition makes known to be at least zero."""
    if not isinstance(condition, Apply):
        return frozenset()
    name = condition.function.name
    if name == "and":
        return frozenset().union(*(_facts(argument) for argument in condition.arguments))
    forms = [as_integer(argument) for argument in condition.arguments]
    if name not in ("le", "lt", "eq") or forms[0] is None or forms[1] is None:
        return frozenset()
    difference = forms[1] - forms[0]
    return frozenset({"le": (difference,), "lt": (difference - 1,), "eq": (difference, -difference)}[name])


def _stays_inside(read: Read, facts: Facts) -> bool:
    """Whether every position is proved to lie inside, or depends on data, which the reader is trusted with."""
    return all(
        within(position, extent)
        or (position.index is not None and position.index.extent is extent)
        or any(isinstance(node, Read) for node in walk(position))
        or all(_at_least_zero(form, position, facts) for form in (position, extent - position - 1))
        for position, extent in zip(read.positions, read.tensor.shape, strict=False)
    )


def _at_least_zero(form: Affine, position: Affine, facts: Facts) -> bool:
    """Whether a form is proved not to be negative, if need be by a fact about an index of the position."""
    return nonnegative(form) or any(free(fact) & free(position) and nonnegative(form - fact) for fact in facts)
