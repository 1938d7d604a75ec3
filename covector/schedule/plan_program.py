"""A program as a plan: the passes in order."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from covector.ir import Compute, Input, Program
from covector.schedule.agree import agree
from covector.schedule.contract import contract
from covector.schedule.deltas import eliminate_deltas
from covector.schedule.in_place import check_in_place, units_of
from covector.schedule.kernels import kernels_of
from covector.schedule.plan import Plan
from covector.schedule.reductions import split_reductions
from covector.schedule.sample import sample
from covector.schedule.share import share
from covector.schedule.statements import computed
from covector.schedule.storage import place
from covector.schedule.views import inline_views, needed

Pass = Callable[[Program], Program]


PASSES: tuple[Pass, ...] = (
    needed,
    inline_views,
    split_reductions,
    inline_views,
    eliminate_deltas,
    agree,
    needed,
    sample,
    contract,
    needed,
    share,
    needed,
)
"""What is done to the program before it becomes loops, in order."""


def plan(program: Program, in_place: Mapping[Compute, Input] | None = None) -> Plan:
    """The plan of a program; ``in_place`` says which outputs take the memory of which inputs.

    Raises `CovectorError` where a statement has no element form, or an output does not fit the input that it replaces.
    """
    check_in_place(in_place or {})
    split = program
    for change in PASSES:
        split = change(split)
    renamed = dict(zip(program.outputs, computed(Program((), split.outputs, ())), strict=True))
    split, units, taken = units_of(split, {renamed[output]: given for output, given in (in_place or {}).items()})
    return place(split, kernels_of(units), taken)
