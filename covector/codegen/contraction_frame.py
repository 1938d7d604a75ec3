"""What every contraction kernel is made of: its function and parameters, the loop over outer indices, the epilogue."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from covector.codegen.builder import Builder, Value
from covector.codegen.contraction_integers import (
    Condition,
    Integer,
    decode,
    either,
    equal,
    evaluate,
    flat,
    greatest,
    least,
    quotient,
    remainder,
    steps,
    value_of,
)
from covector.codegen.contraction_memory import first_lanes, load_masked, store_masked
from covector.codegen.contraction_spec import ZERO, ContractionSpec, Group
from covector.codegen.module import Module
from covector.codegen.types import BYTES, REGISTER
from covector.ir import Affine, Index, floor_div
from covector.ir.node import Node

Values = Mapping[Node, Integer]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a vector of results is.

    ``positions`` are the values of the indices that all its lanes share; ``lane`` is the index that counts its lanes (a
    row or a column, as the target is contiguous), which begins at ``first``; it is None where the lanes run over no
    index or over several as one. ``element`` is the offset of the first lane in the target. ``mask`` says which lanes
    there are: nothing may be read or written at the others.
    """

    positions: Values
    lane: Index | None
    first: Value
    element: Value
    mask: Value


@dataclass(frozen=True, slots=True)
class Epilogue:
    """What is made of each result before it is stored: the parameters (names and LLVM types) that the function gets
    for it, and what writes the code for a vector of results.
    """

    parameters: tuple[tuple[str, str], ...]
    write: Callable[[Builder, Value, Place], Value]


@dataclass(frozen=True, slots=True)
class Base:
    """The tensors where the outer indices have their values; ``element`` is the target's offset there."""

    left: str
    right: str
    target: str
    element: Integer
    values: Values


@dataclass(frozen=True, slots=True)
class Corner:
    """A tile: its first row and column, and how many of both there are."""

    row: Integer
    rows: Integer
    column: Integer
    lanes: Integer


@dataclass(frozen=True, slots=True)
class Sharing:
    """What threads share: panels of ``size`` of a group, each in so many ``parts``, for each value of the outer
    indices.
    """

    group: Group
    size: int
    parts: int = 1


class Frame(ABC):
    """Writes the function of a contraction; ``scratch`` are the bytes that it needs."""

    scratch: int
    sharing: Sharing

    def __init__(self, module: Module, name: str, spec: ContractionSpec, epilogue: Epilogue | None) -> None:
        self.spec, self.epilogue = spec, epilogue
        self.size = BYTES[spec.dtype]
        parameters = [("left", "ptr noalias"), ("right", "ptr noalias"), ("target", "ptr noalias")]
        parameters += [("scratch", "ptr noalias"), ("begin", "i64"), ("end", "i64")]
        parameters += [("scale", REGISTER[spec.dtype])] if spec.scaled else []
        parameters += [(f"parameter{number}", "i64") for number in range(len(spec.parameters))]
        parameters += epilogue.parameters if epilogue else ()
        self.builder = Builder(module, name, parameters)
        self.values: dict[Node, Integer] = {
            node: Value(self.builder, f"%parameter{number}", "int64") for number, node in enumerate(spec.parameters)
        }

    @property
    def tiles(self) -> Affine:
        """How many tiles the work is cut into."""
        result = floor_div(self.sharing.group.extent + (self.sharing.size - 1), self.sharing.size) * self.sharing.parts
        for group in self.spec.outer:
            result = result * group.extent
        return result

    def write(self) -> str:
        """The text of the whole function."""
        builder = self.builder
        begin, end = Value(builder, "%begin", "int64"), Value(builder, "%end", "int64")
        with builder.when(begin < end):
            self.prepare()
            self.cover(begin, end)
        builder.emit("ret void")
        return builder.text()

    def cover(self, begin: Value, end: Value) -> None:
        """Write the panels from ``begin`` to ``end``, which are counted on over all values of the outer indices."""
        builder, size = self.builder, self.sharing.size
        if not self.spec.outer:
            self.panels(self.base(0), begin, end, 0, 0)
            return
        count = quotient(builder, self.value(self.sharing.group.extent) + (size - 1), size)
        first, last = quotient(builder, begin, count), quotient(builder, end - 1, count)
        with builder.loop(value_of(builder, first), value_of(builder, last) + 1) as outer:
            low = greatest(builder, begin - outer * count, 0)
            self.panels(self.base(outer), low, least(builder, end - outer * count, count), outer, first)

    @abstractmethod
    def prepare(self) -> None:
        """Write what is done once in each call."""

    @abstractmethod
    def panels(self, base: Base, low: Integer, high: Integer, outer: Integer, first: Integer) -> None:
        """Write a range of panels, for the value ``outer`` of the outer indices; ``first`` is that of the call."""

    def value(self, form: Affine) -> Integer:
        """A form in the parameters."""
        return evaluate(self.builder, form, self.values)

    def at(self, pointer: str, elements: Integer) -> str:
        """The address of an element."""
        return self.builder.offset(pointer, value_of(self.builder, elements), self.spec.dtype)

    def base(self, outer: Integer) -> Base:
        """The tensors at one value of the outer indices, which are counted as one."""
        spec = self.spec
        indices = [index for group in spec.outer for index in group.indices]
        digits = decode(self.builder, outer, indices, self.values)
        offsets = [self.value(form) for form in (spec.left, spec.right, spec.target)]
        for group in spec.outer:
            number = flat(self.builder, group.indices, digits, self.values)
            for tensor, stride in enumerate((group.left, group.right, group.target)):
                offsets[tensor] = offsets[tensor] + number * self.value(stride)
        pointers = ("%right", "%left", "%target") if spec.swapped else ("%left", "%right", "%target")
        left, right, target = (self.at(pointer, offset) for pointer, offset in zip(pointers, offsets, strict=True))
        return Base(left, right, target, offsets[2], {**self.values, **digits, **dict.fromkeys(spec.single, 0)})

    def left_is_new(self, outer: Integer, first: Integer) -> Condition:
        """Whether the left operand is another one than for the outer indices before."""
        same = [group.extent for group in self.spec.outer if group.left is ZERO]
        count: Integer = 1
        for extent in same:
            count = count * self.value(extent)
        if len(same) == len(self.spec.outer):
            return equal(outer, first)
        return either(equal(outer, first), equal(remainder(self.builder, outer, count), 0))

    def scale(self) -> str:
        """The scale as an argument."""
        return f"{REGISTER[self.spec.dtype]} {'%scale' if self.spec.scaled else '1.0'}"

    def numbers(self, *integers: Integer) -> str:
        """Integers as arguments."""
        return ", ".join(str(value_of(self.builder, integer)) for integer in integers)

    def finish(self, base: Base, corner: Corner, tile: str, pitch: Integer, element: Integer) -> None:
        """The epilogue on every vector of a tile, whose rows are ``pitch`` elements apart."""
        builder, spec, epilogue = self.builder, self.spec, self.epilogue
        assert epilogue is not None
        width = builder.module.target.lanes(spec.dtype)
        line, lane = self.value(spec.rows.target), self.value(spec.columns.target)
        index = spec.columns.indices[0] if len(spec.columns.indices) == 1 else None
        with steps(builder, 0, corner.rows) as row, steps(builder, 0, corner.lanes, width) as column:
            mask = first_lanes(builder, value_of(builder, corner.lanes - column), width)
            positions = {**base.values, **decode(builder, corner.row + row, spec.rows.indices, self.values)}
            first = value_of(builder, corner.column + column)
            place = Place(positions, index, first, value_of(builder, element + row * line + column * lane), mask)
            address = self.at(tile, row * pitch + column)
            result = epilogue.write(builder, load_masked(builder, address, mask, spec.dtype), place)
            store_masked(builder, result, address, mask)
