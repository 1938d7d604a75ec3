"""What is accumulated in loops that do not move it is accumulated in a register, and stored once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from covector.ir import Affine, Compute, Index, Read, Tensor
from covector.ir.affine import free
from covector.schedule.plan import Accumulate, Assign, Kernel, Loop, Step, Storage
from covector.schedule.tree import accesses, leaves


def accumulate_in_registers(
    kernels: Sequence[Kernel], storage: Mapping[Tensor, Storage]
) -> tuple[tuple[Kernel, ...], dict[Tensor, Storage]]:
    """The kernels, and the storage with the registers that were added."""
    added = dict(storage)
    changed = tuple(replace(kernel, steps=_steps(kernel.steps, added)) for kernel in kernels)
    return changed, added


def _steps(steps: tuple[Step, ...], storage: dict[Tensor, Storage]) -> tuple[Step, ...]:
    """Some steps in order; what was set to its neutral element just before a loop may be kept in a register there."""
    done: list[Step] = []
    for step in steps:
        if not isinstance(step, Loop):
            done.append(step)
            continue
        after: list[Step] = []
        for place, start in enumerate(done):
            if isinstance(start, Assign) and storage[start.target].place != "register" and _stays(start, step):
                register = _register(start.target, storage)
                done[place] = replace(start, target=register)
                step = _moved(step, start.target, register)
                after.append(Assign(start.target, start.positions, Read(register, start.positions)))
        done += [replace(step, body=_steps(step.body, storage)), *after]
    return tuple(done)


def _stays(start: Assign, loop: Loop) -> bool:
    """Whether a loop does nothing with a target but accumulate the one element that was set."""
    if loop.parallel:
        return False
    found = False
    for path, step in leaves((loop,)):
        touched = [positions for tensor, positions in accesses(step) if tensor is start.target]
        if not touched:
            continue
        inside = {each.index for each in path}
        alone = isinstance(step, Accumulate) and step.target is start.target and len(touched) == 1
        if not alone or _moves(start, touched[0], inside):
            return False
        found = True
    return found


def _moves(start: Assign, positions: tuple[Affine, ...], inside: set[Index]) -> bool:
    return positions != start.positions or any(free(position) & inside for position in positions)


def _register(target: Compute, storage: dict[Tensor, Storage]) -> Compute:
    """The register of a target."""
    register = Compute(f"{target.name}.register", target.indices, target.body, target.cast)
    storage[register] = Storage("register", ())
    return register


def _moved(loop: Loop, target: Compute, register: Compute) -> Loop:
    """A loop that accumulates in another target."""
    body: list[Step] = []
    for step in loop.body:
        if isinstance(step, Loop):
            body.append(_moved(step, target, register))
        elif isinstance(step, Accumulate) and step.target is target:
            body.append(replace(step, target=register))
        else:
            body.append(step)
    return replace(loop, body=tuple(body))
