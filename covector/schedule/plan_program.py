"""A program as a plan: the passes in order."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from covector.ir import Compute, Input, Program
from covector.ir.tensor import read_tensors
from covector.schedule.kernels import kernels_of
from covector.schedule.nest import nest_of
from covector.schedule.plan import Plan
from covector.schedule.reductions import split_reductions
from covector.schedule.statements import computed
from covector.schedule.storage import place
from covector.schedule.unit import Unit

Pass = Callable[[Program], Program]


def needed(program: Program) -> Program:
    """The program without statements that no output needs."""
    wanted = set(program.outputs)
    for statement in reversed(program.statements):
        if statement in wanted:
            wanted.update(tensor for tensor in read_tensors(statement) if not isinstance(tensor, Input))
    kept = tuple(statement for statement in program.statements if statement in wanted)
    return program if len(kept) == len(program.statements) else Program(program.inputs, kept, program.outputs)


PASSES: tuple[Pass, ...] = (needed, split_reductions)
"""What is done to the program before it becomes loops, in order."""


def plan(program: Program, in_place: Mapping[Compute, Input] | None = None) -> Plan:
    """The plan of a program; ``in_place`` says which outputs take the memory of which inputs.

    Raises `CovectorError` where a statement has no element form.
    """
    split = program
    for change in PASSES:
        split = change(split)
    renamed = dict(zip(program.outputs, computed(Program((), split.outputs, ())), strict=True))
    taken = {renamed[output]: given for output, given in (in_place or {}).items()}
    units = [Unit(nest_of(statement), taken.get(statement)) for statement in computed(split)]
    return place(split, kernels_of(units), taken)
