"""The innermost part of a sum over pixels: a tile of sums in registers, of filters and of taps with their channels.

Each step multiplies one pixel of several filters' cotangents, one element broadcast for each, by vectors of channels at
several offsets. What is summed is read and written once for a whole band of pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

from covector.codegen.builder import Builder, Value, Variable
from covector.codegen.contraction_memory import load, store
from covector.codegen.module import Module
from covector.codegen.types import BYTES, MEMORY, suffix_of


@dataclass(frozen=True, slots=True)
class PixelTile:
    """So many filters, and so many vectors of channels."""

    dtype: str
    rows: int
    vectors: int


def pixel_kernel(module: Module, tile: PixelTile) -> str:
    """The name of the function that adds a band of pixels to one tile of sums.

    Its parameters: the cotangent, the bytes from row to row, from pixel to pixel and from line to line; the vectors of
    channels, the bytes from pixel to pixel and from line to line; the offset of each of the tile's vectors; how many
    pixels a line has and how many lines there are; the sums, row by row.
    """
    name = f"contraction.pixels.{suffix_of(tile.dtype, 1)}.{tile.rows}x{tile.vectors}"
    return module.helper(name, lambda: _Pixels(module, name, tile).text())


class _Pixels:
    """Writes the function."""

    def __init__(self, module: Module, name: str, tile: PixelTile) -> None:
        parameters = [("left", "ptr noalias readonly"), ("row", "i64"), ("left_step", "i64"), ("left_line", "i64")]
        parameters += [("right", "ptr noalias readonly"), ("right_step", "i64"), ("right_line", "i64")]
        parameters += [(f"offset{number}", "i64") for number in range(tile.vectors)]
        parameters += [("pixels", "i64"), ("lines", "i64"), ("sums", "ptr noalias")]
        self.builder, self.tile = Builder(module, name, parameters), tile
        self.width = module.target.lanes(tile.dtype)

    def text(self) -> str:
        builder, tile = self.builder, self.tile
        zero = builder.constant(0, "int64")
        count = tile.rows * tile.vectors
        places = [builder.offset("%sums", number * self.width, tile.dtype) for number in range(count)]
        sums = [builder.variable(load(builder, place, tile.dtype, self.width)) for place in places]
        multiples = ["%row", *(builder.instruction(f"mul i64 %row, {m}", "int64").text for m in (2, 3, 4))]
        with builder.loop(zero, Value(builder, "%lines", "int64")) as line:
            left, right = self._moving("left", line), self._moving("right", line)
            with builder.loop(zero, Value(builder, "%pixels", "int64")):
                here, there = self._address(left), self._address(right)
                self._step(here, there, multiples, sums)
                for pointer, at, distance in ((left, here, "%left_step"), (right, there, "%right_step")):
                    moved = builder.pointer(f"getelementptr i8, ptr {at}, i64 {distance}")
                    builder.emit(f"store ptr {moved}, ptr {pointer}")
        for place, total in zip(places, sums, strict=True):
            store(builder, total.get(), place)
        builder.emit("ret void")
        return builder.text()

    def _moving(self, operand: str, line: Value) -> str:
        """An address that moves along a line, at its beginning."""
        builder, name = self.builder, "%" + self.builder.fresh("at")
        builder.entry.append(f" {name} = alloca ptr")
        offset = line * Value(builder, f"%{operand}_line", "int64")
        builder.emit(f"store ptr {builder.pointer(f'getelementptr i8, ptr %{operand}, {offset}')}, ptr {name}")
        return name

    def _address(self, moving: str) -> str:
        return self.builder.pointer(f"load ptr, ptr {moving}")

    def _step(self, left: str, right: str, multiples: list[str], sums: list[Variable]) -> None:
        builder, tile = self.builder, self.tile
        vectors = []
        for number in range(tile.vectors):
            place = builder.pointer(f"getelementptr i8, ptr {right}, i64 %offset{number}")
            vectors.append(load(builder, place, tile.dtype, self.width))
        group = place = left
        for row in range(tile.rows):
            if row % 4:
                place = builder.pointer(f"getelementptr i8, ptr {group}, i64 {multiples[row % 4 - 1]}")
            elif row:
                group = place = builder.pointer(f"getelementptr i8, ptr {group}, i64 {multiples[3]}")
            kind = f"load {MEMORY[tile.dtype]}, ptr {place}, align {BYTES[tile.dtype]}"
            factor = builder.widen(builder.instruction(kind, tile.dtype), self.width)
            for number, vector in enumerate(vectors):
                total = sums[row * tile.vectors + number]
                total.set(builder.multiply_add(factor, vector, total.get()))
