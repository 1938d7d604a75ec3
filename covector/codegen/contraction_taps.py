"""The loops of a convolution of stride 1 (and its adjoint) whose result is as wide as its image.

Vectors run along whole images, and are read where they are: for each tap of the filter a mask says which lanes are
inside the image. The left operand, the filters, is packed once in a call.
"""

from __future__ import annotations

from dataclasses import replace

from covector.codegen.contraction_blocking import choose_tile
from covector.codegen.contraction_frame import Base, Corner, Epilogue, Frame, Sharing
from covector.codegen.contraction_integers import (
    Integer,
    constant_of,
    decode,
    evaluate,
    flat,
    least,
    quotient,
    steps,
    value_of,
    when,
)
from covector.codegen.contraction_micro import micro_kernel, tap_bytes
from covector.codegen.contraction_operand import Block, Bounds, Operand
from covector.codegen.contraction_spec import ONE, ContractionSpec, Group
from covector.codegen.module import Module
from covector.codegen.target import Target
from covector.ir.affine import atoms

TABLE = 1 << 16
"""The most bytes of a table that is made once in a call; a larger one is made anew for each panel."""

FILTERS = 1 << 21
"""The most elements of filters that are packed at once."""


def find_taps(spec: ContractionSpec, target: Target) -> ContractionSpec | None:
    """The contraction, its last inner group without bounds, if it is such a convolution and the processor has masks."""
    bounded = {atom for bound in spec.right_bounds for atom in atoms(bound.position)}
    depends = {index for group in spec.outer for index in group.indices} & bounded
    filters = constant_of(spec.rows.extent, *(group.extent for group in spec.inner))
    in_place = spec.columns.right is ONE and spec.columns.target is ONE and spec.columns.extent.is_constant
    if not bounded.isdisjoint(spec.inner[-1].indices):
        spec = replace(spec, inner=(*spec.inner, Group((), ONE)))
    slow = all(group.extent.is_constant for group in spec.inner)
    fits = target.scales and in_place and slow and filters is not None and 0 < filters <= FILTERS
    return spec if fits and len(spec.inner) > 1 and not spec.left_bounds and not depends else None


class TapLoops(Frame):
    """Writes the function."""

    def __init__(self, module: Module, name: str, spec: ContractionSpec, epilogue: Epilogue | None) -> None:
        super().__init__(module, name, spec, epilogue)
        rows, columns = spec.rows.extent.constant, spec.columns.extent.constant
        self.depth = spec.inner[-1].extent.constant
        self.slow = tuple(index for group in spec.inner[:-1] for index in group.indices)
        self.taps = constant_of(*(index.extent for index in self.slow)) or 1
        tile = choose_tile(spec.dtype, rows, columns, module.target)
        self.tile, self.lanes = tile, tile.lanes(module.target)
        self.micro = micro_kernel(module, tile, taps=True)
        left = tuple(group.left for group in spec.inner)
        self.left = Operand(spec.dtype, spec.rows, spec.inner, spec.rows.left, left, (), tile.rows)
        self.sharing = Sharing(spec.columns, self.lanes)
        self.row_panels, self.column_panels = -(-rows // tile.rows), -(-columns // self.lanes)
        self.panel = -(-tile.rows * (self.taps * self.depth + module.target.lanes(spec.dtype)) // 16) * 16
        self.entries = tap_bytes(tile.vectors) * self.taps
        self.table_at = self.row_panels * self.panel * self.size
        self.at_once = self.entries * self.column_panels <= TABLE
        self.scratch = self.table_at + self.entries * (self.column_panels if self.at_once else 1)

    def prepare(self) -> None:
        """Write the tables of all panels."""
        if self.at_once:
            with steps(self.builder, 0, self.column_panels) as panel:
                self._table(panel, panel)

    def _table(self, panel: Integer, place: Integer) -> None:
        """The table of a panel: for each tap where its operands are, and which lanes are inside the image."""
        builder, spec, size = self.builder, self.spec, tap_bytes(self.tile.vectors)
        width = builder.module.target.lanes(spec.dtype)
        table = self._table_address(place)
        lanes = [
            Bounds(builder, spec.columns, panel * self.lanes + vector * width, width, self.values)
            for vector in range(self.tile.vectors)
        ]
        with steps(builder, 0, self.taps) as tap:
            digits = decode(builder, tap, self.slow, self.values)
            known = {**self.values, **digits}
            offset: Integer = 0
            for group in spec.inner[:-1]:
                offset = offset + flat(builder, group.indices, digits, known) * self.value(group.right)
            entry = self._byte(table, tap * size)
            builder.emit(f"store {value_of(builder, tap * (self.depth * self.tile.rows * self.size))}, ptr {entry}")
            builder.emit(f"store {value_of(builder, offset * self.size)}, ptr {self._byte(entry, 8)}")
            for vector, here in enumerate(lanes):
                mask = here.inside(spec.right_bounds, known) & here.there
                bits = builder.pointer(f"bitcast {mask} to i{width}")
                builder.emit(f"store i{width} {bits}, ptr {self._byte(entry, 16 + 8 * vector)}")

    def _byte(self, pointer: str, offset: Integer) -> str:
        return self.builder.pointer(f"getelementptr i8, ptr {pointer}, i64 {value_of(self.builder, offset).text}")

    def _table_address(self, panel: Integer) -> str:
        return self._byte("%scratch", self.table_at + panel * self.entries)

    def panels(self, base: Base, low: Integer, high: Integer, outer: Integer, first: Integer) -> None:
        """The tiles of a range of panels, for one value of the outer indices."""
        builder, spec, height = self.builder, self.spec, self.tile.rows
        rows, columns = spec.rows.extent.constant, spec.columns.extent.constant
        with when(builder, self.left_is_new(outer, first)), steps(builder, 0, rows, height) as row:
            block = Block(0, self.taps, 0, self.depth)
            self.left.pack(
                builder, base.left, row, least(builder, rows - row, height), block, self._filters(row), base.values
            )
        with steps(builder, value_of(builder, low), value_of(builder, high)) as panel:
            if not self.at_once:
                self._table(panel, 0)
            table = self._table_address(panel if self.at_once else 0)
            column = panel * self.lanes
            lanes = least(builder, columns - column, self.lanes)
            right = self.at(base.right, column)
            with steps(builder, 0, rows, height) as row:
                self._tile(base, Corner(row, least(builder, rows - row, height), column, lanes), right, table)

    def _filters(self, row: Integer) -> str:
        return self.at("%scratch", quotient(self.builder, row, self.tile.rows) * self.panel)

    def _tile(self, base: Base, corner: Corner, right: str, table: str) -> None:
        builder, spec = self.builder, self.spec
        line = self.value(spec.rows.target)
        offset = corner.row * line + corner.column
        target = self.at(base.target, offset)
        pitch = evaluate(builder, spec.inner[-1].right, self.values)
        arguments = (
            f"ptr {self._filters(corner.row)}, {self.numbers(self.size, self.tile.rows * self.size)}",
            f"ptr {right}, {self.numbers(pitch * self.size, self.depth)}",
            f"ptr {target}, {self.numbers(line * self.size, corner.rows, corner.lanes)}",
            f"i1 {str(spec.accumulate).lower()}, {self.scale()}, ptr {table}, i64 {self.taps}",
        )
        builder.emit(f"call void @{self.micro}({', '.join(arguments)})")
        if self.epilogue is not None:
            self.finish(base, corner, target, line, base.element + offset)
