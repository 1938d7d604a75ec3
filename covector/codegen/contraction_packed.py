"""The loops of a contraction whose operands are packed where that pays: blocks, panels, tiles.

For each block of columns and each part of the sum, panels of the right operand are packed as the first rows need them
and stay in the caches; a panel of the left operand is read where it is, or packed too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from covector.codegen.builder import Value
from covector.codegen.contraction_blocking import Blocking
from covector.codegen.contraction_frame import Base, Corner, Epilogue, Frame, Sharing
from covector.codegen.contraction_integers import (
    Condition,
    Integer,
    both,
    constant_of,
    either,
    equal,
    greatest,
    least,
    less,
    negation,
    not_less,
    quotient,
    remainder,
    steps,
    truth,
    value_of,
    when,
)
from covector.codegen.contraction_micro import micro_kernel
from covector.codegen.contraction_operand import Block, Operand
from covector.codegen.contraction_spec import ContractionSpec, Group
from covector.codegen.module import Module
from covector.codegen.types import MEMORY

Range = tuple[Integer, Integer]


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of the sum, and whether it is the first and the last one."""

    block: Block
    is_first: Condition
    is_last: Condition


@dataclass(frozen=True, slots=True)
class _Panel:
    """Where a panel of an operand is, and the bytes from lane to lane and from step to step."""

    address: str
    lane: Integer
    step: Integer


class PackedLoops(Frame):
    """Writes the function."""

    def __init__(
        self, module: Module, name: str, spec: ContractionSpec, blocking: Blocking, epilogue: Epilogue | None
    ) -> None:
        super().__init__(module, name, spec, epilogue)
        self.blocking, tile, inner = blocking, blocking.tile, spec.inner
        self.micro = micro_kernel(module, tile)
        left, right = tuple(group.left for group in inner), tuple(group.right for group in inner)
        self.left = Operand(spec.dtype, spec.rows, inner, spec.rows.left, left, spec.left_bounds, tile.rows)
        self.right = Operand(
            spec.dtype, spec.columns, inner, spec.columns.right, right, spec.right_bounds, blocking.lanes
        )
        self.in_place = spec.columns.target.is_constant and spec.columns.target.constant == 1
        self.narrow = micro_kernel(module, blocking.narrow) if blocking.narrow else self.micro
        by_columns = Sharing(spec.columns, blocking.shared_lanes, blocking.parts)
        self.sharing = Sharing(spec.rows, tile.rows) if blocking.split_rows else by_columns
        self.right_at = (blocking.row_panels if blocking.pack_left else 1) * blocking.left_panel
        self.tile_at = self.right_at + (blocking.column_panels if blocking.pack_right else 1) * blocking.right_panel
        self.scratch = (self.tile_at + (0 if self.in_place else tile.rows * blocking.lanes)) * self.size

    @property
    def is_by_columns(self) -> bool:
        """Whether threads share columns and nothing else."""
        return not self.blocking.split_rows and self.blocking.parts == 1 and not self.spec.outer

    def prepare(self) -> None:
        """Nothing: panels are packed as they are needed."""

    def panels(self, base: Base, low: Integer, high: Integer, outer: Integer, first: Integer) -> None:
        """The tiles of a range of panels, for one value of the outer indices."""
        builder, blocking = self.builder, self.blocking
        self.left_is_packed = negation(self._packs_left(outer, first)) if blocking.keeps_left else False
        rows, columns = self.value(self.spec.rows.extent), self.value(self.spec.columns.extent)
        whole = columns if blocking.split_rows else rows
        if whole == 0:
            return
        with when(builder, less(0, whole)):
            if blocking.split_rows:
                self._columns(base, self._range(low, high, rows), (0, columns))
            elif self.sharing.parts == 1:
                self._columns(base, (0, rows), self._range(low, high, columns))
            else:
                self._pieces(base, value_of(builder, low), value_of(builder, high))

    def _packs_left(self, outer: Integer, first: Integer) -> Condition:
        """Whether the left operand is still to be packed. Where threads share rows, some may be missing for the first
        of the outer indices, but not for the second.
        """
        is_new = self.left_is_new(outer, first)
        shares_rows = self.blocking.split_rows or self.sharing.parts > 1
        return either(is_new, equal(outer, first + 1)) if shares_rows else is_new

    def _range(self, low: Integer, high: Integer, extent: Integer) -> Range:
        """The rows or columns of a range of panels."""
        return low * self.sharing.size, least(self.builder, high * self.sharing.size, extent)

    def _pieces(self, base: Base, low: Value, high: Value) -> None:
        """A range of parts of panels: the last parts of one, whole panels, and the first parts of another."""
        builder, parts = self.builder, self.sharing.parts
        rows, columns = self.value(self.spec.rows.extent), self.value(self.spec.columns.extent)
        tile = self.blocking.tile.rows
        height = -(-self.spec.rows.extent.constant // (tile * parts)) * tile
        begin = builder.variable(low)
        with builder.loop(builder.constant(0, "int64"), builder.constant(3, "int64")):
            at = begin.get()
            with builder.when(at < high):
                column, part = quotient(builder, at, parts), remainder(builder, at, parts)
                panels = quotient(builder, high - at, parts)
                is_whole = truth(builder, both(equal(part, 0), less(0, panels)))
                one, all_parts = builder.constant(1, "int64"), builder.constant(parts, "int64")
                count = is_whole.where(panels, one)
                last = is_whole.where(all_parts, builder.intrinsic("smin", part + (high - at), parts))
                row_range = part * height, least(builder, last * height, rows)
                with when(builder, less(row_range[0], row_range[1])):
                    self._columns(base, row_range, self._range(column, column + count, columns))
                begin.set((column + count - 1) * parts + last)

    def _columns(self, base: Base, rows: Range, columns: Range) -> None:
        """Blocks of columns, one after the other."""
        step = self.blocking.column_panels * self.blocking.lanes
        with steps(self.builder, columns[0], columns[1], step) as column:
            self._parts(base, rows, (column, least(self.builder, column + step, columns[1])))

    def _parts(self, base: Base, rows: Range, columns: Range) -> None:
        """The parts of the sum, one after the other; there is one even where the sum is empty."""
        builder, blocking, inner = self.builder, self.blocking, self.spec.inner
        fast = self.value(inner[-1].extent)
        slow: Integer = 1
        for group in inner[:-1]:
            slow = slow * self.value(group.extent)
        with (
            steps(builder, 0, greatest(builder, slow, 1), blocking.taps) as tap,
            steps(builder, 0, greatest(builder, fast, 1), blocking.depth) as step,
        ):
            taps, depth = least(builder, slow - tap, blocking.taps), least(builder, fast - step, blocking.depth)
            is_first = both(equal(tap, 0), equal(step, 0))
            is_last = both(not_less(tap + blocking.taps, slow), not_less(step + blocking.depth, fast))
            part = _Part(Block(tap, taps, step, depth), is_first, is_last)
            size = blocking.row_panels * blocking.tile.rows
            with steps(builder, rows[0], rows[1], size) as row:
                self._tiles(base, part, (row, least(builder, row + size, rows[1])), columns, equal(row, rows[0]))

    def _tiles(self, base: Base, part: _Part, rows: Range, columns: Range, packs_right: Condition) -> None:
        """The tiles of a block: panels of columns, and for each the panels of rows."""
        builder, blocking = self.builder, self.blocking
        with steps(builder, columns[0], columns[1], blocking.lanes) as column:
            lanes = self._count(self.spec.columns, columns[1] - column, blocking.lanes, blocking.shared_lanes)
            number = quotient(builder, column - columns[0], blocking.lanes) if blocking.pack_right else 0
            place = self.at("%scratch", self.right_at + number * blocking.right_panel)
            right = self._panel(self.right, base, column, lanes, part.block, place, packs_right)
            with steps(builder, rows[0], rows[1], blocking.tile.rows) as row:
                count = self._count(self.spec.rows, rows[1] - row, blocking.tile.rows, blocking.tile.rows)
                number = quotient(builder, row - rows[0], blocking.tile.rows) if blocking.pack_left else 0
                place = self.at("%scratch", number * blocking.left_panel)
                packs_left = both(equal(column, columns[0]), negation(self.left_is_packed))
                left = self._panel(self.left, base, row, count, part.block, place, packs_left)
                self._tile(base, part, Corner(row, count, column, lanes), left, right)

    def _count(self, group: Group, rest: Integer, size: int, shared: int) -> Integer:
        """How many rows or columns a panel has: ``size`` where that divides the extent and what threads have of it."""
        extent = constant_of(group.extent)
        whole = extent is not None and extent % size == 0 and shared % size == 0
        return size if whole else least(self.builder, rest, size)

    def _panel(
        self, operand: Operand, base: Base, first: Integer, lanes: Integer, block: Block, place: str, packs: Condition
    ) -> _Panel:
        """A panel as it is in memory, or packed into ``place``, where ``packs`` says whether that is still to be done.

        A panel with fewer lanes than a tile has is packed anyway, so that the tile reads nothing behind it.
        """
        builder, is_left = self.builder, operand is self.left
        pointer = base.left if is_left else base.right
        always = self.blocking.pack_left if is_left else self.blocking.pack_right
        wanted: Condition = True if always else less(lanes, operand.width)
        packed = _Panel(place, self.size, operand.width * self.size)
        wanted_now = both(wanted, packs)
        if wanted_now is not False:
            with when(builder, wanted_now):
                operand.pack(builder, pointer, first, lanes, block, place, base.values)
        if wanted is True:
            return packed
        lane, step = operand.distances(builder, base.values)
        there = _Panel(operand.start(builder, pointer, first, block.first_step, base.values), lane, step)
        if wanted is False:
            return there
        address = builder.pointer(f"select {wanted}, ptr {place}, ptr {there.address}")
        return _Panel(
            address,
            wanted.where(value_of(builder, packed.lane), value_of(builder, lane)),
            wanted.where(value_of(builder, packed.step), value_of(builder, step)),
        )

    def _tile(self, base: Base, part: _Part, corner: Corner, left: _Panel, right: _Panel) -> None:
        """Add up a tile, and finish it after the last part of the sum."""
        builder, spec = self.builder, self.spec
        line, lane = self.value(spec.rows.target), self.value(spec.columns.target)
        offset = corner.row * line + corner.column * lane
        target = self.at(base.target, offset)
        adds = either(spec.accumulate, negation(part.is_first))
        into, pitch = (target, line) if self.in_place else (self.at("%scratch", self.tile_at), self.blocking.lanes)
        arguments = (
            f"ptr {left.address}, {self.numbers(left.lane, left.step)}",
            f"ptr {right.address}, {self.numbers(right.step, part.block.taps * part.block.depth)}",
            f"ptr {into}, {self.numbers(pitch * self.size, corner.rows, corner.lanes)}",
            f"{truth(builder, adds if self.in_place else False)}, {self.scale()}",
        )
        self._add_up(corner, ", ".join(arguments))
        if not self.in_place and adds is not False:
            with when(builder, adds):
                self._elements(corner, into, target, line, lane, self._add)
        if self.epilogue is not None and part.is_last is not False:
            with when(builder, part.is_last):
                self.finish(base, corner, into, pitch, base.element + offset)
        if not self.in_place:
            self._elements(corner, into, target, line, lane, self._copy)

    def _add_up(self, corner: Corner, arguments: str) -> None:
        """Call the micro-kernel, the narrow one where its columns are enough."""
        builder, narrow = self.builder, self.blocking.narrow
        if narrow is None or isinstance(corner.lanes, int):
            builder.emit(f"call void @{self.micro}({arguments})")
            return
        is_narrow = corner.lanes < narrow.lanes(builder.module.target) + 1
        with builder.when(is_narrow):
            builder.emit(f"call void @{self.narrow}({arguments})")
        with builder.when(~is_narrow):
            builder.emit(f"call void @{self.micro}({arguments})")

    def _elements(
        self, corner: Corner, tile: str, target: str, line: Integer, lane: Integer, write: Callable[[str, str], None]
    ) -> None:
        """Every element of a tile that is kept apart, and the place in the target where it belongs."""
        builder = self.builder
        with steps(builder, 0, corner.rows) as row, steps(builder, 0, corner.lanes) as column:
            write(self.at(tile, row * self.blocking.lanes + column), self.at(target, row * line + column * lane))

    def _add(self, element: str, place: str) -> None:
        kind, dtype = MEMORY[self.spec.dtype], self.spec.dtype
        new, old = (self.builder.instruction(f"load {kind}, ptr {address}", dtype) for address in (element, place))
        self.builder.emit(f"store {new + old}, ptr {element}")

    def _copy(self, element: str, place: str) -> None:
        value = self.builder.instruction(f"load {MEMORY[self.spec.dtype]}, ptr {element}", self.spec.dtype)
        self.builder.emit(f"store {value}, ptr {place}")
