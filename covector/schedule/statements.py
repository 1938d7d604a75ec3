"""The statements of a program while passes take them apart: new ones get names, equal ones are found again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from covector.errors import CovectorError
from covector.ir import (
    Affine,
    Apply,
    Compute,
    Expr,
    Index,
    Input,
    Opaque,
    Program,
    Read,
    Reduce,
    as_affine,
    is_float,
    walk,
)
from covector.ir.affine import atoms, free
from covector.ir.element import dtype
from covector.ir.node import cached
from covector.ops import SCALARS
from covector.schedule.unify import unify

Signature = tuple[Any, ...]


class Statements:
    """Statements in order, as a pass builds them.

    A statement that equals an earlier one, up to the names and the order of its indices, is not added again.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self.taken = {tensor.name for tensor in (*program.inputs, *program.statements)}
        self.found: dict[Signature, list[Compute]] = {}
        self.done: list[Compute] = []

    def name(self, stem: str) -> str:
        """A name that no tensor has."""
        count = 1
        while f"{stem}_{count}" in self.taken:
            count += 1
        self.taken.add(f"{stem}_{count}")
        return f"{stem}_{count}"

    def add(self, statement: Compute) -> None:
        """The next statement, as it is."""
        self.done.append(statement)
        self.found.setdefault(_key(statement), []).append(statement)

    def read(self, stem: str, indices: Sequence[Index], body: Expr, cast: str) -> Read:
        """A read, at the indices, of a statement with this body: an earlier one, or a new one."""
        positions = tuple(map(as_affine, indices))
        statement = Compute("", tuple(indices), body, cast)
        earlier = self.earlier(statement)
        if earlier is not None:
            return earlier
        statement = Compute(self.name(stem), statement.indices, body, cast)
        self.add(statement)
        return Read(statement, positions)

    def earlier(self, statement: Compute) -> Read | None:
        """What reads, at the indices of a statement, an earlier one that it equals; None where there is none."""
        for other in self.found.get(_key(statement), ()):
            positions = same_up_to_indices(other, statement)
            if positions is not None:
                return Read(other, positions)
        return None

    def finish(self, outputs: Iterable[Compute]) -> Program:
        """The program of the statements that the outputs need."""
        return Program(self.program.inputs, tuple(self.done), tuple(outputs))


def same_up_to_indices(known: Compute, other: Compute) -> tuple[Affine, ...] | None:
    """The positions at which the elements of ``other`` stand in ``known``; None where they do not."""
    if len(known.indices) != len(other.indices):
        return None
    if known.body is other.body:
        return tuple(map(as_affine, known.indices))
    for names in unify(known.body, other.body, {}):
        at = [names.get(index) for index in known.indices]
        if set(at) == set(other.indices):
            return tuple(as_affine(index) for index in at if index is not None)
    return None


def _key(statement: Compute) -> Signature:
    """What equal statements have in common; whether one is derived only counts where it looks data up."""
    lookup = statement.is_derived if depends_on_data(statement.body) else None
    return (*ingredients(statement.body), statement.dtype, lookup)


def ingredients(body: Expr) -> Signature:
    """What equal expressions are made of, in any order."""
    found: Signature = cached(body, "ingredients", _ingredients)
    return found


def _ingredients(body: Expr) -> Signature:
    reads = sorted(node.tensor.name for node in walk(body) if isinstance(node, Read))
    functions = sorted(node.function.name for node in walk(body) if isinstance(node, Apply))
    return (type(body), tuple(reads), tuple(functions))


def depends_on_data(expr: Expr) -> bool:
    """Whether a position in an expression is read from a tensor."""
    result: bool = cached(expr, "data", _depends_on_data)
    return result


def _depends_on_data(expr: Expr) -> bool:
    forms = (form for node in walk(expr) if isinstance(node, Read) for form in node.positions)
    return any(isinstance(atom, Read) for form in forms for atom in atoms(form))


def computed(program: Program) -> tuple[Compute, ...]:
    """The statements, all of which must have an element form; raises `CovectorError` where one has none."""
    for statement in program.statements:
        if isinstance(statement, Opaque):
            raise CovectorError(
                f"{statement.name} = {statement.function}(…) has no element form and cannot be compiled",
                hint="compute it before, and give the program its value as an input",
            )
    return tuple(statement for statement in program.statements if isinstance(statement, Compute))


def has_reduction(expr: Expr) -> bool:
    """Whether an expression reduces somewhere."""
    result: bool = cached(expr, "reduces", lambda node: any(isinstance(part, Reduce) for part in walk(node)))
    return result


def cast_of(expr: Expr, original: Compute) -> str:
    """The cast of a part of a statement that becomes one of its own: in a derived statement always, otherwise where the
    part adapts to the statement's dtype and would have another alone.

    A cast statement looks data up silently, so a part that does must not get one.
    """
    wide, own = dtype(expr), original.dtype
    adapts = (is_float(own) or own == _NARROWER.get(wide)) and is_weak(expr)
    kept = own if adapts else wide
    return kept if original.is_derived or (kept != wide and not depends_on_data(expr)) else ""


_NARROWER = {"float64": "float32", "int64": "int32"}
_PROBES = {wide: Read(Input("", (), narrow), ()) for wide, narrow in _NARROWER.items()}


def is_weak(expr: Expr) -> bool:
    """Whether the dtype of an expression adapts to what it is combined with, as that of a number."""
    wide = dtype(expr)
    return wide in _PROBES and dtype(Apply(SCALARS["add"], (expr, _PROBES[wide]))) == _NARROWER[wide]


def in_layout(expr: Expr, indices: Sequence[Index]) -> tuple[Index, ...]:
    """Indices in the order in which they stand in the largest read, so that making the operand goes along memory."""
    reads = (node for node in walk(expr) if isinstance(node, Read))
    largest = max(reads, key=lambda read: len(free(read)), default=None)
    if largest is None:
        return tuple(indices)
    axis = {index: place for place, form in enumerate(largest.positions) for index in free(form)}
    return tuple(sorted(indices, key=lambda index: axis.get(index, -1)))
