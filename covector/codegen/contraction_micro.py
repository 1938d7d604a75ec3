"""The innermost part of a contraction: a tile of the target, all of it in registers.

A tile is ``rows`` rows of ``vectors`` vectors. Each step multiplies a column of the left operand, one element
broadcast for every row, by a row of the right one. Strides are run-time values, so that one function of a module
serves every product of that dtype, whether its operands are packed or not.
"""

from __future__ import annotations

from dataclasses import dataclass

from covector.codegen.builder import Builder, Value
from covector.codegen.contraction_memory import first_lanes, load, load_masked, store_masked
from covector.codegen.module import Module
from covector.codegen.target import Target
from covector.codegen.types import BYTES, MEMORY, REGISTER, suffix_of, type_of

TAP_BYTES = 16
"""The size of an entry of the table of taps: what is added to the left operand, and to the right one."""


@dataclass(frozen=True, slots=True)
class Tile:
    """The size of a tile; its lanes are ``vectors`` times those of a register."""

    dtype: str
    rows: int
    vectors: int

    def lanes(self, target: Target) -> int:
        """The columns of the tile."""
        return self.vectors * target.lanes(self.dtype)


def registers(target: Target) -> int:
    """How many vectors a processor holds."""
    return 32 if target.vector_bytes == 64 or target.architecture.startswith("aarch64") else 16


def micro_kernel(module: Module, tile: Tile, *, taps: bool = False) -> str:
    """The name of the function that adds up one tile; it is made when it is first wanted.

    Its parameters: the left operand, the bytes from row to row and from step to step; the right operand and the bytes
    from step to step; the number of steps; the target and the bytes from row to row; how many rows and lanes of the
    target there are; whether to add to it; the scale. With ``taps`` there are as many steps for each entry of a table:
    offsets in bytes that are added to the operands.
    """
    name = f"contraction.tile.{suffix_of(tile.dtype, 1)}.{tile.rows}x{tile.vectors}{'.taps' if taps else ''}"
    return module.helper(name, lambda: _Micro(module, name, tile, taps).text())


class _Micro:
    """Writes the function."""

    def __init__(self, module: Module, name: str, tile: Tile, taps: bool) -> None:
        parameters = [("left", "ptr noalias readonly"), ("row", "i64"), ("step", "i64")]
        parameters += [("right", "ptr noalias readonly"), ("pitch", "i64"), ("depth", "i64")]
        parameters += [("target", "ptr noalias"), ("line", "i64"), ("rows", "i64"), ("lanes", "i64")]
        parameters += [("add", "i1"), ("scale", REGISTER[tile.dtype])]
        parameters += [("taps", "ptr noalias readonly"), ("count", "i64")] if taps else []
        self.builder = Builder(module, name, [(text, kind) for text, kind in parameters])
        self.tile, self.taps = tile, taps
        self.width = module.target.lanes(tile.dtype)
        self.kind = type_of(tile.dtype, self.width)

    def text(self) -> str:
        self._fetch_target()
        zeros = ["zeroinitializer"] * (self.tile.rows * self.tile.vectors)
        sums = self._over_taps(zeros) if self.taps else self._over_steps("%left", "%right", zeros)
        self._store(sums)
        self.builder.emit("ret void")
        return self.builder.text()

    def _fetch_target(self) -> None:
        """Ask for the lines of the target, so that they are there when the sums are; no such line is no error."""
        builder, line = self.builder, "%target"
        builder.module.declare("declare void @llvm.prefetch.p0(ptr, i32, i32, i32)")
        for row in range(self.tile.rows):
            line = builder.pointer(f"getelementptr i8, ptr {line}, i64 %line") if row else line
            for v in range(self.tile.vectors):
                place = self._vector_at(line, v)
                builder.emit(f"call void @llvm.prefetch.p0(ptr {place}, i32 1, i32 3, i32 1)")

    def _vector_at(self, pointer: str, vector: int) -> str:
        offset = vector * self.builder.module.target.vector_bytes
        return self.builder.pointer(f"getelementptr i8, ptr {pointer}, i64 {offset}") if offset else pointer

    def _phis(self, sums: list[str], before: str) -> tuple[list[str], list[int]]:
        """Sums that change in a loop, and the lines where what they become is still to be written."""
        builder = self.builder
        names, places = [], []
        for start in sums:
            names.append("%" + builder.fresh("sum"))
            places.append(len(builder.lines))
            builder.lines.append(f" {names[-1]} = phi {self.kind} [ {start}, %{before} ], ")
        return names, places

    def _close(self, places: list[int], following: list[str]) -> None:
        for place, value in zip(places, following, strict=True):
            self.builder.lines[place] += f"[ {value}, %{self.builder.block} ]"

    def _over_taps(self, zeros: list[str]) -> list[str]:
        builder = self.builder
        builder.emit(f"%table_end_offset = mul nsw i64 %count, {TAP_BYTES}")
        builder.emit("%table_end = getelementptr i8, ptr %taps, i64 %table_end_offset")
        builder.jump("tap.head")
        builder.label("tap.head")
        builder.lines.append(" %tap = phi ptr [ %taps, %start ], ")
        place = len(builder.lines) - 1
        sums, places = self._phis(zeros, "start")
        builder.emit("%tap.more = icmp ult ptr %tap, %table_end")
        builder.emit("br i1 %tap.more, label %tap.body, label %tap.done")
        builder.label("tap.body")
        left = builder.pointer(f"getelementptr i8, ptr %left, i64 {self._entry(0)}")
        right = builder.pointer(f"getelementptr i8, ptr %right, i64 {self._entry(8)}")
        following = self._over_steps(left, right, sums)
        builder.emit(f"%tap.next = getelementptr i8, ptr %tap, i64 {TAP_BYTES}")
        builder.lines[place] += f"[ %tap.next, %{builder.block} ]"
        self._close(places, following)
        builder.jump("tap.head")
        builder.label("tap.done")
        return sums

    def _entry(self, offset: int) -> str:
        address = self.builder.pointer(f"getelementptr i8, ptr %tap, i64 {offset}")
        return self.builder.instruction(f"load i64, ptr {address}", "int64").text

    def _over_steps(self, left: str, right: str, sums: list[str]) -> list[str]:
        builder, tile = self.builder, self.tile
        head, body, done = (builder.fresh(f"step.{part}") for part in ("head", "body", "done"))
        groups = [left]
        four = builder.instruction("shl i64 %row, 2", "int64").text
        for _ in range(4, tile.rows, 4):
            groups.append(builder.pointer(f"getelementptr i8, ptr {groups[-1]}, i64 {four}"))
        multiples = ["0", "%row", *(builder.instruction(f"mul i64 %row, {m}", "int64").text for m in (2, 3))]
        before = builder.block
        builder.jump(head)
        builder.label(head)
        counter, pointers = "%" + builder.fresh("k"), ["%" + builder.fresh("p") for _ in (*groups, right)]
        following = [name + ".next" for name in pointers]
        place = len(builder.lines)
        changing, places = self._phis(sums, before)
        more = builder.instruction(f"icmp slt i64 {counter}, %depth", "bool")
        builder.branch(more, body, done)
        builder.label(body)
        rows = [load(builder, self._vector_at(pointers[-1], v), tile.dtype, self.width) for v in range(tile.vectors)]
        new = []
        for row in range(tile.rows):
            address = pointers[row // 4]
            if row % 4:
                address = builder.pointer(f"getelementptr i8, ptr {address}, i64 {multiples[row % 4]}")
            element = builder.instruction(
                f"load {MEMORY[tile.dtype]}, ptr {address}, align {BYTES[tile.dtype]}", tile.dtype
            )
            factor = builder.widen(element, self.width)
            for v in range(tile.vectors):
                summed = Value(builder, changing[row * tile.vectors + v], tile.dtype, self.width)
                new.append(builder.multiply_add(factor, rows[v], summed).text)
        for name, moved in zip(pointers, following, strict=True):
            stride = "%pitch" if name is pointers[-1] else "%step"
            builder.emit(f"{moved} = getelementptr i8, ptr {name}, i64 {stride}")
        builder.emit(f"{counter}.next = add nuw nsw i64 {counter}, 1")
        self._close(places, new)
        phis = [f" {counter} = phi i64 [ 0, %{before} ], [ {counter}.next, %{builder.block} ]"]
        for name, start, moved in zip(pointers, (*groups, right), following, strict=True):
            phis.append(f" {name} = phi ptr [ {start}, %{before} ], [ {moved}, %{builder.block} ]")
        builder.jump(head)
        builder.lines[place:place] = phis
        builder.label(done)
        return changing

    def _store(self, sums: list[str]) -> None:
        """Rows in order until there are no more; outside the lanes nothing is read or written."""
        builder, tile = self.builder, self.tile
        scale = builder.widen(Value(builder, "%scale", tile.dtype), self.width)
        lanes = Value(builder, "%lanes", "int64")
        inside = [first_lanes(builder, lanes - v * self.width, self.width) for v in range(tile.vectors)]
        adding = builder.widen(Value(builder, "%add", "bool"), self.width)
        there = [mask & adding for mask in inside]
        line, done = "%target", "stored"
        for row in range(tile.rows):
            if row:
                following = builder.fresh("line")
                builder.branch(Value(builder, "%rows", "int64") > row, following, done)
                builder.label(following)
                line = builder.pointer(f"getelementptr i8, ptr {line}, i64 %line")
            for v in range(tile.vectors):
                address = self._vector_at(line, v)
                summed = Value(builder, sums[row * tile.vectors + v], tile.dtype, self.width)
                old = load_masked(builder, address, there[v], tile.dtype)
                store_masked(builder, builder.multiply_add(summed, scale, old), address, inside[v])
        builder.jump(done)
        builder.label(done)
