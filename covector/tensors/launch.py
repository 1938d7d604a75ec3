"""Launching a compiled program: the addresses of its inputs and results in, one native call, arrays out."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from sys import getrefcount
from time import perf_counter
from typing import Any

import numpy as np

from covector.errors import BoundsError, JitError
from covector.ir import Compute
from covector.native.compiled import Compiled as Code
from covector.native.memory import ALIGNMENT, LARGE, address, aligned_empty
from covector.run.extents import evaluate_extent
from covector.tensors.dtypes import NUMPY, Kind, kind_of
from covector.tensors.node import ABSENT, Node
from covector.tensors.programs import Compiled

Commit = Callable[[list[Any], list[int]], None]
"""What gives results and their addresses to those that they are for; it may be called twice."""

SMALL = 1 << 13
"""Bytes up to which an array may start anywhere: aligning it would take longer than it saves."""

_ndarray = np.ndarray
C_TYPES: dict[str, Any] = {
    "bool": ctypes.c_bool,
    "int32": ctypes.c_int32,
    "int64": ctypes.c_int64,
    "float32": ctypes.c_float,
    "float64": ctypes.c_double,
}
_byte_of: Callable[[Any], ctypes.c_char] = ctypes.c_char.from_buffer
_address_of = ctypes.addressof
_BUFFER = 3  # references to an array that one leaf alone holds: its data, the argument here, and the count
_BASE = 3  # references to what an array is a view of: the array itself, a variable here, and the count


class Launch:
    """A program at given extents, ready to be called."""

    __slots__ = ("_first_number", "_numbers", "code", "compiled", "extents", "made", "seconds")

    def __init__(self, compiled: Compiled, arrays: Sequence[Any]) -> None:
        executable = compiled.executable
        self.compiled, self.seconds = compiled, 0.0
        self.code = executable.code
        self.extents = executable.extents(arrays, compiled.extents)
        inputs = executable.program.inputs
        # The numbers among the inputs, each in eight bytes of its own, as numbers of any dtype.
        room = (ctypes.c_double * max(len(inputs), 1))()
        self._first_number = ctypes.addressof(room)
        self._numbers = {
            name: ((kind * (len(room) * 8 // ctypes.sizeof(kind))).from_buffer(room), 8 // ctypes.sizeof(kind))
            for name, kind in C_TYPES.items()
        }
        self.made: list[tuple[int, tuple[int, ...], np.dtype[Any], int]] = []
        for output in executable.program.outputs:
            home = compiled.linked.in_place.get(output) if isinstance(output, Compute) else None
            shape = tuple(evaluate_extent(extent, self.extents) for extent in output.shape)
            size = kind_of(shape, output.dtype).nbytes
            self.made.append((-1 if home is None else inputs.index(home), shape, NUMPY[output.dtype], size))

    def __call__(self, nodes: Sequence[Node], commit: Commit | None = None) -> tuple[list[Any], list[int]]:
        """The results for the leaves that are the inputs, and their addresses; each leaf keeps its own.

        ``commit`` is called with both as soon as the code has run, even when an interrupt comes meanwhile: what is
        updated in place is then new, and must not be updated again.
        """
        code = self.code
        if code is None:
            start = perf_counter()
            results = self.compiled.executable.run([array_of(node) for node in nodes], self.extents)
            self.seconds = perf_counter() - start
            if commit is not None:
                commit(results, [0] * len(results))
            return results, [0] * len(results)
        addresses = [node.address or self.place(number, node) for number, node in enumerate(nodes)]
        results = []
        for home, shape, dtype, size in self.made:
            if home >= 0:
                results.append(nodes[home].data)
                addresses.append(addresses[home])
            else:
                array, place = fresh(shape, dtype, size)
                results.append(array)
                addresses.append(place)
        found = addresses[len(nodes) :]
        start = perf_counter()
        if commit is not None:
            self._commit(code, nodes, addresses, results, commit)
        elif code.call(addresses, self.extents):
            self.fail(nodes)
        self.seconds = perf_counter() - start
        return results, found

    def _commit(
        self, code: Code, nodes: Sequence[Node], addresses: list[int], results: list[Any], commit: Commit
    ) -> None:
        """Run the code and commit its results: both or neither."""
        done: list[None] = []
        found = addresses[len(nodes) :]
        try:
            if code.call(addresses, self.extents, done):
                done.clear()
                self.fail(nodes)
            commit(results, found)
        except BaseException:
            if done:
                commit(results, found)
            raise

    def place(self, number: int, node: Node) -> int:
        """The address of the data of a leaf that is an input; 0 where it has none yet. Numbers are written there."""
        data = node.data
        if type(data) is _ndarray:
            node.address = address(data)
            return node.address
        if data is None:
            return 0
        if data is ABSENT:
            array_of(node)
        numbers, at = self.slot(number, node.kind)
        numbers[at] = data
        return self.slot_address(number)

    def slot_address(self, number: int) -> int:
        """The address at which an input is written that is a number."""
        return self._first_number + 8 * number

    def slot(self, number: int, kind: Kind) -> tuple[Any, int]:
        """Where an input is written that is a number: into which array, and at which position."""
        numbers, step = self._numbers[kind.dtype]
        return numbers, step * number

    def fail(self, nodes: Sequence[Node]) -> None:
        """Raise what the interpreter says of a position outside the bounds."""
        if not self.compiled.linked.in_place:
            self.compiled.executable.run([array_of(node) for node in nodes], self.extents)
        raise BoundsError(
            "index out of bounds: a position that is data lies outside the tensor that is read there",
            hint="look at the indices, which must be at least 0 and less than the extent",
        )


def fresh(shape: tuple[int, ...], dtype: np.dtype[Any], size: int) -> tuple[Any, int]:
    """An array of so many bytes, and its address: a multiple of 64 unless it is small."""
    array: Any
    if 0 < size <= SMALL:
        array = np.empty(shape, dtype)
        return array, _address_of(_byte_of(array))
    if not 0 < size < LARGE:
        array = aligned_empty(shape, dtype)
        return array, address(array)
    raw: Any = np.empty(size + ALIGNMENT, np.uint8)
    start = _address_of(_byte_of(raw))
    skip = -start % ALIGNMENT
    return np.ndarray(shape, dtype, raw, skip), start + skip


def array_of(node: Node) -> Any:
    """The data of a leaf as an array."""
    data = node.data
    if data is ABSENT:
        raise JitError(
            "a tensor of a function that jit, vmap or another transform traced left the function, and has no value",
            hint="return it from the function: only what is returned, or written with copy_ or x[i] = v, has values",
        )
    if type(data) is _ndarray:
        return data
    with np.errstate(over="ignore"):
        return np.array(data, NUMPY[node.kind.dtype])


def is_free(data: Any) -> bool:
    """Whether an array is held by one leaf alone, and may be written."""
    if type(data) is not _ndarray or getrefcount(data) > _BUFFER or not data.flags.writeable:
        return False
    base = data.base
    return base is None or (type(base) is _ndarray and getrefcount(base) <= _BASE)
