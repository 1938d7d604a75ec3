"""The loops of a contraction whose vectors run along the sum: long sums, few rows and columns.

This is the adjoint of a convolution in its filter (for each tap the images are read where they are, with a table of
masks for what is outside), the product of a matrix and a vector, and a product of two matrices that both hold the
summed index in order where packing would not pay.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

from covector.codegen.builder import Value
from covector.codegen.contraction_blocking import UNKNOWN, choose_tile, tile_cycles
from covector.codegen.contraction_dot import MASK_BYTES, dot_kernel
from covector.codegen.contraction_frame import Base, Corner, Epilogue, Frame, Sharing, Values
from covector.codegen.contraction_integers import (
    Condition,
    Integer,
    both,
    constant_of,
    decode,
    either,
    equal,
    flat,
    least,
    negation,
    not_less,
    steps,
    truth,
    value_of,
    when,
)
from covector.codegen.contraction_memory import SPREAD
from covector.codegen.contraction_micro import Tile, registers
from covector.codegen.contraction_operand import Bounds
from covector.codegen.contraction_pack import address
from covector.codegen.contraction_spec import ONE, ZERO, ContractionSpec, Group, mirrored
from covector.codegen.module import Module
from covector.codegen.target import Target
from covector.codegen.types import BYTES
from covector.ir import Index, as_affine
from covector.ir.affine import atoms

CACHE = 1 << 19
"""The bytes of both operands that are worked on at a time."""

TABLE = 1 << 17
"""The most bytes of the table of masks."""

TOTALS = 80
"""The cycles that adding up the lanes of a tile takes."""

STEP = 2
"""The cycles that a step takes besides its arithmetic."""

PACKED = 0.25
"""The cycles that packing an element takes."""

SPREADS = tuple(as_affine(stride) for stride in range(1, SPREAD + 1))
"""The strides along which the right operand may be read."""

NOTHING = Group((), ONE)
"""A group of no indices."""


@dataclass(frozen=True, slots=True)
class Stretches:
    """A contraction whose columns have no bounds: the sum runs ``along`` memory, in stretches, for all ``slow`` groups.

    The bounds depend on the outer indices ``taps``, and on those of the stretches that are ``varying``.
    """

    spec: ContractionSpec
    along: Group
    slow: tuple[Group, ...]
    stretch: Group
    taps: tuple[Index, ...]
    varying: tuple[Index, ...]

    @property
    def masks(self) -> tuple[Index, ...]:
        """The indices for each value of which the table has a line of masks."""
        return (*self.taps, *self.varying)


def find_stretches(spec: ContractionSpec, target: Target) -> Stretches | None:
    """The contraction in stretches, or None where it is none."""
    if spec.left_bounds and not spec.right_bounds:
        spec = mirrored(spec)
    bounded = {atom for bound in spec.right_bounds for atom in atoms(bound.position)}
    along = next((group for group in spec.inner if group.left is ONE and group.right in SPREADS), None)
    slow = [group for group in spec.inner if group is not along and group != NOTHING]
    slow.sort(key=lambda group: (not bounded.isdisjoint(group.indices), -_length(group)))
    if along is None or spec.left_bounds or any(not bounded.isdisjoint(group.indices) for group in slow[:-1]):
        return None
    side = [group for group in (*spec.outer, spec.columns) if group.left is ZERO and group.target is not ZERO]
    free = [group for group in side if bounded.isdisjoint(group.indices)]
    columns = max(free, key=_length, default=NOTHING)
    outer = tuple(group for group in (*spec.outer, spec.columns) if group is not columns and group.indices)
    taps = tuple(index for group in outer for index in group.indices if index in bounded)
    stretch = slow[-1] if slow else NOTHING
    rows_of_masks = stretch if not bounded.isdisjoint(stretch.indices) else NOTHING
    changed = replace(spec, outer=outer, columns=columns)
    found = Stretches(changed, along, tuple(slow[:-1]), stretch, taps, rows_of_masks.indices)
    return found if not spec.right_bounds or (target.scales and 0 < _table_bytes(found, target) <= TABLE) else None


def _length(group: Group) -> int:
    return UNKNOWN if (extent := constant_of(group.extent)) is None else extent


def _table_bytes(found: Stretches, target: Target) -> int:
    """The bytes of the table of masks; 0 where that is not known."""
    lines, length = constant_of(*(index.extent for index in found.masks)), constant_of(found.along.extent)
    if lines is None or length is None:
        return 0
    return lines * -(-length // target.lanes(found.spec.dtype)) * MASK_BYTES


def choose_dot_tile(dtype: str, rows: int, columns: int, target: Target) -> tuple[Tile, float]:
    """The tile that takes the fewest cycles for all rows and columns, and how many those are for each step.

    A vector of the right operand is mostly in two lines of the cache.

    >>> choose_dot_tile("float32", 64, 64, Target(64))[0]
    Tile(dtype='float32', rows=5, vectors=5)
    """
    held, found = registers(target), []
    for height in range(1, min(rows, 8) + 1):
        for breadth in range(1, min(columns, 6) + 1):
            if height * breadth + min(height, breadth) + 2 <= held:
                cycles = max(height * breadth / 2, (height + 2 * breadth) / 2, 4) + STEP
                tiles = -(-rows // height) * -(-columns // breadth)
                found.append((tiles * cycles, tiles, height, breadth))
    cycles, _, height, breadth = min(found)
    return Tile(dtype, height, breadth), cycles


def runs_along(spec: ContractionSpec, found: Stretches, target: Target, *, finishes: bool) -> bool:
    """Whether vectors along the sum take fewer cycles than packing and vectors along the columns.

    An epilogue (where it ``finishes`` results) needs columns that the target holds one behind the other.
    """
    if finishes and found.spec.columns.target is not ONE:
        return False
    rows, columns = max(_length(spec.rows), 1), max(_length(spec.columns), 1)
    packing = columns * (0 if spec.columns.right is ONE and not spec.right_bounds else PACKED)
    across = tile_cycles(choose_tile(spec.dtype, rows, columns, target), rows, columns, target) + packing
    across *= prod(_length(group) for group in (*spec.outer, *spec.inner))
    rows, columns = max(_length(found.spec.rows), 1), max(_length(found.spec.columns), 1)
    tile, cycles = choose_dot_tile(spec.dtype, rows, columns, target)
    vectors = -(-_length(found.along) // target.lanes(spec.dtype))
    along = cycles * vectors * prod(_length(group) for group in (*found.slow, found.stretch))
    along += TOTALS * -(-rows // tile.rows) * -(-columns // tile.vectors)
    return along * prod(_length(group) for group in found.spec.outer) < across


class StretchLoops(Frame):
    """Writes the function."""

    def __init__(self, module: Module, name: str, found: Stretches, epilogue: Epilogue | None) -> None:
        super().__init__(module, name, found.spec, epilogue)
        spec, target = found.spec, module.target
        self.found, self.masked = found, bool(spec.right_bounds)
        rows, columns = max(_length(spec.rows), 1), max(_length(spec.columns), 1)
        self.tile, _ = choose_dot_tile(spec.dtype, rows, columns, target)
        self.micro = dot_kernel(module, self.tile, masked=self.masked, spread=found.along.right.constant)
        self.sharing = Sharing(spec.rows, self.tile.rows)
        if not spec.outer and rows // self.tile.rows < columns // self.tile.vectors:
            self.sharing = Sharing(spec.columns, self.tile.vectors)
        size = BYTES[spec.dtype] * max(_length(found.along), 1) * (rows + columns)
        self.line = -(-_length(found.along) // target.lanes(spec.dtype)) * MASK_BYTES
        self.chunk = max(1, CACHE // size)
        self.is_first: Condition = True
        self.is_last: Condition = True
        self.count: Integer = 1
        self.first_stretch: Integer = 0
        self.places: tuple[Integer, Integer] = (0, 0)
        self.scratch = _table_bytes(found, target) if self.masked else 0

    def prepare(self) -> None:
        """Write the table of masks, for every tap and every vector of a stretch."""
        if not self.masked:
            return
        builder, width = self.builder, self.builder.module.target.lanes(self.spec.dtype)
        lines = constant_of(*(index.extent for index in self.found.masks)) or 1
        with steps(builder, 0, self.line // MASK_BYTES) as vector:
            here = Bounds(builder, self.found.along, vector * width, width, self.values)
            with steps(builder, 0, lines) as line:
                known = {**self.values, **decode(builder, line, self.found.masks, self.values)}
                mask = here.inside(self.spec.right_bounds, known) & here.there
                bits = builder.pointer(f"bitcast {mask} to i{width}")
                place = value_of(builder, line * self.line + vector * MASK_BYTES)
                builder.emit(f"store i{width} {bits}, ptr {address(builder, '%scratch', place)}")

    def cover(self, begin: Value, end: Value) -> None:
        """All panels for each part of the sum, so that both operands stay in the cache for one."""
        builder, slow, stretch = self.builder, self.found.slow, self.found.stretch
        count: Integer = 1
        for group in slow:
            count = count * self.value(group.extent)
        stretches = self.value(stretch.extent)
        with steps(builder, 0, count) as outside, steps(builder, 0, stretches, self.chunk) as first:
            digits = decode(builder, outside, [index for group in slow for index in group.indices], self.values)
            left, right = first * self.value(stretch.left), first * self.value(stretch.right)
            for group in slow:
                number = flat(builder, group.indices, digits, self.values)
                left, right = left + number * self.value(group.left), right + number * self.value(group.right)
            self.places, self.first_stretch = (left, right), first
            self.count = least(builder, stretches - first, self.chunk)
            self.is_first = both(equal(outside, 0), equal(first, 0))
            self.is_last = both(not_less(outside + 1, count), not_less(first + self.chunk, stretches))
            super().cover(begin, end)

    def panels(self, base: Base, low: Integer, high: Integer, outer: Integer, first: Integer) -> None:
        """The tiles of a range of panels, for one value of the outer indices."""
        builder, tile, spec = self.builder, self.tile, self.spec
        rows, columns = self.value(spec.rows.extent), self.value(spec.columns.extent)
        of_rows = self.sharing.group is spec.rows
        whole, shared = (columns, rows) if of_rows else (rows, columns)
        part = low * self.sharing.size, least(builder, high * self.sharing.size, shared)
        (row_low, row_high), (column_low, column_high) = (part, (0, whole)) if of_rows else ((0, whole), part)
        if isinstance(whole, int) and whole == 0:
            return
        with (
            when(builder, not_less(whole, 1)),
            steps(builder, row_low, row_high, tile.rows) as row,
            steps(builder, column_low, column_high, tile.vectors) as column,
        ):
            count = least(builder, row_high - row, tile.rows)
            self._tile(base, Corner(row, count, column, least(builder, column_high - column, tile.vectors)))

    def _tile(self, base: Base, corner: Corner) -> None:
        builder, spec, size = self.builder, self.spec, self.size
        sides = ((spec.rows.left, spec.columns.right), (self.found.stretch.left, self.found.stretch.right))
        (row, column), (left_stretch, right_stretch) = ((self.value(a), self.value(b)) for a, b in sides)
        left = self.at(base.left, self.places[0] + corner.row * row)
        right = self.at(base.right, self.places[1] + corner.column * column)
        line, lane = self.value(spec.rows.target), self.value(spec.columns.target)
        offset = corner.row * line + corner.column * lane
        target = self.at(base.target, offset)
        adds = either(spec.accumulate, negation(self.is_first))
        arguments = [
            f"ptr {left}, {self.numbers(row * size, left_stretch * size)}",
            f"ptr {right}, {self.numbers(column * size, right_stretch * size)}",
            self.numbers(self.value(self.found.along.extent), self.count),
            f"ptr {target}, {self.numbers(line * size, lane * size, corner.rows, corner.lanes)}",
            f"{truth(builder, adds)}, {self.scale()}",
            *([self._table(base.values)] if self.masked else []),
        ]
        builder.emit(f"call void @{self.micro}({', '.join(arguments)})")
        if self.epilogue is not None and self.is_last is not False:
            with when(builder, self.is_last):
                self.finish(base, corner, target, line, base.element + offset)

    def _table(self, values: Values) -> str:
        """The masks for the values of the outer indices, and the bytes from stretch to stretch."""
        builder, found = self.builder, self.found
        number = flat(builder, found.taps, values, self.values)
        if found.varying:
            number = number * self.value(found.stretch.extent) + self.first_stretch
        place = address(builder, "%scratch", value_of(builder, number * self.line))
        return f"ptr {place}, i64 {self.line if found.varying else 0}"
