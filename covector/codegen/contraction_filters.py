"""The loops of the adjoint of a convolution in its filters: vectors run along the channels of the image.

For each pixel of the result's cotangent, its value for one filter meets the image's vector of channels at every tap.
The image is copied with its channels side by side and zeros around it, so that a tap is an offset; it is copied once
for all filters and taps, and never unfolded. Sums over all images and pixels stay in the cache, in the order of tiles.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from covector.codegen.builder import Value
from covector.codegen.contraction_frame import Base, Epilogue, Frame, Place, Sharing, Values
from covector.codegen.contraction_integers import (
    Integer,
    constant_of,
    decode,
    flat,
    greatest,
    least,
    steps,
    value_of,
    when,
)
from covector.codegen.contraction_memory import first_lanes, store, store_masked
from covector.codegen.contraction_micro import registers
from covector.codegen.contraction_pack import address, pack_kernel
from covector.codegen.contraction_pixels import PixelTile, pixel_kernel
from covector.codegen.contraction_spec import ZERO, ContractionSpec, Group
from covector.codegen.contraction_window import NO_WINDOW, Window, bounded_by, singles, window_of
from covector.codegen.module import Module
from covector.codegen.target import Target
from covector.codegen.types import MEMORY
from covector.ir import as_affine
from covector.ir.affine import atoms

COPIED = 3 << 16
"""The bytes of the image's copy, which stays in the second cache."""

PIXELS = 192
"""Pixels for which sums stay in registers: what they read stays in the first cache for all filters."""

FEW = 0.7
"""The least part of the lanes of the vectors that channels have to fill."""

SUMS = 1 << 23
"""The most bytes of sums."""


@dataclass(frozen=True, slots=True)
class Filters:
    """``Σ cotangent[rows, …] · image[channels, …]``, the image seen through windows that move ``down`` and ``across``.

    ``taps`` are the indices of the filter with their strides in the target, ``sums`` what else is summed over.
    """

    spec: ContractionSpec
    down: Window
    across: Window
    channels: Group
    taps: tuple[Group, Group]
    moving: tuple[Group, Group]
    sums: tuple[Group, ...]


def find_filters(spec: ContractionSpec, target: Target) -> Filters | None:
    """The contraction as the adjoint of a convolution in its filters, if it is one."""
    inner = singles(spec.inner)
    side = [group for group in singles((*spec.outer, spec.columns)) if group.left is ZERO]
    found: list[tuple[Window, Group]] = []
    for group in inner:
        window = window_of(spec.right_axes, group, side) if group.right is not ZERO else None
        if window is not None and not _is_plain(window) and window.count >= window.taps:
            found.append((window, group))
    found.sort(key=lambda pair: -pair[0].pitch)
    if not 1 <= len(found) <= 2 or spec.left_bounds or found[-1][0].pitch != 1:
        return None
    (down, move_down), (across, move_across) = found if len(found) == 2 else ((NO_WINDOW, NO_GROUP), *found)
    if not bounded_by(spec.right_bounds, (down, across)) or down.taps * across.taps == 1:
        return None
    taps = tuple(
        next((group for group in side if group.indices[0] is window.tap), NO_GROUP) for window in (down, across)
    )
    free = [group for group in side if group not in taps and group.extent.is_constant and group.right is not ZERO]
    channels = max(free, key=lambda group: group.extent.constant, default=None)
    rows = constant_of(spec.rows.extent)
    if channels is None or rows is None or _moves(spec, channels):
        return None
    lanes, count = target.lanes(spec.dtype), channels.extent.constant
    outer = [group for group in singles((*spec.outer, spec.columns)) if group not in (*taps, channels)]
    sums = tuple(group for group in inner if group not in (move_down, move_across) and group.indices)
    size = rows * down.taps * across.taps * target.vector_bytes
    if count < FEW * lanes * -(-count // lanes) or not 0 < size <= SUMS:
        return None
    changed = replace(spec, outer=tuple(outer), columns=channels)
    return Filters(changed, down, across, channels, (taps[0], taps[1]), (move_down, move_across), sums)


NO_GROUP = Group((), as_affine(1))
"""A group of no indices."""


def _is_plain(window: Window) -> bool:
    """Whether a window is no more than the whole axis, in order."""
    return window.tap is None and (window.step, window.start, window.count) == (1, 0, window.extent)


def _moves(spec: ContractionSpec, channels: Group) -> bool:
    """Whether the channels are moved by something else than their index and numbers that a call knows."""
    known = {*channels.indices, *(index for group in spec.outer for index in group.indices), *spec.parameters}
    along = [bound for bound in spec.right_axes if channels.indices[0] in atoms(bound.position)]
    return len(along) != 1 or not known.issuperset(atoms(along[0].position))


class FilterLoops(Frame):
    """Writes the function."""

    def __init__(self, module: Module, name: str, found: Filters, epilogue: Epilogue | None) -> None:
        super().__init__(module, name, found.spec, epilogue)
        self.found, self.width = found, module.target.lanes(found.spec.dtype)
        down, across = found.down, found.across
        self.places = [(p, q) for p in range(down.taps) for q in range(across.taps)]
        rows = found.spec.rows.extent.constant
        self.tile = choose_pixel_tile(found.spec.dtype, rows, len(self.places), module.target)
        self.groups = [self.places[at : at + self.tile.vectors] for at in range(0, len(self.places), self.tile.vectors)]
        self.row_panels, self.rest = -(-rows // self.tile.rows), rows % self.tile.rows
        self.units = -(-found.channels.extent.constant // self.width) * self.row_panels
        self.sharing = Sharing(Group((), as_affine(self.units)), 1)
        self.vector = module.target.vector_bytes
        self.line = across.reach(across.count) * self.vector
        self.chunk = max(1, min(down.count, (COPIED // self.line - max(down.shifts) - 1) // down.step + 1))
        self.band = _balanced(self.chunk, max(1, PIXELS // across.count))
        self.sums = self.tile.rows * self.tile.vectors * self.vector
        self.copy_at = self.row_panels * len(self.groups) * self.sums
        self.scratch = self.copy_at + down.reach(self.chunk) * self.line + self.width * self.vector

    def prepare(self) -> None:
        """Nothing: every vector of channels is copied as it is needed."""

    def panels(self, base: Base, low: Integer, high: Integer, outer: Integer, first: Integer) -> None:
        """Vectors of channels, and panels of filters for each."""
        builder, count = self.builder, self.row_panels
        last = value_of(builder, high) - 1
        start = builder.binary("udiv", value_of(builder, low), builder.constant(count, "int64"))
        end = builder.binary("udiv", last, builder.constant(count, "int64")) + 1
        with builder.loop(start, end) as vector:
            rows = greatest(builder, low - vector * count, 0), least(builder, high - vector * count, count)
            self._clear(rows)
            self._add(base, vector, rows)
            self._finish(base, vector, rows)

    def _byte(self, pointer: str, offset: Integer) -> str:
        return address(self.builder, pointer, value_of(self.builder, offset))

    def _sums_of(self, panel: Integer, group: Integer) -> str:
        """Where the sums of a panel of rows and a group of taps are."""
        return self._byte("%scratch", (panel * len(self.groups) + group) * self.sums)

    def _clear(self, rows: tuple[Integer, Integer]) -> None:
        builder, size = self.builder, len(self.groups) * self.sums
        zero = builder.constant(0, self.spec.dtype, self.width)
        with steps(builder, rows[0] * size, rows[1] * size, self.vector) as offset:
            store(builder, zero, self._byte("%scratch", offset))

    def _add(self, base: Base, vector: Integer, rows: tuple[Integer, Integer]) -> None:
        """The sums over everything for one vector of channels."""
        builder, found = self.builder, self.found
        count: Integer = 1
        for group in found.sums:
            count = count * self.value(group.extent)
        if count == 0:
            return
        with when(builder, True if isinstance(count, int) else count > 0), steps(builder, 0, count) as number:
            digits = decode(builder, number, [index for group in found.sums for index in group.indices], self.values)
            left: Integer = 0
            right: Integer = 0
            for group in found.sums:
                at = flat(builder, group.indices, digits, self.values)
                left, right = left + at * self.value(group.left), right + at * self.value(group.right)
            channel = vector * self.width
            right = right + channel * self.value(found.channels.right)
            image = self.at(base.right, right - found.down.start * found.down.pitch - found.across.start)
            with steps(builder, 0, found.down.count, self.chunk) as line:
                count = least(builder, found.down.count - line, self.chunk)
                self._copy(image, channel, line, count)
                with steps(builder, 0, count, self.band) as band:
                    height = least(builder, count - band, self.band)
                    self._tiles(self.at(base.left, left), line, band, height, rows)

    def _copy(self, image: str, channel: Integer, line: Integer, count: Integer) -> None:
        """Copy the lines of a chunk, the vector of channels of each pixel in one place, zeros around the image."""
        builder, down, across = self.builder, self.found.down, self.found.across
        lanes = least(builder, self.found.channels.extent.constant - channel, self.width)
        first, end = max(across.first, 0), min(across.first + across.reach(across.count), across.extent)
        pixels, before = max(end - first, 0), min(first - across.first, self.line // self.vector)
        stride = value_of(builder, self.value(self.found.channels.right) * self.size)
        pack = pack_kernel(builder.module, self.spec.dtype, self.width, 2, 1)
        with steps(builder, 0, (count - 1) * down.step + (max(down.shifts) + 1)) as number:
            place = self._byte("%scratch", number * self.line + self.copy_at)
            position = value_of(builder, line * down.step + down.first + number)
            inside = builder.instruction(f"icmp ult {position}, {down.extent}", "bool")
            if pixels:
                with builder.when(inside):
                    self._zeros(place, 0, before)
                    source = self.at(image, position * down.pitch + first)
                    numbers = (stride, self.size, lanes, pixels)
                    target = self._byte(place, before * self.vector)
                    builder.emit(f"call void @{pack}(ptr {source}, {self.numbers(*numbers)}, ptr {target})")
                    self._zeros(place, before + pixels, self.line // self.vector)
            with builder.when(~inside if pixels else builder.constant(True, "bool")):
                self._zeros(place, 0, self.line // self.vector)

    def _zeros(self, place: str, first: int, end: int) -> None:
        """Vectors of zeros."""
        builder = self.builder
        if first < end:
            with steps(builder, first, end) as number:
                zero = builder.constant(0, self.spec.dtype, self.width)
                store(builder, zero, self._byte(place, number * self.vector))

    def _tiles(self, left: str, line: Integer, band: Integer, height: Integer, rows: tuple[Integer, Integer]) -> None:
        """Add the pixels of a band of lines to the sums of all taps and of a range of panels of rows."""
        builder, found = self.builder, self.found
        (move_down, move_across), row = found.moving, self.value(self.spec.rows.left)
        left = self.at(left, (line + band) * self.value(move_down.left))
        right = self._byte("%scratch", band * (found.down.step * self.line) + self.copy_at)
        for number, group in enumerate(self.groups):
            offsets = [
                found.down.shift(p) * self.line + found.across.shift(q) * self.vector
                for p, q in (*group, *[group[0]] * (self.tile.vectors - len(group)))
            ]
            with steps(builder, rows[0], rows[1]) as panel:
                given = [
                    f"ptr {self.at(left, panel * self.tile.rows * row)}",
                    self.numbers(row * self.size, self.value(move_across.left) * self.size),
                    self.numbers(self.value(move_down.left) * self.size),
                    f"ptr {right}, {self.numbers(found.across.step * self.vector, found.down.step * self.line)}",
                    self.numbers(*offsets, found.across.count, height),
                    f"ptr {self._sums_of(panel, number)}",
                ]
                self._call(", ".join(given), panel)

    def _call(self, given: str, panel: Integer) -> None:
        """Add a tile; the last one may have fewer rows."""
        builder = self.builder
        whole = pixel_kernel(builder.module, self.tile)
        if not self.rest:
            builder.emit(f"call void @{whole}({given})")
            return
        is_last = value_of(builder, panel).equals(self.row_panels - 1)
        smaller = pixel_kernel(builder.module, replace(self.tile, rows=self.rest))
        with builder.when(~is_last):
            builder.emit(f"call void @{whole}({given})")
        with builder.when(is_last):
            builder.emit(f"call void @{smaller}({given})")

    def _finish(self, base: Base, vector: Integer, rows: tuple[Integer, Integer]) -> None:
        """Put the sums where they belong."""
        builder, found, tile = self.builder, self.found, self.tile
        channels = least(builder, found.channels.extent.constant - vector * self.width, self.width)
        low, high = rows[0] * tile.rows, least(builder, rows[1] * tile.rows, self.spec.rows.extent.constant)
        strides = [self.value(group.target) for group in (self.spec.rows, found.channels, *found.taps)]
        with steps(builder, low, high) as row:
            panel = builder.binary("udiv", value_of(builder, row), builder.constant(tile.rows, "int64"))
            sums = self._byte(self._sums_of(panel, 0), (row - panel * tile.rows) * (tile.vectors * self.vector))
            for number, group in enumerate(self.groups):
                for at, (p, q) in enumerate(group):
                    tap = self._byte(sums, number * self.sums + at * self.vector)
                    with steps(builder, 0, channels) as lane:
                        channel = vector * self.width + lane
                        offset = row * strides[0] + channel * strides[1] + strides[2] * p + strides[3] * q
                        values = dict(base.values)
                        for axis, place in zip((self.spec.rows, found.channels), (row, channel), strict=True):
                            values.update(decode(builder, place, axis.indices, self.values))
                        for axis, place in zip(found.taps, (p, q), strict=True):
                            values.update(dict.fromkeys(axis.indices, place))
                        self._element(base, tap, lane, offset, values)

    def _element(self, base: Base, sums: str, lane: Integer, offset: Integer, values: Values) -> None:
        """One result: scaled, added to what is there, and made what the epilogue makes of it."""
        builder, dtype = self.builder, self.spec.dtype
        target = self.at(base.target, offset)
        total = self._load(self.at(sums, lane))
        old = self._load(target) if self.spec.accumulate else builder.constant(0, dtype)
        if self.spec.scaled:
            total = builder.multiply_add(total, Value(builder, "%scale", dtype), old)
        elif self.spec.accumulate:
            total = total + old
        if self.epilogue is not None:
            alone = builder.widen(total, self.width)
            mask = first_lanes(builder, builder.constant(1, "int64"), self.width)
            place = Place(values, None, builder.constant(0, "int64"), value_of(builder, base.element + offset), mask)
            store_masked(builder, self.epilogue.write(builder, alone, place), target, mask)
        else:
            builder.emit(f"store {total}, ptr {target}")

    def _load(self, pointer: str) -> Value:
        kind = MEMORY[self.spec.dtype]
        return self.builder.instruction(f"load {kind}, ptr {pointer}, align {self.size}", self.spec.dtype)


def choose_pixel_tile(dtype: str, rows: int, taps: int, target: Target) -> PixelTile:
    """The tile that takes the fewest cycles for all rows and taps.

    >>> choose_pixel_tile("float32", 64, 9, Target(64))
    PixelTile(dtype='float32', rows=8, vectors=3)
    """
    held, found = registers(target), []
    for vectors in range(1, min(taps, 8) + 1):
        for height in range(1, min(rows, (held - 1) // vectors - 1) + 1):
            cycles = max(height * vectors / 2, (height + vectors) / 2, 4) + 1
            tiles = -(-rows // height) * -(-taps // vectors)
            found.append((cycles * tiles, tiles, PixelTile(dtype, height, vectors)))
    return min(found, key=lambda choice: choice[:2])[2]


def _balanced(extent: int, most: int) -> int:
    return -(-extent // -(-extent // most))
