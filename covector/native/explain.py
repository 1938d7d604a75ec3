"""What a compiled program does: its kernels, how its products are computed, bytes, operations and memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from covector.codegen.emit import Emitted
from covector.codegen.layout import loops_of, steps_of, tensors_of
from covector.codegen.products import LibraryCall, Methods
from covector.codegen.types import BYTES
from covector.ir import Affine, Tensor, as_affine
from covector.run.extents import evaluate_extent
from covector.schedule.plan import Kernel, Plan, Product

NOTHING = as_affine(0)


@dataclass(frozen=True, slots=True)
class ExplainedKernel:
    """One kernel: the statements it computes, how, about how many scalar operations, and the bytes it touches.

    ``methods`` are ``loops``, ``kernel`` (a contraction kernel of our own) and ``library``; ``operations`` counts a
    multiplication and an addition as two.
    """

    name: str
    statements: tuple[str, ...]
    methods: tuple[str, ...]
    operations: Affine
    bytes: Affine
    parallel: bool


@dataclass(frozen=True, slots=True)
class Explanation:
    """A program as it runs; ``interpreted`` says why the reference interpreter runs it, where it does."""

    kernels: tuple[ExplainedKernel, ...] = ()
    arena: Affine = NOTHING
    thread: Affine = NOTHING
    interpreted: str = ""

    def figures(self, extents: Mapping[str, int]) -> dict[str, int]:
        """The operations, the bytes that kernels touch and the bytes of memory in all, at given extents."""
        forms = {
            "operations": [kernel.operations for kernel in self.kernels],
            "bytes": [kernel.bytes for kernel in self.kernels],
            "arena": [self.arena],
            "thread": [self.thread],
        }
        return {name: sum(evaluate_extent(form, extents) for form in parts) for name, parts in forms.items()}


def explanation_of(plan: Plan, emitted: Emitted) -> Explanation:
    """What the code of a plan does."""
    kernels = tuple(_explained(plan, kernel, emitted.methods) for kernel in plan.kernels)
    return Explanation(kernels, emitted.layout.arena, emitted.layout.thread)


def _explained(plan: Plan, kernel: Kernel, methods: Methods) -> ExplainedKernel:
    steps = tuple(steps_of(kernel.steps))
    statements = tuple(dict.fromkeys(step.target.name for step in steps))
    used = {_method(methods, step) if isinstance(step, Product) else "loops" for step in steps}
    parallel = any(loop.parallel for loop in loops_of(kernel.steps)) or used & {"kernel", "library"} != set()
    touched = _bytes(plan, tensors_of(kernel.steps))
    return ExplainedKernel(kernel.name, statements, tuple(sorted(used)), kernel.work, touched, parallel)


def _method(methods: Methods, product: Product) -> str:
    method = methods.of(product)
    return "loops" if method is None else "library" if isinstance(method, LibraryCall) else "kernel"


def _bytes(plan: Plan, tensors: Iterable[Tensor]) -> Affine:
    """The bytes of what is in the caller's arrays and in the arena."""
    total = NOTHING
    for tensor in tensors:
        storage = plan.storage[tensor]
        if storage.place in ("input", "output", "arena"):
            size = as_affine(BYTES[tensor.dtype])
            for axis in storage.axes:
                size = size * tensor.shape[axis]
            total = total + size
    return total
