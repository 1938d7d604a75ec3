"""One operand of a contraction: where a panel of it begins, and how a panel is packed.

A panel is as many rows (or columns) as a tile has. Without bounds a packing function copies it, one call for each
value of the slow inner indices; with bounds every vector of lanes is read where its positions are inside.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from covector.codegen.builder import Builder, Value
from covector.codegen.contraction_integers import (
    Integer,
    constant_of,
    decode,
    evaluate,
    flat,
    steps,
    value_of,
)
from covector.codegen.contraction_memory import SPREAD, first_lanes, gather, load_spread, store_masked
from covector.codegen.contraction_pack import pack_kernel
from covector.codegen.contraction_spec import Bound, Group
from covector.codegen.types import BYTES
from covector.ir import Affine
from covector.ir.affine import atoms
from covector.ir.node import Node

Values = Mapping[Node, Integer]


@dataclass(frozen=True, slots=True)
class Block:
    """A part of the sum: ``taps`` values of the slow inner indices, ``depth`` of the fast one."""

    first_tap: Integer
    taps: Integer
    first_step: Integer
    depth: Integer


@dataclass(frozen=True, slots=True)
class Operand:
    """One side of the contraction: its group of lanes, the strides of that and of the inner groups, and its bounds."""

    dtype: str
    lanes: Group
    inner: tuple[Group, ...]
    lane: Affine
    strides: tuple[Affine, ...]
    bounds: tuple[Bound, ...]
    width: int

    def start(self, builder: Builder, pointer: str, lane: Integer, step: Integer, values: Values) -> str:
        """The address of a lane and a step of the fast inner group, where the slow ones are 0."""
        offset = lane * evaluate(builder, self.lane, values) + step * evaluate(builder, self.strides[-1], values)
        return builder.offset(pointer, value_of(builder, offset), self.dtype)

    def distances(self, builder: Builder, values: Values) -> tuple[Integer, Integer]:
        """The bytes from lane to lane and from step to step."""
        size = BYTES[self.dtype]
        return evaluate(builder, self.lane, values) * size, evaluate(builder, self.strides[-1], values) * size

    def pack(
        self, builder: Builder, pointer: str, first: Integer, lanes: Integer, block: Block, packed: str, values: Values
    ) -> None:
        """Pack a panel that begins at lane ``first`` and has ``lanes`` lanes."""
        lane = constant_of(self.lane)
        spread = lane is not None and 1 < lane <= SPREAD
        write = self._pack_vectors if self.bounds or spread else self._pack_panel
        if len(self.inner) == 1:
            write(builder, pointer, first, lanes, block, packed, values)
            return
        with steps(builder, 0, block.taps) as tap:
            number = value_of(builder, block.first_tap) + tap
            digits = decode(builder, number, [i for g in self.inner[:-1] for i in g.indices], values)
            offset: Integer = 0
            for group, stride in zip(self.inner[:-1], self.strides, strict=False):
                offset = offset + flat(builder, group.indices, digits, values) * evaluate(builder, stride, values)
            source = builder.offset(pointer, value_of(builder, offset), self.dtype)
            place = builder.offset(packed, value_of(builder, tap * (block.depth * self.width)), self.dtype)
            write(builder, source, first, lanes, block, place, {**values, **digits})

    def _pack_panel(
        self, builder: Builder, pointer: str, first: Integer, lanes: Integer, block: Block, packed: str, values: Values
    ) -> None:
        lane, step = evaluate(builder, self.lane, values), evaluate(builder, self.strides[-1], values)
        function = pack_kernel(builder.module, self.dtype, self.width, lane, step)
        source = self.start(builder, pointer, first, block.first_step, values)
        size = BYTES[self.dtype]
        numbers = [value_of(builder, number) for number in (lane * size, step * size, lanes, block.depth)]
        builder.emit(f"call void @{function}(ptr {source}, {', '.join(map(str, numbers))}, ptr {packed})")

    def _pack_vectors(
        self, builder: Builder, pointer: str, first: Integer, lanes: Integer, block: Block, packed: str, values: Values
    ) -> None:
        """Vectors of lanes, step by step; a lane that is out of bounds is not read."""
        vector = builder.module.target.lanes(self.dtype)
        fast, stride = self.inner[-1], evaluate(builder, self.strides[-1], values)
        lane = evaluate(builder, self.lane, values)
        for start in range(0, self.width, vector):
            begin = value_of(builder, first) + start
            here = Bounds(builder, self.lanes, begin, vector, values)
            there = first_lanes(builder, value_of(builder, lanes) - start, vector)
            kept = first_lanes(builder, builder.constant(self.width - start, "int64"), vector)
            with builder.when(value_of(builder, block.depth) > 0), steps(builder, 0, block.depth) as counter:
                step = value_of(builder, block.first_step) + counter
                known = {**values, **decode(builder, step, fast.indices, values)}
                mask = here.inside(self.bounds, known) & there
                read = self._read(builder, builder.offset(pointer, step * stride, self.dtype), begin, lane, mask)
                place = builder.offset(packed, value_of(builder, counter * self.width + start), self.dtype)
                store_masked(builder, read, place, kept)

    def _read(self, builder: Builder, source: str, first: Value, lane: Integer, mask: Value) -> Value:
        start = builder.offset(source, first * lane, self.dtype)
        if isinstance(lane, int) and 0 < lane <= SPREAD:
            return load_spread(builder, start, lane, mask, self.dtype)
        return gather(builder, start, _lanes(builder, mask.width) * _narrow(lane), mask, self.dtype)


def _lanes(builder: Builder, width: int) -> Value:
    return Value(builder, "<" + ", ".join(f"i32 {lane}" for lane in range(width)) + ">", "int32", width)


def _narrow(number: Integer) -> Integer:
    return number.convert("int32") if isinstance(number, Value) else number


class Bounds:
    """The positions of a vector of lanes of a group: ``there`` are those that the group has."""

    def __init__(self, builder: Builder, group: Group, first: Integer, width: int, values: Values) -> None:
        self.builder, self.width = builder, width
        begin = value_of(builder, first)
        self.there = first_lanes(builder, value_of(builder, evaluate(builder, group.extent, values)) - begin, width)
        numbers = builder.widen(begin.convert("int32"), width) + _lanes(builder, width)
        self.digits: dict[Node, Value] = {}
        for index in reversed(group.indices[1:]):
            extent = _narrow(evaluate(builder, index.extent, values))
            self.digits[index] = builder.binary("urem", numbers, extent)
            numbers = builder.binary("udiv", numbers, extent)
        self.digits.update(dict.fromkeys(group.indices[:1], numbers))

    def inside(self, bounds: Sequence[Bound], values: Values) -> Value:
        """In which lanes all positions are inside their bounds, where the other indices have these values."""
        mask = self.builder.widen(self.builder.constant(True, "bool"), self.width)
        for bound in bounds:
            mask = mask & self._inside(bound, values)
        return mask

    def _inside(self, bound: Bound, values: Values) -> Value:
        builder = self.builder
        along = [index for index in self.digits if index in atoms(bound.position)]
        zeros: dict[Node, Integer] = dict.fromkeys(along, 0)
        zero = builder.constant(0, "int32", self.width)
        position = _narrow(evaluate(builder, bound.position, {**values, **zeros}))
        total = builder.widen(builder.lift(position, builder.constant(0, "int32")), self.width)
        for index in along:
            coefficient = bound.position.coefficient(index)
            assert coefficient is not None
            total = self.digits[index] * _narrow(evaluate(builder, coefficient, values)) + total
        extent = builder.widen(builder.lift(_narrow(evaluate(builder, bound.extent, values)), zero), self.width)
        return builder.instruction(f"icmp ult {total}, {extent.text}", "bool", self.width)
