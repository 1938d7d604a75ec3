"""Vectors from and to memory in a contraction kernel, with masks for the lanes that are there."""

from __future__ import annotations

from covector.codegen.builder import Builder, Value
from covector.codegen.types import BYTES, MEMORY, suffix_of, type_of

SPREAD = 4
"""Up to this stride, whole vectors are read, and the elements picked from them."""


def first_lanes(builder: Builder, count: Value, width: int) -> Value:
    """A mask of the first ``count`` lanes: none where that is negative, all where it is more than there are."""
    limit = builder.intrinsic("smin", builder.intrinsic("smax", count, 0), width).convert("int32")
    lanes = Value(builder, "<" + ", ".join(f"i32 {lane}" for lane in range(width)) + ">", "int32", width)
    return lanes < limit


def load(builder: Builder, address: str, dtype: str, width: int) -> Value:
    """A vector from memory."""
    return builder.instruction(f"load {type_of(dtype, width)}, ptr {address}, align {BYTES[dtype]}", dtype, width)


def store(builder: Builder, value: Value, address: str) -> None:
    """A vector to memory."""
    builder.emit(f"store {value}, ptr {address}, align {BYTES[value.dtype]}")


def load_masked(builder: Builder, address: str, mask: Value, dtype: str) -> Value:
    """A vector from memory, zero where the mask is false: nothing is read there."""
    kind, name = type_of(dtype, mask.width), f"llvm.masked.load.{suffix_of(dtype, mask.width)}.p0"
    builder.module.declare(f"declare {kind} @{name}(ptr, i32, {mask.type}, {kind})")
    given = f"ptr {address}, i32 {BYTES[dtype]}, {mask}, {kind} zeroinitializer"
    return builder.instruction(f"call {kind} @{name}({given})", dtype, mask.width)


def load_spread(builder: Builder, address: str, stride: int, mask: Value, dtype: str) -> Value:
    """A vector of every ``stride``-th element of memory, zero where the mask is false: nothing is read there."""
    if stride == 1:
        return load_masked(builder, address, mask, dtype)
    width = mask.width
    chosen = ", ".join(f"i32 {lane // stride if lane % stride == 0 else width}" for lane in range(width * stride))
    none = builder.constant(False, "bool", width)
    lanes = f"<{width * stride} x i32> <{chosen}>"
    wide = builder.instruction(f"shufflevector {mask}, {none}, {lanes}", "bool", width * stride)
    read = load_masked(builder, address, wide, dtype)
    every = ", ".join(f"i32 {lane * stride}" for lane in range(width))
    return builder.instruction(f"shufflevector {read}, {read.type} poison, <{width} x i32> <{every}>", dtype, width)


def store_masked(builder: Builder, value: Value, address: str, mask: Value) -> None:
    """The lanes of a vector where the mask is true to memory."""
    name = f"llvm.masked.store.{suffix_of(value.dtype, value.width)}.p0"
    builder.module.declare(f"declare void @{name}({value.type}, ptr, i32, {mask.type})")
    builder.emit(f"call void @{name}({value}, ptr {address}, i32 {BYTES[value.dtype]}, {mask})")


def gather(builder: Builder, pointer: str, offsets: Value, mask: Value, dtype: str) -> Value:
    """Elements at offsets from an address, zero where the mask is false: nothing is read there."""
    kind, suffix = f"<{mask.width} x {MEMORY[dtype]}>", suffix_of(dtype, mask.width)
    name = f"llvm.masked.gather.{suffix}.v{mask.width}p0"
    addresses = builder.pointer(f"getelementptr {MEMORY[dtype]}, ptr {pointer}, {offsets}")
    builder.module.declare(f"declare {kind} @{name}(<{mask.width} x ptr>, i32, {mask.type}, {kind})")
    given = f"<{mask.width} x ptr> {addresses}, i32 {BYTES[dtype]}, {mask}, {kind} zeroinitializer"
    return builder.instruction(f"call {kind} @{name}({given})", dtype, mask.width)
