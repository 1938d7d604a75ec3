"""Programs as something that runs: machine code where it can be made, the reference interpreter elsewhere."""

from __future__ import annotations

import ctypes
import functools
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from covector import __version__
from covector.codegen.emit import ENTRY, emit_with_layout
from covector.errors import BoundsError, CovectorError
from covector.ir import Compute, Input, Opaque, Program
from covector.native import blas, jit
from covector.native.cache import Cache, key_of
from covector.native.memory import address, aligned_bytes, aligned_empty
from covector.native.pool import POOL
from covector.run.extents import bind_extents, evaluate_extent
from covector.run.reference import evaluate
from covector.schedule.plan import Plan
from covector.schedule.plan_program import plan

Array = NDArray[Any]


class Executable:
    """A program that runs: on its machine code, or in the reference interpreter where ``reason`` says why.

    It may be called from any number of Python threads at once.
    """

    def __init__(self, program: Program, in_place: Mapping[Compute, Input]) -> None:
        self.program, self.in_place = program, dict(in_place)
        self.reason = ""
        self.code: Compiled | None = None
        try:
            self.code = Compiled(plan(program, in_place))
        except (CovectorError, NotImplementedError) as error:
            self.reason = f"{type(error).__name__}: {error}"
        self._outputs = [_Output(program, output, self.in_place.get(output)) for output in program.outputs]  # type: ignore[arg-type]

    def run(
        self,
        inputs: Sequence[Array],
        extents: Mapping[str, int] | None = None,
        outputs: Sequence[Array] | None = None,
    ) -> list[Array]:
        """The outputs for C-contiguous inputs of the declared dtypes and shapes, in the order of the program.

        ``extents`` gives the symbols that no shape determines; ``outputs`` are arrays to write to. An output that is
        computed in place is the array of its input. Raises `ShapeError`, `BoundsError`, `BudgetError`.
        """
        bound = self.extents(inputs, extents)
        if self.code is None:
            return self._interpret(inputs, bound, outputs)
        results = list(outputs) if outputs is not None else [given.make(inputs, bound) for given in self._outputs]
        if self.code.call([*map(address, inputs), *map(address, results)], bound):
            self._explain_bounds(inputs, bound)
        return results

    def extents(self, inputs: Sequence[Array], extents: Mapping[str, int] | None = None) -> dict[str, int]:
        """The value of every symbol."""
        names = (given.name for given in self.program.inputs)
        return bind_extents(self.program.inputs, dict(zip(names, inputs, strict=True)), extents)

    def _interpret(
        self, inputs: Sequence[Array], extents: Mapping[str, int], outputs: Sequence[Array] | None
    ) -> list[Array]:
        values = self._reference(inputs, extents)
        results = list(outputs) if outputs is not None else [given.make(inputs, extents) for given in self._outputs]
        for result, output in zip(results, self.program.outputs, strict=True):
            result[...] = values[output.name]
        return results

    def _reference(self, inputs: Sequence[Array], extents: Mapping[str, int]) -> dict[str, Array]:
        names = (given.name for given in self.program.inputs)
        return evaluate(self.program, dict(zip(names, inputs, strict=True)), extents)

    def _explain_bounds(self, inputs: Sequence[Array], extents: Mapping[str, int]) -> None:
        """Raise the error of the interpreter, which says what was read where."""
        self._reference(inputs, extents)
        raise BoundsError("a position that is data is outside the bounds of the tensor that is read there")


class _Output:
    """How the array of one output comes about."""

    def __init__(self, program: Program, output: Compute | Opaque, given: Input | None) -> None:
        self.shape, self.dtype = output.shape, np.dtype(output.dtype)
        self.input = None if given is None else program.inputs.index(given)
        constant = all(extent.is_constant for extent in output.shape)
        self.constant = tuple(extent.constant for extent in output.shape) if constant else None

    def make(self, inputs: Sequence[Array], extents: Mapping[str, int]) -> Array:
        """The array of the input whose place it takes, or a new one."""
        if self.input is not None:
            return inputs[self.input]
        shape = self.constant or tuple(evaluate_extent(extent, extents) for extent in self.shape)
        return aligned_empty(shape, self.dtype)


class Compiled:
    """A plan as machine code, and what its calls need."""

    def __init__(self, planned: Plan) -> None:
        emitted = emit_with_layout(planned, jit.host().target, blas.link())
        self.plan, self.layout, self.parallel = planned, emitted.layout, emitted.is_parallel
        self.table, self.text = self.layout.table, emitted.text
        POOL.link()
        self.code = jit.Code(compiled(self.text), ENTRY)
        self.function = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(self.code.address(ENTRY))
        self.frames: deque[Frame] = deque()

    def call(self, addresses: list[Any], extents: Mapping[str, int]) -> int:
        """Run once with the addresses of inputs and outputs; the error word, which is 0 where all went well."""
        try:
            frame = self.frames.pop()
        except IndexError:
            frame = Frame(self)
        frame.prepare(extents)
        frame.words[: len(addresses)] = addresses
        self.function(frame.address)
        error = frame.words[-1]
        frame.words[-1] = 0
        self.frames.append(frame)
        return int(error)


def compiled(text: str) -> bytes:
    """The object code of a text: from the cache, or made and kept there."""
    here = jit.host()
    key = key_of(text, here.name, here.features, jit.version(), __version__)
    code = cache().get(key)
    if code is None:
        code = jit.object_code(text)
        cache().put(key, code)
    return code


@functools.cache
def cache() -> Cache:
    """The cache of this process."""
    return Cache()


class Frame:
    """What one call of a compiled program uses: its table and its memory; two calls at once have two."""

    def __init__(self, compiled: Compiled) -> None:
        self.compiled, size = compiled, compiled.table.size
        self.words = (ctypes.c_int64 * (size + 1))()
        self.address = ctypes.addressof(self.words)
        self.words[compiled.table.error] = self.address + 8 * size
        self.extents: dict[str, int] | None = None
        self.threads = 0
        self.memory: list[Array] = []

    def prepare(self, extents: Mapping[str, int]) -> None:
        """Make room for the intermediate values of these extents."""
        compiled, table = self.compiled, self.compiled.table
        if compiled.parallel and POOL.size != POOL.threads:
            POOL.start()
        self.words[table.pool] = POOL.handle
        threads = max(POOL.size, 1) if compiled.parallel else 1
        if self.extents == extents and self.threads == threads:
            return
        arena = aligned_bytes(evaluate_extent(compiled.layout.arena, extents) + 64)
        thread = aligned_bytes(evaluate_extent(compiled.layout.thread, extents) * threads + 64)
        self.memory = [arena, thread]
        self.words[table.arena], self.words[table.thread] = map(address, self.memory)
        for number, name in enumerate(table.symbols):
            self.words[table.first_symbol + number] = extents[name]
        self.extents, self.threads = dict(extents), threads


def compile_program(program: Program, in_place: Mapping[Compute, Input] | None = None) -> Executable:
    """A program made executable; ``in_place`` says which outputs take the memory of which inputs.

    What cannot be compiled runs in the reference interpreter, and the result says why.
    """
    return Executable(program, in_place or {})
