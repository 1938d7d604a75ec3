"""A slow plain interpreter of plans: one element at a time, on the very memory that the plan lays out.

The arena and the memory of each thread are filled with bytes that make no sense, a parallel loop runs as two threads
one after the other, the second first, and what they share is combined afterwards; so a plan that reads what was not
written, overlaps two buffers that live together, or shares what it must not gives a wrong result here.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from covector.errors import BoundsError
from covector.ir import (
    Affine,
    Apply,
    Bracket,
    Compute,
    Floor,
    Index,
    Input,
    Literal,
    Read,
    Select,
    Symbol,
    Tensor,
    walk,
)
from covector.ir.affine import atoms
from covector.run.extents import bind_extents, evaluate_extent
from covector.schedule.plan import Accumulate, Assign, Loop, Plan, Product, Step
from tests.support.loops import FUNCTIONS

Array = NDArray[Any]
Point = dict[Index, int]

GARBAGE = 0xFF
"""The byte that fresh memory is filled with: a NaN where it is read as floats."""

_BINARY: dict[str, Any] = {
    "sum": lambda a, b: a + b,
    "prod": lambda a, b: a * b,
    "max": lambda a, b: a if a != a else b if b != b else max(a, b),
    "min": lambda a, b: a if a != a else b if b != b else min(a, b),
    "any": lambda a, b: a or b,
    "all": lambda a, b: a and b,
}
_NEUTRAL = {"sum": 0, "prod": 1, "any": False, "all": True}


def interpret(plan: Plan, arrays: Mapping[str, Any], extents: Mapping[str, int] | None = None) -> dict[str, Array]:
    """The outputs of a plan by name; ``arrays`` are the inputs by name, and stay as they are."""
    given = {tensor.name: np.array(arrays[tensor.name], dtype=tensor.dtype) for tensor in plan.program.inputs}
    return Interpreter(plan, given, bind_extents(plan.program.inputs, given, extents)).run()


class Interpreter:
    """A plan at work on memory of its own."""

    def __init__(self, plan: Plan, arrays: Mapping[str, Array], extents: dict[str, int]) -> None:
        self.plan, self.extents = plan, extents
        program = plan.program
        self.inputs = [arrays[given.name] for given in program.inputs]
        self.outputs: list[Array] = []
        for output in program.outputs:
            if isinstance(output, Compute) and output in plan.in_place:
                given = plan.in_place[output]
                assert isinstance(given, Input)
                self.outputs.append(self.inputs[program.inputs.index(given)])
            else:
                self.outputs.append(self.fresh(self.shape(output), output.dtype))
        self.arena = np.full(self.number(plan.arena), GARBAGE, np.uint8)
        self.thread = self.new_thread()
        self.point: Point = {}
        self.copies: dict[Tensor, Array] = {}

    def run(self) -> dict[str, Array]:
        """Every kernel in order."""
        with np.errstate(all="ignore"):
            for kernel in self.plan.kernels:
                self.thread = self.new_thread()
                self.steps(kernel.steps)
        return {output.name: value for output, value in zip(self.plan.program.outputs, self.outputs, strict=True)}

    # Memory

    def number(self, form: Affine) -> int:
        """An integer without indices."""
        return evaluate_extent(form, self.extents)

    def shape(self, tensor: Tensor) -> tuple[int, ...]:
        """The shape of a tensor in this call."""
        return tuple(map(self.number, tensor.shape))

    @staticmethod
    def fresh(shape: tuple[int, ...], dtype: str) -> Array:
        """Memory that holds nothing yet."""
        size = math.prod(shape) * np.dtype(dtype).itemsize
        return np.full(size, GARBAGE, np.uint8).view(dtype).reshape(shape)

    def new_thread(self) -> tuple[Array, dict[Tensor, Array]]:
        """The memory and the registers of a thread."""
        return np.full(self.number(self.plan.thread), GARBAGE, np.uint8), {}

    def array(self, tensor: Tensor) -> Array:
        """The memory of a tensor, over the axes that are kept."""
        if tensor in self.copies:
            return self.copies[tensor]
        storage = self.plan.storage[tensor]
        shape = tuple(self.shape(tensor)[axis] for axis in storage.axes)
        if storage.place in ("input", "output"):
            array = (self.inputs if storage.place == "input" else self.outputs)[storage.slot]
            assert array.size == math.prod(shape), f"{tensor.name} does not fit its array"
            return array.reshape(shape)
        memory, registers = self.thread
        if storage.place == "register":
            assert storage.axes == ()
            if tensor not in registers:
                registers[tensor] = self.fresh((), tensor.dtype)
            return registers[tensor]
        assert storage.offset is not None
        offset = self.number(storage.offset)
        assert offset % 64 == 0
        size = math.prod(shape) * np.dtype(tensor.dtype).itemsize
        place = (self.arena if storage.place == "arena" else memory)[offset : offset + size]
        assert place.size == size, f"{tensor.name} does not fit the {storage.place}"
        return place.view(tensor.dtype).reshape(shape)

    def kept(self, tensor: Tensor, at: tuple[int, ...]) -> tuple[int, ...]:
        """The position of an element in the memory of its tensor."""
        return tuple(at[axis] for axis in self.plan.storage[tensor].axes)

    def inside(self, tensor: Tensor, at: tuple[int, ...]) -> bool:
        """Whether a position is inside the bounds."""
        return all(0 <= place < size for place, size in zip(at, self.shape(tensor), strict=True))

    # Steps

    def steps(self, steps: tuple[Step, ...]) -> None:
        """Some steps in order."""
        for step in steps:
            _RUN[type(step)](self, step)

    def loop(self, step: Loop) -> None:
        """A loop; a parallel one as two threads, the second first."""
        assert step.index not in self.point, f"{step.index!r} runs in a loop over itself"
        count = self.number(step.index.extent)
        if not step.parallel:
            self.iterate(step, range(count))
            return
        assert not self.point, "a parallel loop inside another"
        outer, halves = self.thread, []
        for part in (range(count // 2, count), range(count // 2)):
            self.thread = self.new_thread()
            self.copies = {tensor: self.neutral(step, tensor) for tensor in step.shared}
            self.iterate(step, part)
            halves.append(self.copies)
            self.copies = {}
        self.thread = outer
        for tensor in step.shared:
            operation, array = _BINARY[_operation(step, tensor)], self.array(tensor)
            for half in reversed(halves):
                for at in np.ndindex(array.shape):
                    array[at] = operation(array[at].item(), half[tensor][at].item())

    def iterate(self, step: Loop, values: range) -> None:
        """Some iterations of a loop."""
        for value in values:
            self.point[step.index] = value
            self.steps(step.body)
        self.point.pop(step.index, None)

    def neutral(self, step: Loop, tensor: Tensor) -> Array:
        """A thread's own copy of what is shared."""
        array = self.array(tensor)
        operation = _operation(step, tensor)
        if operation in _NEUTRAL:
            return np.full_like(array, _NEUTRAL[operation])
        if array.dtype.kind == "f":
            return np.full_like(array, -np.inf if operation == "max" else np.inf)
        if array.dtype.kind == "b":
            return np.full_like(array, operation == "min")
        limits = np.iinfo(array.dtype)
        return np.full_like(array, limits.min if operation == "max" else limits.max)

    def assign(self, step: Assign) -> None:
        """One element."""
        at = self.position(step.positions)
        assert self.inside(step.target, at), f"{step.target.name} is written at {at}"
        self.store(step.target, at, self.value(step.value, step.target.is_derived))

    def accumulate(self, step: Accumulate) -> None:
        """One element, combined with what is there; outside the bounds nothing."""
        at = self.position(step.positions)
        if self.inside(step.target, at):
            old = self.array(step.target)[self.kept(step.target, at)].item()
            new = self.value(step.value, step.target.is_derived)
            self.store(step.target, at, _BINARY[step.operation](old, new))

    def product(self, step: Product) -> None:
        """A product, element by element."""
        for _ in self.over((*step.batch, *step.rows, *step.columns)):
            total: Any = 0
            for _ in self.over(step.inner):
                total += self.value(step.left) * self.value(step.right)
            if step.scale is not None:
                total = self.value(step.scale) * total
            at = self.position(step.positions)
            assert self.inside(step.target, at), f"{step.target.name} is written at {at}"
            if step.accumulate:
                total += self.array(step.target)[self.kept(step.target, at)].item()
            self.store(step.target, at, total)

    def over(self, indices: tuple[Index, ...]) -> Iterator[None]:
        """All values of some indices."""
        assert not any(index in self.point for index in indices)
        for place in itertools.product(*(range(self.number(index.extent)) for index in indices)):
            self.point.update(zip(indices, place, strict=True))
            yield
        for index in indices:
            self.point.pop(index, None)

    def store(self, tensor: Tensor, at: tuple[int, ...], value: Any) -> None:
        """Write one element."""
        self.array(tensor)[self.kept(tensor, at)] = np.asarray(value).astype(tensor.dtype)

    # Values

    def value(self, expr: Any, derived: bool = True) -> Any:
        """The value of an element expression, which holds no reduction."""
        if isinstance(expr, Literal):
            whole = not isinstance(expr.value, (bool, float)) and expr.value.denominator == 1
            return int(expr.value) if whole else expr.value if isinstance(expr.value, bool) else float(expr.value)
        if isinstance(expr, Affine):
            return self.integer(expr)
        if isinstance(expr, Read):
            return self.read(expr, derived)
        if isinstance(expr, Bracket):
            return int(self.value(expr.condition, derived))
        if isinstance(expr, Select):
            return self.value(expr.then if self.value(expr.condition, derived) else expr.otherwise, derived)
        assert isinstance(expr, Apply), f"{expr!r} in a plan"
        if expr.function.name == "mul":
            brackets = [argument for argument in expr.arguments if isinstance(argument, Bracket)]
            if not all(self.value(bracket, derived) for bracket in brackets):
                return 0
            rest = [argument for argument in expr.arguments if not isinstance(argument, Bracket)]
            return math.prod(self.value(argument, derived) for argument in rest)
        return FUNCTIONS[expr.function.name](*(self.value(argument, derived) for argument in expr.arguments))

    def read(self, expr: Read, derived: bool) -> Any:
        """An element; zero outside the bounds, where what a user wrote and what depends on data is refused."""
        at = self.position(expr.positions)
        if self.inside(expr.tensor, at):
            return self.array(expr.tensor)[self.kept(expr.tensor, at)].item()
        for place, size, position in zip(at, self.shape(expr.tensor), expr.positions, strict=True):
            if not derived and not 0 <= place < size and any(isinstance(atom, Read) for atom in atoms(position)):
                raise BoundsError(f"{expr!r} at {at}")
        return 0

    def position(self, positions: tuple[Affine, ...]) -> tuple[int, ...]:
        """The values of some positions."""
        return tuple(map(self.integer, positions))

    def integer(self, form: Affine) -> int:
        """The value of an integer expression."""
        total = form.constant
        for monomial, coefficient in form.terms:
            total += coefficient * math.prod(map(self.atom, monomial))
        return total

    def atom(self, atom: Any) -> int:
        """The value of an atom."""
        if isinstance(atom, Index):
            return self.point[atom]
        if isinstance(atom, Symbol):
            return self.extents[atom.name]
        if isinstance(atom, Read):
            return int(self.read(atom, derived=True))
        top, bottom = self.integer(atom.numerator), self.integer(atom.denominator)
        return top // bottom if isinstance(atom, Floor) else top % bottom


_RUN: dict[type, Any] = {
    Loop: Interpreter.loop,
    Assign: Interpreter.assign,
    Accumulate: Interpreter.accumulate,
    Product: Interpreter.product,
}


def steps_of(steps: tuple[Step, ...]) -> Iterator[Step]:
    """All steps, outer ones first."""
    for step in steps:
        yield step
        if isinstance(step, Loop):
            yield from steps_of(step.body)


def reads_of(step: Step) -> Iterator[Read]:
    """The reads in the values and positions of one step itself."""
    if isinstance(step, Product):
        parts: list[Any] = [step.left, step.right, *([step.scale] if step.scale is not None else [])]
    else:
        parts = [] if isinstance(step, Loop) else [step.value, *step.positions]
    for part in parts:
        yield from (node for node in walk(part) if isinstance(node, Read))


def _operation(loop: Loop, tensor: Tensor) -> str:
    """How a shared tensor is accumulated."""
    (found,) = {
        step.operation for step in steps_of(loop.body) if isinstance(step, Accumulate) and step.target is tensor
    }
    return found
