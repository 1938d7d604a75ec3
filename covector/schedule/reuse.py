"""Which result may lie where an operand lies that dies in the kernel that makes it.

What is elementwise may overwrite what it reads: an element of the result is written when that element of the operand,
at the same place, has been read for the last time. Of two accesses that share loops, each of these loops must run along
the same axis of both, so that no iteration touches what another one does; and in one iteration the read comes first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from covector.ir import Affine, Tensor
from covector.schedule.plan import Kernel, Loop, Product, Storage
from covector.schedule.tree import Path, accesses, leaves


@dataclass(frozen=True, slots=True)
class Access:
    """Where a tensor is touched: the number of the step, the loops around it, and the positions on the axes that are
    kept; none for the operands of a product, which are read more than once.
    """

    order: int
    path: Path
    positions: tuple[Affine, ...] | None


def handed_on(
    kernel: Kernel, dying: Iterable[Tensor], made: Iterable[Tensor], storage: Mapping[Tensor, Storage]
) -> set[tuple[Tensor, Tensor]]:
    """The pairs of what is used in a kernel for the last time and what may be made at its place there."""
    found = _accesses(kernel, storage)
    results = tuple(made)
    return {
        (old, new)
        for old in dying
        for new in results
        if old is not new
        and old.dtype == new.dtype
        and _extents(old, storage) == _extents(new, storage)
        and all(_comes_first(read, write) for read in found[old] for write in found[new])
    }


def _extents(tensor: Tensor, storage: Mapping[Tensor, Storage]) -> tuple[Affine, ...]:
    return tuple(tensor.shape[axis] for axis in storage[tensor].axes)


def _accesses(kernel: Kernel, storage: Mapping[Tensor, Storage]) -> dict[Tensor, list[Access]]:
    """Every access of a kernel to memory; what threads accumulate together is not where it seems to be."""
    found: dict[Tensor, list[Access]] = {}
    for order, (path, step) in enumerate(leaves(kernel.steps)):
        shared = {target for loop in path for target in loop.shared}
        for tensor, positions in accesses(step):
            plain = tensor not in shared and (not isinstance(step, Product) or tensor is step.target)
            kept = tuple(positions[axis] for axis in storage[tensor].axes) if plain else None
            found.setdefault(tensor, []).append(Access(order, path, kept))
    return found


def _comes_first(read: Access, write: Access) -> bool:
    """Whether an access to the old tensor never comes after one to the new tensor at the same place."""
    if read.positions is None or write.positions is None or read.order > write.order:
        return False
    common = _common(read.path, write.path)
    pairs = tuple(zip(read.positions, write.positions, strict=True))
    if read.order == write.order and any(old is not new for old, new in pairs):
        return False
    return all(any(old.index is loop.index is new.index for old, new in pairs) for loop in common)


def _common(one: Sequence[Loop], other: Sequence[Loop]) -> list[Loop]:
    found = []
    for left, right in zip(one, other, strict=False):
        if left is not right:
            break
        found.append(left)
    return found
