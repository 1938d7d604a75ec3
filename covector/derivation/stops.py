"""What a ``stop`` does: whether the gradients would be the same without it."""

from __future__ import annotations

from collections.abc import Iterator

from covector.calculus.reverse import gradients
from covector.derivation.record import StopNote
from covector.ir import Compute, Program, is_float
from covector.ir.tensor import read_tensors
from covector.run.freeze import without_stops


def stop_notes(program: Program) -> Iterator[StopNote]:
    """For every ``stop(e)`` of a program whether the output is the same whatever value stands there.

    The proof puts an input in the place of ``stop(e)`` and derives the gradient with respect to it: where that is
    zero by the rules, so is what the stop keeps from flowing through e.
    """
    frozen, constants = without_stops(program)
    held = {given.name: given for given in frozen.inputs}
    wanted = [constant for constant in constants.outputs if is_float(constant.dtype)]
    if not wanted or not is_float(program.output.dtype):
        return
    found = gradients(frozen, [held[constant.name] for constant in wanted])
    seen = set()
    for constant in wanted:
        nested = not set(read_tensors(constant)).isdisjoint(wanted)
        if isinstance(constant, Compute) and constant.body not in seen and not nested:
            seen.add(constant.body)
            yield StopNote(constant.body, found.cotangents[held[constant.name]] is None)
