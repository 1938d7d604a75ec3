"""Guesses: what a person who makes a mistake would claim, and how a statement is changed to get there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from covector.ir import (
    Apply,
    Bracket,
    Compute,
    Expr,
    Index,
    Read,
    Reduce,
    Select,
    Tensor,
    children,
    transform,
    walk,
)
from covector.ir.node import Node
from covector.notation.print import text


@dataclass(frozen=True)
class Truth:
    """A true statement, and the tensors that may be taken one for another in it."""

    statement: Compute
    tensors: tuple[Tensor, ...]


@dataclass(frozen=True)
class Guess:
    """What would be claimed by one mistake: the statement, the name of the cause, and a sentence about it."""

    statement: Compute
    name: str
    sentence: str


Mistake = Callable[[Truth], Iterator[Guess]]


def parts(statement: Compute) -> Iterable[Expr]:
    """The expressions in a body, the whole first."""
    kinds = (Apply, Read, Reduce, Bracket, Select)
    return [node for node in reversed(list(walk(statement.body))) if isinstance(node, kinds)]


def scopes(statement: Compute) -> dict[Expr, tuple[Index, ...]]:
    """For each read the indices that may stand in its place: those of the statement, and of the reductions around it.

    A read that stands in several places has only the indices that all of them have.
    """
    found: dict[Expr, tuple[Index, ...]] = {}
    seen: set[tuple[Node, tuple[Index, ...]]] = set()
    stack: list[tuple[Node, tuple[Index, ...]]] = [(statement.body, statement.indices)]
    while stack:
        top = stack.pop()
        if top in seen:
            continue
        seen.add(top)
        node, scope = top
        if isinstance(node, Read):
            found[node] = tuple(index for index in found.get(node, scope) if index in scope)
        inner = (*scope, *node.indices) if isinstance(node, Reduce) else scope
        stack += [(child, inner) for child in children(node)]
    return found


def changed(truth: Truth, node: Expr, new: Expr, name: str, sentence: str) -> Guess:
    """The statement with one part replaced."""
    statement = truth.statement
    body = transform(statement.body, lambda part: new if part is node else part)
    return Guess(Compute("guess", statement.indices, body), name, sentence)


def reread(statement: Compute, tensor: Tensor, other: Tensor, only: Read | None) -> Compute:
    def change(node: object) -> object:
        if not isinstance(node, Read) or node.tensor is not tensor or (only is not None and node is not only):
            return node
        return Read(other, node.positions if other.shape == tensor.shape else node.positions[::-1])

    return Compute("guess", statement.indices, transform(statement.body, change))


def shown(expr: Expr) -> str:
    """An expression in a sentence, shortened."""
    said = text(expr)
    return said if len(said) <= 60 else f"{said[:57]}…"
