"""What costs nothing to read through is read through: views, constants, deltas, and cheap values with one reader."""

from __future__ import annotations

from collections import Counter
from typing import Any

from covector.calculus.build import delta_form, factors_of
from covector.calculus.conditions import simplify_positions
from covector.ir import (
    Affine,
    Apply,
    Compute,
    Expr,
    Floor,
    Input,
    Literal,
    Mod,
    Program,
    Read,
    children,
    rebuild,
    substitute,
    walk,
)
from covector.ir.affine import atoms
from covector.ir.bounds import within
from covector.ir.element import dtype
from covector.ir.node import cached
from covector.ir.tensor import read_tensors
from covector.schedule.statements import computed, depends_on_data, has_reduction

CHEAP = frozenset(
    ("add", "sub", "mul", "neg", "abs", "relu", "maximum", "minimum", "eq", "ne", "lt", "le", "and", "or", "not")
)
SMALL = 12
"""The nodes that an expression may have that is written out again at each read."""


def needed(program: Program) -> Program:
    """The program without statements that no output needs."""
    wanted = set(program.outputs)
    for statement in reversed(program.statements):
        if statement in wanted:
            wanted.update(tensor for tensor in read_tensors(statement) if not isinstance(tensor, Input))
    kept = tuple(statement for statement in program.statements if statement in wanted)
    return program if len(kept) == len(program.statements) else Program(program.inputs, kept, program.outputs)


def inline_views(program: Program) -> Program:
    """The program with reads of views and the like replaced by what they read."""
    inliner = _Inliner(program)
    statements = tuple(inliner.statement(statement) for statement in computed(program))
    outputs = [inliner.replaced[output] for output in program.outputs]
    return needed(Program(program.inputs, statements, tuple(outputs)))


class _Inliner:
    """The statements so far, and which of them are read through."""

    def __init__(self, program: Program) -> None:
        self.outputs = set(program.outputs)
        self.replaced: dict[Any, Compute] = {}
        self.through: set[Any] = set()
        self.reads: Counter[Any] = Counter()
        self.reduced: set[Any] = set()
        self.positions: set[Any] = set()
        for statement in computed(program):
            found = [node.tensor for node in walk(statement.body) if isinstance(node, Read)]
            self.reads.update(found)
            self.positions.update(_read_in_positions(statement.body))
            if has_reduction(statement.body):
                self.reduced.update(found)

    def statement(self, old: Compute) -> Compute:
        """A statement with its reads replaced."""
        found: dict[Any, Any] = {}
        body = self.expression(old.body, old.is_derived, found)
        if dtype(body) != dtype(old.body) and not old.is_derived:
            body = self.expression(old.body, old.is_derived, found, through=False)
        new = old if body is old.body else Compute(old.name, old.indices, body, old.cast)
        self.replaced[old] = new
        if old not in self.outputs and self.is_free(new, old):
            self.through.add(old)
        return new

    def is_free(self, new: Compute, old: Compute) -> bool:
        """Whether a statement may be read through."""
        body = new.body
        if old in self.positions and not isinstance(body, (Affine, Read)):
            return False
        if has_reduction(body) or (depends_on_data(body) and not new.is_derived):
            return False
        constant = not any(isinstance(node, Read) for node in walk(body))
        if isinstance(body, Read) and dtype(body) == new.dtype:
            return True
        if constant or _is_sparse(body):
            return _size(body) <= SMALL
        once = self.reads[old] == 1 and old not in self.reduced
        return once and _is_cheap(body) and dtype(body) == new.dtype

    def expression(self, expr: Any, derived: bool, found: dict[Any, Any], through: bool = True) -> Any:
        """An expression with its reads replaced, and `stop` left out, which only derivatives heed."""
        key = (expr, through)
        if key not in found:
            parts = tuple(self.expression(child, derived, found, through) for child in children(expr))
            new = rebuild(expr, parts)
            if isinstance(new, Read):
                new = self.read(new, derived, through)
            elif isinstance(new, Apply) and new.function.name == "stop":
                new = new.arguments[0]
            found[key] = new
        return found[key]

    def read(self, read: Read, derived: bool, through: bool) -> Expr:
        """What a read reads."""
        new = self.replaced.get(read.tensor)
        if new is None:
            return simplified(read)
        allowed = through and read.tensor in self.through and (derived or not depends_on_data(new.body))
        if allowed and reads_inside(new, read.positions):
            body = substitute(new.body, dict(zip(new.indices, read.positions, strict=True)))
            return simplified(body) if isinstance(body, Read) else body
        return simplified(Read(new, read.positions))


def simplified(read: Read) -> Read:
    """A read with quotients and remainders that can be settled."""
    if any(isinstance(node, (Floor, Mod)) for form in read.positions for node in walk(form)):
        changed = simplify_positions(read)
        return changed if isinstance(changed, Read) else read
    return read


def reads_inside(statement: Compute, positions: tuple[Affine, ...]) -> bool:
    """Whether reading through a statement gives what reading it gives, also where the read is outside its bounds."""
    same: frozenset[int] = cached(statement, "transparent", _transparent_axes)
    return all(
        axis in same or within(position, index.extent)
        for axis, (index, position) in enumerate(zip(statement.indices, positions, strict=True))
    )


def _transparent_axes(statement: Compute) -> frozenset[int]:
    """The axes that a view only hands on: outside them it reads outside, which is zero too."""
    body = statement.body
    if not isinstance(body, Read):
        return frozenset()
    handed = {
        position.index: extent
        for position, extent in zip(body.positions, body.tensor.shape, strict=True)
        if position.index is not None
    }
    return frozenset(axis for axis, index in enumerate(statement.indices) if handed.get(index) is index.extent)


def _is_sparse(body: Expr) -> bool:
    """Whether a value is zero but where an integer condition holds."""
    return any(delta_form(factor) is not None for factor in factors_of(body))


def _read_in_positions(body: Expr) -> set[Any]:
    """The tensors that say where others are read."""
    forms = (node for node in walk(body) if isinstance(node, Affine))
    return {atom.tensor for form in forms for atom in atoms(form) if isinstance(atom, Read)}


def _is_cheap(body: Expr) -> bool:
    simple = (node.function.name in CHEAP for node in walk(body) if isinstance(node, Apply))
    return all(simple) and _size(body) <= SMALL


def _size(body: Expr) -> int:
    return sum(not isinstance(node, (Affine, Literal)) for node in walk(body))
