"""A plan as machine code, and what its calls need: a table of addresses and memory to compute in."""

from __future__ import annotations

import ctypes
import functools
import os
from collections import deque
from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from covector.codegen.emit import emit
from covector.codegen.entry import ENTRY, entry
from covector.codegen.products import Leave
from covector.codegen.target import Target
from covector.errors import ShapeError
from covector.ir import Affine, Compute, Program, Reduce, walk
from covector.native import blas, jit
from covector.native.calls import Calls
from covector.native.explain import Explanation, explanation_of
from covector.native.memory import address, aligned_bytes
from covector.native.objects import link, object_code
from covector.native.pool import POOL
from covector.run.extents import evaluate_extent
from covector.schedule.plan import Plan


class Workspace:
    """Memory that one call at a time computes in; programs use one after another's, so that it stays in the caches."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.memory: NDArray[Any] = aligned_bytes(size)
        self.address = address(self.memory)


_FREE: deque[Workspace] = deque()
"""Workspaces that no call uses."""

KEPT = 1 << 26
"""Bytes of the largest workspace that is kept; the memory of a larger one serves arrays between calls."""


@functools.cache
def _entry() -> jit.Code:
    """The function that runs programs."""
    return jit.Code(object_code(entry(jit.host().target.architecture)), (ENTRY,), POOL.link())


class Compiled:
    """A plan as machine code; it may be called from any number of Python threads at once."""

    def __init__(
        self, planned: Plan, program: Program, target: Target | None = None, leave: Leave | None = None
    ) -> None:
        leave = blas.leave() if leave is None else leave
        emitted = emit(planned, target or jit.host().target, leave)
        library = blas.addresses(leave.library) if emitted.methods.calls_library and leave.library else {}
        self.layout, self.table = emitted.layout, emitted.layout.table
        self.parallel = any(launch.forked for launch in emitted.launches)
        self.explanation: Explanation = explanation_of(planned, emitted)
        self.never_empty = _never_empty(program)
        linked = link(emitted.units, library, len(os.sched_getaffinity(0)))
        self.calls = Calls(emitted.launches, linked[len(emitted.helpers) :])
        self.address = _entry().address(ENTRY)
        """Where the function is that runs the program of a frame."""
        self.function = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(self.address)
        self.frames: deque[Frame] = deque()

    def call(self, addresses: list[Any], extents: Mapping[str, int], done: list[None] | None = None) -> int:
        """Run once with the addresses of inputs and outputs; the error word, as `Frame.run` has it, with ``done``.

        Raises `ShapeError` where a maximum would be over nothing, and `BudgetError` where memory does not suffice.
        """
        try:
            frame = self.frames.pop()
        except IndexError:
            frame = Frame(self)
        state = POOL.state
        if self.parallel and state[1] != POOL.threads:
            state = POOL.start()
        if frame.pool is not state or frame.extents != extents:
            frame.fit(extents, state)
        frame.words[: len(addresses)] = addresses
        error = frame.run(done)
        self.frames.append(frame)
        return error


class Frame:
    """The table of one call at a time, and the program as the entry reads it; two calls at once have two."""

    def __init__(self, compiled: Compiled) -> None:
        self.compiled, size = compiled, compiled.table.size
        self.words = (ctypes.c_int64 * (size + 1))()
        table = ctypes.addressof(self.words)
        error = self.words[compiled.table.error] = table + 8 * size
        self.given = (ctypes.c_int64 * compiled.calls.most_words)()
        self.program = (ctypes.c_int64 * len(compiled.calls.words))(*compiled.calls.words)
        self.program[:3] = [table, ctypes.addressof(self.given), error]
        self.address = ctypes.addressof(self.program)
        """What the function of the code is given."""
        self.error = error
        """Where the error word is."""
        self.extents: dict[str, int] | None = None
        self.pool: tuple[int, int] | None = None
        self.size = self.arena = 0
        self.workspace: Workspace | None = None

    def fit(self, extents: Mapping[str, int], pool: tuple[int, int]) -> None:
        """Prepare for other extents, or another pool of threads."""
        compiled, table = self.compiled, self.compiled.table
        for reduction, statement in compiled.never_empty:
            _refuse_empty(reduction, statement, extents)
        for number, name in enumerate(table.symbols):
            self.words[table.first_symbol + number] = extents[name]
        handle, count = pool if compiled.parallel else (0, 1)
        compiled.calls.fit(self.program, extents, handle, count)
        self.arena = evaluate_extent(compiled.layout.arena, extents)
        self.size = self.arena + evaluate_extent(compiled.layout.thread, extents) * count
        self.extents, self.pool, self.workspace = dict(extents), pool, None

    def run(self, done: list[None] | None = None) -> int:
        """Run the code with the table as it is; the error word, which is 0 where all went well.

        ``done`` gets an item when the code has run: no signal, such as an interrupt, is handled between the two.
        """
        workspace, function = self._take(), self.compiled.function
        if done is None:
            function(self.address)
        else:
            done.extend(map(function, (self.address,)))
        error = self.words[-1]
        self.words[-1] = 0
        if workspace.size <= KEPT:
            _FREE.append(workspace)
        else:
            self.workspace = None
        return int(error)

    def own(self) -> None:
        """Have a workspace for good: code that is given the table need not come by `run`."""
        self._use(Workspace(self.size))

    def _take(self) -> Workspace:
        """A workspace for a call, known to the table."""
        try:
            workspace = _FREE.pop()
        except IndexError:
            workspace = Workspace(self.size)
        if workspace.size < self.size:
            workspace = Workspace(self.size)
        if workspace is not self.workspace:
            self._use(workspace)
        return workspace

    def _use(self, workspace: Workspace) -> None:
        table = self.compiled.table
        self.words[table.arena], self.words[table.thread] = workspace.address, workspace.address + self.arena
        self.workspace = workspace


def _never_empty(program: Program) -> tuple[tuple[Reduce, Compute], ...]:
    """The maxima and minima that may be over nothing, which has none, with their statements."""
    found = []
    for statement in program.statements:
        if isinstance(statement, Compute):
            for node in walk(statement.body):
                reduces = isinstance(node, Reduce) and node.operation in ("max", "min")
                if reduces and not all(i.extent.is_constant and i.extent.constant > 0 for i in node.indices):
                    found.append((node, statement))
    return tuple(found)


def _refuse_empty(reduction: Reduce, statement: Compute, extents: Mapping[str, int]) -> None:
    def is_empty(shape: tuple[Affine, ...]) -> bool:
        return any(evaluate_extent(extent, extents) == 0 for extent in shape)

    if is_empty(tuple(index.extent for index in reduction.indices)) and not is_empty(statement.shape):
        raise ShapeError(f"{reduction.operation} over an empty extent has no value: {reduction!r}")
