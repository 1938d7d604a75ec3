"""Values of a forward that is no part of a page, but a program."""

from __future__ import annotations

from typing import Protocol

from covector.ir import Compute, Expr, Read, as_affine, transform
from covector.ir.affine import free
from covector.ir.walk import rename_bound, substitute
from covector.notes.translate_values import Positions, Value


class Holder(Protocol):
    """What says which names stand for themselves."""

    held: tuple[str, ...]

    def input(self, name: str) -> Value: ...


def given(reader: Holder, statement: Compute) -> Value:
    """The value of a statement of a forward, in terms of the inputs and of what is held."""

    def change(node: object) -> object:
        if not isinstance(node, Read) or not isinstance(node.tensor, Compute):
            return node
        name = node.tensor.name
        return (reader.input(name) if name in reader.held else given(reader, node.tensor)).at(node.positions)

    def at(positions: Positions) -> Expr:
        taken = frozenset(index for position in positions for index in free(position))
        placed = {i: p for i, p in zip(statement.indices, positions, strict=True) if p is not as_affine(i)}
        found: Expr = transform(substitute(rename_bound(statement.body, taken), placed), change)
        return found

    return Value(statement.shape, at)
