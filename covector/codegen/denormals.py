"""Denormal numbers as zero while code runs: arithmetic with them takes some hundred cycles an instruction.

Whatever calls the code finds the processor as it left it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mode:
    """Instructions that read and write the mode of floating-point arithmetic, and what flushes denormals in it."""

    declarations: tuple[str, ...]
    enter: tuple[str, ...]
    leave: tuple[str, ...]


_NONE = Mode((), (), ())

_X86 = Mode(
    ("declare void @llvm.x86.sse.stmxcsr(ptr)", "declare void @llvm.x86.sse.ldmxcsr(ptr)"),
    (
        "%mode = alloca i32",
        "call void @llvm.x86.sse.stmxcsr(ptr %mode)",
        "%mode.old = load i32, ptr %mode",
        "%mode.new = or i32 %mode.old, 32832",
        "store i32 %mode.new, ptr %mode",
        "call void @llvm.x86.sse.ldmxcsr(ptr %mode)",
    ),
    ("store i32 %mode.old, ptr %mode", "call void @llvm.x86.sse.ldmxcsr(ptr %mode)"),
)

_ARM = Mode(
    ("declare i64 @llvm.aarch64.get.fpcr()", "declare void @llvm.aarch64.set.fpcr(i64)"),
    (
        "%mode.old = call i64 @llvm.aarch64.get.fpcr()",
        "%mode.new = or i64 %mode.old, 16777216",
        "call void @llvm.aarch64.set.fpcr(i64 %mode.new)",
    ),
    ("call void @llvm.aarch64.set.fpcr(i64 %mode.old)",),
)

_MODES = {"x86_64": _X86, "AMD64": _X86, "aarch64": _ARM, "arm64": _ARM}


def flushing(architecture: str) -> Mode:
    """How denormals are flushed on an architecture; nothing is done where that is not known."""
    return _MODES.get(architecture, _NONE)
