"""What threads accumulate together: each but the first has a copy of its own; the copies are combined at the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from covector.codegen.builder import Builder, Value
from covector.codegen.layout import steps_of
from covector.codegen.memory import Memory, extent_value
from covector.codegen.reductions import REDUCTIONS, neutral
from covector.ir import Compute
from covector.schedule.plan import Accumulate, Loop


def operation_of(loop: Loop, target: Compute) -> str:
    """How the iterations of a loop accumulate a target."""
    return next(s.operation for s in steps_of(loop.body) if isinstance(s, Accumulate) and s.target is target)


def clear_copies(loop: Loop, build: Builder, memory: Memory) -> None:
    """Set the thread's copies to the neutral element; the first thread has the originals."""
    if not loop.shared:
        return
    with build.when(Value(build, "%thread", "int64").differs(0)):
        for target in loop.shared:
            start = build.constant(neutral(operation_of(loop, target), target.dtype), target.dtype)
            with elements(build, memory, target) as (at, mask):
                memory.store(target, at, build.widen(start, mask.width), mask)


def combine_copies(loop: Loop, build: Builder, memory: Memory) -> None:
    """Combine the originals with the copies of the other threads, in their order."""
    layout, threads = memory.layout, Value(build, "%threads", "int64")
    size = memory.extent(layout.thread)
    for target in loop.shared:
        combine = REDUCTIONS[operation_of(loop, target)].combine
        with build.when(threads > 1), build.loop(build.constant(1, "int64"), threads) as thread:
            first = memory.address(layout.table.thread, layout.copies[target])
            base = build.pointer(f"getelementptr i8, ptr {first}, {size * thread}")
            with elements(build, memory, target) as (at, mask):
                old = memory.load(target, at, mask.width, mask)
                new = memory.load_from(base, target, at, mask.width, mask)
                memory.store(target, at, combine(build, old, new), mask)


@contextmanager
def elements(
    build: Builder, memory: Memory, target: Compute, within: tuple[Value, Value] | None = None
) -> Iterator[tuple[Value, Value]]:
    """A part that runs for every vector of a tensor, or of what is ``within`` a range of its elements: where it begins,
    and which lanes there are.
    """
    whole = build.constant(0, "int64"), extent_value(memory.layout.size(target), memory)
    (low, high), width = within or whole, max(build.module.target.lanes(target.dtype), 2)
    with build.when(high > low), build.loop(low, high, width) as at:
        yield at, build.lanes(width) < (high - at)
