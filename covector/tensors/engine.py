"""The engine's interface over the reference interpreter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from covector.ir import Compute, Input, Program
from covector.run.reference import evaluate_statement

Array = NDArray[Any]


class Executable:
    """A program that can be run."""

    def __init__(self, program: Program, in_place: Mapping[Compute, Input]) -> None:
        self.program, self.in_place = program, in_place

    def run(
        self, inputs: Sequence[Array], extents: Mapping[str, int] | None = None, outputs: Sequence[Array] | None = None
    ) -> list[Array]:
        """The values of the outputs."""
        values: dict[Any, Array] = {t: a[None] for t, a in zip(self.program.inputs, inputs, strict=True)}
        for statement in self.program.statements:
            values[statement] = evaluate_statement(statement, values, extents or {})
        results = []
        for at, output in enumerate(self.program.outputs):
            result = np.ascontiguousarray(values[output][0]).reshape(values[output].shape[1:])
            home = self.in_place.get(output) if isinstance(output, Compute) else None
            target = inputs[self.program.inputs.index(home)] if home else outputs[at] if outputs else None
            if target is not None:
                target[...] = result
                result = target
            results.append(result)
        return results


def compile_program(program: Program, in_place: Mapping[Compute, Input] | None = None) -> Executable:
    """The program as something that can be run."""
    return Executable(program, in_place or {})
