"""Running what a Jacobian needs: its stored factors, and what is computed with them.

A program is compiled once it has been run on much data, or often; what is small and wanted a few times is interpreted,
which takes less than compiling it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from math import prod

import numpy as np

from covector.ir import Compute, Program
from covector.jacobians.contract import lowered
from covector.jacobians.factorise import Sizes
from covector.native.engine import Executable, compile_program
from covector.native.memory import address
from covector.run.extents import bind_extents, evaluate_extent
from covector.run.reference import Array, evaluate, grid_size
from covector.tensors.launch import fresh

KEPT = 512
"""Programs that are remembered in the form in which they are run."""

LIGHT = 1 << 18
"""Elements that are evaluated by interpreting a program before it is compiled."""

FEW = 8
"""How often a program is interpreted before it is compiled."""


class Launch:
    """A compiled program at given extents: the shapes of its outputs are known, so that a call is addresses alone."""

    def __init__(self, executable: Executable, inputs: Sequence[Array], extents: Mapping[str, int]) -> None:
        self.executable, self.extents = executable, executable.extents(inputs, extents)
        self.dtypes = [np.dtype(tensor.dtype) for tensor in executable.program.inputs]
        self.made: list[tuple[tuple[int, ...], np.dtype[np.generic], int]] = []
        for output in executable.program.outputs:
            shape = tuple(evaluate_extent(extent, self.extents) for extent in output.shape)
            dtype = np.dtype(output.dtype)
            self.made.append((shape, dtype, prod(shape) * dtype.itemsize))

    def __call__(self, inputs: Sequence[Array]) -> list[Array]:
        """The values of the outputs for inputs of the shapes that it was made for."""
        given = [
            array if array.dtype == dtype and array.flags.c_contiguous else np.array(array, dtype=dtype, order="C")
            for array, dtype in zip(inputs, self.dtypes, strict=True)
        ]
        code, results, places = self.executable.code, [], []
        for shape, dtype, size in self.made:
            array, place = fresh(shape, dtype, size)
            results.append(array)
            places.append(place)
        if code is None or code.call([*map(address, given), *places], self.extents):
            return self.executable.run(given, self.extents)
        return results


class Runner:
    """A program in the form in which it is run, at given extents."""

    def __init__(self, program: Program, extents: Mapping[str, int]) -> None:
        self.program = lowered(program, Sizes(extents))
        self.names = [tensor.name for tensor in self.program.inputs]
        self.launches: dict[tuple[tuple[int, ...], ...], Launch] = {}
        self.executable: Executable | None = None
        self.runs = self.elements = 0

    def run(self, arrays: Mapping[str, Array], extents: Mapping[str, int]) -> list[Array]:
        """The values of the outputs."""
        if self.executable is None and self._is_light(arrays, extents):
            values = evaluate(self.program, arrays, extents)
            return [contiguous(values[output.name]) for output in self.program.outputs]
        inputs = [arrays[name] for name in self.names]
        shapes = tuple([array.shape for array in inputs])
        launch = self.launches.get(shapes)
        if launch is None:
            if self.executable is None:
                self.executable = compile_program(self.program)
            launch = self.launches[shapes] = Launch(self.executable, inputs, extents)
        return launch(inputs)

    def _is_light(self, arrays: Mapping[str, Array], extents: Mapping[str, int]) -> bool:
        """Whether this run, after those before, is still better interpreted."""
        bound = bind_extents(self.program.inputs, arrays, extents)
        self.elements += sum(grid_size(s, bound) for s in self.program.statements if isinstance(s, Compute))
        self.runs += 1
        return self.elements <= LIGHT and self.runs <= FEW


def contiguous(array: Array) -> Array:
    """An array in C order, of the same shape (NumPy's own function makes a number an array of one axis).

    >>> contiguous(np.float64(2.0)).shape
    ()
    """
    return np.ascontiguousarray(array).reshape(np.shape(array))


@lru_cache(maxsize=KEPT)
def _runner(program: Program, extents: tuple[tuple[str, int], ...]) -> Runner:
    return Runner(program, dict(extents))


def runner(program: Program, extents: Mapping[str, int]) -> Runner:
    """What runs a program, kept for the next time."""
    return _runner(program, tuple(sorted(extents.items())))


def run(program: Program, arrays: Mapping[str, Array], extents: Mapping[str, int]) -> list[Array]:
    """The values of the outputs of a program."""
    return runner(program, extents).run(arrays, extents)
