"""Products multiplied out where that is shorter: ``y·(1 - d/y)`` is ``y - d``.

A common factor is taken out of a sum by `factor`; where a term of the sum divides by it, it is better left in, also
because ``1/y`` is infinite where y underflows and ``y - d`` is not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from covector.calculus.build import ADD, MUL, add, base_exponent, is_exact, mul, terms_of
from covector.calculus.expand import multiply_out
from covector.calculus.factor import factored
from covector.ir import Affine, Apply, Expr, Read, children, transform

LARGEST = 120
"""Nodes of the largest sum or product that is tried."""

ROUNDS = 3
"""How often what became shorter is tried again."""


def shrunk(expr: Expr, simplify: Callable[[Expr], Expr]) -> Expr:
    """The factored expression with sums multiplied out where that makes it shorter; ``simplify`` gives normal forms."""
    for _ in range(ROUNDS):
        again = factored(transform(expr, lambda node: _shorter(node, simplify)))
        if size(again) >= size(expr):
            return expr
        expr = again
    return expr


def size(expr: Expr) -> int:
    """The number of nodes of an expression as it is written out; a read is one."""
    if isinstance(expr, (Affine, Read)):
        return 1
    return 1 + sum(size(child) for child in children(expr))


def _shorter(node: object, simplify: Callable[[Expr], Expr]) -> object:
    """The shortest of a node and of what it is multiplied out."""
    if not isinstance(node, Apply) or node.function not in (ADD, MUL) or size(node) > LARGEST:
        return node
    best: Expr = node
    for candidate in _multiplied_out(node):
        found = factored(simplify(candidate))
        fewer = _quotients(found) < _quotients(best)
        as_few = 1 < len(terms_of(node)) >= len(terms_of(found))
        if size(found) < size(best) and (fewer or as_few):
            best = found
    return best


def _multiplied_out(node: Apply) -> Iterator[Expr]:
    """A product with one of its sums multiplied out, or a sum with all products in it."""
    if node.function is ADD:
        terms = [_out(term) for term in node.arguments]
        if any(new is not old for new, old in zip(terms, node.arguments, strict=True)):
            yield add(*terms)
        return
    for place, factor in enumerate(node.arguments):
        if isinstance(factor, Apply) and factor.function is ADD:
            others = (*node.arguments[:place], *node.arguments[place + 1 :])
            yield add(*(mul(*others, term) for term in factor.arguments))


def _out(term: Expr) -> Expr:
    return (multiply_out(term) or term) if isinstance(term, Apply) and term.function is MUL else term


def _quotients(expr: Expr) -> int:
    """How often something is divided by, as it is written out."""
    if isinstance(expr, (Affine, Read)) or is_exact(expr):
        return 0
    own = isinstance(expr, Apply) and base_exponent(expr)[1] < 0
    return int(own) + sum(_quotients(child) for child in children(expr))
