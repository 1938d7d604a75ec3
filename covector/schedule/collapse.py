"""Adjacent loops as one, where every access goes through memory without a gap: what is elementwise is one flat loop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from covector.ir import Affine, Index, Read, Tensor, as_affine, children, floor_div, substitute
from covector.ir.affine import atoms, free
from covector.ir.bounds import within
from covector.schedule.plan import Accumulate, Assign, Kernel, Loop, Step, Storage
from covector.schedule.tree import accesses, leaves

Places = Mapping[Tensor, Storage]


def collapse(kernels: Sequence[Kernel], storage: Places) -> tuple[Kernel, ...]:
    """The kernels with loops collapsed where that is possible."""
    return tuple(replace(kernel, steps=_collapsed(kernel.steps, storage)) for kernel in kernels)


def _collapsed(steps: tuple[Step, ...], storage: Places) -> tuple[Step, ...]:
    return tuple(_loop(step, storage) if isinstance(step, Loop) else step for step in steps)


def _loop(loop: Loop, storage: Places) -> Loop:
    """A chain of loops, each the whole body of the one before, with neighbours joined."""
    if loop.columns is not None:
        return loop
    chain = [loop]
    while len(chain[-1].body) == 1 and isinstance(inner := chain[-1].body[0], Loop):
        chain.append(inner)
    body = _collapsed(chain[-1].body, storage)
    runs: list[list[Loop]] = [[chain[0]]]
    for outer, inner in pairwise(chain):
        if _joins(outer.index, inner.index, body, storage):
            runs[-1].append(inner)
        else:
            runs.append([inner])
    for run in reversed(runs):
        if len(run) > 1:
            index, names = flat([each.index for each in run])
            body = _renamed(body, names)
            body = (replace(run[0], index=index, body=body),)
        else:
            body = (replace(run[0], body=body),)
    (result,) = body
    assert isinstance(result, Loop)
    return result


def flat(indices: Sequence[Index]) -> tuple[Index, dict[Index, Affine]]:
    """One index for several, and what each of them is in terms of it.

    Each is a remainder, written so that the offset in memory is the one index again once everything is multiplied out.
    """
    count = as_affine(1)
    for index in indices:
        count = count * index.extent
    one = Index(indices[0].name, count)
    names, left = dict[Index, Affine](), as_affine(one)
    for index in reversed(indices[1:]):
        above = floor_div(left, index.extent)
        names[index] = left - index.extent * above
        left = above
    names[indices[0]] = left
    return one, names


def _joins(outer: Index, inner: Index, body: tuple[Step, ...], storage: Places) -> bool:
    """Whether two loops can be one: wherever one of them occurs both do, side by side on axes that they fill."""
    if as_affine(0) in (outer.extent, inner.extent):
        return False
    both = {outer, inner}
    for path, step in leaves(body):
        if not isinstance(step, (Assign, Accumulate)) or _counts(step.value, both):
            return False
        if any(loop.index in both for loop in path):
            return False
        for tensor, positions in accesses(step):
            axes = storage[tensor].axes
            if not _fills(outer, inner, [positions[axis] for axis in axes], [tensor.shape[axis] for axis in axes]):
                return False
    return True


def _fills(outer: Index, inner: Index, positions: Sequence[Affine], shape: Sequence[Affine]) -> bool:
    places = [place for place, position in enumerate(positions) if {outer, inner} & free(position)]
    if not places:
        return True
    if len(places) == 2 and places[1] == places[0] + 1:
        first, second = places
        plain = positions[first].index is outer and positions[second].index is inner
        if plain and shape[first] is outer.extent and shape[second] is inner.extent:
            return True
    return any(positions[place].index is None for place in places) and _steps_on(outer, inner, positions, shape)


def _steps_on(outer: Index, inner: Index, positions: Sequence[Affine], shape: Sequence[Affine]) -> bool:
    """Whether an access inside the bounds moves with the outer index as far as with all of the inner one."""
    offset = as_affine(0)
    for position, extent in zip(positions, shape, strict=True):
        if not within(position, extent):
            return False
        offset = offset * extent + position
    if any({outer, inner} & free(atom) for atom in atoms(offset) if not isinstance(atom, Index)):
        return False
    far, near = offset.coefficient(outer), offset.coefficient(inner)
    return near is not None and far is near * inner.extent and far is not as_affine(0)


def _counts(expr: Any, indices: set[Index]) -> bool:
    """Whether the value of an expression, not only where it reads, depends on one of some indices."""
    if isinstance(expr, Read):
        return False
    if isinstance(expr, Affine):
        return False if expr.is_constant else bool(indices & free(expr))
    return any(_counts(child, indices) for child in children(expr))


def _renamed(steps: tuple[Step, ...], names: Mapping[Index, Affine]) -> tuple[Step, ...]:
    return tuple(_rename(step, names) for step in steps)


def _rename(step: Step, names: Mapping[Index, Affine]) -> Step:
    """A step with indices replaced."""
    if isinstance(step, Loop):
        return replace(step, body=_renamed(step.body, names))
    assert isinstance(step, (Assign, Accumulate))
    positions = tuple(substitute(position, names) for position in step.positions)
    return replace(step, positions=positions, value=substitute(step.value, names))
