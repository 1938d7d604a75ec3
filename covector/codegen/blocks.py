"""Long sums in blocks: what some iterations add up begins at zero, and is added to the total when they are through.

A sum of n numbers in one accumulator has a rounding error for each of them that grows with what is there already; in
blocks of b it has n/b + b of them, so that a sum of a million float32 keeps all but its last digit. A total that is
kept in memory, such as one for each column, has a block in the thread's memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

from covector.codegen.builder import Builder, Value, Variable
from covector.codegen.copies import elements
from covector.codegen.layout import Layout, loops_of, reads_of, steps_of
from covector.codegen.memory import Memory
from covector.ir import Compute
from covector.ir.affine import free
from covector.schedule.plan import Accumulate, Assign, Loop, Product, Step

BLOCK = 128
"""Iterations of a block."""

MOST = 1 << 16
"""Elements of a total in memory that may have a block."""


def summed(loop: Loop, layout: Layout) -> tuple[Compute, ...]:
    """The totals that the iterations of a loop only add to, each in the same places."""
    steps = list(steps_of(loop.body))
    touched = {layout.root(read.tensor) for step in steps for read in reads_of(step)}
    touched |= {layout.root(step.target) for step in steps if not _adds(step)}
    found: dict[Compute, bool] = {}
    for step in steps:
        root = layout.root(step.target)
        alone = all(other.target is step.target for other in steps if layout.root(other.target) == root)
        fits = root not in touched and alone and loop.index not in free(layout.flat(step.target, step.positions))
        found[step.target] = fits and found.get(step.target, True)
    return tuple(target for target, fits in found.items() if fits)


def _adds(step: Assign | Accumulate | Product) -> bool:
    return isinstance(step, Accumulate) and step.operation == "sum" and step.target.dtype.startswith("float")


def is_long(loop: Loop, step: int) -> bool:
    """Whether so many iterations at once are, or may be, more than two blocks."""
    extent = loop.index.extent
    return not extent.is_constant or extent.constant > 2 * BLOCK * step


def place(layout: Layout, functions: Iterable[tuple[Step, ...]]) -> None:
    """Reserve blocks in the threads' memory for the totals in memory that long loops add to."""
    for steps in functions:
        for loop in loops_of(steps):
            for target in summed(loop, layout) if is_long(loop, 1) else ():
                size = layout.size(target)
                if not layout.is_register(target) and not (size.is_constant and size.constant > MOST):
                    layout.reserve(target)


@contextmanager
def blocks(build: Builder, first: Value, last: Value, step: int) -> Iterator[tuple[Value, Value]]:
    """A part that runs for every block of a range that is not empty: where the block begins and ends."""
    size = BLOCK * step
    with build.loop(first, last, size) as start:
        end = start + size
        yield start, build.select(end < last, end, last)


@contextmanager
def apart(build: Builder, variables: Mapping[Compute, Variable]) -> Iterator[dict[Compute, Variable]]:
    """Variables that begin at zero, and are added to others at the end."""
    own = {target: build.variable(build.constant(0, v.dtype, v.width)) for target, v in variables.items()}
    yield own
    for target, variable in variables.items():
        variable.set(variable.get() + own[target].get())


@contextmanager
def beside(
    build: Builder, memory: Memory, targets: Sequence[Compute], within: tuple[Value, Value] | None
) -> Iterator[None]:
    """A part in which totals in memory are in their blocks; these begin at zero, and are added to them.

    Only what is ``within`` a range of their elements is touched, where one is given.
    """
    addresses = {target: memory.thread_pointer(memory.layout.blocks[target]) for target in targets}
    with ExitStack() as stack:
        for target, address in addresses.items():
            stack.enter_context(memory.moved(target, address))
            with elements(build, memory, target, within) as (at, mask):
                memory.store(target, at, build.constant(0, target.dtype, mask.width), mask)
        yield
    for target, address in addresses.items():
        with elements(build, memory, target, within) as (at, mask):
            old = memory.load(target, at, mask.width, mask)
            new = memory.load_from(address, target, at, mask.width, mask)
            memory.store(target, at, old + new, mask)
