"""Linking: the calls of a graph as one program, equal statements shared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from covector.errors import CovectorError
from covector.ir import Affine, Compute, Index, Input, Program, Read, Symbol, Tensor, as_affine
from covector.ir.tensor import program_of
from covector.run.extents import evaluate_extent
from covector.tensors.dtypes import Kind
from covector.tensors.form import Entry
from covector.tensors.instantiate import Instantiation


@dataclass(frozen=True, slots=True)
class Call:
    """Output number ``output`` of ``entry``; ``args`` are positions in the graph."""

    entry: Entry
    output: int
    args: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Graph:
    """Leaves and calls in an order in which they can be computed, and the positions of what is wanted.

    ``in_place`` maps positions among ``outputs`` to the position of the leaf whose memory the output takes.
    """

    items: tuple[Kind | Call, ...]
    outputs: tuple[int, ...]
    in_place: tuple[tuple[int, int], ...] = ()

    def sizes(self) -> tuple[int, ...]:
        """Every extent of the leaves and every size of the forms, in order."""
        return tuple(size for item in self.items for size in (item.shape if isinstance(item, Kind) else _own(item)))

    def inner_axes(self) -> list[int]:
        """Where in the sizes those of all axes of leaves but the first are."""
        places, at = list[int](), 0
        for item in self.items:
            sizes = item.shape if isinstance(item, Kind) else _own(item)
            places += range(at + 1, at + len(sizes)) if isinstance(item, Kind) else ()
            at += len(sizes)
        return places

    def structure(self) -> tuple[object, ...]:
        """What stays the same when sizes change."""
        parts: list[object] = []
        for item in self.items:
            if isinstance(item, Kind):
                parts.append((item.dtype, tuple(e == 1 for e in item.shape)))
            else:
                parts.append((item.entry.form.number, item.output, item.args))
        return (*parts, self.outputs, self.in_place)


def _own(call: Call) -> tuple[int, ...]:
    return call.entry.sizes


class LinkError(CovectorError):
    """The graph cannot be linked with these extents as symbols."""


@dataclass(frozen=True, slots=True)
class Linked:
    """A program, the leaf that each of its inputs is, the statement of each wanted value, and what is in place.

    ``equal`` are symbols with the extents that were taken for them: the program is for sizes where they are equal.
    """

    program: Program
    leaves: tuple[int, ...]
    places: tuple[int, ...]
    in_place: Mapping[Compute, Input]
    equal: tuple[tuple[str, Affine], ...] = ()


def link(graph: Graph, extents: Sequence[Affine], samples: Sequence[Mapping[str, int]] = ()) -> Linked:
    """The program of a graph, with the given extents in the place of `Graph.sizes`.

    ``samples`` are values that the symbols have had: a symbol that no argument determines is taken for the extent that
    has always been equal to it. Raises `LinkError` where extents that must be equal are not.
    """
    linker = _Linker(samples)
    given = iter(extents)
    for number, item in enumerate(graph.items):
        if isinstance(item, Kind):
            shape = tuple(next(given) for _ in item.shape)
            linker.tensors.append(Input(f"x{number}", shape, str(item.dtype)))
            linker.learn(shape)
        else:
            sizes = [next(given) for _ in item.entry.sizes]
            linker.call(item, sizes)
    return _finished(graph, linker)


class _Linker:
    """The tensors of a program as they are made."""

    def __init__(self, samples: Sequence[Mapping[str, int]]) -> None:
        self.samples = samples
        self.known: dict[tuple[int, ...], Affine] = {}
        self.equal: dict[str, Affine] = {}
        self.called: dict[object, dict[Tensor, Tensor]] = {}
        self.tensors: list[Tensor] = []
        self.made: dict[object, Compute] = {}
        self.names: dict[str, int] = {}

    def call(self, call: Call, sizes: Sequence[Affine]) -> None:
        """Add the statements of a call, and the one that it stands for as the next tensor."""
        key = (call.entry.number, call.args)
        if key not in self.called:
            self.called[key] = self.made_of(call, sizes)
        self.tensors.append(self.called[key][call.entry.form.program.outputs[call.output]])

    def made_of(self, call: Call, sizes: Sequence[Affine]) -> dict[Tensor, Tensor]:
        """The tensors that the inputs and statements of a form are in a call."""
        form = call.entry.form
        arguments = [self.tensors[place] for place in call.args]
        tensors: dict[Tensor, Tensor] = dict(zip(form.program.inputs, arguments, strict=True))
        bound = _bound(form.program.inputs, arguments)
        symbols = {s: bound.get(s) or self.extent(size) for s, size in zip(form.symbols, sizes, strict=True)}
        build = Instantiation(tensors, symbols)
        for given, argument in zip(form.program.inputs, arguments, strict=True):
            if tuple(map(build.extent, given.shape)) != argument.shape:
                raise LinkError(f"{form.name}: {argument!r} is not of the shape of {given!r}")
        for statement in form.program.statements:
            assert isinstance(statement, Compute)
            tensors[statement] = self.statement(Instantiation(tensors, symbols), statement)
            self.learn(tensors[statement].shape)
        return tensors

    def learn(self, shape: Sequence[Affine]) -> None:
        """Remember the values that extents have had."""
        for extent in shape:
            if not extent.is_constant:
                values = tuple(evaluate_extent(extent, sample) for sample in self.samples)
                self.known.setdefault(values, extent)

    def extent(self, size: Affine) -> Affine:
        """A size that no argument determines: a known extent that has always been equal to it, where there is one."""
        if size.is_constant:
            return size
        found = self.known.get(tuple(evaluate_extent(size, sample) for sample in self.samples), size)
        if found is not size:
            self.equal[repr(size)] = found
        return found

    def statement(self, build: Instantiation, statement: Compute) -> Tensor:
        """The statement at these tensors and extents: one that exists already where there is an equal one."""
        indices = tuple(Index(f"i_{axis}", build.extent(i.extent)) for axis, i in enumerate(statement.indices))
        body = Instantiation({}, {})
        for old, index in zip(statement.indices, indices, strict=True):
            body.done[build.index(old)] = as_affine(index)
        new = body(build(statement.body))
        alias = _whole(new, indices)
        if alias is not None and alias.dtype == (statement.cast or alias.dtype):
            return alias
        key = (indices, new, statement.cast)
        found = self.made.get(key)
        if found is None:
            found = self.made[key] = Compute(self.name(statement.name), indices, new, statement.cast)
        return found

    def name(self, stem: str) -> str:
        """A name that is not taken."""
        stem = stem.rstrip("0123456789_") or "t"
        self.names[stem] = count = self.names.get(stem, 0) + 1
        return f"{stem}_{count}"


def _bound(inputs: Sequence[Input], arguments: Sequence[Tensor]) -> dict[Symbol, Affine]:
    """The symbols that arguments determine, with the extents that these have."""
    bound: dict[Symbol, Affine] = {}
    for given, argument in zip(inputs, arguments, strict=True):
        for extent, actual in zip(given.shape, argument.shape, strict=True):
            symbol = extent.atom
            if isinstance(symbol, Symbol):
                bound[symbol] = actual
    return bound


def _whole(body: object, indices: tuple[Index, ...]) -> Tensor | None:
    """The tensor that an expression reads as a whole, or None."""
    if not isinstance(body, Read) or len(body.positions) != len(indices):
        return None
    pairs = zip(body.positions, indices, body.tensor.shape, strict=True)
    same = all(position.index is index and index.extent is extent for position, index, extent in pairs)
    return body.tensor if same else None


def _finished(graph: Graph, linker: _Linker) -> Linked:
    """The program of what is wanted; inputs that are wanted themselves are copied."""
    statements: dict[Compute, int] = {}
    places = []
    for wanted in graph.outputs:
        tensor = linker.tensors[wanted]
        if isinstance(tensor, Input):
            tensor = _copied(linker, tensor)
        assert isinstance(tensor, Compute)
        places.append(statements.setdefault(tensor, len(statements)))
    program = program_of(statements)
    number: dict[Input, int] = {}
    for at, tensor in enumerate(linker.tensors):
        if isinstance(tensor, Input):
            number.setdefault(tensor, at)  # a call that changes nothing stands for the leaf too
    outputs = list(statements)
    in_place: dict[Compute, Input] = {}
    for at, leaf in graph.in_place:
        home, target = linker.tensors[leaf], outputs[places[at]]
        if isinstance(home, Input) and home in program.inputs and target not in in_place:
            in_place[target] = home
    leaves = tuple(number[given] for given in program.inputs)
    return Linked(program, leaves, tuple(places), in_place, tuple(linker.equal.items()))


def _copied(linker: _Linker, tensor: Input) -> Compute:
    indices = tuple(Index(f"i_{axis}", extent) for axis, extent in enumerate(tensor.shape))
    key = (indices, tensor)
    found = linker.made.get(key)
    if found is None:
        body = Read(tensor, tuple(map(as_affine, indices)))
        found = linker.made[key] = Compute(linker.name("copy"), indices, body)
    return found
