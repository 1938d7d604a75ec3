"""The loops of a convolution (and of its adjoint in the image): vectors run along whole images of the result.

Parts of an image, of some channels and lines, are copied so that every tap of the filter finds its operand at an offset
of its own: once for each place of the filter within a line, as wide as the result, with zeros beside the image; lines
that a stride leaves apart are brought together. The filters are packed once in a call.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from covector.codegen.builder import Value
from covector.codegen.contraction_blocking import choose_tile
from covector.codegen.contraction_frame import Base, Corner, Epilogue, Frame, Sharing
from covector.codegen.contraction_integers import (
    Integer,
    constant_of,
    either,
    equal,
    evaluate,
    least,
    negation,
    not_less,
    quotient,
    steps,
    truth,
    value_of,
    when,
)
from covector.codegen.contraction_memory import SPREAD, load_spread, store
from covector.codegen.contraction_micro import TAP_BYTES, micro_kernel
from covector.codegen.contraction_operand import Block, Operand
from covector.codegen.contraction_pack import address
from covector.codegen.contraction_spec import ONE, ZERO, ContractionSpec, Group
from covector.codegen.contraction_window import NO_WINDOW, Window, bounded_by, singles, window_of
from covector.codegen.module import Module
from covector.codegen.target import Target
from covector.ir import as_affine

FILTERS = 1 << 21
"""The most elements of filters that are packed at once."""

COPIED = 5 << 15
"""The bytes of an image's copy, which stays in the second cache."""

READ = 28 << 10
"""The bytes of the copy that a tile reads, which stay in the first cache for all filters."""

PARTS = 8
"""In how many parts the images are cut at least, for threads to share."""

MASKS = 1 << 16
"""The most bytes of a table of masks."""

MASK_BYTES = 2
"""The size of an entry of that table."""


@dataclass(frozen=True, slots=True)
class Taps:
    """A contraction whose columns are the places of windows that move ``down`` and ``across``, in that order; it is
    summed over the ``channels`` and the taps of both.
    """

    spec: ContractionSpec
    down: Window
    across: Window
    channels: Group


def find_taps(spec: ContractionSpec, target: Target) -> Taps | None:
    """The contraction as such a convolution, if it is one."""
    if spec.left_bounds or spec.columns.target is not ONE or not spec.columns.indices or target.vector_bytes < 32:
        return None
    columns, inner = singles((spec.columns,)), [group for group in singles(spec.inner) if group.indices]
    outer = singles(spec.outer)
    across = window_of(spec.right_axes, columns[-1], inner)
    if across is None or across.pitch != 1 or across.step > SPREAD:
        return None
    lines = [group for group in (*columns[:-1], *outer) if group.target is columns[-1].extent and group.left is ZERO]
    rest = [group for group in inner if group.indices[0] is not across.tap]
    down = next(filter(None, (window_of(spec.right_axes, group, rest) for group in lines)), NO_WINDOW)
    if len(columns) > (2 if down.moving else 1) or (len(columns) == 2 and columns[0].indices[0] is not down.moving):
        return None
    channels = [group for group in rest if group.indices[0] is not down.tap]
    filters = constant_of(spec.rows.extent, *(group.extent for group in inner))
    if len(channels) > 1 or not bounded_by(spec.right_bounds, (down, across)) or not 0 < (filters or 0) <= FILTERS:
        return None
    if down.taps * across.taps == 1 and (down.step, across.step) == (1, 1):
        return None
    taps = [group for group in inner if group.indices[0] in (down.tap, across.tap)]
    taps.sort(key=lambda group: group.indices[0] is across.tap)
    pixels = tuple(index for index in (down.moving, across.moving) if index is not None)
    merged = Group(pixels, as_affine(down.count * across.count), ZERO, ONE, ONE)
    fast = channels[0] if channels else Group((), ONE)
    outer = [group for group in outer if group.indices[0] is not down.moving]
    changed = replace(spec, outer=tuple(outer), columns=merged, inner=(*taps, fast))
    return Taps(changed, down, across, fast)


class TapLoops(Frame):
    """Writes the function."""

    def __init__(self, module: Module, name: str, found: Taps, epilogue: Epilogue | None) -> None:
        spec = found.spec
        super().__init__(module, name, spec, epilogue)
        self.down, self.across, self.channels = found.down, found.across, found.channels.extent.constant
        self.width, self.line = module.target.lanes(spec.dtype), found.across.count
        self.phases = sorted({shift % self.down.step for shift in self.down.shifts})
        self.taps = self.down.taps * self.across.taps
        rows, vector = spec.rows.extent.constant, module.target.vector_bytes
        parts = constant_of(*(group.extent for group in spec.outer))
        least_parts = max(1, PARTS // max(parts or PARTS, 1))
        self.band = _balanced(self.down.count, max(1, self.down.count // least_parts))
        self.tile = choose_tile(spec.dtype, rows, self.band * self.line, module.target)
        self.lanes = self.tile.lanes(module.target)
        self.micro = micro_kernel(module, self.tile, taps=True)
        self.block = _balanced(self.channels, max(1, READ // (self.taps * self.tile.vectors * vector)))
        copies = self.across.taps * len(self.phases) * self.block * self.size * self.line
        self.band = _balanced(self.down.count, max(1, min(self.band, COPIED // copies - self._more_lines)))
        left = tuple(group.left for group in spec.inner)
        self.left = Operand(spec.dtype, spec.rows, spec.inner, spec.rows.left, left, (), self.tile.rows)
        self.sharing = Sharing(spec.columns, self.band * self.line)
        self.bands = -(-self.down.count // self.band)
        self.flat = (self.down.step, self.across.step) == (1, 1) and self.line == self.across.extent
        self.flat = self.flat and self.down.pitch in (0, self.line)
        self._place()

    @property
    def _more_lines(self) -> int:
        """How many more lines than a band has are read of each phase."""
        return max(self.down.shifts) // self.down.step

    def _place(self) -> None:
        """Where everything is in the scratch memory: filters, table of taps, masks, and the copy."""
        self.lines = self.band + self._more_lines
        self.vectors = -(-self.lines * self.line // self.width)
        self.plane = (self.vectors + (2 if self.vectors % 2 else 1)) * self.width
        self.panel = self.tile.rows * (self.taps * self.channels + self.width)
        self.table_at = _whole(-(-self.spec.rows.extent.constant // self.tile.rows) * self.panel * self.size)
        self.masks_at = _whole(self.table_at + self.taps * TAP_BYTES)
        masks = self.vectors * self.across.taps * MASK_BYTES if self.flat else 0
        self.copy_at = _whole(self.masks_at + masks)
        planes = self.across.taps * len(self.phases) * self.block
        self.scratch = self.copy_at + (planes * self.plane + self.lanes) * self.size

    def prepare(self) -> None:
        """Write the table of taps, and that of masks where it is the same for all parts."""
        builder, down = self.builder, self.down
        for tap in range(self.taps):
            p, q = divmod(tap, self.across.taps)
            line, phase = divmod(down.shift(p), down.step)
            plane = (self.phases.index(phase) * self.across.taps + q) * self.plane
            right = plane + line * self.line
            entry = self._byte("%scratch", self.table_at + tap * TAP_BYTES)
            builder.emit(f"store i64 {tap * self.channels * self.tile.rows * self.size}, ptr {entry}")
            builder.emit(f"store i64 {right * self.size}, ptr {self._byte(entry, 8)}")
        if self.flat and self.bands == 1:
            self._masks(0)

    def _byte(self, pointer: str, offset: Integer) -> str:
        return address(self.builder, pointer, value_of(self.builder, offset))

    def _masks(self, first: Integer) -> None:
        """The table of masks: for each vector of a plane and each tap across the lanes that are inside the image."""
        builder, across = self.builder, self.across
        with steps(builder, 0, self.vectors) as vector:
            place = value_of(builder, vector * self.width).convert("int32")
            numbers = builder.widen(place, self.width) + builder.lanes(self.width, "int32")
            column = builder.binary("urem", numbers, self.line)
            line = builder.binary("udiv", numbers, self.line)
            position = line + builder.widen(value_of(builder, first + self.down.first).convert("int32"), self.width)
            inside = _below(position, self.down.extent)
            for tap in range(across.taps):
                mask = inside & _below(column + (across.start + across.spread * tap), across.extent)
                bits = builder.pointer(f"bitcast {mask} to i{self.width}")
                entry = self._byte("%scratch", (vector * across.taps + tap) * MASK_BYTES + self.masks_at)
                builder.emit(f"store i{self.width} {bits}, ptr {entry}")

    def panels(self, base: Base, low: Integer, high: Integer, outer: Integer, first: Integer) -> None:
        """Bands of lines, for one value of the outer indices."""
        builder, spec, height = self.builder, self.spec, self.tile.rows
        rows = spec.rows.extent.constant
        with when(builder, self.left_is_new(outer, first)), steps(builder, 0, rows, height) as row:
            block = Block(0, self.taps, 0, self.channels)
            self.left.pack(
                builder, base.left, row, least(builder, rows - row, height), block, self._filters(row), base.values
            )
        down, across = self.down, self.across
        image = self.at(base.right, -(down.start * down.pitch + across.start))
        with steps(builder, value_of(builder, low), value_of(builder, high)) as band:
            line = band * self.band
            if self.flat and self.bands > 1:
                self._masks(line)
            lines = least(builder, down.count - line, self.band)
            with steps(builder, 0, self.channels, self.block) as channel:
                depth = least(builder, self.channels - channel, self.block)
                self._copy(image, line, channel, depth)
                self._tiles(base, line, lines, channel, depth)

    def _filters(self, row: Integer) -> str:
        return self.at("%scratch", quotient(self.builder, row, self.tile.rows) * self.panel)

    def _copy(self, image: str, line: Integer, channel: Integer, depth: Integer) -> None:
        """Copy a band of some channels."""
        builder, group = self.builder, self.spec.inner[-1]
        stride = evaluate(builder, group.right, self.values)
        planes = self.across.taps * len(self.phases) * self.plane * self.size
        with steps(builder, 0, depth) as number:
            source = self.at(image, (channel + number) * stride)
            place = self._byte("%scratch", number * planes + self.copy_at)
            if self.flat:
                self._copy_flat(source, line, place)
            else:
                self._copy_lines(source, line, place)

    def _copy_flat(self, source: str, line: Integer, place: str) -> None:
        """Copy whole lines one behind the other, which the result is as wide as."""
        builder, across, dtype = self.builder, self.across, self.spec.dtype
        source = self.at(source, (line + self.down.first) * self.line)
        with steps(builder, 0, self.vectors) as vector:
            entry = self._byte("%scratch", vector * (across.taps * MASK_BYTES) + self.masks_at)
            for tap in range(across.taps):
                bits = builder.pointer(f"load i{self.width}, ptr {self._byte(entry, tap * MASK_BYTES)}")
                mask = builder.instruction(f"bitcast i{self.width} {bits} to <{self.width} x i1>", "bool", self.width)
                start = self.at(source, vector * self.width + (across.start + across.spread * tap))
                copied = load_spread(builder, start, 1, mask, dtype)
                store(builder, copied, self.at(place, vector * self.width + tap * self.plane))

    def _copy_lines(self, source: str, line: Integer, place: str) -> None:
        """Copy each line on its own; what is copied behind its end, the next one overwrites."""
        builder, down = self.builder, self.down
        for number, phase in enumerate(self.phases):
            planes = self.at(place, number * self.across.taps * self.plane)
            with steps(builder, 0, self.lines) as slot:
                position = value_of(builder, (line + slot) * down.step + (phase + down.first))
                inside = builder.instruction(f"icmp ult {position}, {down.extent}", "bool")
                here = self.at(planes, slot * self.line)
                with builder.when(inside):
                    self._copy_line(self.at(source, position * down.pitch), here)
                with builder.when(~inside):
                    self._copy_line(None, here)

    def _copy_line(self, source: str | None, place: str) -> None:
        """Copy a line once for each tap across; zeros where there is none."""
        builder, across, dtype = self.builder, self.across, self.spec.dtype
        numbers = builder.lanes(self.width, "int32")
        for start in range(0, self.line, self.width):
            for tap in range(across.taps):
                first = start * across.step + across.start + across.spread * tap
                copied = builder.constant(0, dtype, self.width)
                if source is not None:
                    mask = _below(numbers * across.step + first, across.extent) & (numbers < self.line - start)
                    copied = load_spread(builder, self.at(source, first), across.step, mask, dtype)
                store(builder, copied, self.at(place, start + tap * self.plane))

    def _tiles(self, base: Base, line: Integer, lines: Integer, channel: Integer, depth: Integer) -> None:
        """The tiles of a band, with the products of some channels."""
        builder, height = self.builder, self.tile.rows
        rows = self.spec.rows.extent.constant
        with steps(builder, 0, lines * self.line, self.lanes) as column:
            lanes = least(builder, lines * self.line - column, self.lanes)
            with steps(builder, 0, rows, height) as row:
                count = height if rows % height == 0 else least(builder, rows - row, height)
                corner = Corner(row, count, line * self.line + column, lanes)
                self._tile(base, corner, column, channel, depth)

    def _tile(self, base: Base, corner: Corner, column: Integer, channel: Integer, depth: Integer) -> None:
        builder, spec, size = self.builder, self.spec, self.size
        line = self.value(spec.rows.target)
        offset = corner.row * line + corner.column
        target = self.at(base.target, offset)
        left = self._byte(self._filters(corner.row), channel * (self.tile.rows * size))
        right = self._byte("%scratch", column * size + self.copy_at)
        planes = self.across.taps * len(self.phases) * self.plane
        adds = either(spec.accumulate, negation(equal(channel, 0)))
        arguments = (
            f"ptr {left}, {self.numbers(size, self.tile.rows * size)}",
            f"ptr {right}, {self.numbers(planes * size, depth)}",
            f"ptr {target}, {self.numbers(line * size, corner.rows, corner.lanes)}",
            f"{truth(builder, adds)}, {self.scale()}",
            f"ptr {self._byte('%scratch', self.table_at)}, i64 {self.taps}",
        )
        builder.emit(f"call void @{self.micro}({', '.join(arguments)})")
        is_last = not_less(channel + self.block, self.channels)
        if self.epilogue is not None and is_last is not False:
            with when(builder, is_last):
                self.finish(base, corner, target, line, base.element + offset)


def _below(numbers: Value, limit: int) -> Value:
    """Where integers are neither negative nor as large as a limit."""
    return numbers.builder.instruction(
        f"icmp ult {numbers}, {numbers.builder.constant(limit, numbers.dtype, numbers.width).text}",
        "bool",
        numbers.width,
    )


def _whole(size: int) -> int:
    """A size in whole lines of the cache."""
    return -(-size // 64) * 64


def _balanced(extent: int, most: int) -> int:
    """The size of equal parts of at most ``most``."""
    return -(-extent // -(-extent // most)) if extent else 1
