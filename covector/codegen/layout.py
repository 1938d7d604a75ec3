"""Where every tensor of a plan is in memory: addresses by slot of the table, strides, and what may share memory.

The table that a call is given holds, in words of 64 bits: the addresses of the inputs, of the outputs, of the arena, of
the threads' memory and of the error word; a zero; then the value of every symbol. A function of the code gets words of
its own, each a word of the table and something added to it, so that equal functions have equal texts in any program.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from covector.codegen.types import BYTES
from covector.ir import Affine, Compute, Floor, Mod, Read, Tensor, as_affine, walk
from covector.ir.affine import atoms, floor_div
from covector.ir.node import Node, cached
from covector.schedule.plan import Accumulate, Assign, Loop, Plan, Product, Step, Storage

NOTHING = as_affine(0)

Root = tuple[Any, ...]
"""What a tensor's memory is part of; two tensors of different roots never share memory."""


@dataclass(frozen=True, slots=True)
class Table:
    """The slots of the table of a plan."""

    inputs: int
    outputs: int
    symbols: tuple[str, ...]

    @property
    def arena(self) -> int:
        """The slot of the arena's address."""
        return self.inputs + self.outputs

    @property
    def thread(self) -> int:
        """The slot of the address of the threads' memory."""
        return self.arena + 1

    @property
    def error(self) -> int:
        """The slot of the address of the error word."""
        return self.arena + 2

    @property
    def zero(self) -> int:
        """The slot of a word that is 0."""
        return self.arena + 3

    @property
    def first_symbol(self) -> int:
        """The slot of the first symbol's value."""
        return self.arena + 4

    @property
    def size(self) -> int:
        """The number of slots."""
        return self.first_symbol + len(self.symbols)


def table_of(plan: Plan) -> Table:
    """The table that the code of a plan wants."""
    names = tuple(symbol.name for symbol in plan.symbols)
    return Table(len(plan.program.inputs), len(plan.program.outputs), names)


@dataclass(frozen=True, slots=True)
class Word:
    """What a function is given: a word of the table, and an extent that is added to it."""

    slot: int
    offset: Affine = NOTHING


class Layout:
    """Where the tensors of a plan are.

    To what the plan says it adds the registers that several functions use, which are kept behind the arena, the copies
    of what threads accumulate together, what contraction kernels need, and blocks of long sums, which are behind each
    thread's memory.
    """

    def __init__(self, plan: Plan, functions: Iterable[tuple[Step, ...]], scratch: int = 0) -> None:
        self.plan, self.table = plan, table_of(plan)
        self.frame: dict[Tensor, Affine] = {}
        self.copies: dict[Compute, Affine] = {}
        self.blocks: dict[Compute, Affine] = {}
        self.arena, self.thread = _aligned(plan.arena), _aligned(plan.thread)
        self._roots: dict[Tensor, Root] = {}
        self._groups: dict[str, dict[int, int] | None] = {}
        self._place(tuple(functions))
        self.scratch = self.thread
        self.thread = _aligned(self.thread + scratch)

    def _place(self, functions: tuple[tuple[Step, ...], ...]) -> None:
        shared = {tensor for steps in functions for loop in loops_of(steps) for tensor in loop.shared}
        users: dict[Tensor, set[int]] = {}
        for number, steps in enumerate(functions):
            for tensor in tensors_of(steps):
                users.setdefault(tensor, set()).add(number)
        for tensor, numbers in users.items():
            if self.storage(tensor).place == "register" and (len(numbers) > 1 or tensor in shared):
                self.frame[tensor] = self.arena
                self.arena = self.arena + 64
        for tensor in sorted(shared, key=lambda tensor: tensor.name):
            self.copies[tensor] = self.thread
            self.thread = _aligned(self.thread + self.size(tensor) * BYTES[tensor.dtype])

    def reserve(self, tensor: Compute) -> None:
        """Have room for a block of a total behind each thread's memory."""
        if tensor not in self.blocks:
            self.blocks[tensor] = self.thread
            self.thread = _aligned(self.thread + self.size(tensor) * BYTES[tensor.dtype])

    def storage(self, tensor: Tensor) -> Storage:
        """What the plan says about a tensor."""
        return self.plan.storage[tensor]

    def is_register(self, tensor: Tensor) -> bool:
        """Whether a tensor is a variable of the function that uses it."""
        return self.storage(tensor).place == "register" and tensor not in self.frame

    def size(self, tensor: Tensor) -> Affine:
        """The number of elements that are kept."""
        total = as_affine(1)
        for axis in self.storage(tensor).axes:
            total = total * tensor.shape[axis]
        return total

    def flat(self, tensor: Tensor, positions: tuple[Affine, ...]) -> Affine:
        """The position of an element among those that are kept."""
        total, stride = as_affine(0), as_affine(1)
        for axis in reversed(self.storage(tensor).axes):
            total = total + positions[axis] * stride
            stride = stride * tensor.shape[axis]
        return joined(total)

    def root(self, tensor: Tensor) -> Root:
        """What the memory of a tensor is part of."""
        if tensor not in self._roots:
            self._roots[tensor] = self._root(tensor)
        return self._roots[tensor]

    def _root(self, tensor: Tensor) -> Root:
        storage = self.storage(tensor)
        if tensor in self.frame:
            return ("frame", self.frame[tensor])
        if isinstance(tensor, Compute) and tensor in self.plan.in_place:
            return self.root(self.plan.in_place[tensor])
        if storage.place in ("arena", "thread"):
            return (storage.place, self._first_overlap(tensor))
        return (storage.place, tensor if storage.place == "register" else storage.slot)

    def _first_overlap(self, tensor: Tensor) -> Any:
        """What stands for all parts of the arena (or the thread's memory) that a tensor's part touches.

        Where sizes are only known in a call, parts of one kernel overlap only where they are the same.
        """
        storage = self.storage(tensor)
        groups = self._overlaps(storage.place)
        assert storage.offset is not None
        return storage.offset if groups is None else groups[storage.offset.constant]

    def _overlaps(self, place: str) -> dict[int, int] | None:
        """For every offset, the first one of the parts that overlap; None where sizes are not known."""
        if place not in self._groups:
            parts = [(t, s.offset) for t, s in self.plan.storage.items() if s.place == place and s.offset is not None]
            known = all(offset.is_constant and self.size(t).is_constant for t, offset in parts)
            ranges = ((o.constant, o.constant + self.size(t).constant * BYTES[t.dtype]) for t, o in parts)
            self._groups[place] = _groups(ranges) if known else None
        return self._groups[place]


def _groups(ranges: Iterable[tuple[int, int]]) -> dict[int, int]:
    """For every start of a range, the start of the chain of overlapping ranges that it belongs to."""
    first, end, group = 0, -1, dict[int, int]()
    for low, high in sorted(ranges):
        if low >= end:
            first = low
        group[low], end = first, max(end, high)
    return group


def _aligned(size: Affine) -> Affine:
    return floor_div(size + 63, 64) * 64


def joined(form: Affine) -> Affine:
    """The form with ``d·⌊x/d⌋ + x mod d`` written as ``x``, which is what a reshape leaves of a position."""
    for atom in atoms(form):
        if isinstance(atom, Mod):
            rest, whole = form.coefficient(atom), floor_div(atom.numerator, atom.denominator)
            quotient = whole.atom
            if rest is None or not isinstance(quotient, Floor):
                continue
            if form.coefficient(quotient) is rest * atom.denominator:
                return joined(form - rest * atom - rest * atom.denominator * quotient + rest * atom.numerator)
    return form


def steps_of(steps: Iterable[Step]) -> Iterator[Assign | Accumulate | Product]:
    """What is done in steps, at any depth of loops."""
    for step in steps:
        if isinstance(step, Loop):
            yield from steps_of(step.body)
        else:
            yield step


def loops_of(steps: Iterable[Step]) -> Iterator[Loop]:
    """The loops in steps, at any depth."""
    for step in steps:
        if isinstance(step, Loop):
            yield step
            yield from loops_of(step.body)


def reads_of(step: Assign | Accumulate | Product) -> Iterator[Read]:
    """The reads of a step, those in positions among them; not the one of an accumulator."""
    nodes: list[Node] = [*step.positions]
    nodes += [step.value] if not isinstance(step, Product) else [step.left, step.right]
    if isinstance(step, Product) and step.scale is not None:
        nodes.append(step.scale)
    for node in nodes:
        yield from reads_below(node)


def reads_below(node: Node) -> tuple[Read, ...]:
    """The reads in an expression, each once."""
    found: tuple[Read, ...] = cached(
        node, "reads_below", lambda n: tuple(part for part in walk(n) if isinstance(part, Read))
    )
    return found


def tensors_of(steps: Iterable[Step]) -> dict[Tensor, None]:
    """The tensors that steps read or write, each once."""
    found: dict[Tensor, None] = {}
    for step in steps_of(steps):
        found[step.target] = None
        found.update(dict.fromkeys(read.tensor for read in reads_of(step)))
    return found
