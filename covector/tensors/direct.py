"""Calls of a traced function that native code makes: it reads the tensors of Python itself.

A repeated call in Python takes some three microseconds, which is much where the program takes a third of one. After the
first of them, the function has a record of what its calls are like, and the interpreter calls native code that compares
(`covector.codegen.python_call`). That is so where the objects of the interpreter look as they are known to; elsewhere,
and in every call that is not like the one before, `Repeat` or the trace does the work.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from functools import cache, partial
from operator import itemgetter
from typing import Any

import numpy as np

from covector.codegen.python_call import ENTRY, FUNCTIONS, python_call, symbol
from covector.codegen.python_parts import CANDIDATE, CODES, HEAD, LEAVES, LISTS, SORTS, Layout, place
from covector.native import interpreter
from covector.native.interpreter import Unsupported
from covector.native.jit import CodeError
from covector.native.pool import POOL
from covector.tensors import flush
from covector.tensors.launch import fresh
from covector.tensors.node import Here, Node
from covector.tensors.repeat import Repeat, Result
from covector.tensors.tensor import Tensor

Given = tuple[tuple[Any, ...], dict[str, Any]]
"""The arguments of a call, and those that have names."""

KEPT = 1 << 20
"""Bytes of the largest result whose memory is kept for later calls."""

MOST_RESULTS = 64
MOST_FILLED = 64
"""How often a record is written before it is left as it is: each time, a call was not like the one before."""

_HEADER = len(HEAD) + 2 * len(LISTS)
_NOBODY = object()
_NO_CANDIDATE = [id(_NOBODY), 0] * (len(CANDIDATE) // 2)


class FromItems(partial[float]):
    """A number that a function computes from items of a dictionary, and from nothing else.

    >>> half = FromItems(lambda group: group["lr"] / 2, {"lr": 0.5})
    >>> half(), half.read()
    (0.25, ['lr'])
    """

    __slots__ = ()

    @property
    def mapping(self) -> dict[str, Any]:
        """The dictionary."""
        given: dict[str, Any] = self.args[0]
        return given

    def read(self) -> list[str]:
        """The keys of the items that the function reads."""
        noted = _Noted(self.mapping)
        self.func(noted)
        return list(noted.keys_read)


class _Noted(dict[str, Any]):
    """A dictionary that notes which items are read."""

    def __init__(self, mapping: Mapping[str, Any]) -> None:
        super().__init__(mapping)
        self.keys_read: dict[str, None] = {}

    def __getitem__(self, key: str) -> Any:
        self.keys_read[key] = None
        return super().__getitem__(key)


class Shape:
    """What the arguments of a call are: tensors, constants, and lists, tuples and dictionaries of them.

    Raises `Unsupported` where there is something else among them.
    """

    def __init__(self, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> None:
        self.entries: list[list[int]] = []
        self.tensors: list[Tensor] = []
        self.names, self.positional = list(keywords), len(arguments)
        self._held: list[Any] = []  # constants and keys, whose addresses the entries have
        for argument in (*arguments, *keywords.values()):
            self._add(argument)
        if len(self.tensors) > LEAVES:
            raise Unsupported(f"there are more than {LEAVES} tensors among the arguments")
        self.is_plain = not keywords and len(self.tensors) == len(arguments) == len(self.entries)

    def _add(self, part: Any) -> None:
        kind = type(part)
        if kind is Tensor:
            self.tensors.append(part)
            self._note("tensor", 0)
        elif kind in (list, tuple):
            self._note(kind.__name__, len(part))
            for inner in part:
                self._add(inner)
        elif kind is dict:
            self._note("dict", len(part))
            for key, inner in part.items():
                self._hold(key)
                self._add(inner)
        elif part is None or kind in (bool, int, float, str):
            self._hold(part)
        else:
            raise Unsupported(f"there is a {kind.__name__} among the arguments")

    def _note(self, sort: str, thing: int) -> None:
        self.entries.append([SORTS.index(sort), thing])

    def _hold(self, constant: Any) -> None:
        self._held.append(constant)
        self._note("constant", id(constant))


class Direct:
    """The record of calls like the last one of a repeat, and the results that native code takes or has made.

    ``address`` is where the words of the record are. They stay there as long as this object does, as do all objects
    whose addresses they hold.
    """

    __slots__ = (
        "_arrays",
        "_candidates",
        "_fills",
        "_items",
        "_makers",
        "_numbers",
        "_parts",
        "_recent",
        "_repeat",
        "_shape",
        "_templates",
        "_turns",
        "_words",
        "address",
        "kinds",
    )

    def __init__(self, repeat: Repeat, here: Here, shape: Shape) -> None:
        self._repeat, self._fills, self._shape = repeat, 0, shape
        self.kinds = [tensor._node.kind for tensor in shape.tensors]
        shape.tensors = []
        self._parts: list[list[list[Any]]] = [[[], []] for _ in repeat.results]
        self._candidates = [[_NO_CANDIDATE, _NO_CANDIDATE] for _ in repeat.results]
        self._turns = [0] * len(repeat.results)
        self._templates = [Node(None, (), 0, result.kind, 0) for result in repeat.results]
        self._makers = [partial(self._make, at) for at in range(len(repeat.results))]
        self._arrays = [None if result.number is not None else partial(_array, result) for result in repeat.results]
        self._items, self._numbers = _settings(repeat)
        self._recent: tuple[Any, ...] = ()
        self._words = (ctypes.c_int64 * len(self._written(here, 0)))()
        self.address = ctypes.addressof(self._words)
        self.fill(here)

    def fill(self, here: Here) -> None:
        """Have the record say that calls are like one that was just made."""
        self._fills += 1
        if self._fills <= MOST_FILLED:
            following = self._words[place("next") // 8]
            self._words[:] = self._written(here, self.address)  # type: ignore[assignment]
            self._words[place("next") // 8] = following

    def forget(self) -> None:
        """Have the record say nothing, and hold no node."""
        self._words[place("valid") // 8] = 0
        self._recent = ()

    def follow(self, other: Direct | None) -> None:
        """Let another record be looked at where the arguments do not fit this one."""
        self._words[place("next") // 8] = 0 if other is None else other.address

    def _written(self, here: Here, start: int) -> list[int]:
        """The words of the record, which begins at an address."""
        repeat, frame = self._repeat, self._repeat.frame
        nodes, table = repeat.nodes or [], ctypes.addressof(frame.words)
        guards = [*repeat.guards.watched, *([(POOL, _STATE, frame.pool)] if frame.compiled.parallel else [])]
        targets = {
            at - len(repeat.tensors): (table + 8 * n, repeat.launch.slot_address(n)) for n, at in repeat.arguments
        }
        flags = repeat.flags[len(repeat.tensors) :]
        current = [(mapping, key, mapping.get(key)) for mapping, key in self._items]
        self._recent = here, guards, current, nodes, repeat.watched
        shape = self._shape
        lists: dict[str, list[list[int]]] = {
            "names": [[id(name)] for name in shape.names],
            "shape": shape.entries,
            "guards": [list(map(id, guard)) for guard in guards],
            "items": [list(map(id, item)) for item in current],
            "numbers": [[id(mapping), id(key), at, code] for mapping, key, at, code in self._numbers],
            "reads": [list(map(id, read)) for read in zip(repeat.tensors, nodes, repeat.flags, strict=False)],
            "watched": [[id(thing), count] for thing, count in zip(repeat.watched, repeat.alone, strict=True)],
            "arguments": [
                [id(kind), id(flag), *targets.get(at, (0, 0)), CODES[kind.dtype]]
                for at, (kind, flag) in enumerate(zip(self.kinds, flags, strict=True))
            ],
            "results": [
                [
                    id(make),
                    id(array) if array else 0,
                    0,
                    *_target(result, table),
                    id(template),
                    *candidates[0],
                    *candidates[1],
                ]
                for make, array, result, template, candidates in zip(
                    self._makers, self._arrays, repeat.results, self._templates, self._candidates, strict=True
                )
            ],
        }
        only = isinstance(repeat.rebuild, itemgetter)
        head = {
            "valid": 1,
            "next": 0,
            "thread": interpreter.thread_number(),
            "here": id(here),
            "recording": id(repeat.grad_enabled),
            "function": frame.compiled.address,
            "program": frame.address,
            "error": frame.error,
            "short": frame.compiled.calls.is_short(repeat.launch.extents),
            "plain": shape.is_plain,
            "positional": shape.positional,
            "rebuild": 0 if only else id(repeat.rebuild),
        }
        words, at = [int(head[name]) for name in HEAD], _HEADER
        for entries in lists.values():
            words += [start + 8 * at, len(entries)]
            at += sum(map(len, entries))
        return words + [word for entries in lists.values() for entry in entries for word in entry]

    def _make(self, at: int) -> Node:
        """A new node for a result; where that is not large, it is one for later calls too."""
        result = self._repeat.results[at]
        parts = _parts(result)
        if result.size <= KEPT:
            counts = interpreter.reference_counts(parts)
            turn = self._turns[at] = 1 - self._turns[at]
            words = [word for part, count in zip(parts, counts, strict=True) for word in (id(part), count)]
            first = (self._words[place("results") // 8] - self.address) // 8 + at * len(LISTS["results"])
            begin = first + LISTS["results"].index("node") + turn * len(CANDIDATE)
            before = self._parts[at][turn]  # it lives until the words are those of another
            self._candidates[at][turn] = words
            self._words[begin : begin + len(CANDIDATE)] = words  # type: ignore[assignment]
            self._parts[at][turn] = parts
            del before
        node: Node = parts[0]
        return node


_STATE = "state"


def _parts(result: Result) -> list[Any]:
    """A new node for a result, and the array and what that is a view of where it is no number."""
    node = Node(None, (), 0, result.kind, 0)
    if result.number is not None:
        return [node, node, node]
    array, node.address = fresh(result.shape, result.dtype, result.size)
    node.data = array
    return [node, array, array if array.base is None else array.base]


def _array(result: Result) -> Any:
    """A new array for a result."""
    return fresh(result.shape, result.dtype, result.size)[0]


def _target(result: Result, table: int) -> tuple[int, int, int]:
    """The word of the table for the address of a result, and where its number is read, with the code of its dtype."""
    if result.number is None:
        return table + 8 * result.word, 0, 0
    return 0, ctypes.addressof(result.number), CODES[result.kind.dtype]


def _settings(repeat: Repeat) -> tuple[list[tuple[Any, str]], list[tuple[Any, str, int, int]]]:
    """The items that must be what they are, and those that are numbers of the program as they stand."""
    items: dict[tuple[int, str], tuple[Any, str]] = {}
    numbers = []
    for number, node, source, *_ in repeat.drawn:
        assert isinstance(source, FromItems)
        value, keys = source(), source.read()
        if len(keys) == 1 and type(value) is float and source.mapping[keys[0]] is value:
            numbers.append((source.mapping, keys[0], repeat.launch.slot_address(number), CODES[node.kind.dtype]))
        else:
            items.update({(id(source.mapping), key): (source.mapping, key) for key in keys})
    return list(items.values()), numbers


def direct(repeat: Repeat, here: Here, given: Given, callable_type: type, slowly: Any) -> Direct | str:
    """The record of a repeat that was just called, or why native code cannot do what it does."""
    if not repeat.private:
        return "the program needs much memory to compute in"
    if len(repeat.results) > MOST_RESULTS:
        return f"there are more than {MOST_RESULTS} results"
    if not all(isinstance(source, FromItems) for _, _, source, *_ in repeat.drawn):
        return "random draws or numbers that a function of Python gives are asked for in each call"
    try:
        shape = Shape(*given)
    except Unsupported as reason:
        return str(reason)
    return _installed(callable_type, slowly) or Direct(repeat, here, shape)


@cache
def _installed(callable_type: type, slowly: Any) -> str:
    """Have native code called where an object of a class is; why that cannot be, or nothing.

    ``slowly`` is called in its place with the object and the arguments.
    """
    try:
        text = python_call(_layout(callable_type))
        objects: dict[str, Any] = {"None": None, "True": True, "False": False, "float": float, "int": int}
        objects |= {"list": list, "tuple": tuple, "dict": dict}
        objects |= {"ndarray": np.ndarray, "Tensor": Tensor, "Node": Node, "slowly": slowly}
        objects |= {"lock": flush.LOCK, "acquire": flush.LOCK.acquire, "release": flush.LOCK.release}
        named = {symbol(name): thing for name, thing in objects.items()}
        method = interpreter.native_method(callable_type, "__call__", text, ENTRY, FUNCTIONS, named)
    except (Unsupported, CodeError) as reason:
        return str(reason)
    callable_type.__call__ = method  # type: ignore[method-assign]
    return ""


def _layout(callable_type: type) -> Layout:
    """Where objects of this interpreter have what native code reads; raises `Unsupported` where that is not found."""
    interpreter.require()
    tensor = interpreter.slots(Tensor, ("_node", "_grad", "requires_grad_flag"))
    node = interpreter.slots(Node, Node.__slots__)
    here = interpreter.slots(Here, ("trace", "grad_enabled"))
    return Layout(
        count=interpreter.COUNT,
        type=interpreter.TYPE,
        array_data=interpreter.ARRAY_DATA,
        lock_owner=interpreter.lock_owner(type(flush.LOCK)),
        callable_record=interpreter.slots(callable_type, ("_record",))["_record"],
        record_address=interpreter.slots(Direct, ("address",))["address"],
        tensor_node=tensor["_node"],
        tensor_flag=tensor["requires_grad_flag"],
        tensor_grad=tensor["_grad"],
        node_kind=node["kind"],
        node_data=node["data"],
        node_address=node["address"],
        node_rest=tuple(at for name, at in node.items() if name not in ("data", "address")),
        here_trace=here["trace"],
        here_recording=here["grad_enabled"],
    )
