"""Loops behind products: what is elementwise in a product's result goes right behind it.

Each thread can go on with the columns that it has made, which are still in its cache, and no thread waits for another
one in between: a bias and an activation, or the derivative of one and the sums over the columns.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from math import prod

from covector.ir import Index, Tensor, as_affine
from covector.schedule.plan import Kernel, Loop, Product
from covector.schedule.tree import accesses, leaves

DEEP = 64
"""From so many steps of the sum on, the loop is a small part of both, and the product is better shared as it likes."""

FEW = 64
"""With fewer columns than this, a loop over all elements at once is better."""


def behind_products(kernels: Sequence[Kernel], overwriting: Collection[Tensor]) -> tuple[Kernel, ...]:
    """The kernels, loops moved behind the products whose results they use where that is possible.

    What is ``overwriting`` an input stays where it is.
    """
    done: list[Kernel] = []
    for kernel in kernels:
        place = _place(kernel, done, overwriting)
        if place is None:
            done.append(kernel)
        else:
            done[place] = _joined(done[place], kernel)
    return tuple(done)


def _place(kernel: Kernel, before: Sequence[Kernel], overwriting: Collection[Tensor]) -> int | None:
    """Which kernel before is a product that a kernel can go behind: the last one that makes anything it reads."""
    made = _made(kernel)
    if any(isinstance(step, Product) for step in kernel.steps) or not made.isdisjoint(overwriting):
        return None
    read = {tensor for _, step in leaves(kernel.steps) for tensor, _ in accesses(step)}
    for number in reversed(range(len(before))):
        if not read.isdisjoint(_made(before[number])):
            return number if _columns(before[number], kernel) is not None else None
    return None


def _joined(before: Kernel, kernel: Kernel) -> Kernel:
    """A product and the loop behind it; what the loop accumulates is set before both."""
    *starts, loop = kernel.steps
    assert isinstance(loop, Loop)
    behind = replace(loop, columns=_columns(before, kernel))
    steps = (*starts, *before.steps, behind)
    return Kernel(f"{before.name}_to_{kernel.name}", steps, before.work + kernel.work, before.cost + kernel.cost)


def _columns(before: Kernel, kernel: Kernel) -> Index | None:
    """The index of a kernel's loop that runs over the columns of a product, None where it cannot go behind it."""
    *starts, loop = kernel.steps
    if len(before.steps) != 1 or not isinstance(loop, Loop) or len(loop.body) != 1:
        return None
    (product,), (inner,) = before.steps, loop.body
    if not isinstance(product, Product) or not isinstance(inner, Loop) or not _is_matrix(product):
        return None
    target, index = product.target, inner.index
    early = {tensor for _, step in leaves(tuple(starts)) for tensor, _ in accesses(step)}
    if (
        index.extent is not product.columns[0].extent
        or target in early
        or any(isinstance(step, Loop) for step in inner.body)
    ):
        return None
    axes: dict[Tensor, set[int]] = {target: {1}}
    for tensor, positions in (access for step in inner.body for access in accesses(step)):
        if tensor is target or tensor in _made(kernel):
            here = {axis for axis, position in enumerate(positions) if position.index is index}
            axes[tensor] = axes.get(tensor, here) & here
    return index if all(axes.values()) else None


def _is_matrix(product: Product) -> bool:
    """Whether a product is one of matrices, stored row by row, with a short sum and columns enough, each made by one
    thread: those of a symmetric one are mirrored rows too.
    """
    if product.batch or len(product.rows) != 1 or len(product.columns) != 1 or product.accumulate or product.symmetric:
        return False
    inner = [index.extent for index in product.inner]
    if not all(extent.is_constant for extent in inner) or prod(extent.constant for extent in inner) >= DEEP:
        return False
    columns = product.columns[0].extent
    if columns.is_constant and columns.constant < FEW:
        return False
    return product.positions == (as_affine(product.rows[0]), as_affine(product.columns[0]))


def _made(kernel: Kernel) -> frozenset[Tensor]:
    """The tensors that a kernel writes."""
    return frozenset(step.target for _, step in leaves(kernel.steps) if not isinstance(step, Loop))
