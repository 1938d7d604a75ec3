"""A plan as the text of an LLVM module with one entry, ``run(table)``.

Every parallel loop of a plan is a function ``(table, thread, threads)`` of its own, and so is what stands between them.
The entry calls them in order, on all threads of the pool where there is work for them.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from covector.codegen.builder import Builder, Module, Value
from covector.codegen.copies import clear_copies, combine_copies
from covector.codegen.denormals import flushing
from covector.codegen.layout import Layout, tensors_of
from covector.codegen.loops import Steps
from covector.codegen.memory import Memory, extent_value
from covector.codegen.product_calls import part_of
from covector.codegen.products import Leave, Methods
from covector.codegen.target import PORTABLE, Target
from covector.ir import Affine, Compute, Tensor, as_affine
from covector.schedule.plan import Kernel, Loop, Plan, Product, Step
from covector.schedule.work import THREADED

PARAMETERS = (("table", "ptr"), ("thread", "i64"), ("threads", "i64"))
ENTRY = "run"
OWN = Leave()
FORK = "covector_fork"
THREADS = "covector_threads"

CHUNK = 64
"""Threads share the iterations of a parallel loop out in multiples of this many, where these are lanes."""


@dataclass(frozen=True, slots=True)
class Part:
    """Steps that become one function; ``shared`` is the parallel loop or the product where they are one."""

    kernel: Kernel
    steps: tuple[Step, ...]
    shared: Loop | Product | None = None

    @property
    def accumulated(self) -> tuple[Compute, ...]:
        """What the threads accumulate together."""
        return self.shared.shared if isinstance(self.shared, Loop) else ()


@dataclass(frozen=True, slots=True)
class Emitted:
    """The text of a plan, and where its tensors are."""

    text: str
    layout: Layout
    methods: Methods
    is_parallel: bool


def parts_of(plan: Plan, methods: Methods) -> tuple[Part, ...]:
    """The functions of a plan, in order."""
    parts: list[Part] = []
    for kernel in plan.kernels:
        for step in kernel.steps:
            parallel = isinstance(step, Loop) and step.parallel
            if parallel or (isinstance(step, Product) and methods.of(step) is not None):
                parts.append(Part(kernel, (step,), step))  # type: ignore[arg-type]
            elif parts and parts[-1].kernel is kernel and parts[-1].shared is None:
                parts[-1] = Part(kernel, (*parts[-1].steps, step))
            else:
                parts.append(Part(kernel, (step,)))
    return tuple(parts)


def emit(plan: Plan, target: Target = PORTABLE, leave: Leave = OWN) -> str:
    """The LLVM IR of a plan; its entry is ``run``, which takes the address of the table that `table_of` describes.

    Products that are left to a library are calls of ``covector_sgemm`` and ``covector_dgemm``.
    """
    return emit_with_layout(plan, target, leave).text


def emit_with_layout(plan: Plan, target: Target, leave: Leave = OWN) -> Emitted:
    """The LLVM IR of a plan, and what a caller has to know to run it."""
    module = Module(target)
    module.node("!{}")
    methods = Methods(module, plan, leave)
    parts = parts_of(plan, methods)
    layout = Layout(plan, (part.steps for part in parts), methods.scratch)
    functions = [_function(module, layout, methods, part, number) for number, part in enumerate(parts)]
    _entry(module, layout, parts, functions, plan.in_place)
    return Emitted(module.text(), layout, methods, any(part.shared is not None for part in parts))


@dataclass(frozen=True, slots=True)
class Function:
    """The name of the function that a part became, and whether it may set the error word."""

    name: str
    refuses: bool


def _function(module: Module, layout: Layout, methods: Methods, part: Part, number: int) -> Function:
    name = f"part{number}"
    builder = Builder(module, name, PARAMETERS)
    memory = Memory(builder, layout, (layout.root(tensor) for tensor in tensors_of(part.steps)))
    share = Value(builder, "%thread", "int64"), Value(builder, "%threads", "int64")
    steps = Steps(builder, layout, memory, methods, share if part.shared is not None else None)
    if isinstance(part.shared, Loop):
        loop = part.shared
        memory.copied = set(loop.shared)
        clear_copies(builder, memory, layout, loop)
        extent = steps.as_value(steps.bound(loop.index.extent))
        unit = 1 if any(isinstance(step, Loop) for step in loop.body) else CHUNK
        steps.range(loop, *part_of(builder, extent, share, unit))
    else:
        steps.run(part.steps)
    builder.emit("ret void")
    module.functions.append(builder.text())
    return Function(name, memory.refuses)


def _entry(
    module: Module, layout: Layout, parts: Sequence[Part], functions: Sequence[Function], in_place: Container[Tensor]
) -> None:
    """The function that calls the others; nothing is computed in place once a position was outside the bounds."""
    build = Builder(module, ENTRY, (("table", "ptr"),))
    roots = [layout.root(target) for part in parts for target in part.accumulated]
    memory = Memory(build, layout, roots)
    mode = flushing(module.target.architecture)
    for declaration in mode.declarations:
        module.declare(declaration)
    for line in mode.enter:
        build.emit(line)
    parallel = any(part.shared is not None for part in parts)
    if parallel:
        pool = memory.slot(layout.table.pool)
        module.declare(f"declare i64 @{THREADS}(ptr)")
        module.declare(f"declare void @{FORK}(ptr, ptr, ptr, i64)")
        threads = build.instruction(f"call i64 @{THREADS}(ptr {pool})", "int64")
    refused = False
    with ExitStack() as guarded:
        for part, function in zip(parts, functions, strict=True):
            if refused and any(tensor in in_place for tensor in tensors_of(part.steps)):
                guarded.enter_context(build.when(memory.no_error()))
                refused = False
            refused = refused or function.refuses
            if part.shared is None:
                build.emit(f"call void @{function.name}(ptr %table, i64 0, i64 1)")
                continue
            used = (extent_value(_work(part), memory) >= THREADED).where(threads, 1)
            build.emit(f"call void @{FORK}(ptr {pool}, ptr @{function.name}, ptr %table, {used})")
            if isinstance(part.shared, Loop):
                combine_copies(build, memory, layout, part.shared, used)
    for line in mode.leave:
        build.emit(line)
    build.emit("ret void")
    module.functions.append(build.text(""))


def _work(part: Part) -> Affine:
    """About how many scalar operations a part is; a multiplication in a kernel counts as two."""
    if not isinstance(part.shared, Product):
        return part.kernel.cost
    work = as_affine(2)
    for index in (*part.shared.batch, *part.shared.rows, *part.shared.columns, *part.shared.inner):
        work = work * index.extent
    return work
