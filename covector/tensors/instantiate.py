"""Statements over other tensors and other extents: how a form becomes part of a program."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from covector.ir import (
    Affine,
    Compute,
    Floor,
    Index,
    Mod,
    Read,
    Reduce,
    Symbol,
    Tensor,
    as_affine,
    children,
    floor_div,
    modulo,
    rebuild,
    walk,
)
from covector.ir.affine import replace_atoms
from covector.ir.bounds import within
from covector.ir.node import Node

Replacements = Mapping[Any, Any]


class Instantiation:
    """Rebuilds nodes with tensors replaced by tensors and symbols by extents."""

    def __init__(self, tensors: Mapping[Tensor, Tensor], symbols: Mapping[Symbol, Affine]) -> None:
        self.tensors, self.symbols = tensors, symbols
        self.done: dict[Node, Any] = {}

    def __call__(self, node: Any) -> Any:
        """The node rebuilt."""
        done = self.done
        for current in walk(node):
            if current not in done:
                done[current] = self._rebuilt(current)
        return done[node]

    def extent(self, extent: Affine) -> Affine:
        """An extent rebuilt."""
        found: Affine = self(extent)
        return found

    def index(self, index: Index) -> Index:
        """An index rebuilt over its extent."""
        return Index(index.name, self.extent(index.extent))

    def _rebuilt(self, node: Any) -> Any:
        done = self.done
        if isinstance(node, Symbol):
            return self.symbols.get(node, as_affine(node))
        if isinstance(node, Index):
            return as_affine(self.index(node))
        if isinstance(node, Read):
            return Read(self.tensors.get(node.tensor, node.tensor), tuple(done[at] for at in node.positions))
        if isinstance(node, Reduce):
            return Reduce(node.operation, tuple(map(self.index, node.indices)), done[node.body])
        if isinstance(node, (Floor, Mod)):
            divide = floor_div if isinstance(node, Floor) else modulo
            bottom = done[node.denominator]
            # An extent of 0 divides only where nothing is computed.
            return settled(divide(done[node.numerator], as_affine(1) if bottom is as_affine(0) else bottom))
        return rebuild(node, tuple(done[part] for part in children(node)))

    def statement(self, statement: Compute, name: str) -> Compute:
        """A statement rebuilt under another name."""
        indices = tuple(map(self.index, statement.indices))
        return Compute(name, indices, self(statement.body), statement.cast)


def settled(form: Affine) -> Affine:
    """An integer expression whose quotients and remainders are known where their numerator is less than what divides
    it: ``j // 4`` is 0 and ``j % 4`` is j for j below 4.
    """
    known: dict[Node, Affine] = {}
    for monomial, _ in form.terms:
        for atom in monomial:
            if isinstance(atom, (Floor, Mod)) and within(atom.numerator, atom.denominator):
                known[atom] = as_affine(0) if isinstance(atom, Floor) else atom.numerator
    return replace_atoms(form, known) if known else form
