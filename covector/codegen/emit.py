"""A plan as the text of an LLVM module with one entry, ``run(table)``.

Every parallel loop of a plan is a function ``(table, thread, threads)`` of its own, and so is what stands between them.
The entry calls them in order, on all threads of the pool where there is work for them.
"""

from __future__ import annotations

from dataclasses import dataclass

from covector.codegen.builder import Builder, Module, Value
from covector.codegen.denormals import flushing
from covector.codegen.layout import Layout, steps_of, tensors_of
from covector.codegen.loops import REDUCTIONS, Steps, neutral
from covector.codegen.memory import Memory, extent_value
from covector.codegen.target import PORTABLE, Target
from covector.ir import Compute
from covector.schedule.plan import Accumulate, Kernel, Loop, Plan, Step

PARAMETERS = (("table", "ptr"), ("thread", "i64"), ("threads", "i64"))
ENTRY = "run"
FORK = "covector_fork"
THREADS = "covector_threads"

LEAST_WORK = 1 << 16
"""Scalar operations below which waking other threads takes longer than it saves."""

CHUNK = 64
"""Threads share the iterations of a parallel loop out in multiples of this many, where these are lanes."""


@dataclass(frozen=True, slots=True)
class Part:
    """Steps that become one function; ``loop`` is the parallel loop where they are one."""

    kernel: Kernel
    steps: tuple[Step, ...]
    loop: Loop | None = None


def parts_of(plan: Plan) -> tuple[Part, ...]:
    """The functions of a plan, in order."""
    parts: list[Part] = []
    for kernel in plan.kernels:
        for step in kernel.steps:
            if isinstance(step, Loop) and step.parallel:
                parts.append(Part(kernel, (step,), step))
            elif parts and parts[-1].kernel is kernel and parts[-1].loop is None:
                parts[-1] = Part(kernel, (*parts[-1].steps, step))
            else:
                parts.append(Part(kernel, (step,)))
    return tuple(parts)


def layout_of(plan: Plan) -> Layout:
    """Where the tensors of a plan are, those that several of its functions share among them."""
    return Layout(plan, (part.steps for part in parts_of(plan)))


def emit(plan: Plan, target: Target = PORTABLE) -> str:
    """The LLVM IR of a plan; its entry is ``run``, which takes the address of the table that `table_of` describes."""
    module, layout = Module(target), layout_of(plan)
    module.node("!{}")
    parts = parts_of(plan)
    names = [_function(module, layout, part, number) for number, part in enumerate(parts)]
    _entry(module, layout, list(zip(parts, names, strict=True)))
    return module.text()


def _function(module: Module, layout: Layout, part: Part, number: int) -> str:
    name = f"part{number}"
    builder = Builder(module, name, PARAMETERS)
    memory = Memory(builder, layout, (layout.root(tensor) for tensor in tensors_of(part.steps)))
    steps = Steps(builder, layout, memory)
    if part.loop is None:
        steps.run(part.steps)
    else:
        memory.copied = set(part.loop.shared)
        _clear_copies(steps, part.loop)
        low, high = _share(steps, part.loop)
        steps.range(part.loop, low, high)
    builder.emit("ret void")
    module.functions.append(builder.text())
    return name


def _share(steps: Steps, loop: Loop) -> tuple[Value, Value]:
    """The iterations of a parallel loop that belong to the thread."""
    build = steps.builder
    extent = steps.as_value(steps.bound(loop.index.extent))
    thread, threads = (Value(build, f"%{name}", "int64") for name in ("thread", "threads"))
    chunk = 1 if any(isinstance(step, Loop) for step in loop.body) else CHUNK
    whole = build.binary("udiv", extent + (chunk - 1), build.constant(chunk, "int64"))
    bounds = [build.binary("udiv", whole * number, threads) * chunk for number in (thread, thread + 1)]
    low, high = ((bound < extent).where(bound, extent) for bound in bounds)
    return low, high


def _operation(loop: Loop, target: Compute) -> str:
    return next(s.operation for s in steps_of(loop.body) if isinstance(s, Accumulate) and s.target is target)


def _clear_copies(steps: Steps, loop: Loop) -> None:
    """Set the copies of what the threads accumulate to the neutral element; the first thread has the original."""
    build, memory, layout = steps.builder, steps.memory, steps.layout
    if not loop.shared:
        return
    with build.when(Value(build, "%thread", "int64").differs(0)):
        for target in loop.shared:
            start = neutral(_operation(loop, target), target.dtype)
            size = extent_value(layout.size(target), memory)
            with build.when(size > 0), build.loop(build.constant(0, "int64"), size) as at:
                memory.store(target, at, build.constant(start, target.dtype), None)


def _entry(module: Module, layout: Layout, parts: list[tuple[Part, str]]) -> None:
    """The function that calls the others."""
    build = Builder(module, ENTRY, (("table", "ptr"),))
    roots = [layout.root(target) for part, _ in parts if part.loop for target in part.loop.shared]
    memory = Memory(build, layout, roots)
    mode = flushing(module.target.architecture)
    for declaration in mode.declarations:
        module.declare(declaration)
    for line in mode.enter:
        build.emit(line)
    parallel = any(part.loop is not None for part, _ in parts)
    if parallel:
        pool = memory.slot(layout.table.pool)
        module.declare(f"declare i64 @{THREADS}(ptr)")
        module.declare(f"declare void @{FORK}(ptr, ptr, ptr, i64)")
        threads = build.instruction(f"call i64 @{THREADS}(ptr {pool})", "int64")
    for part, name in parts:
        if part.loop is None:
            build.emit(f"call void @{name}(ptr %table, i64 0, i64 1)")
            continue
        work = extent_value(part.kernel.work, memory)
        used = (work >= LEAST_WORK).where(threads, 1)
        build.emit(f"call void @{FORK}(ptr {pool}, ptr @{name}, ptr %table, {used})")
        for target in part.loop.shared:
            _combine(build, memory, layout, part.loop, target, used)
    for line in mode.leave:
        build.emit(line)
    build.emit("ret void")
    module.functions.append(build.text(""))


def _combine(build: Builder, memory: Memory, layout: Layout, loop: Loop, target: Compute, threads: Value) -> None:
    """Add the copies of the other threads, in their order."""
    combine = REDUCTIONS[_operation(loop, target)].combine
    size = extent_value(layout.size(target), memory)
    with build.when(threads > 1), build.loop(build.constant(1, "int64"), threads) as thread:
        offset = extent_value(layout.thread, memory) * thread + extent_value(layout.copies[target], memory)
        base = build.pointer(f"getelementptr i8, ptr {memory.slot(layout.table.thread)}, {offset}")
        with build.when(size > 0), build.loop(build.constant(0, "int64"), size) as at:
            old = memory.load(target, at, 1, None)
            new = memory.load_from(base, target, at, 1, None)
            memory.store(target, at, combine(build, old, new), None)
