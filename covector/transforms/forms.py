"""Forms of forms: the tangent of an operation, and the operation on a whole batch.

A call of the graph is a form, a program in element form, so a transform of functions is a transform of programs: the
tangent is the calculus' derivative of each statement, and a batch is one more index on it. Both are forms again, made
once and kept, so transforms of transforms need nothing of their own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from covector.calculus.build import ZERO, is_integer_condition, mul
from covector.calculus.derivative import derivative
from covector.calculus.recognise import guards_of
from covector.calculus.tidy import Tidy
from covector.ir import (
    Compute,
    Expr,
    Index,
    Input,
    Program,
    Read,
    Symbol,
    Tensor,
    as_affine,
    is_float,
    substitute,
    transform,
    walk,
)
from covector.ir.tensor import program_of, read_tensors
from covector.ir.walk import unshadowed
from covector.run.extents import symbols
from covector.tensors.form import OUTPUT, Entry, Form, entry_at
from covector.tensors.instantiate import Instantiation

MOST_FORMS = 1 << 14
"""Tangents and batches of forms that are kept."""


@dataclass(frozen=True, slots=True)
class TangentForm:
    """The tangent of a form: its arguments, as positions among those of the form, `OUTPUT`, or the number of those and
    a position, for the tangent of the argument there.
    """

    form: Form
    arguments: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Tangent:
    """A `TangentForm` at given sizes."""

    entry: Entry
    arguments: tuple[int, ...]


class RuledForm(Form, ABC):
    """A form that knows its tangent and its batch; other forms have those that follow from their program."""

    __slots__ = ()

    def tangent(self, output: int, mask: int) -> TangentForm | None:
        """The tangent of an output from those of the arguments in ``mask``; None where it is zero."""
        return derived_tangent(self, output, mask)

    @abstractmethod
    def batched(self, mask: int, symbol: Symbol) -> Form:
        """The form on a batch of a size that a symbol says."""


@lru_cache(maxsize=MOST_FORMS)
def tangent_at(entry: Entry, output: int, mask: int) -> Tangent | None:
    """The tangent of an output of a form at given sizes; None where it is zero."""
    found = tangent_form(entry.form, output, mask)
    return None if found is None else Tangent(entry_at(found.form, entry.sizes), found.arguments)


@lru_cache(maxsize=MOST_FORMS)
def tangent_form(form: Form, output: int, mask: int) -> TangentForm | None:
    """The form that gives the tangent of an output from those of the arguments in ``mask``; None where it is zero."""
    return form.tangent(output, mask) if isinstance(form, RuledForm) else derived_tangent(form, output, mask)


def derived_tangent(form: Form, output: int, mask: int) -> TangentForm | None:
    """The tangent that follows from the program of a form."""
    program = program_of(form.program.outputs[output : output + 1], form.program.inputs)
    names = set(program.tensors()) | {name for tensor in program.tensors().values() for name in _extents(tensor)}
    seeds: dict[Input, Input] = {
        given: Input(unused(f"{given.name}_t", names), given.shape, given.dtype)
        for place, given in enumerate(program.inputs)
        if mask >> place & 1
    }
    found = _Tangents(program, seeds, names).run()
    if found is None:
        return None
    known = Input(unused("y", names), program.output.shape, program.output.dtype)
    derived = _reading(found, program.output, known)
    count = len(program.inputs)
    places: dict[Tensor, int] = {tensor: place for place, tensor in enumerate(program.inputs)}
    places |= {seed: count + places[given] for given, seed in seeds.items()}
    places[known] = OUTPUT
    return TangentForm(
        Form(f"{form.name}_tangent", derived, form.symbols), tuple(places[tensor] for tensor in derived.inputs)
    )


class _Tangents:
    """The tangents of the statements of a program, as they are found."""

    def __init__(self, program: Program, seeds: Mapping[Input, Input], names: set[str]) -> None:
        self.program, self.names = program, names
        self.tangents: dict[Tensor, Tensor] = {}
        self.tangents.update(seeds.items())
        self.tidy = Tidy(program)

    def run(self) -> Compute | None:
        """The tangent of the output; None where it is zero."""
        for statement in self.program.statements:
            if isinstance(statement, Compute) and is_float(statement.dtype):
                self.add(statement)
        found = self.tangents.get(self.program.output)
        return found if isinstance(found, Compute) else None

    def add(self, statement: Compute) -> None:
        """Derive the tangent of a statement, where it has one."""
        if not any(read in self.tangents for read in read_tensors(statement)):
            return
        body = self.tidy.finish(derivative(statement.body, self.of_read))
        if body is ZERO:
            return
        name = unused(f"{statement.name}_t", self.names)
        made = Compute(name, statement.indices, unshadowed(body, statement.indices), statement.dtype)
        guards = (guard for guard in guards_of(made.body) if not is_integer_condition(guard.condition))
        self.tidy.recogniser.held[made] = tuple(guards)
        self.tangents[statement] = made

    def of_read(self, read: Read) -> Expr:
        """The tangent of what is read: where it is a strong zero, so is what it is multiplied with."""
        found = self.tangents.get(read.tensor)
        if found is None:
            return ZERO
        if isinstance(found, Input):
            return Read(found, read.positions)
        assert isinstance(found, Compute)
        here = dict(zip(found.indices, read.positions, strict=True))
        guards = (substitute(guard, here) for guard in self.tidy.recogniser.held[found])
        return mul(*guards, Read(found, read.positions))


def _reading(result: Compute, output: Tensor, known: Input) -> Program:
    """The program of a result, with the value of an output of another program read where it is wanted."""
    names: dict[Tensor, Tensor] = {output: known}
    for statement in program_of([result]).statements:
        if statement is not output:
            assert isinstance(statement, Compute)
            names[statement] = Instantiation(names, {}).statement(statement, statement.name)
    made = names[result]
    assert isinstance(made, Compute)
    return program_of([made])


@lru_cache(maxsize=MOST_FORMS)
def batched_at(entry: Entry, mask: int, size: int) -> Entry:
    """A form on batches of this size, at given sizes."""
    return entry_at(batched_form(entry.form, mask), (*entry.sizes, size))


@lru_cache(maxsize=MOST_FORMS)
def batched_form(form: Form, mask: int) -> Form:
    """The form on a batch: the arguments in ``mask``, and all results, have one more axis, the first one."""
    symbol = batch_symbol(form)
    if isinstance(form, RuledForm):
        return form.batched(mask, symbol)
    return Form(f"{form.name}_batch", batched_program(form.program, mask, symbol), (*form.symbols, symbol))


def batch_symbol(form: Form) -> Symbol:
    """The size of a batch, as a symbol that the form does not have."""
    taken = {symbol.name for symbol in form.symbols} | _all_symbols(form.program)
    return Symbol(unused("B", taken))


def batched_program(program: Program, mask: int, symbol: Symbol) -> Program:
    """The program with one more axis, the first one, of the inputs in ``mask`` and of all results."""
    taken = {node.name for statement in program.statements for node in _index_nodes(statement)}
    index = Index(unused("b", taken | set(program.tensors())), as_affine(symbol))
    made: dict[Tensor, Tensor] = {
        given: Input(given.name, (as_affine(symbol), *given.shape), given.dtype)
        for place, given in enumerate(program.inputs)
        if mask >> place & 1
    }
    wide: set[Tensor] = set(made)

    def along(node: Any) -> Any:
        if not isinstance(node, Read):
            return node
        lead = (as_affine(index),) if node.tensor in wide else ()
        return Read(made.get(node.tensor, node.tensor), (*lead, *node.positions))

    for statement in program.statements:
        assert isinstance(statement, Compute)
        if statement in program.outputs or any(read in wide for read in read_tensors(statement)):
            body = transform(statement.body, along)
            made[statement] = Compute(statement.name, (index, *statement.indices), body, statement.cast)
            wide.add(statement)
    outputs = [made[output] for output in program.outputs]
    inputs = [made.get(given, given) for given in program.inputs]
    return program_of(
        [output for output in outputs if isinstance(output, Compute)],
        [given for given in inputs if isinstance(given, Input)],
    )


def _index_nodes(statement: Tensor) -> list[Index]:
    assert isinstance(statement, Compute)
    return [*statement.indices, *(node for node in walk(statement.body) if isinstance(node, Index)), *_bound(statement)]


def _bound(statement: Compute) -> list[Index]:
    return [index for node in walk(statement.body) for index in getattr(node, "indices", ())]


def _all_symbols(program: Program) -> set[str]:
    return {name for tensor in program.tensors().values() for name in _extents(tensor)}


def _extents(tensor: Tensor) -> set[str]:
    return {name for extent in tensor.shape for name in symbols(extent)}


def unused(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    taken.add(name)
    return name
