"""Plans written by hand, and what running their code gives."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from covector.codegen.emit import ENTRY, emit_with_layout
from covector.codegen.target import Target
from covector.ir import Affine, Compute, Index, Input, Literal, Program, Read, Symbol, Tensor, as_affine
from covector.native import jit
from covector.native.memory import address, aligned_bytes
from covector.native.pool import POOL
from covector.run.extents import evaluate_extent
from covector.schedule.plan import Kernel, Plan, Step, Storage

NOTHING = Literal(0.0)


def tensor(name: str, *indices: Index, dtype: str = "float64") -> Compute:
    """A statement that a plan computes; its body is never looked at."""
    return Compute(name, indices, NOTHING, dtype)


def at(source: Tensor, *positions: Affine | Index | int) -> Read:
    """A read."""
    return Read(source, tuple(map(as_affine, positions)))


def plan_of(
    inputs: Sequence[Input],
    outputs: Sequence[Compute],
    steps: Sequence[Step],
    kept: Mapping[Tensor, Storage] | None = None,
    symbols: Sequence[Symbol] = (),
    arena: int = 0,
    thread: int = 0,
    in_place: Mapping[Compute, Tensor] | None = None,
) -> Plan:
    """A plan of one kernel, large enough to run on several threads."""
    program = Program(tuple(inputs), tuple(outputs), tuple(outputs))
    storage: dict[Tensor, Storage] = dict(kept or {})
    for slot, given in enumerate(inputs):
        storage[given] = Storage("input", tuple(range(len(given.shape))), slot)
    for slot, made in enumerate(outputs):
        storage[made] = Storage("output", tuple(range(len(made.shape))), slot)
    kernels = (Kernel("kernel", tuple(steps), as_affine(1 << 30), as_affine(1 << 30)),)
    sizes = as_affine(arena), as_affine(thread)
    return Plan(program, kernels, storage, tuple(symbols), *sizes, dict(in_place or {}))


def run_plan(
    plan: Plan,
    arrays: Sequence[np.ndarray],
    extents: Mapping[str, int] | None = None,
    target: Target | None = None,
    threads: int = 1,
) -> tuple[list[np.ndarray], int]:
    """The outputs of a plan's code, and its error word."""
    bound, before = dict(extents or {}), POOL.threads
    emitted = emit_with_layout(plan, target or jit.host().target)
    table, layout = emitted.layout.table, emitted.layout
    POOL.set_threads(threads)
    try:
        handle, count = POOL.start()
        code = jit.Code(jit.object_code(emitted.text), (ENTRY,), POOL.link())
        results: list[Any] = []
        for made in plan.program.outputs:
            home = plan.in_place.get(made)  # type: ignore[arg-type]
            shape = tuple(evaluate_extent(extent, bound) for extent in made.shape)
            numbered = plan.program.inputs.index(home) if home is not None else -1  # type: ignore[arg-type]
            results.append(np.full(shape, 99, made.dtype) if home is None else arrays[numbered])
        arena = aligned_bytes(evaluate_extent(layout.arena, bound) + 64)
        own = aligned_bytes(evaluate_extent(layout.thread, bound) * count + 64)
        words = (ctypes.c_int64 * (table.size + 1))()
        words[: table.arena] = [address(array) for array in (*arrays, *results)]
        words[table.arena], words[table.thread], words[table.pool] = address(arena), address(own), handle
        words[table.error] = ctypes.addressof(words) + 8 * table.size
        words[table.first_symbol : table.size] = [bound[symbol.name] for symbol in plan.symbols]
        ctypes.CFUNCTYPE(None, ctypes.c_void_p)(code.address(ENTRY))(ctypes.addressof(words))
        return results, words[table.size]
    finally:
        POOL.set_threads(before)
