"""Packing: an operand copied so that a tile reads it in order, ``width`` lanes for each step.

There is one function for each way in which memory holds the operand: lanes one behind the other, steps one behind the
other (blocks of a vector's size are transposed in registers), or neither. Lanes that there are not become zero.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from covector.codegen.builder import Builder, Value
from covector.codegen.contraction_memory import first_lanes, load_masked, store_masked
from covector.codegen.module import Module
from covector.codegen.types import BYTES, MEMORY, suffix_of

Integer = Value | int
"""An integer, known or of run time."""

LANE, STEP, LANES, DEPTH = "%lane", "%step", "%lanes", "%depth"


def pack_kernel(module: Module, dtype: str, width: int, lane: Integer, step: Integer) -> str:
    """The name of the function that packs where lanes are ``lane`` elements apart and steps ``step``.

    Its parameters: the source, the bytes from lane to lane and from step to step, how many lanes and steps there are,
    and where the packed operand goes. It may write up to a vector's number of steps more than there are.
    """
    way, write = ("rows", _rows) if _is_one(lane) else ("columns", _columns) if _is_one(step) else ("any", _any)
    name = f"contraction.pack.{way}.{suffix_of(dtype, 1)}.{width}"
    return module.helper(name, lambda: _text(module, name, dtype, width, write))


def _is_one(stride: Integer) -> bool:
    return isinstance(stride, int) and stride == 1


def _text(module: Module, name: str, dtype: str, width: int, write: Callable[[Builder, str, int], None]) -> str:
    parameters = [("source", "ptr noalias readonly"), ("lane", "i64"), ("step", "i64"), ("lanes", "i64")]
    builder = Builder(module, name, [*parameters, ("depth", "i64"), ("packed", "ptr noalias")])
    with builder.when(Value(builder, DEPTH, "int64") > 0):
        write(builder, dtype, width)
    builder.emit("ret void")
    return builder.text()


def _rows(builder: Builder, dtype: str, width: int) -> None:
    """Vectors are copied."""
    vector = builder.module.target.lanes(dtype)
    lanes = Value(builder, LANES, "int64")
    starts = range(0, width, vector)
    inside = [first_lanes(builder, lanes - start, vector) for start in starts]
    kept = [first_lanes(builder, builder.constant(width - start, "int64"), vector) for start in starts]
    with builder.loop(builder.constant(0, "int64"), Value(builder, DEPTH, "int64")) as k:
        source = address(builder, "%source", k * Value(builder, STEP, "int64"))
        packed = builder.offset("%packed", k * width, dtype)
        for start, mask, all_lanes in zip(starts, inside, kept, strict=True):
            copied = load_masked(builder, builder.offset(source, start, dtype), mask, dtype)
            store_masked(builder, copied, builder.offset(packed, start, dtype), all_lanes)


def _columns(builder: Builder, dtype: str, width: int) -> None:
    """Blocks of a vector's size are transposed in registers."""
    vector = builder.module.target.lanes(dtype)
    zero, depth = builder.constant(0, "int64"), Value(builder, DEPTH, "int64")
    lanes, lane = Value(builder, LANES, "int64"), Value(builder, LANE, "int64")
    with builder.loop(zero, builder.constant(width, "int64"), vector) as start:
        kept = first_lanes(builder, width - start, vector)
        sources = []
        for row in range(vector):
            number = start + row
            sources.append(address(builder, "%source", (number < lanes).where(number, zero) * lane))
        with builder.loop(zero, depth, vector) as k:
            mask = first_lanes(builder, depth - k, vector)
            block = [load_masked(builder, builder.offset(source, k, dtype), mask, dtype) for source in sources]
            for row, column in enumerate(transpose(builder, block)):
                store_masked(builder, column, builder.offset("%packed", (k + row) * width + start, dtype), kept)


def _any(builder: Builder, dtype: str, width: int) -> None:
    """Elements are copied."""
    zero, one = builder.constant(0, "int64"), builder.constant(width, "int64")
    with builder.loop(zero, one) as number:
        there = number < Value(builder, LANES, "int64")
        source = address(builder, "%source", there.where(number, zero) * Value(builder, LANE, "int64"))
        with builder.loop(zero, Value(builder, DEPTH, "int64")) as k:
            element = address(builder, source, k * Value(builder, STEP, "int64"))
            copied = builder.instruction(f"load {MEMORY[dtype]}, ptr {element}, align {BYTES[dtype]}", dtype)
            builder.emit(f"store {copied}, ptr {builder.offset('%packed', k * width + number, dtype)}")


def address(builder: Builder, pointer: str, offset: Value) -> str:
    """A pointer so many bytes on."""
    return builder.pointer(f"getelementptr i8, ptr {pointer}, i64 {offset.text}")


def transpose(builder: Builder, block: Sequence[Value]) -> list[Value]:
    """A square block of vectors, rows as columns: first within 16 bytes, then whole chunks of 16 bytes.

    Both are shuffles for which processors have an instruction.
    """
    width, chunk = block[0].width, 16 // BYTES[block[0].dtype]
    inner: list[list[Value]] = []
    for start in range(0, width, chunk):
        inner.append(_within_chunks(builder, list(block[start : start + chunk]), chunk))
    columns: list[Value | None] = [None] * width
    for j in range(chunk):
        for c, column in enumerate(_across_chunks(builder, [group[j] for group in inner], chunk)):
            columns[c * chunk + j] = column
    return [column for column in columns if column is not None]


def _within_chunks(builder: Builder, rows: list[Value], chunk: int) -> list[Value]:
    """For each j the vector of element j of every row, chunk by chunk."""
    if len(rows) == 1:
        return rows
    if len(rows) == 2:
        return [_interleave(builder, rows[0], rows[1], chunk, 1, half) for half in (0, 1)]
    low = [_interleave(builder, rows[0], rows[1], chunk, 1, half) for half in (0, 1)]
    high = [_interleave(builder, rows[2], rows[3], chunk, 1, half) for half in (0, 1)]
    return [_interleave(builder, low[j // 2], high[j // 2], chunk, 2, j % 2) for j in range(4)]


def _interleave(builder: Builder, first: Value, second: Value, chunk: int, size: int, half: int) -> Value:
    """Pieces of ``size`` elements of the lower or upper half of every chunk, in turn from both."""
    lanes = []
    for start in range(0, first.width, chunk):
        for piece in range(chunk // 2 // size):
            at = start + half * (chunk // 2) + piece * size
            lanes += [*range(at, at + size), *range(first.width + at, first.width + at + size)]
    return shuffle(builder, first, second, lanes)


def _across_chunks(builder: Builder, rows: list[Value], chunk: int) -> list[Value]:
    """A square block of chunks, transposed."""
    width = rows[0].width

    def pick(first: Value, second: Value, chunks: Sequence[int]) -> Value:
        lanes = [(c % 8) * chunk + (width if c >= 8 else 0) + lane for c in chunks for lane in range(chunk)]
        return shuffle(builder, first, second, lanes)

    if len(rows) == 1:
        return rows
    if len(rows) == 2:
        return [pick(rows[0], rows[1], (c, 8 + c)) for c in (0, 1)]
    halves = [[pick(rows[r], rows[r + 1], (h, h + 1, 8 + h, 9 + h)) for r in (0, 2)] for h in (0, 2)]
    return [pick(halves[c // 2][0], halves[c // 2][1], (c % 2, c % 2 + 2, 8 + c % 2, 10 + c % 2)) for c in range(4)]


def shuffle(builder: Builder, first: Value, second: Value, lanes: Sequence[int]) -> Value:
    """A vector of lanes of two, those of the second counted on."""
    chosen = ", ".join(f"i32 {lane}" for lane in lanes)
    return builder.instruction(
        f"shufflevector {first}, {second}, <{len(lanes)} x i32> <{chosen}>", first.dtype, len(lanes)
    )
