"""The loops of a contraction that is symmetric in rows and columns: tiles on and above the diagonal, mirrored below it.

Columns come in panels, each as wide as a tile, of which only the first may be narrower; so every panel begins where a
row panel does, and has as many row panels above its end as the panel before it and a fixed number more. Threads share
these tiles, counted on from panel to panel. The tiles of a panel's own square are all computed; what is above it is
also written transposed.
"""

from __future__ import annotations

from covector.codegen.builder import Value
from covector.codegen.contraction_blocking import DEPTH
from covector.codegen.contraction_frame import Base, Corner, Epilogue, Frame, Sharing
from covector.codegen.contraction_integers import (
    Condition,
    Integer,
    both,
    constant_of,
    either,
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
from covector.codegen.contraction_micro import Tile, micro_kernel, registers
from covector.codegen.contraction_mirror import mirror_kernel
from covector.codegen.contraction_operand import Block, Operand
from covector.codegen.contraction_spec import ONE, ContractionSpec
from covector.codegen.module import Module
from covector.codegen.target import Target
from covector.codegen.types import BYTES
from covector.ir import Affine, floor_div

RIGHT_CACHE = 1 << 20
"""The bytes of the panels of columns that are packed at a time."""

LEFT_CACHE = 1 << 17
"""The bytes of a block of row panels, where these are packed."""

WIDE = 1024
"""From this many rows on, row panels are packed: before that, the steps of one lie on few pages."""

LEAST_PANELS = 2
"""Fewer panels of columns than this have nothing to mirror that would be worth it."""

LEAST_SUM = 16
"""In shorter sums, mirroring takes as long as computing."""

TILES = {32: (8, (2, 1)), 16: (4, (3, 2, 1))}
"""The rows of a tile, and how many vectors it may have, by how many registers there are."""


def symmetric_tile(dtype: str, target: Target) -> Tile:
    """The tile, whose columns are a multiple of its rows.

    >>> symmetric_tile("float32", Target(64)), symmetric_tile("float64", Target(32))
    (Tile(dtype='float32', rows=8, vectors=2), Tile(dtype='float64', rows=4, vectors=3))
    """
    rows, choices = TILES[registers(target)]
    tiles = (Tile(dtype, rows, vectors) for vectors in choices)
    fitting = [tile for tile in tiles if tile.lanes(target) % rows == 0]
    return fitting[0] if fitting else Tile(dtype, target.lanes(dtype), 1)


def is_worth_mirroring(spec: ContractionSpec, target: Target) -> bool:
    """Whether a symmetric contraction is large enough to save something, as far as its extents are known."""
    rows, depth = constant_of(spec.rows.extent), constant_of(*(group.extent for group in spec.inner))
    long = rows is None or rows > LEAST_PANELS * symmetric_tile(spec.dtype, target).lanes(target)
    return spec.symmetric and long and (depth is None or depth >= LEAST_SUM)


class SymmetricLoops(Frame):
    """Writes the function."""

    def __init__(self, module: Module, name: str, spec: ContractionSpec, epilogue: Epilogue | None) -> None:
        super().__init__(module, name, spec, epilogue)
        self.tile = symmetric_tile(spec.dtype, module.target)
        self.lanes, self.height = self.tile.lanes(module.target), self.tile.rows
        self.ratio = self.lanes // self.height
        self.micro, self.mirror = micro_kernel(module, self.tile), mirror_kernel(module, spec.dtype, self.height)
        self.sharing = Sharing(spec.columns, self.lanes)
        (inner,) = spec.inner
        self.left = Operand(spec.dtype, spec.rows, spec.inner, spec.rows.left, (inner.left,), (), self.height)
        self.right = Operand(spec.dtype, spec.columns, spec.inner, spec.columns.right, (inner.right,), (), self.lanes)
        depth, vector = constant_of(inner.extent), module.target.lanes(spec.dtype)
        self.depth = DEPTH if depth is None else -(-depth // -(-depth // DEPTH)) if depth else 1
        self.padded = -(-self.depth // vector) * vector + vector
        size = BYTES[spec.dtype] * self.padded
        self.column_panels = max(1, RIGHT_CACHE // (size * self.lanes))
        self.row_panels = max(1, LEFT_CACHE // (size * self.height))
        self.right_at = self.row_panels * self.height * self.padded
        self.scratch = (self.right_at + self.column_panels * self.lanes * self.padded) * BYTES[spec.dtype]

    @property
    def tiles(self) -> Affine:
        """How many tiles there are on and above the diagonal, for all values of the outer indices."""
        result = self._triangle()
        for group in self.spec.outer:
            result = result * group.extent
        return result

    def _triangle(self) -> Affine:
        """The number of tiles of one symmetric result: panel j has ``first + ratio · j`` of them."""
        rows = floor_div(self.spec.rows.extent + (self.height - 1), self.height)
        panels = floor_div(rows + (self.ratio - 1), self.ratio)
        return rows * panels - self.ratio * floor_div(panels * panels - panels, 2)

    def prepare(self) -> None:
        """Nothing: panels are packed as they are needed."""

    def cover(self, begin: Value, end: Value) -> None:
        """Write the tiles from ``begin`` to ``end``, which are counted on over all values of the outer indices."""
        builder = self.builder
        if not self.spec.outer:
            self.panels(self.base(0), begin, end, 0, 0)
            return
        count = self.value(self._triangle())
        first, last = quotient(builder, begin, count), quotient(builder, end - 1, count)
        with builder.loop(value_of(builder, first), value_of(builder, last) + 1) as outer:
            low = greatest(builder, begin - outer * count, 0)
            self.panels(self.base(outer), low, least(builder, end - outer * count, count), outer, first)

    def panels(self, base: Base, low: Integer, high: Integer, outer: Integer, first: Integer) -> None:
        """The tiles from ``low`` to ``high``, for one value of the outer indices: blocks of columns, then parts of the
        sum, then blocks of rows.
        """
        builder = self.builder
        rows = quotient(builder, self.value(self.spec.rows.extent) + (self.height - 1), self.height)
        count = quotient(builder, rows + (self.ratio - 1), self.ratio)
        top = rows - (count - 1) * self.ratio
        depth = self.value(self.spec.inner[0].extent)
        with (
            steps(builder, 0, count, self.column_panels) as column,
            steps(builder, 0, greatest(builder, depth, 1), self.depth) as step,
            steps(builder, 0, rows, self.row_panels) as row,
        ):
            block = Block(0, 1, step, least(builder, depth - step, self.depth))
            walk = _Walk(self, base, block, not_less(step + self.depth, depth), top, low, high)
            last = least(builder, column + self.column_panels, count)
            walk.rows(column, last, row, least(builder, row + self.row_panels, rows))


class _Walk:
    """The tiles of one block: some panels of columns, a part of the sum, some panels of rows."""

    def __init__(
        self,
        loops: SymmetricLoops,
        base: Base,
        block: Block,
        is_last: Condition,
        top: Integer,
        low: Integer,
        high: Integer,
    ) -> None:
        self.loops, self.builder, self.base, self.block, self.is_last = loops, loops.builder, base, block, is_last
        self.top, self.low, self.high = top, low, high
        self.extent = loops.value(loops.spec.rows.extent)
        # Where memory holds the sum in order, a row panel is read in order as it is.
        self.packs: Condition = loops.spec.rows.left is ONE and not_less(self.extent, WIDE)

    def rows(self, first: Integer, last: Integer, low: Integer, high: Integer) -> None:
        """The row panels from ``low`` to ``high`` of the panels of columns from ``first`` to ``last``."""
        builder, loops = self.builder, self.loops
        if self.packs is not False:
            bottom = least(builder, self.top + (last - 1) * loops.ratio, high)
            with when(builder, both(self.packs, less(low, bottom))), steps(builder, low, bottom) as row:
                self._pack_left(row, low)
        with steps(builder, first, last) as panel:
            before = self.top * panel + loops.ratio * quotient(builder, panel * (panel - 1), 2)
            height = self.top + panel * loops.ratio
            begin = least(builder, greatest(builder, self.low - before, 0), height)
            end = least(builder, greatest(builder, self.high - before, 0), height)
            here = greatest(builder, begin, low), least(builder, end, high)
            with when(builder, less(*here)):
                self._panel(first, panel, here, low, not_less(begin, low))

    def _panel(
        self, first: Integer, panel: Integer, rows: tuple[Integer, Integer], low: Integer, is_new: Condition
    ) -> None:
        """Some tiles of a panel of columns, which is packed where it ``is_new``."""
        builder, loops = self.builder, self.loops
        column = greatest(builder, (self.top + (panel - 1) * loops.ratio) * loops.height, 0)
        end = least(builder, (self.top + panel * loops.ratio) * loops.height, self.extent)
        packed = loops.at("%scratch", loops.right_at + (panel - first) * (loops.lanes * loops.padded))
        with when(builder, is_new):
            loops.right.pack(builder, self.base.right, column, end - column, self.block, packed, self.base.values)
        with steps(builder, *rows) as number:
            row = number * loops.height
            count = least(builder, self.extent - row, loops.height)
            self._tile(Corner(row, count, column, end - column), packed, number, low)

    def _pack_left(self, row: Integer, low: Integer) -> str:
        """Pack a panel of rows, and where it then is."""
        builder, loops = self.builder, self.loops
        place, at = self._left_place(row, low), row * loops.height
        count = least(builder, self.extent - at, loops.height)
        loops.left.pack(builder, self.base.left, at, count, self.block, place, self.base.values)
        return place

    def _left_place(self, row: Integer, low: Integer) -> str:
        return self.loops.at("%scratch", (row - low) * (self.loops.height * self.loops.padded))

    def _left(self, corner: Corner, number: Integer, low: Integer) -> tuple[str, Integer, Integer]:
        """Where a panel of rows is, and the bytes from row to row and from step to step.

        One with fewer rows than a tile has is packed, so that the tile reads nothing behind it.
        """
        builder, loops = self.builder, self.loops
        short = less(corner.rows, loops.height)
        if short is not False:
            with when(builder, short):
                self._pack_left(number, low)
        packed = either(self.packs, short)
        lane, step = loops.left.distances(builder, self.base.values)
        there = loops.left.start(builder, self.base.left, corner.row, self.block.first_step, self.base.values)
        if not isinstance(packed, Value):
            return (
                (self._left_place(number, low), loops.size, loops.height * loops.size)
                if packed
                else (there, lane, step)
            )
        size = builder.constant(loops.size, "int64")
        address = builder.pointer(f"select {packed}, ptr {self._left_place(number, low)}, ptr {there}")
        return (
            address,
            packed.where(size, value_of(builder, lane)),
            packed.where(size * loops.height, value_of(builder, step)),
        )

    def _tile(self, corner: Corner, right: str, number: Integer, low: Integer) -> None:
        """Add up a tile; after the last part of the sum, mirror and finish it."""
        builder, loops, base = self.builder, self.loops, self.base
        left, lane, step = self._left(corner, number, low)
        line = loops.value(loops.spec.rows.target)
        offset, mirrored = corner.row * line + corner.column, corner.column * line + corner.row
        target, opposite = loops.at(base.target, offset), loops.at(base.target, mirrored)
        adds = truth(builder, less(0, self.block.first_step))
        arguments = (
            f"ptr {left}, {loops.numbers(lane, step)}",
            f"ptr {right}, {loops.numbers(loops.lanes * loops.size, self.block.depth)}",
            f"ptr {target}, {loops.numbers(line * loops.size, corner.rows, corner.lanes)}",
            f"{adds}, {loops.scale()}",
        )
        builder.emit(f"call void @{loops.micro}({', '.join(arguments)})")
        if self.is_last is False:
            return
        with when(builder, self.is_last):
            is_above = less(corner.row, corner.column)
            if is_above is not False:
                with when(builder, is_above):
                    numbers = loops.numbers(line * loops.size, corner.lanes)
                    builder.emit(f"call void @{loops.mirror}(ptr {target}, ptr {opposite}, {numbers})")
                    if loops.epilogue is not None:
                        other = Corner(corner.column, corner.lanes, corner.row, loops.height)
                        loops.finish(base, other, opposite, line, base.element + mirrored)
            if loops.epilogue is not None:
                loops.finish(base, corner, target, line, base.element + offset)
