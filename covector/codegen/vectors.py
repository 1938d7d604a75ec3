"""Which loop of a nest runs over the lanes of vectors: where that is right, and where it is worth it."""

from __future__ import annotations

from covector.codegen.layout import Layout, loops_of, reads_of, steps_of
from covector.codegen.types import BYTES
from covector.ir import Affine, Compute, Index, Read, Tensor, walk
from covector.ir.affine import atoms, free
from covector.ir.bounds import nonnegative, within
from covector.ir.element import Apply, Expr
from covector.schedule.plan import Accumulate, Assign, Loop, Product

FEW = 3
"""Iterations up to which a loop is not worth vectors, if the loop around it can have them."""

HEAVY = 12
"""Instructions of a function of the table that has no instruction of its own."""

_LIGHT = frozenset(
    [
        "add",
        "mul",
        "sub",
        "neg",
        "abs",
        "relu",
        "maximum",
        "minimum",
        "eq",
        "ne",
        "lt",
        "le",
        "and",
        "or",
        "not",
        "stop",
        "sign",
    ]
)


def slope(form: Affine, index: Index) -> Affine | None:
    """How far a position moves when an index grows by one, or None where that is not always the same."""
    if any(atom is not index and index in free(atom) for atom in atoms(form)):
        return None
    return form.coefficient(index)


def reductions(loop: Loop, layout: Layout) -> dict[Compute, Accumulate]:
    """What the iterations of a loop accumulate in one place, each with one of the steps that do so."""
    assigned = {step.target for step in steps_of(loop.body) if isinstance(step, Assign)}
    found: dict[Compute, Accumulate] = {}
    for step in steps_of(loop.body):
        own = layout.is_register(step.target) and step.target in assigned
        if isinstance(step, Accumulate) and not own:
            place = layout.flat(step.target, step.positions)
            if loop.index not in free(place):
                found.setdefault(step.target, step)
    return found


def can_be_vector(loop: Loop, layout: Layout) -> bool:
    """Whether lanes may take the place of iterations: none of them sees what another one wrote."""
    steps = list(steps_of(loop.body))
    if any(isinstance(step, Product) for step in steps):
        return False
    inner = {nested.index for nested in loops_of(loop.body)}
    if not all(_may_be_reduction(step, steps, inner, layout) for step in reductions(loop, layout).values()):
        return False
    reduced = reductions(loop, layout)
    written = {step.target: step for step in steps if step.target not in reduced}
    return all(_writes_apart(step, steps, loop.index, layout) for step in steps if step.target in written)


def _may_be_reduction(
    step: Accumulate, steps: list[Assign | Accumulate | Product], inner: set[Index], layout: Layout
) -> bool:
    place = layout.flat(step.target, step.positions)
    if free(place) & inner or not _is_inside(step.target, step.positions):
        return False
    root = layout.root(step.target)
    for other in steps:
        if any(layout.root(read.tensor) == root for read in reads_of(other)):
            return False
        if layout.root(other.target) == root:
            same = isinstance(other, Accumulate) and other.operation == step.operation and other.target is step.target
            if not same or layout.flat(other.target, other.positions) is not place:
                return False
    return not any(isinstance(atom, Read) for atom in atoms(place))


def _is_inside(target: Compute, positions: tuple[Affine, ...]) -> bool:
    return all(within(position, extent) for position, extent in zip(positions, target.shape, strict=True))


def _writes_apart(
    step: Assign | Accumulate | Product, steps: list[Assign | Accumulate | Product], index: Index, layout: Layout
) -> bool:
    """Whether every iteration writes where no other one reads or writes."""
    if layout.is_register(step.target):
        return True
    place, root = layout.flat(step.target, step.positions), layout.root(step.target)
    moves = slope(place, index)
    if moves is None or not (nonnegative(moves - 1) or nonnegative(-moves - 1)):
        return False
    others = [layout.flat(other.target, other.positions) for other in steps if layout.root(other.target) == root]
    others += [
        layout.flat(read.tensor, read.positions)
        for other in steps
        for read in reads_of(other)
        if layout.root(read.tensor) == root
    ]
    return all(other is place for other in others)


def is_worthwhile(loop: Loop, layout: Layout, lanes: int) -> bool:
    """Whether lanes for this loop beat lanes for the loops inside it."""
    extent = loop.index.extent
    if extent.is_constant and extent.constant < FEW:
        return False
    inner = list(loops_of(loop.body))
    if not inner:
        return True
    leaves = [nested for nested in inner if not any(loops_of(nested.body))]
    if scattered(loop, layout):
        return all(leaf.index.extent.is_constant and leaf.index.extent.constant <= FEW for leaf in leaves)
    return all(
        (leaf.index.extent.is_constant and leaf.index.extent.constant < lanes) or scattered(leaf, layout)
        for leaf in leaves
    )


def scattered(loop: Loop, layout: Layout) -> int:
    """How many accesses in a loop do not move by one element, or stay, from one iteration to the next."""
    count = 0
    for step in steps_of(loop.body):
        accesses: list[tuple[Tensor, tuple[Affine, ...]]] = [(step.target, step.positions)]
        accesses += [(read.tensor, read.positions) for read in reads_of(step)]
        for tensor, positions in accesses:
            moves = slope(layout.flat(tensor, positions), loop.index)
            count += moves is None or not moves.is_constant or moves.constant not in (0, 1)
    return count


def width_of(loop: Loop, lanes: int) -> int:
    """The number of iterations at once: a register's lanes, or several registers' where the work of each is light."""
    work = sum(weight(step.value) + 2 for step in steps_of(loop.body) if not isinstance(step, Product))
    several = 4 if work <= 10 else 2 if work <= 30 else 1
    extent = loop.index.extent
    while several > 1 and (any(loops_of(loop.body)) or (extent.is_constant and extent.constant < several * lanes)):
        several //= 2
    return several * lanes


def weight(expr: Expr) -> int:
    """About how many instructions an expression is."""
    heavy = (1 if node.function.name in _LIGHT else HEAVY for node in walk(expr) if isinstance(node, Apply))
    return sum(heavy) + sum(isinstance(node, Read) for node in walk(expr))


def widest_lanes(loop: Loop, vector_bytes: int) -> int:
    """The number of lanes of a register for the narrowest numbers, not counting truth values, that a loop computes."""
    dtypes = {step.target.dtype for step in steps_of(loop.body)}
    dtypes |= {read.tensor.dtype for step in steps_of(loop.body) for read in reads_of(step)}
    sizes = [BYTES[dtype] for dtype in dtypes if dtype.startswith("float")] or [
        BYTES[dtype] for dtype in dtypes if dtype != "bool"
    ]
    return max(vector_bytes // min(sizes, default=8), 1)
