"""Calling a traced function once more: what is left to do where nothing has changed but the arguments' values.

The table of the machine code stays filled in from call to call. A repeated call sees by identity and by reference
counts that everything is as it was, writes the addresses of the arguments and of the results, and runs the code.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from operator import attrgetter
from sys import getrefcount
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from covector.native.compiled import Frame
from covector.native.memory import address
from covector.native.pool import POOL
from covector.tensors import flush
from covector.tensors.dtypes import NUMPY, Kind
from covector.tensors.launch import C_TYPES, Launch, fresh
from covector.tensors.node import STATE, Here, Node
from covector.tensors.tensor import Tensor
from covector.tensors.tree import Rebuild

if TYPE_CHECKING:
    from covector.tensors.direct import Direct

MISSED: Any = object()
"""What a repeated call returns where something has changed; nothing was done then."""

PRIVATE = 1 << 18
"""Bytes of memory to compute in that a traced function may keep for itself."""

_node_of, _flag_of = attrgetter("_node"), attrgetter("requires_grad_flag")
_ndarray = np.ndarray


class Guards:
    """Attributes of objects that a trace took for granted; those of one name are read together."""

    __slots__ = ("_groups", "watched")

    def __init__(self, watched: Sequence[tuple[Any, str, Any]]) -> None:
        by_name: dict[str, dict[int, tuple[Any, Any]]] = {}
        for owner, name, value in watched:
            by_name.setdefault(name, {})[id(owner)] = (owner, value)
        self.watched = [(owner, name, value) for name, of in by_name.items() for owner, value in of.values()]
        """The attributes, each once, with their values."""
        self._groups = [
            (attrgetter(name), [owner for owner, _ in pairs.values()], [value for _, value in pairs.values()])
            for name, pairs in by_name.items()
        ]

    def hold(self) -> bool:
        """Whether every attribute still has its value."""
        for read, owners, values in self._groups:  # noqa: SIM110 - a generator takes longer than the loop
            if list(map(read, owners)) != values:
                return False
        return True


class Result:
    """A result: where its address is in the table, and what it is read from where it is a number."""

    __slots__ = ("address", "array", "dtype", "kind", "number", "shape", "size", "word")

    def __init__(self, kind: Kind, word: int) -> None:
        self.kind, self.word = kind, word
        self.shape, self.dtype, self.size = kind.shape, NUMPY[kind.dtype], kind.nbytes
        self.number: Any = None if kind.shape else (C_TYPES[kind.dtype] * 1)()
        self.array: Any = None
        self.address = 0


class Repeat:
    """A traced function, ready to be called with arguments of the same kinds.

    ``tensors`` are what it reads besides the arguments, ``flags`` whether they and the arguments require gradients.
    ``inputs`` are those of the program, but for the arguments; ``arguments`` are pairs of an input and an argument.
    `renew` says which nodes the tensors had in the call before, and how many references what is updated in place has
    as long as nobody else holds it.
    """

    def __init__(
        self,
        launch: Launch,
        inputs: Sequence[Node],
        guards: Guards,
        tensors: Sequence[Tensor],
        arguments: Sequence[tuple[int, int]],
        drawn: Sequence[tuple[int, Node, Callable[[], Any]]],
        results: Sequence[tuple[int, Kind]],
        flags: Sequence[bool],
        rebuild: Rebuild,
    ) -> None:
        assert launch.code is not None
        self.launch, self._inputs, self.guards, self.rebuild = launch, inputs, guards, rebuild
        self.grad_enabled = STATE.grad_enabled
        self.tensors, self._count, self.flags = tuple(tensors), len(tensors), list(flags)
        self.arguments = [(number, len(tensors) + at) for number, at in arguments]
        self.drawn = [(number, node, source, *launch.slot(number, node.kind)) for number, node, source in drawn]
        self.results = [Result(kind, len(inputs) + place) for place, kind in results]
        self._arrays = [result for result in self.results if result.number is None]
        self._function, self.frame, self.private = launch.code.function, Frame(launch.code), False
        self.nodes: list[Node] | None = None
        self.watched: list[Any] = []
        self._counts: list[int] = []
        self.alone: list[int] = []
        """The references that what is watched has where nobody else holds it, and this trace is not called."""
        self.direct: Direct | None = None
        self.only_python = ""
        """Why native code cannot make such calls."""
        self._busy = False

    def renew(self, addresses: list[Any], nodes: list[Node], watched: list[Any], counts: list[int]) -> None:
        """Be like a call that was made: with these addresses in the table, and these nodes of what it reads."""
        self._forget()
        if self._busy:
            return
        frame = self.frame
        pool = POOL.start() if frame.compiled.parallel else POOL.state
        if frame.pool is not pool:
            frame.fit(self.launch.extents, pool)
            self.private = frame.size <= PRIVATE
            if self.private:
                frame.own()
        frame.words[: len(addresses)] = addresses
        for result in self.results:
            if result.number is not None:
                frame.words[result.word] = ctypes.addressof(result.number)
        self.alone = [count - 1 for count in counts]  # those were counted with the argument of the function
        # In a call there is one more list of nodes.
        listed = set(map(id, nodes))
        self._counts = [count + (id(thing) in listed) for thing, count in zip(watched, counts, strict=True)]
        self.nodes, self.watched = nodes, watched

    def _forget(self) -> None:
        if self.direct is not None:
            self.direct.forget()

    def release(self) -> None:
        """Hold no node any longer."""
        self._forget()
        self.nodes, self.watched = None, []

    def __call__(self, here: Here, arguments: Sequence[Tensor]) -> Any:
        """The result, or `MISSED` where the call is not like the one before."""
        if here.grad_enabled is not self.grad_enabled or not self.guards.hold():
            return MISSED
        with flush.LOCK:
            if self._busy:  # a call within this one, by a signal
                return MISSED
            self._busy = True
            try:
                return self._call(arguments)
            finally:
                self._busy = False

    def _call(self, arguments: Sequence[Tensor]) -> Any:
        tensors = (*self.tensors, *arguments)
        nodes = list(map(_node_of, tensors))
        frame, launch = self.frame, self.launch
        if (
            nodes[: self._count] != self.nodes
            or list(map(_flag_of, tensors)) != self.flags
            or list(map(getrefcount, self.watched)) != self._counts
            or frame.pool is not POOL.state
        ):
            return MISSED
        words = frame.words
        for number, at in self.arguments:
            node = nodes[at]
            place = node.address or launch.place(number, node)
            if not place:
                return MISSED
            words[number] = place
        for number, node, source, numbers, at in self.drawn:
            node.data = value = source()
            if type(value) is _ndarray:
                words[number] = address(value)
            else:
                numbers[at] = value
        for result in self._arrays:
            result.array, result.address = fresh(result.shape, result.dtype, result.size)
            words[result.word] = result.address
        start = perf_counter()
        if self.private:
            self._function(frame.address)
            error = words[-1]
        else:
            error = frame.run()
        launch.seconds = perf_counter() - start
        if error:
            self._fail(nodes)
        returned = []
        for result in self.results:
            node = Node(None, (), 0, result.kind, 0)
            if result.number is None:
                node.data, node.address, result.array = result.array, result.address, None
            else:
                node.data = result.number[0]
            returned.append(Tensor(node))
        return self.rebuild(returned)

    def _fail(self, nodes: Sequence[Node]) -> None:
        """Raise what the code could only say by its error word."""
        self.frame.words[-1] = 0
        inputs = list(self._inputs)
        for number, at in self.arguments:
            inputs[number] = nodes[at]
        self.launch.fail(inputs)
