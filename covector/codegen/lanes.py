"""Vectors taken apart and put together."""

from __future__ import annotations

from covector.codegen.builder import Value


def halves(value: Value) -> tuple[Value, Value]:
    """The first lanes and the last lanes of a vector."""
    build, half = value.builder, value.width // 2
    if half == 1:
        first, second = (build.instruction(f"extractelement {value}, i64 {lane}", value.dtype) for lane in range(2))
        return first, second
    parts = []
    for begin in (0, half):
        picked = ", ".join(f"i32 {lane}" for lane in range(begin, begin + half))
        text = f"shufflevector {value}, {value.type} poison, <{half} x i32> <{picked}>"
        parts.append(build.instruction(text, value.dtype, half))
    return parts[0], parts[1]


def joined(first: Value, second: Value) -> Value:
    """The lanes of two vectors of one type as one vector."""
    width = first.width + second.width
    picked = ", ".join(f"i32 {lane}" for lane in range(width))
    text = f"shufflevector {first}, {second}, <{width} x i32> <{picked}>"
    return first.builder.instruction(text, first.dtype, width)
