"""Programs as something that runs: machine code where it can be made, the reference interpreter elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from covector.errors import BoundsError, CovectorError, DtypeError, ShapeError
from covector.ir import Compute, Input, Opaque, Program
from covector.native.compiled import Compiled
from covector.native.explain import Explanation
from covector.native.memory import address, aligned_empty
from covector.run.extents import bind_extents, evaluate_extent
from covector.run.reference import evaluate
from covector.schedule.plan_program import plan

Array = NDArray[Any]


def compile_program(program: Program, in_place: Mapping[Compute, Input] | None = None) -> Executable:
    """A program made executable; ``in_place`` says which outputs take the memory of which inputs.

    What cannot be compiled runs in the reference interpreter, and the result says why.

    >>> from covector.frontend.program import read_program
    >>> run = compile_program(read_program("y[i] = 2*x[i] + 1", {"x": "N float32"})).run
    >>> run([np.arange(3, dtype=np.float32)])[0]
    array([1., 3., 5.], dtype=float32)
    """
    return Executable(program, in_place or {})


class Executable:
    """A program that runs: on its machine code, or in the reference interpreter where ``reason`` says why.

    It may be called from any number of Python threads at once.
    """

    def __init__(self, program: Program, in_place: Mapping[Compute, Input]) -> None:
        self.program, self.in_place = program, dict(in_place)
        self.reason = ""
        self.code: Compiled | None = None
        try:
            self.code = Compiled(plan(program, in_place), program)
        except CovectorError as error:
            self.reason = error.message
        homes: Mapping[Any, Input] = self.in_place
        self._written = {program.inputs.index(given) for given in self.in_place.values()}
        self._dtypes = [np.dtype(given.dtype) for given in program.inputs]
        self._last: tuple[Any, dict[str, int]] | None = None
        self._outputs = [_Output(program, output, homes.get(output)) for output in program.outputs]

    def run(
        self,
        inputs: Sequence[Array],
        extents: Mapping[str, int] | None = None,
        outputs: Sequence[Array] | None = None,
    ) -> list[Array]:
        """The outputs, in the order of the program, for inputs of the declared dtypes and shapes.

        ``extents`` gives the symbols that no shape determines; ``outputs`` are C-contiguous arrays to write to. An
        output that is computed in place is the array of its input. Raises `ShapeError`, `DtypeError`, `BoundsError`
        (a position that is data is outside the tensor that is read there) and `BudgetError`.
        """
        bound = self.extents(inputs, extents)
        given = self._given(inputs)
        results = list(outputs) if outputs is not None else [output.make(given, bound) for output in self._outputs]
        if self.code is None:
            self._interpret(given, bound, results)
        elif self.code.call([*map(address, given), *map(address, results)], bound):
            self._refuse(given, bound)
        return results

    def extents(self, inputs: Sequence[Array], extents: Mapping[str, int] | None = None) -> dict[str, int]:
        """The value of every symbol, from the shapes of the inputs; raises `ShapeError` where these do not fit."""
        key = (tuple(array.shape for array in inputs), tuple(extents.items()) if extents else ())
        last = self._last
        if last is None or last[0] != key:
            names = (given.name for given in self.program.inputs)
            bound = bind_extents(self.program.inputs, dict(zip(names, inputs, strict=True)), extents)
            last = self._last = (key, bound)
        return last[1]

    def explain(self) -> Explanation:
        """Kernels, library calls, bytes, operations and memory, or why the interpreter runs it."""
        return Explanation(interpreted=self.reason) if self.code is None else self.code.explanation

    def _given(self, inputs: Sequence[Array]) -> list[Array]:
        """The inputs as machine code can read them: contiguous, of their dtype, apart from what is written."""
        for number in self._written:
            _require_writable(inputs[number], self.program.inputs[number])
        homes = {address(inputs[number]) for number in self._written}
        return [
            array if number in self._written else _readable(array, dtype, homes)
            for number, (array, dtype) in enumerate(zip(inputs, self._dtypes, strict=True))
        ]

    def _interpret(self, inputs: Sequence[Array], extents: Mapping[str, int], results: Sequence[Array]) -> None:
        values = self._reference(inputs, extents)
        for result, output in zip(results, self.program.outputs, strict=True):
            result[...] = values[output.name]

    def _reference(self, inputs: Sequence[Array], extents: Mapping[str, int]) -> dict[str, Array]:
        names = (given.name for given in self.program.inputs)
        return evaluate(self.program, dict(zip(names, inputs, strict=True)), extents)

    def _refuse(self, inputs: Sequence[Array], extents: Mapping[str, int]) -> None:
        """Raise the error of the interpreter, which says what was read where."""
        if not self.in_place:
            self._reference(inputs, extents)
        raise BoundsError(
            "a position that is data is outside the bounds of the tensor that is read there",
            hint="look at the indices: each must be at least 0 and less than the extent",
        )


def _require_writable(array: Array, given: Input) -> None:
    if array.dtype != given.dtype or not array.flags.c_contiguous or not array.flags.writeable:
        raise DtypeError(
            f"{given.name} is computed in place, but its array cannot take the result",
            hint=f"give a writeable C-contiguous array of dtype {given.dtype}",
        )


def _readable(array: Array, dtype: np.dtype[Any], homes: set[int]) -> Array:
    """An array as machine code can read it; a copy where it is not, or where its memory is written."""
    if array.dtype == dtype and array.flags.c_contiguous and not (homes and address(array) in homes):
        return array
    return np.array(array, dtype=dtype, order="C")


class _Output:
    """How the array of one output comes about."""

    def __init__(self, program: Program, output: Compute | Opaque, given: Input | None) -> None:
        self.name, self.shape, self.dtype = output.name, output.shape, np.dtype(output.dtype)
        self.input = None if given is None else program.inputs.index(given)

    def make(self, inputs: Sequence[Array], extents: Mapping[str, int]) -> Array:
        """The array of the input whose place it takes, or a new one."""
        if self.input is not None:
            return inputs[self.input]
        shape = tuple(evaluate_extent(extent, extents) for extent in self.shape)
        if any(size < 0 for size in shape):
            raise ShapeError(f"{self.name} would have the shape {shape}: an extent is negative")
        return aligned_empty(shape, self.dtype)
