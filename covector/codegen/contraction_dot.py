"""The innermost part of a contraction whose vectors run along the sum: a tile of scalar products.

Both operands hold the summed index one element behind the other, so that nothing is packed or transposed: each step
multiplies a vector of every row by a vector of every column. The lanes are added up at the end.
"""

from __future__ import annotations

from covector.codegen.builder import Builder, Value, Variable
from covector.codegen.contraction_memory import first_lanes, load, load_spread, store
from covector.codegen.contraction_micro import Tile
from covector.codegen.contraction_pack import address, shuffle
from covector.codegen.module import Module
from covector.codegen.types import BYTES, MEMORY, REGISTER, suffix_of

MASK_BYTES = 2
"""The size of an entry of the table of masks."""


def dot_kernel(module: Module, tile: Tile, *, masked: bool, spread: int = 1) -> str:
    """The name of the function that adds up one tile of ``rows`` times ``vectors`` scalar products.

    Its parameters: the left operand, the bytes from row to row and from stretch to stretch; the right operand, from
    column to column and from stretch to stretch; the length of a stretch and how many there are; the target, from row
    to row and from column to column; how many rows and columns there are; whether to add to it; the scale; and, where
    ``masked``, a table that says for each vector of a stretch which lanes of the right operand are inside its bounds,
    and the bytes from the masks of one stretch to those of the next. Of the right operand every ``spread``-th element
    counts.
    """
    kind = f"{suffix_of(tile.dtype, 1)}.{tile.rows}x{tile.vectors}"
    name = f"contraction.dot.{kind}.{spread}{'.masked' if masked else ''}"
    return module.helper(name, lambda: _Dot(module, name, tile, masked, spread).text())


class _Dot:
    """Writes the function."""

    def __init__(self, module: Module, name: str, tile: Tile, masked: bool, spread: int) -> None:
        parameters = [("left", "ptr noalias readonly"), ("row", "i64"), ("left_stretch", "i64")]
        parameters += [("right", "ptr noalias readonly"), ("column", "i64"), ("right_stretch", "i64")]
        parameters += [("length", "i64"), ("stretches", "i64"), ("target", "ptr noalias"), ("line", "i64")]
        parameters += [("lane", "i64"), ("rows", "i64"), ("columns", "i64"), ("add", "i1")]
        parameters += [("scale", REGISTER[tile.dtype])]
        parameters += [("table", "ptr noalias readonly"), ("table_stretch", "i64")] if masked else []
        self.builder = Builder(module, name, parameters)
        self.tile, self.masked, self.spread = tile, masked, spread
        self.width = module.target.lanes(tile.dtype)

    def _argument(self, name: str) -> Value:
        return Value(self.builder, f"%{name}", "int64")

    def text(self) -> str:
        builder, tile = self.builder, self.tile
        zero = builder.constant(0, "int64")
        lefts = self._addresses("left", "row", "rows", tile.rows)
        rights = self._addresses("right", "column", "columns", tile.vectors)
        sums = [builder.variable(builder.constant(0, tile.dtype, self.width)) for _ in range(tile.rows * tile.vectors)]
        length, stretches = self._argument("length"), self._argument("stretches")
        whole = length & -self.width
        with builder.when((length > 0) & (stretches > 0)), builder.loop(zero, stretches) as stretch:
            left = [address(builder, p, stretch * self._argument("left_stretch")) for p in lefts]
            right = [address(builder, p, stretch * self._argument("right_stretch")) for p in rights]
            table = address(builder, "%table", stretch * self._argument("table_stretch")) if self.masked else ""
            with builder.when(whole > 0), builder.loop(zero, whole, self.width) as k:
                self._step(left, right, k, sums, None, table)
            with builder.when(whole < length):
                self._step(left, right, whole, sums, first_lanes(builder, length - whole, self.width), table)
        self._store(self._totals([total.get() for total in sums]))
        builder.emit("ret void")
        return builder.text()

    def _addresses(self, operand: str, distance: str, count: str, most: int) -> list[str]:
        """Where the rows (or columns) begin; one that is not there reads the first one, and is not stored."""
        builder, zero = self.builder, self.builder.constant(0, "int64")
        found = []
        for number in range(most):
            offset = (self._argument(count) > number).where(self._argument(distance) * number, zero)
            found.append(address(builder, f"%{operand}", offset))
        return found

    def _step(
        self, left: list[str], right: list[str], k: Value, sums: list[Variable], rest: Value | None, table: str
    ) -> None:
        """Add the products of one vector of every row and every column, of which only ``rest`` is there."""
        builder, dtype = self.builder, self.tile.dtype
        inside = self._mask(table, k) if self.masked else rest
        rows = [self._load(builder.offset(p, k, dtype), rest, 1) for p in left]
        columns = [self._load(builder.offset(p, k * self.spread, dtype), inside, self.spread) for p in right]
        for number, total in enumerate(sums):
            row, column = divmod(number, self.tile.vectors)
            total.set(builder.multiply_add(rows[row], columns[column], total.get()))

    def _load(self, pointer: str, mask: Value | None, spread: int) -> Value:
        if mask is None and spread == 1:
            return load(self.builder, pointer, self.tile.dtype, self.width)
        whole = self.builder.widen(self.builder.constant(True, "bool"), self.width)
        return load_spread(self.builder, pointer, spread, whole if mask is None else mask, self.tile.dtype)

    def _mask(self, table: str, k: Value) -> Value:
        builder, bits = self.builder, "%" + self.builder.fresh("bits")
        entry = address(builder, table, (k >> (self.width.bit_length() - 1)) * MASK_BYTES)
        builder.emit(f"{bits} = load i{self.width}, ptr {entry}")
        return builder.instruction(f"bitcast i{self.width} {bits} to <{self.width} x i1>", "bool", self.width)

    def _totals(self, sums: list[Value]) -> list[Value]:
        """Vectors of the sums of the lanes of every vector: halves of two are added at a time."""
        builder, width = self.builder, self.width
        zero = builder.constant(0, self.tile.dtype, width)
        padded = sums + [zero] * (-len(sums) % width)
        segment = width
        while segment > 1:
            half = segment // 2
            starts = [vector + begin for vector in (0, width) for begin in range(0, width, segment)]
            first = [start + lane for start in starts for lane in range(half)]
            second = [lane + half for lane in first]
            pairs = zip(padded[::2], padded[1::2], strict=True)
            padded = [shuffle(builder, a, b, first) + shuffle(builder, a, b, second) for a, b in pairs]
            segment = half
        return padded

    def _store(self, totals: list[Value]) -> None:
        builder, dtype = self.builder, self.tile.dtype
        builder.entry.append(f" %totals = alloca [{len(totals) * self.width} x {MEMORY[dtype]}], align 64")
        for number, total in enumerate(totals):
            store(builder, total, builder.offset("%totals", number * self.width, dtype))
        zero, scale = builder.constant(0, "int64"), Value(builder, "%scale", dtype)
        with builder.loop(zero, self._argument("rows")) as row:
            line = address(builder, "%target", row * self._argument("line"))
            with builder.loop(zero, self._argument("columns")) as column:
                place = address(builder, line, column * self._argument("lane"))
                total = self._element(builder.offset("%totals", row * self.tile.vectors + column, dtype))
                old = builder.variable(builder.constant(0, dtype))
                with builder.when(Value(builder, "%add", "bool")):
                    old.set(self._element(place))
                builder.emit(f"store {builder.multiply_add(total, scale, old.get())}, ptr {place}")

    def _element(self, pointer: str) -> Value:
        dtype = self.tile.dtype
        return self.builder.instruction(f"load {MEMORY[dtype]}, ptr {pointer}, align {BYTES[dtype]}", dtype)
