"""One operand of a contraction: where a panel of it begins, and how a panel is packed.

A panel is as many rows (or columns) as a tile has. Without bounds a packing function copies it, one call for each
value of the slow inner indices; with bounds every vector of lanes is read where its positions are inside.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from covector.codegen.builder import Builder, Value
from covector.codegen.contraction_integers import (
    Integer,
    decode,
    evaluate,
    steps,
    value_of,
)
from covector.codegen.contraction_micro import first_lanes, load_masked, store_masked
from covector.codegen.contraction_pack import pack_kernel
from covector.codegen.contraction_spec import Bound, Group
from covector.codegen.types import BYTES, MEMORY, suffix_of
from covector.ir import Affine, Index
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
        write = self._pack_bounded if self.bounds else self._pack_panel
        if len(self.inner) == 1:
            write(builder, pointer, first, lanes, block, packed, values)
            return
        with steps(builder, 0, block.taps) as tap:
            number = value_of(builder, block.first_tap) + tap
            digits = decode(builder, number, [i for g in self.inner[:-1] for i in g.indices], values)
            offset: Integer = 0
            for group, stride in zip(self.inner[:-1], self.strides, strict=False):
                offset = offset + flat(builder, group, digits, values) * evaluate(builder, stride, values)
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

    def _pack_bounded(
        self, builder: Builder, pointer: str, first: Integer, lanes: Integer, block: Block, packed: str, values: Values
    ) -> None:
        """Vectors of lanes, step by step; a lane that is out of bounds is not read."""
        vector = builder.module.target.lanes(self.dtype)
        fast, stride = self.inner[-1], evaluate(builder, self.strides[-1], values)
        lane = evaluate(builder, self.lane, values)
        for start in range(0, self.width, vector):
            there = first_lanes(builder, value_of(builder, lanes) - start, vector)
            kept = first_lanes(builder, builder.constant(self.width - start, "int64"), vector)
            numbers = builder.widen((value_of(builder, first) + start).convert("int32"), vector) + _lanes(
                builder, vector
            )
            digits = _vector_digits(builder, numbers, self.lanes.indices, values)
            with builder.when(value_of(builder, block.depth) > 0), steps(builder, 0, block.depth) as counter:
                step = value_of(builder, block.first_step) + counter
                known = {**values, **decode(builder, step, fast.indices, values)}
                mask = there
                for bound in self.bounds:
                    mask = mask & _inside(builder, bound, self.lanes.indices, digits, known)
                source = builder.offset(pointer, step * stride, self.dtype)
                read = self._read(builder, source, value_of(builder, first) + start, lane, mask)
                place = builder.offset(packed, value_of(builder, counter * self.width + start), self.dtype)
                store_masked(builder, read, place, kept)

    def _read(self, builder: Builder, source: str, first: Value, lane: Integer, mask: Value) -> Value:
        start = builder.offset(source, first * lane, self.dtype)
        if isinstance(lane, int) and lane == 1:
            return load_masked(builder, start, mask, self.dtype)
        return gather(builder, start, _lanes(builder, mask.width) * _narrow(lane), mask, self.dtype)


def _lanes(builder: Builder, width: int) -> Value:
    return Value(builder, "<" + ", ".join(f"i32 {lane}" for lane in range(width)) + ">", "int32", width)


def _narrow(number: Integer) -> Integer:
    return number.convert("int32") if isinstance(number, Value) else number


def flat(builder: Builder, group: Group, digits: Values, values: Values) -> Integer:
    """The number of a step of a group, from the values of its indices."""
    number: Integer = 0
    for index in group.indices:
        number = number * evaluate(builder, index.extent, values) + digits[index]
    return number


def _vector_digits(builder: Builder, numbers: Value, indices: tuple[Index, ...], values: Values) -> dict[Node, Value]:
    """The values of the indices of a group in every lane."""
    digits: dict[Node, Value] = {}
    for index in reversed(indices[1:]):
        extent = _narrow(evaluate(builder, index.extent, values))
        digits[index] = builder.binary("urem", numbers, extent)
        numbers = builder.binary("udiv", numbers, extent)
    return {**digits, **dict.fromkeys(indices[:1], numbers)}


def _inside(
    builder: Builder, bound: Bound, lanes: tuple[Index, ...], digits: Mapping[Node, Value], values: Values
) -> Value:
    """In which lanes a position is inside its bounds."""
    along = [index for index in lanes if index in atoms(bound.position)]
    zeros: dict[Node, Integer] = dict.fromkeys(along, 0)
    position = _narrow(evaluate(builder, bound.position, {**values, **zeros}))
    total = builder.lift(position, builder.constant(0, "int32"))
    for index in along:
        coefficient = bound.position.coefficient(index)
        assert coefficient is not None
        total = digits[index] * _narrow(evaluate(builder, coefficient, values)) + total
    extent = builder.lift(_narrow(evaluate(builder, bound.extent, values)), total)
    first, second = builder.matched(total, extent)
    return builder.instruction(f"icmp ult {first}, {second.text}", "bool", first.width)


def gather(builder: Builder, pointer: str, offsets: Value, mask: Value, dtype: str) -> Value:
    """Elements at offsets from an address, zero where the mask is false: nothing is read there."""
    kind, suffix = f"<{mask.width} x {MEMORY[dtype]}>", suffix_of(dtype, mask.width)
    name = f"llvm.masked.gather.{suffix}.v{mask.width}p0"
    addresses = builder.pointer(f"getelementptr {MEMORY[dtype]}, ptr {pointer}, {offsets}")
    builder.module.declare(f"declare {kind} @{name}(<{mask.width} x ptr>, i32, {mask.type}, {kind})")
    given = f"<{mask.width} x ptr> {addresses}, i32 {BYTES[dtype]}, {mask}, {kind} zeroinitializer"
    return builder.instruction(f"call {kind} @{name}({given})", dtype, mask.width)
