"""The loops of a contraction around its innermost kernel: a range of tiles, blocks that are packed, panels, tiles.

For each block of columns and each part of the sum, panels of the right operand are packed as the first rows need them
and stay in the caches; a panel of the left operand is read where it is, or packed too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from covector.codegen.builder import Builder, Module, Value
from covector.codegen.contraction_blocking import Blocking
from covector.codegen.contraction_integers import (
    Condition,
    Integer,
    both,
    decode,
    either,
    equal,
    evaluate,
    greatest,
    least,
    less,
    not_less,
    quotient,
    steps,
    truth,
    value_of,
    when,
)
from covector.codegen.contraction_micro import first_lanes, load_masked, micro_kernel, store_masked
from covector.codegen.contraction_operand import Block, Operand, Values, flat
from covector.codegen.contraction_spec import ContractionSpec
from covector.codegen.types import BYTES, MEMORY, REGISTER
from covector.ir import Affine, Index
from covector.ir.node import Node


@dataclass(frozen=True, slots=True)
class Place:
    """Where a vector of results is.

    ``positions`` are the values of the indices that all its lanes share; ``lane`` is the index that counts its lanes,
    which begins at ``first`` (None where the lanes run over several indices as one); ``element`` is the offset of the
    first lane in the target. ``mask`` says which lanes there are: nothing may be read or written at the others.
    """

    positions: Mapping[Node, Integer]
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
class _Base:
    """The tensors where the outer indices have their values; ``element`` is the target's offset there."""

    left: str
    right: str
    target: str
    element: Integer
    values: Values


@dataclass(frozen=True, slots=True)
class _Corner:
    """A tile: its first row and column, and how many of both there are."""

    row: Integer
    rows: Integer
    column: Integer
    lanes: Integer


class Loops:
    """Writes the function of a contraction; ``scratch`` are the bytes that it needs."""

    def __init__(
        self, module: Module, name: str, spec: ContractionSpec, blocking: Blocking, epilogue: Epilogue | None
    ) -> None:
        self.spec, self.blocking, self.epilogue = spec, blocking, epilogue
        self.size = BYTES[spec.dtype]
        parameters = [("left", "ptr noalias"), ("right", "ptr noalias"), ("target", "ptr noalias")]
        parameters += [("scratch", "ptr noalias"), ("begin", "i64"), ("end", "i64")]
        parameters += [("scale", REGISTER[spec.dtype])] if spec.scaled else []
        parameters += [(f"parameter{number}", "i64") for number in range(len(spec.parameters))]
        parameters += epilogue.parameters if epilogue else ()
        self.builder = Builder(module, name, parameters)
        self.micro = micro_kernel(module, blocking.tile)
        self.values: dict[Node, Integer] = {
            node: Value(self.builder, f"%parameter{number}", "int64") for number, node in enumerate(spec.parameters)
        }
        tile, inner = blocking.tile, spec.inner
        left, right = tuple(group.left for group in inner), tuple(group.right for group in inner)
        self.left = Operand(spec.dtype, spec.rows, inner, spec.rows.left, left, spec.left_bounds, tile.rows)
        self.right = Operand(
            spec.dtype, spec.columns, inner, spec.columns.right, right, spec.right_bounds, blocking.lanes
        )
        self.in_place = spec.columns.target.is_constant and spec.columns.target.constant == 1
        self.right_at = (blocking.row_panels if blocking.pack_left else 1) * blocking.left_panel * self.size
        self.tile_at = (blocking.column_panels if blocking.pack_right else 1) * blocking.right_panel * self.size
        self.tile_at += self.right_at
        self.scratch = self.tile_at + (0 if self.in_place else tile.rows * blocking.lanes * self.size)

    def write(self) -> None:
        """Write the whole function."""
        builder, blocking = self.builder, self.blocking
        begin, end = Value(builder, "%begin", "int64"), Value(builder, "%end", "int64")
        with builder.when(begin < end):
            if not self.spec.outer:
                self._range(self._base({}), begin, end)
            else:
                extent = self._value(blocking.shared(self.spec).extent)
                panels = quotient(builder, extent + (blocking.share - 1), blocking.share)
                first, last = quotient(builder, begin, panels), quotient(builder, end - 1, panels)
                with builder.loop(value_of(builder, first), value_of(builder, last) + 1) as outer:
                    indices = [index for group in self.spec.outer for index in group.indices]
                    base = self._base(decode(builder, outer, indices, self.values))
                    low = greatest(builder, begin - outer * panels, 0)
                    self._range(base, low, least(builder, end - outer * panels, panels))
        builder.emit("ret void")

    def _value(self, form: Affine) -> Integer:
        return evaluate(self.builder, form, self.values)

    def _base(self, digits: dict[Node, Integer]) -> _Base:
        builder, spec = self.builder, self.spec
        offsets = [self._value(form) for form in (spec.left, spec.right, spec.target)]
        for group in spec.outer:
            number = flat(builder, group, digits, self.values)
            for tensor, stride in enumerate((group.left, group.right, group.target)):
                offsets[tensor] = offsets[tensor] + number * self._value(stride)
        pointers = ("%right", "%left", "%target") if spec.swapped else ("%left", "%right", "%target")
        left, right, target = (self._at(pointer, o) for pointer, o in zip(pointers, offsets, strict=True))
        return _Base(left, right, target, offsets[2], {**self.values, **digits})

    def _at(self, pointer: str, elements: Integer) -> str:
        return self.builder.offset(pointer, value_of(self.builder, elements), self.spec.dtype)

    def _range(self, base: _Base, low: Integer, high: Integer) -> None:
        """The tiles of a range of panels, for one value of the outer indices."""
        builder, blocking, share = self.builder, self.blocking, self.blocking.share
        rows, columns = self._value(self.spec.rows.extent), self._value(self.spec.columns.extent)
        whole = columns if blocking.split_rows else rows
        part = low * share, least(builder, high * share, rows if blocking.split_rows else columns)
        (row_low, row_high), (column_low, column_high) = (
            (part, (0, whole)) if blocking.split_rows else ((0, whole), part)
        )
        with builder.when(value_of(builder, whole) > 0):
            step = blocking.column_panels * blocking.lanes
            with steps(builder, column_low, column_high, step) as column:
                end = least(builder, column + step, column_high)
                self._blocks(base, (row_low, row_high), (column, end))

    def _blocks(self, base: _Base, rows: tuple[Integer, Integer], columns: tuple[Integer, Integer]) -> None:
        """The parts of the sum, one after the other; there is one even where the sum is empty."""
        builder, blocking, inner = self.builder, self.blocking, self.spec.inner
        fast = self._value(inner[-1].extent)
        slow: Integer = 1
        for group in inner[:-1]:
            slow = slow * self._value(group.extent)
        total, size = (slow, blocking.taps) if len(inner) > 1 else (fast, blocking.depth)
        with steps(builder, 0, greatest(builder, total, 1), size) as start:
            count = least(builder, total - start, size)
            block = Block(start, count, 0, fast) if len(inner) > 1 else Block(0, 1, start, count)
            step = blocking.row_panels * blocking.tile.rows
            is_last = not_less(start + size, total)
            with steps(builder, rows[0], rows[1], step) as row:
                row_range = (row, least(builder, row + step, rows[1]))
                self._panels(base, block, start, is_last, row_range, columns, first_row=rows[0])

    def _panels(
        self,
        base: _Base,
        block: Block,
        start: Integer,
        is_last: Condition,
        rows: tuple[Integer, Integer],
        columns: tuple[Integer, Integer],
        first_row: Integer,
    ) -> None:
        """Panels of columns, and for each the panels of rows."""
        builder, blocking = self.builder, self.blocking
        with steps(builder, columns[0], columns[1], blocking.lanes) as column:
            lanes = least(builder, columns[1] - column, blocking.lanes)
            panel = quotient(builder, column - columns[0], blocking.lanes) if blocking.pack_right else 0
            place = self._at("%scratch", self.right_at // self.size + panel * blocking.right_panel)
            is_new = equal(rows[0], first_row)
            right = self._panel(
                self.right, base.right, base.values, column, lanes, block, place, blocking.pack_right, is_new
            )
            with steps(builder, rows[0], rows[1], blocking.tile.rows) as row:
                count = least(builder, rows[1] - row, blocking.tile.rows)
                panel = quotient(builder, row - rows[0], blocking.tile.rows) if blocking.pack_left else 0
                place = self._at("%scratch", panel * blocking.left_panel)
                is_new = equal(column, columns[0])
                left = self._panel(
                    self.left, base.left, base.values, row, count, block, place, blocking.pack_left, is_new
                )
                self._tile(base, block, start, is_last, _Corner(row, count, column, lanes), left, right)

    def _panel(
        self,
        operand: Operand,
        pointer: str,
        values: Values,
        first: Integer,
        lanes: Integer,
        block: Block,
        place: str,
        always: bool,
        is_new: Condition,
    ) -> tuple[str, Integer, Integer]:
        """Where a panel is, and the bytes from lane to lane and from step to step: as it is in memory, or packed.

        A panel with fewer lanes than a tile has is packed anyway, so that the tile reads nothing behind it.
        """
        builder = self.builder
        packed = self.size, operand.width * self.size
        wanted = True if always else less(lanes, operand.width)
        packs = both(wanted, is_new)
        if packs is not False:
            with when(builder, packs):
                operand.pack(builder, pointer, first, lanes, block, place, values)
        if always or (isinstance(wanted, bool) and wanted):
            return place, *packed
        there = operand.start(builder, pointer, first, block.first_step, values)
        direct = operand.distances(builder, values)
        if isinstance(wanted, bool):
            return there, *direct
        address = builder.pointer(f"select {wanted}, ptr {place}, ptr {there}")
        chosen = [wanted.where(value_of(builder, p), value_of(builder, d)) for p, d in zip(packed, direct, strict=True)]
        return address, chosen[0], chosen[1]

    def _tile(
        self,
        base: _Base,
        block: Block,
        start: Integer,
        is_last: Condition,
        corner: _Corner,
        left: tuple[str, Integer, Integer],
        right: tuple[str, Integer, Integer],
    ) -> None:
        """Add up a tile, and finish it after the last part of the sum."""
        builder, spec = self.builder, self.spec
        line, lane = self._value(spec.rows.target), self._value(spec.columns.target)
        offset = corner.row * line + corner.column * lane
        target = self._at(base.target, offset)
        adds = either(spec.accumulate, less(0, start))
        into, pitch = (
            (target, line) if self.in_place else (self._at("%scratch", self.tile_at // self.size), self.blocking.lanes)
        )
        depth = value_of(builder, block.taps * block.depth)
        numbers = [
            f"ptr {left[0]}",
            *(str(value_of(builder, number)) for number in left[1:]),
            f"ptr {right[0]}",
            str(value_of(builder, right[2])),
            str(depth),
            f"ptr {into}",
            *(str(value_of(builder, number)) for number in (pitch * self.size, corner.rows, corner.lanes)),
            str(truth(builder, adds if self.in_place else False)),
            f"{REGISTER[spec.dtype]} {'%scale' if spec.scaled else '1.0'}",
        ]
        builder.emit(f"call void @{self.micro}({', '.join(numbers)})")
        element = base.element + offset
        if not self.in_place and adds is not False:
            with when(builder, adds):
                self._elements(corner, into, target, line, lane, self._add_element)
        if self.epilogue is not None and is_last is not False:
            with when(builder, is_last):
                self._finish(base, corner, into, pitch, element)
        if not self.in_place:
            self._elements(corner, into, target, line, lane, self._copy_element)

    def _elements(
        self, corner: _Corner, tile: str, target: str, line: Integer, lane: Integer, write: Callable[[str, str], None]
    ) -> None:
        """Every element of a tile that is kept apart, and the place in the target where it belongs."""
        builder = self.builder
        with steps(builder, 0, corner.rows) as row, steps(builder, 0, corner.lanes) as column:
            write(self._at(tile, row * self.blocking.lanes + column), self._at(target, row * line + column * lane))

    def _add_element(self, element: str, place: str) -> None:
        kind, dtype = MEMORY[self.spec.dtype], self.spec.dtype
        new, old = (self.builder.instruction(f"load {kind}, ptr {address}", dtype) for address in (element, place))
        self.builder.emit(f"store {new + old}, ptr {element}")

    def _copy_element(self, element: str, place: str) -> None:
        value = self.builder.instruction(f"load {MEMORY[self.spec.dtype]}, ptr {element}", self.spec.dtype)
        self.builder.emit(f"store {value}, ptr {place}")

    def _finish(self, base: _Base, corner: _Corner, tile: str, pitch: Integer, element: Integer) -> None:
        """The epilogue on every vector of a tile."""
        builder, spec, epilogue = self.builder, self.spec, self.epilogue
        assert epilogue is not None
        width = builder.module.target.lanes(spec.dtype)
        line, lane = self._value(spec.rows.target), self._value(spec.columns.target)
        index = spec.columns.indices[0] if len(spec.columns.indices) == 1 else None
        with steps(builder, 0, corner.rows) as row, steps(builder, 0, corner.lanes, width) as column:
            mask = first_lanes(builder, value_of(builder, corner.lanes - column), width)
            positions = {**base.values, **decode(builder, corner.row + row, spec.rows.indices, self.values)}
            first = value_of(builder, corner.column + column)
            place = Place(positions, index, first, value_of(builder, element + row * line + column * lane), mask)
            address = self._at(tile, row * pitch + column)
            result = epilogue.write(builder, load_masked(builder, address, mask, spec.dtype), place)
            store_masked(builder, result, address, mask)
