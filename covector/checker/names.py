"""What names stand for in the tree of a claim: indices that nothing binds, and derivatives written as quotients."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from covector.checker.truth import Forward
from covector.notation import syntax
from covector.notation.scope import Scope
from covector.notation.syntax import Syntax


def quotient(node: Syntax, forward: Forward) -> tuple[Syntax, ...] | None:
    """For ``dL/dx[i]`` (perhaps after factors) the factors and the derivative that it writes."""
    if not (isinstance(node, syntax.Operator) and node.symbol == "/" and len(node.operands) == 2):
        return None
    top, bottom = node.operands
    factors: tuple[Syntax, ...] = ()
    if isinstance(top, syntax.Operator) and top.symbol == "*":
        factors, top = top.operands[:-1], top.operands[-1]
    of, by = _differential(top, forward), _differential(bottom, forward)
    if of is None or by is None or forward.tensor(by.name) is None:
        return None
    return (*factors, syntax.Derivative(node.span, of, by))


def _differential(node: Syntax, forward: Forward) -> syntax.Name | syntax.Subscript | None:
    """For ``dx[i]`` the read ``x[i]``, where x is a tensor of the forward, or the loss."""
    if not isinstance(node, (syntax.Name, syntax.Subscript)) or node.name in forward.tensors:
        return None
    stem = node.name[1:]
    if node.name[0] != "d" or not (forward.tensor(stem) or forward.is_loss(stem)):
        return None
    return replace(node, name=stem)


def free_names(tree: Syntax, scope: Scope, forward: Forward | None) -> list[str]:
    """The indices that a side does not bind itself: names in positions, brackets and deltas, in order."""
    return list(dict.fromkeys(free_in(tree, frozenset({*scope.extents, *scope.tensors}))))


def free_in(node: Syntax, known: frozenset[str], inside: bool = False) -> Iterator[str]:
    """The names in positions, brackets and deltas that are not known."""
    if isinstance(node, syntax.Name):
        if inside and node.name not in known and node.name not in ("pi", "inf", "true", "false"):
            yield node.name
    elif isinstance(node, syntax.Reduction):
        yield from free_in(node.body, known | {binding.name for binding in node.indices}, inside)
    elif isinstance(node, syntax.Subscript):
        for position in node.positions:
            yield from free_in(position, known, True)
    elif isinstance(node, syntax.Iverson):
        yield from free_in(node.condition, known, True)
    elif isinstance(node, syntax.Call):
        for argument in node.arguments:
            yield from free_in(argument, known, inside or node.function in ("δ", "delta"))
    elif isinstance(node, (syntax.Operator, syntax.Transpose)):
        for operand in node.operands if isinstance(node, syntax.Operator) else (node.operand,):
            yield from free_in(operand, known, inside)
