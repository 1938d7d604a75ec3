"""Writing a tile transposed to the other side of the diagonal."""

from __future__ import annotations

from covector.codegen.builder import Builder, Value
from covector.codegen.contraction_memory import load, store
from covector.codegen.contraction_pack import address, transpose
from covector.codegen.module import Module
from covector.codegen.types import BYTES, MEMORY, suffix_of


def mirror_kernel(module: Module, dtype: str, rows: int) -> str:
    """The name of the function that writes ``rows`` rows as columns.

    Its parameters: the first row, where the first column goes, the bytes from row to row of both, and how many elements
    the rows have, which is how many rows are written.
    """
    name = f"contraction.mirror.{suffix_of(dtype, 1)}.{rows}"
    return module.helper(name, lambda: _text(module, name, dtype, rows))


def _text(module: Module, name: str, dtype: str, rows: int) -> str:
    parameters = [("source", "ptr noalias readonly"), ("target", "ptr noalias"), ("line", "i64"), ("count", "i64")]
    builder = Builder(module, name, parameters)
    line, count = Value(builder, "%line", "int64"), Value(builder, "%count", "int64")
    block = min(rows, module.target.lanes(dtype))
    zero = builder.constant(0, "int64")
    whole = builder.binary("udiv", count, builder.constant(block, "int64")) * block
    with builder.when(whole > 0), builder.loop(zero, whole, block) as column:
        for row in range(0, rows, block):
            source = builder.offset(address(builder, "%source", line * row), column, dtype)
            lines = [load(builder, address(builder, source, line * n), dtype, block) for n in range(block)]
            target = builder.offset(address(builder, "%target", column * line), row, dtype)
            for n, turned in enumerate(transpose(builder, lines)):
                store(builder, turned, address(builder, target, line * n))
    with builder.when(whole < count), builder.loop(whole, count) as column:
        source, target = builder.offset("%source", column, dtype), address(builder, "%target", column * line)
        for row in range(rows):
            element = f"load {MEMORY[dtype]}, ptr {address(builder, source, line * row)}, align {BYTES[dtype]}"
            builder.emit(f"store {builder.instruction(element, dtype)}, ptr {builder.offset(target, row, dtype)}")
    builder.emit("ret void")
    return builder.text()
