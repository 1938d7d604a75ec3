"""A program as a plan: the passes in order."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from covector.ir import Compute, Index, Input, Program, as_affine
from covector.ir.tensor import program_of
from covector.schedule.nest import Nest, nest_of
from covector.schedule.plan import Kernel, Loop, Plan, Step
from covector.schedule.reductions import split_reductions
from covector.schedule.storage import place

Pass = Callable[[Program], Program]


def needed(program: Program) -> Program:
    """The program without statements that no output needs."""
    return program_of(program.outputs, program.inputs)


PASSES: tuple[Pass, ...] = (needed, split_reductions)
"""What is done to the program before it becomes loops, in order."""


def plan(program: Program, in_place: Mapping[Compute, Input] | None = None) -> Plan:
    """The plan of a program; ``in_place`` says which outputs take the memory of which inputs.

    Raises `CovectorError` where a statement has no element form.
    """
    split = program
    for change in PASSES:
        split = change(split)
    kernels = tuple(_kernel(nest_of(statement)) for statement in split.statements if isinstance(statement, Compute))
    renamed = dict(zip(program.outputs, split.outputs, strict=True))
    taken = {renamed[output]: given for output, given in (in_place or {}).items()}
    return place(split, kernels, taken)


def _kernel(nest: Nest) -> Kernel:
    work = as_affine(1)
    for index in nest.indices:
        work = work * index.extent
    body: tuple[Step, ...] = (nest.step({}),)
    body = _loops(nest.reduced, body)
    if nest.operation:
        body = (nest.start({}), *body)
    return Kernel(nest.target.name, _loops(nest.own, body), work)


def _loops(indices: tuple[Index, ...], body: tuple[Step, ...]) -> tuple[Step, ...]:
    for index in reversed(indices):
        body = (Loop(index, body),)
    return body
