"""Where each tensor is kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from covector.ir import Affine, Compute, Input, Program, Symbol, Tensor, as_affine, floor_div, walk
from covector.ir.affine import Index
from covector.schedule.plan import Kernel, Plan, Storage

ITEM_SIZES = {"bool": 1, "int32": 4, "int64": 8, "float32": 4, "float64": 8}
ALIGNMENT = 64


def place(program: Program, kernels: tuple[Kernel, ...], in_place: Mapping[Compute, Input]) -> Plan:
    """The plan of a program whose kernels are known."""
    storage: dict[Tensor, Storage] = {}
    for slot, given in enumerate(program.inputs):
        storage[given] = Storage("input", _axes(given), slot)
    for slot, output in enumerate(program.outputs):
        storage[output] = Storage("output", _axes(output), slot)
    arena = as_affine(0)
    for statement in program.statements:
        if statement not in storage:
            storage[statement] = Storage("arena", _axes(statement), 0, arena)
            arena = arena + aligned(size(statement))
    return Plan(program, kernels, storage, symbols(program), arena, as_affine(0), in_place)


def size(tensor: Tensor) -> Affine:
    """The bytes of a tensor with all its axes."""
    count = as_affine(ITEM_SIZES[tensor.dtype])
    for extent in tensor.shape:
        count = count * extent
    return count


def aligned(count: Affine) -> Affine:
    """The least multiple of the alignment that is not less."""
    return floor_div(count + (ALIGNMENT - 1), ALIGNMENT) * ALIGNMENT


def symbols(program: Program) -> tuple[Symbol, ...]:
    """The symbols of a program, in the order of their first use."""
    found: dict[Symbol, None] = {}
    for tensor in (*program.inputs, *program.statements):
        for form in _forms(tensor):
            found.update(dict.fromkeys(node for node in walk(form) if isinstance(node, Symbol)))
    return tuple(found)


def _forms(tensor: Tensor) -> Iterator[Affine]:
    yield from tensor.shape
    if isinstance(tensor, Compute):
        for node in walk(tensor.body):
            if isinstance(node, Affine):
                yield node
            elif isinstance(node, Index):
                yield node.extent


def _axes(tensor: Tensor) -> tuple[int, ...]:
    return tuple(range(len(tensor.shape)))
