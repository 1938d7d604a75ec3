"""Running what a Jacobian needs: its stored factors, and what is computed with them.

A program is compiled when it is run on much data, or a second time; what is small and wanted once is interpreted, which
takes less than compiling it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from covector.ir import Compute, Program
from covector.jacobians.contract import lowered
from covector.jacobians.factorise import Sizes
from covector.native.engine import Executable, compile_program
from covector.run.extents import bind_extents
from covector.run.reference import Array, evaluate, grid_size

KEPT = 512
"""Programs that are remembered in the form in which they are run."""

LIGHT = 1 << 14
"""Elements that evaluating a program may take for its first run to be interpreted."""


class Runner:
    """A program in the form in which it is run."""

    def __init__(self, program: Program, extents: Mapping[str, int]) -> None:
        self.program = lowered(program, Sizes(extents))
        self.executable: Executable | None = None
        self.runs = 0

    def run(self, arrays: Mapping[str, Array], extents: Mapping[str, int]) -> list[Array]:
        """The values of the outputs."""
        self.runs += 1
        if self.executable is None and self.runs == 1 and self._is_light(arrays, extents):
            values = evaluate(self.program, arrays, extents)
            return [contiguous(values[output.name]) for output in self.program.outputs]
        if self.executable is None:
            self.executable = compile_program(self.program)
        return self.executable.run([arrays[tensor.name] for tensor in self.program.inputs], extents)

    def _is_light(self, arrays: Mapping[str, Array], extents: Mapping[str, int]) -> bool:
        bound = bind_extents(self.program.inputs, arrays, extents)
        sizes = (grid_size(s, bound) for s in self.program.statements if isinstance(s, Compute))
        return sum(sizes) <= LIGHT


def contiguous(array: Array) -> Array:
    """An array in C order, of the same shape (NumPy's own function makes a number an array of one axis).

    >>> contiguous(np.float64(2.0)).shape
    ()
    """
    return np.ascontiguousarray(array).reshape(np.shape(array))


@lru_cache(maxsize=KEPT)
def _runner(program: Program, extents: tuple[tuple[str, int], ...]) -> Runner:
    return Runner(program, dict(extents))


def run(program: Program, arrays: Mapping[str, Array], extents: Mapping[str, int]) -> list[Array]:
    """The values of the outputs of a program."""
    return _runner(program, tuple(sorted(extents.items()))).run(arrays, extents)
