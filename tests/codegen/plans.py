"""Plans written by hand, and what running their code gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from covector.codegen.emit import OWN
from covector.codegen.target import Target
from covector.ir import Affine, Compute, Index, Input, Literal, Program, Read, Symbol, Tensor, as_affine
from covector.native.compiled import Compiled
from covector.native.memory import address
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
    POOL.set_threads(threads)
    try:
        compiled = Compiled(plan, plan.program, target, OWN)
        results: list[Any] = []
        for made in plan.program.outputs:
            home = plan.in_place.get(made)  # type: ignore[arg-type]
            shape = tuple(evaluate_extent(extent, bound) for extent in made.shape)
            numbered = plan.program.inputs.index(home) if home is not None else -1  # type: ignore[arg-type]
            results.append(np.full(shape, 99, made.dtype) if home is None else arrays[numbered])
        return results, compiled.call([address(array) for array in (*arrays, *results)], bound)
    finally:
        POOL.set_threads(before)
