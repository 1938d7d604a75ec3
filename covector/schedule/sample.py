"""Values of which only some are looked at are computed only there: of log-probabilities that of the target."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from covector.calculus.build import at_least_zero, mul
from covector.ir import Affine, Bracket, Compute, Expr, Program, Read, Select, as_affine, substitute, walk
from covector.ir.affine import atoms
from covector.ir.bounds import within
from covector.ir.element import dtype
from covector.ir.walk import bound_in, transform
from covector.schedule.reductions import reread
from covector.schedule.statements import computed, depends_on_data, has_reduction


def sample(program: Program) -> Program:
    """The program with pointwise statements read through that others only read at fewer indices than they have."""
    sampled = _sampled(program)
    if not sampled:
        return program
    replaced: dict[Any, Compute] = {}
    for statement in computed(program):
        through = {replaced[each] for each in sampled if each in replaced}
        body = _through(statement, reread(statement.body, replaced), through)
        new = statement if body is statement.body else Compute(statement.name, statement.indices, body, statement.cast)
        same = new.dtype == statement.dtype  # a number that was a statement of float64 takes the dtype beside it
        replaced[statement] = new if same else Compute(statement.name, statement.indices, body, statement.dtype)
    outputs = tuple(replaced[output] for output in computed(Program((), program.outputs, ())))
    return Program(program.inputs, tuple(replaced.values()), outputs)


def _sampled(program: Program) -> set[Compute]:
    """The statements that are read through: none of their readers has loops for all of their elements."""
    found = {statement for statement in computed(program) if _is_pointwise(statement)} - set(program.outputs)
    for reader in computed(program):
        loops = {*reader.indices, *bound_in(reader.body)}
        positions = {atom for form in _forms(reader.body) for atom in atoms(form)}
        for read in _reads(reader.body):
            if isinstance(read.tensor, Compute) and (
                len(loops) >= len(read.tensor.indices) or read in positions or not _is_refused(read, reader)
            ):
                found.discard(read.tensor)
    return found & {read.tensor for reader in computed(program) for read in _reads(reader.body)}


def _is_pointwise(statement: Compute) -> bool:
    body = statement.body
    return not has_reduction(body) and not depends_on_data(body) and dtype(body) == statement.dtype


def _is_refused(read: Read, reader: Compute) -> bool:
    """Whether a read through its statement is refused outside the bounds where the read itself is: something with the
    same bounds must be read at each position that is data, and it must count.
    """
    assert isinstance(read.tensor, Compute)
    body = read.tensor.body
    counts = not any(isinstance(node, (Select, Bracket)) for node in walk(body))
    below = {placed for each in _reads(body) for placed in zip(each.positions, each.tensor.shape, strict=True)}
    return all(
        not _refuses(position, reader) or (counts and (as_affine(index), index.extent) in below)
        for index, position in zip(read.tensor.indices, read.positions, strict=True)
    )


def _refuses(position: Affine, reader: Compute) -> bool:
    """Whether a position outside the bounds is an error, and no zero."""
    return not reader.is_derived and any(isinstance(atom, Read) for atom in walk(position))


def _through(reader: Compute, body: Expr, sampled: set[Compute]) -> Expr:
    """The body of a statement with others read through; where that gives no error it is zero outside their bounds."""

    def change(node: Any) -> Any:
        if not isinstance(node, Read) or node.tensor not in sampled:
            return node
        assert isinstance(node.tensor, Compute)
        value = substitute(node.tensor.body, dict(zip(node.tensor.indices, node.positions, strict=True)))
        brackets = [
            at_least_zero(side)
            for form, extent in zip(node.positions, node.tensor.shape, strict=True)
            if not within(form, extent) and not _refuses(form, reader)
            for side in (form, extent - 1 - form)
        ]
        return mul(*brackets, value)

    result: Expr = transform(body, change)
    return result


def _reads(body: Expr) -> Iterator[Read]:
    return (node for node in walk(body) if isinstance(node, Read))


def _forms(body: Expr) -> Iterator[Affine]:
    return (node for node in walk(body) if isinstance(node, Affine))
