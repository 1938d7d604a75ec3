"""How a contraction is cut into tiles and blocks, from its extents and the processor.

The tile is chosen by a small model of the processor: each cycle two multiply-adds and two loads, four cycles from one
addition to the next. Blocks keep the packed operands in the caches.
"""

from __future__ import annotations

from dataclasses import dataclass

from covector.codegen.contraction_integers import constant_of
from covector.codegen.contraction_micro import Tile, registers
from covector.codegen.contraction_spec import ONE, ZERO, ContractionSpec
from covector.codegen.target import Target
from covector.codegen.types import BYTES
from covector.ir import Affine

UNKNOWN = 64
"""The extent that is assumed where it is only known in a call."""

DEPTH = 256
"""The most steps of a block that is packed. A longer one adds to the target less often, which gains little, and its
sums are twice as far from the exact ones in float32: what is added one by one is then so many terms."""

LEFT_CACHE = 1 << 17
"""The bytes of a block of the left operand: its rows of the target lie on few pages of memory."""

RIGHT_CACHE = 1 << 21
"""The bytes of a block of the right operand, which is packed once for all rows."""

FEW_PANELS = 3
"""With fewer panels of rows than this, the right operand is read where it is."""

COLLIDING = 1024
"""Lines of memory at multiples of so many bytes share few places in the first cache."""

KEPT = 1 << 19
"""The most elements of a left operand that is packed once and kept."""

UNITS = 64
"""Threads can share the work of a product out evenly where it is so many pieces."""

MANY = 8
"""The fewest pieces of columns that threads share where they share nothing else."""

WIDE = 2048
"""From this many columns on, the left operand is packed."""


@dataclass(frozen=True, slots=True)
class Blocking:
    """The tile; the steps, and panels of rows and columns, of a block; what is packed; which side threads share.

    Where few columns are left, the ``narrow`` tile takes them. Threads that share columns may share the rows of one
    panel too, which are so many ``parts``.
    """

    tile: Tile
    lanes: int
    taps: int
    depth: int
    row_panels: int
    column_panels: int
    pack_left: bool
    pack_right: bool
    split_rows: bool
    padded: int
    keeps_left: bool
    narrow: Tile | None
    parts: int

    @property
    def shared_lanes(self) -> int:
        """The columns of the smallest panel that threads share out, where they share columns."""
        return self.lanes * self.narrow.vectors // self.tile.vectors if self.narrow else self.lanes

    @property
    def left_panel(self) -> int:
        """The elements of a packed panel of rows."""
        return self.tile.rows * self.padded

    @property
    def right_panel(self) -> int:
        """The elements of a packed panel of columns."""
        return self.lanes * self.padded


def choose_blocking(spec: ContractionSpec, target: Target, by_columns: bool = False) -> Blocking:
    """The tile and the blocks of a contraction, cut into columns alone where that is wanted and they can be shared."""
    rows, columns = _known(spec.rows.extent), _known(spec.columns.extent)
    tile = choose_tile(spec.dtype, rows, columns, target)
    lanes = tile.lanes(target)
    fast = constant_of(spec.inner[-1].extent)
    outer = constant_of(*(group.extent for group in spec.inner[:-1]))
    depth = DEPTH if fast is None else _balanced(fast, DEPTH)
    taps = 1 if outer == 1 else max(1, min(DEPTH // depth, DEPTH if outer is None else outer))
    keeps_left = _keeps_left(spec)
    if keeps_left:
        taps, depth = outer or 1, fast or 1
    vector = target.lanes(spec.dtype)
    padded = -(-taps * depth // vector) * vector + vector
    row_panels, column_panels = -(-rows // tile.rows), -(-columns // lanes)
    size = BYTES[spec.dtype] * padded
    is_general = len(spec.inner) > 1 or bool(spec.left_bounds)
    few = row_panels < FEW_PANELS and constant_of(spec.rows.extent) is not None
    many = columns >= WIDE or (column_panels > 2 and _collides(spec))
    left = is_general or keeps_left or (many and row_panels > 1)
    unit = spec.columns.right.is_constant and spec.columns.right.constant == 1
    right = len(spec.inner) > 1 or bool(spec.right_bounds) or not unit or not few
    known = [constant_of(spec.rows.extent), constant_of(spec.columns.extent)]
    split_rows = _split_rows(row_panels, column_panels)
    by_columns = by_columns and not split_rows and column_panels * 2 >= MANY
    narrow = _narrow(tile, known[1], lanes, by_columns)
    units = column_panels * (2 if narrow else 1)
    is_cut = split_rows or keeps_left or by_columns or bool(spec.outer) or None in known
    parts = 1 if is_cut else min(row_panels, -(-UNITS // units))
    return Blocking(
        tile,
        lanes,
        taps,
        depth,
        row_panels if keeps_left else _panels(LEFT_CACHE // (size * tile.rows), row_panels, known[0]),
        _panels(RIGHT_CACHE // (size * lanes), column_panels, known[1]),
        left,
        right,
        split_rows,
        padded,
        keeps_left,
        narrow,
        parts,
    )


def _narrow(tile: Tile, columns: int | None, lanes: int, always: bool) -> Tile | None:
    """A tile of half the columns, where that is enough for the last ones, or where it is wanted anyway."""
    if columns is None or tile.vectors % 2 or columns < lanes:
        return None
    if not always and not 0 < columns % lanes <= lanes // 2:
        return None
    return Tile(tile.dtype, tile.rows, tile.vectors // 2)


def _keeps_left(spec: ContractionSpec) -> bool:
    """Whether the left operand is packed once for several values of the outer indices."""
    size = constant_of(spec.rows.extent, *(group.extent for group in spec.inner))
    same = [group for group in spec.outer if group.left is ZERO]
    general = len(spec.inner) > 1 or bool(spec.left_bounds)
    return general and bool(same) and size is not None and 0 < size <= KEPT


def _collides(spec: ContractionSpec) -> bool:
    """Whether the steps of the left operand lie so far apart that few lines of the first cache can hold them."""
    distance = constant_of(spec.inner[-1].left)
    return spec.rows.left is ONE and distance is not None and distance * BYTES[spec.dtype] % COLLIDING == 0


def _known(extent: Affine) -> int:
    found = constant_of(extent)
    return UNKNOWN if found is None else max(found, 1)


def _balanced(extent: int, most: int) -> int:
    """The size of equal blocks of at most ``most``."""
    return -(-extent // -(-extent // most)) if extent else 1


def _panels(most: int, there: int, extent: int | None) -> int:
    most = max(most, 1)
    return most if extent is None else _balanced(there, most)


def _split_rows(row_panels: int, column_panels: int) -> bool:
    """Whether threads share the rows: each then packs the columns for itself, so columns are shared if they suffice."""
    return column_panels < 4 and row_panels > column_panels


def choose_tile(dtype: str, rows: int, columns: int, target: Target) -> Tile:
    """The tile that takes the fewest cycles; of those the one with the most rows.

    >>> choose_tile("float32", 128, 512, Target(64))
    Tile(dtype='float32', rows=8, vectors=2)
    >>> choose_tile("float32", 1, 512, Target(64))
    Tile(dtype='float32', rows=1, vectors=8)
    """
    width, held = target.lanes(dtype), registers(target)
    found = []
    for vectors in (1, 2, 3, 4, 6, 8, 16):
        for height in range(1, min(rows, (held - 1) // vectors - 1) + 1):
            if height * vectors + vectors < held and (vectors - 1) * width < columns:
                tile = Tile(dtype, height, vectors)
                tiles = -(-rows // height) * -(-columns // (vectors * width))
                found.append((tile_cycles(tile, rows, columns, target), tiles, -height, tile))
    return min(found, key=lambda choice: choice[:3])[3]


def tile_cycles(tile: Tile, rows: int, columns: int, target: Target) -> float:
    """The cycles that every step takes in all tiles."""
    cycles = max(tile.rows * tile.vectors / 2, (tile.rows + tile.vectors) / 2, 4)
    return cycles * -(-rows // tile.rows) * -(-columns // tile.lanes(target))
