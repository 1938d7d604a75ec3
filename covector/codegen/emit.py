"""A plan as the texts of functions and how they are called, one after another.

Every parallel loop of a plan is a function ``(words, thread, threads)`` of its own, and so is what stands between them.
Nothing in the text of one depends on the plan around it: addresses, offsets and symbols are words that it is given. So
equal functions have equal texts, in one program and in different ones, and each is compiled once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from covector.codegen.blocks import place
from covector.codegen.builder import Builder, Value
from covector.codegen.copies import clear_copies, combine_copies
from covector.codegen.layout import Layout, Word, tensors_of
from covector.codegen.loops import Steps
from covector.codegen.memory import Memory
from covector.codegen.module import Module, Unit
from covector.codegen.product_calls import part_of
from covector.codegen.products import Leave, Methods, followed
from covector.codegen.target import PORTABLE, Target
from covector.ir import Affine, Tensor, as_affine
from covector.schedule.plan import Kernel, Loop, Plan, Product, Step

PARAMETERS = (("words", "ptr"), ("thread", "i64"), ("threads", "i64"))
KERNEL = "kernel"
"""The name of every function that is called with words."""

OWN = Leave()

CHUNK = 64
"""Threads share the iterations of a parallel loop out in multiples of this many, where these are lanes."""


@dataclass(frozen=True, slots=True)
class Part:
    """Steps that become one function; ``shared`` is the parallel loop or the product where they are one.

    Behind a product there may be a loop that goes along with it.
    """

    kernel: Kernel
    steps: tuple[Step, ...]
    shared: Loop | Product | None = None


@dataclass(frozen=True, slots=True)
class Launch:
    """A call of a function with its words.

    One that is ``forked`` runs on all threads where there is ``work`` for them, the others on the calling one. A launch
    after it that ``follows`` is told on how many threads that was. From one that is ``guarded`` on, nothing runs where
    a position was outside the bounds.
    """

    unit: Unit
    words: tuple[Word, ...]
    work: Affine
    forked: bool = False
    follows: bool = False
    guarded: bool = False


@dataclass(frozen=True, slots=True)
class Emitted:
    """The calls that a plan is, what their functions call by name, and where its tensors are."""

    launches: tuple[Launch, ...]
    helpers: Mapping[str, Unit]
    layout: Layout
    methods: Methods

    @property
    def units(self) -> tuple[Unit, ...]:
        """Every function, those that are called before those that call them."""
        return (*self.helpers.values(), *(launch.unit for launch in self.launches))

    @property
    def text(self) -> str:
        """All texts, for people."""
        return "\n".join(unit.text for unit in self.units)


def parts_of(plan: Plan, methods: Methods) -> tuple[Part, ...]:
    """The functions of a plan, in order."""
    parts: list[Part] = []
    for kernel in plan.kernels:
        along = {id(loop): product for product, loop in followed(kernel.steps) if methods.goes_along(product, loop)}
        for step in kernel.steps:
            if id(step) in along:
                parts[-1] = Part(kernel, (*parts[-1].steps, step), along[id(step)])
                continue
            parallel = isinstance(step, Loop) and step.parallel
            if parallel or (isinstance(step, Product) and methods.of(step) is not None):
                parts.append(Part(kernel, (step,), step))  # type: ignore[arg-type]
            elif parts and parts[-1].kernel is kernel and parts[-1].shared is None:
                parts[-1] = Part(kernel, (*parts[-1].steps, step))
            else:
                parts.append(Part(kernel, (step,)))
    return tuple(parts)


def emit(plan: Plan, target: Target = PORTABLE, leave: Leave = OWN) -> Emitted:
    """The functions of a plan and their calls.

    Products that are left to a library are calls of ``covector_sgemm`` and ``covector_dgemm``.
    """
    module = Module(target)
    methods = Methods(module, plan, leave)
    parts = parts_of(plan, methods)
    layout = Layout(plan, (part.steps for part in parts), methods.scratch)
    place(layout, (part.steps for part in parts))
    launches = tuple(_launches(module, layout, methods, parts))
    return Emitted(launches, module.helpers, layout, methods)


def _launches(module: Module, layout: Layout, methods: Methods, parts: Iterable[Part]) -> Iterator[Launch]:
    """The call of each part, and of what combines what its threads accumulated apart.

    Nothing is computed in place once a position was outside the bounds.
    """
    refused, in_place = False, layout.plan.in_place
    for part in parts:
        tensors = tensors_of(part.steps)
        guarded = refused and any(tensor in in_place for tensor in tensors)
        kernel = _kernel(module, layout, tensors, partial(_write, methods, part))
        refused = kernel.refuses or (refused and not guarded)
        yield Launch(kernel.unit, kernel.words, _work(part), forked=part.shared is not None, guarded=guarded)
        if isinstance(part.shared, Loop) and part.shared.shared:
            kernel = _kernel(module, layout, part.shared.shared, partial(combine_copies, part.shared))
            yield Launch(kernel.unit, kernel.words, _work(part), follows=True)


@dataclass(frozen=True, slots=True)
class _Kernel:
    """A function, the words that it wants, and whether it may set the error word."""

    unit: Unit
    words: tuple[Word, ...]
    refuses: bool


def _kernel(
    module: Module, layout: Layout, tensors: Iterable[Tensor], write: Callable[[Builder, Memory], None]
) -> _Kernel:
    """The function that ``write`` writes, which works on some tensors."""
    memories: list[Memory] = []

    def make() -> str:
        builder = Builder(module, KERNEL, PARAMETERS)
        memory = Memory(builder, layout, map(layout.root, tensors))
        memories.append(memory)
        write(builder, memory)
        builder.emit("ret void")
        return builder.text()

    unit = module.unit(KERNEL, make)
    return _Kernel(unit, tuple(memories[0].words), memories[0].refuses)


def _write(methods: Methods, part: Part, builder: Builder, memory: Memory) -> None:
    """Write the function of a part."""
    layout, share = memory.layout, (Value(builder, "%thread", "int64"), Value(builder, "%threads", "int64"))
    steps = Steps(builder, layout, memory, methods, share if part.shared is not None else None)
    if not isinstance(part.shared, Loop):
        match part.steps:
            case Product() as product, Loop() as loop if part.shared is product:
                steps.along(product, loop)
            case _:
                steps.run(part.steps)
        return
    loop = part.shared
    memory.copied = set(loop.shared)
    clear_copies(loop, builder, memory)
    extent = steps.as_value(steps.bound(loop.index.extent))
    unit = 1 if any(isinstance(step, Loop) for step in loop.body) else CHUNK
    steps.range(loop, *part_of(builder, extent, share, unit))


def _work(part: Part) -> Affine:
    """About how many scalar operations a part is; a multiplication in a kernel counts as two."""
    if not isinstance(part.shared, Product) or len(part.steps) > 1:
        return part.kernel.cost
    work = as_affine(2)
    for index in (*part.shared.batch, *part.shared.rows, *part.shared.columns, *part.shared.inner):
        work = work * index.extent
    return work
