"""Groups of statements as kernels, the work of each, and which of them may use several threads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from covector.ir import Affine, Compute, as_affine
from covector.schedule.behind import behind_products
from covector.schedule.fuse import Group, group_steps, groups
from covector.schedule.plan import Kernel, Loop, Product, Step
from covector.schedule.storage import element_count
from covector.schedule.unit import Unit
from covector.schedule.work import THREADED, cost, operations

SHARE = 8
"""What there must be to compute for each element that the threads share, which is cleared and added up."""


def kernels_of(units: Sequence[Unit]) -> tuple[Kernel, ...]:
    """The kernels of a program; a step without a loop joins the kernel before it."""
    found: list[Kernel] = []
    for group in groups(units):
        steps = group_steps(group, frozenset())
        alone = any(isinstance(step, (Loop, Product)) for step in steps)
        if found and not alone and not isinstance(found[-1].steps[-1], Product):
            before = found.pop()
            more = before.work + operations(steps), before.cost + cost(steps)
            found.append(Kernel(before.name, (*before.steps, *steps), *more))
        else:
            found.append(_kernel(group, steps))
    return behind_products(found, {unit.nest.target for unit in units if unit.overwritten is not None})


def _kernel(group: Group, steps: tuple[Step, ...]) -> Kernel:
    total, names = cost(steps), [unit.nest.target.name for unit in group.units]
    name = names[0] if len(names) == 1 else f"{names[0]}_to_{names[-1]}"
    *before, last = steps
    if isinstance(last, Loop) and group.candidates:
        steps = (*before, _threaded(group, last, total))
    return Kernel(name, steps, operations(steps), total)


def _threaded(group: Group, loop: Loop, total: Affine) -> Loop:
    """The outermost loop of a kernel, parallel where that is worth it: unless it is surely not, for the sizes of a call
    are not known here.
    """
    shared = shared_targets(group, loop)
    copied = as_affine(0)
    for target in shared:
        copied = copied + element_count(target) * SHARE
    scattered = any(None in unit.write.plain for unit in group.units if unit.nest.target in shared)
    worth = at_least(total - copied, 0) if scattered else not at_most(total - copied, 0)
    if at_most(total, THREADED) or not worth:
        return loop
    return replace(loop, parallel=True, shared=shared)


def shared_targets(group: Group, loop: Loop) -> tuple[Compute, ...]:
    """What the iterations of a group's loop accumulate together."""
    form = as_affine(loop.index)
    return tuple(
        unit.nest.target
        for unit in group.units
        if any(own in unit.nest.reduced and name is form for own, name in unit.names.items())
    )


def at_least(form: Affine, limit: int) -> bool:
    """Whether a number without indices is surely no less than a limit."""
    return form.is_constant and form.constant >= limit


def at_most(form: Affine, limit: int) -> bool:
    """Whether a number without indices is surely no more than a limit."""
    return form.is_constant and form.constant <= limit
