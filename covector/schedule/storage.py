"""Where each tensor is kept: what lives in one iteration of some loops keeps no axis for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from covector.ir import Affine, Compute, Index, Input, Program, Reduce, Symbol, Tensor, as_affine, walk
from covector.schedule.collapse import collapse
from covector.schedule.memory import Block, Layout, aligned
from covector.schedule.plan import Kernel, Loop, Plan, Product, Storage
from covector.schedule.registers import accumulate_in_registers
from covector.schedule.reuse import handed_on
from covector.schedule.tree import Path, accesses, leaves

ITEM_SIZES = {"bool": 1, "int32": 4, "int64": 8, "float32": 4, "float64": 8}


@dataclass(slots=True)
class Use:
    """Where a tensor is touched: the first and the last kernel, the loops around all of it, the axes that one of these
    loops stands at everywhere, and whether some of it is inside a parallel loop.
    """

    first: int
    last: int
    path: Path
    bound: dict[int, Loop] = field(default_factory=dict)
    threaded: bool = False


def place(program: Program, kernels: tuple[Kernel, ...], in_place: Mapping[Compute, Input]) -> Plan:
    """The plan of a program whose kernels are known."""
    storage: dict[Tensor, Storage] = {}
    for slot, given in enumerate(program.inputs):
        storage[given] = Storage("input", _every(given), slot)
    for slot, output in enumerate(program.outputs):
        storage[output] = Storage("output", _every(output), slot)
    arena, thread = Layout(), Layout()
    used = uses(kernels)
    for tensor, use in used.items():
        if tensor not in storage:
            storage[tensor] = _store(tensor, use, arena, thread)
    for number, kernel in enumerate(kernels):
        between = [tensor for tensor in used if storage[tensor].place == "arena"]
        products = {step.target for step in kernel.steps if isinstance(step, Product)}
        last = [tensor for tensor in between if used[tensor].last == number]
        dying = [tensor for tensor in last if used[tensor].first < number or tensor in products]
        made = [tensor for tensor in between if used[tensor].first == number]
        arena.handed_on |= handed_on(kernel, dying, made, storage)
    arena_size, offsets = arena.offsets()
    thread_size, thread_offsets = thread.offsets()
    for tensor, offset in (*offsets.items(), *thread_offsets.items()):
        storage[tensor] = Storage(storage[tensor].place, storage[tensor].axes, 0, offset)
    kernels, storage = accumulate_in_registers(kernels, storage)
    kernels = collapse(kernels, storage)
    return Plan(program, kernels, storage, symbols(program), arena_size, thread_size, in_place)


def _store(tensor: Tensor, use: Use, arena: Layout, thread: Layout) -> Storage:
    kept = tuple(axis for axis in _every(tensor) if axis not in use.bound and not is_single(tensor.shape[axis]))
    border = use.threaded and not any(loop.parallel for loop in use.path)
    if not kept and use.first == use.last and not border:
        return Storage("register", ())
    layout, place = (arena, "arena") if border or use.first != use.last or not use.path else (thread, "thread")
    layout.add(Block(tensor, aligned(byte_count(tensor, kept)), use.first, use.last))
    return Storage("arena" if place == "arena" else "thread", kept)


def uses(kernels: Sequence[Kernel]) -> dict[Tensor, Use]:
    """How the kernels use each tensor."""
    found: dict[Tensor, Use] = {}
    for number, kernel in enumerate(kernels):
        for path, step in leaves(kernel.steps):
            for tensor, positions in accesses(step):
                _note(found, tensor, positions, number, path)
    return found


def _note(found: dict[Tensor, Use], tensor: Tensor, positions: tuple[Affine, ...], number: int, path: Path) -> None:
    """One more access."""
    use = found.get(tensor)
    indices = [position.index for position in positions]
    loops: dict[Index, Loop] = {loop.index: loop for loop in path}
    here = {axis: loops[index] for axis, index in enumerate(indices) if index is not None and index in loops}
    if use is None:
        use = found[tensor] = Use(number, number, path, here)
    else:
        use.path = _common(use.path, path) if use.last == number and use.first == number else ()
        use.last = number
        use.bound = {
            axis: loop
            for axis, loop in use.bound.items()
            if here.get(axis) is loop and any(loop is each for each in use.path)
        }
    use.threaded = use.threaded or any(loop.parallel for loop in path)


def _common(one: Path, other: Path) -> Path:
    count = 0
    for left, right in zip(one, other, strict=False):
        if left is not right:
            break
        count += 1
    return one[:count]


def element_count(tensor: Tensor) -> Affine:
    """The number of elements of a tensor."""
    return _product([*tensor.shape])


def byte_count(tensor: Tensor, axes: Sequence[int]) -> Affine:
    """The bytes of a tensor over some of its axes."""
    return _product([as_affine(ITEM_SIZES[tensor.dtype]), *(tensor.shape[axis] for axis in axes)])


def _product(forms: Sequence[Affine]) -> Affine:
    count = as_affine(1)
    for form in forms:
        count = count * form
    return count


def symbols(program: Program) -> tuple[Symbol, ...]:
    """The symbols of a program, in the order of their first use."""
    found: dict[Symbol, None] = {}
    for tensor in (*program.inputs, *program.statements):
        for form in _forms(tensor):
            if not form.is_constant:
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
            elif isinstance(node, Reduce):
                yield from (index.extent for index in node.indices)


def is_single(extent: Affine) -> bool:
    """Whether an extent is surely 1."""
    return extent.is_constant and extent.constant == 1


def _every(tensor: Tensor) -> tuple[int, ...]:
    return tuple(range(len(tensor.shape)))
