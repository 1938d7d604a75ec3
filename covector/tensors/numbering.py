"""A graph as numbers: calls in order, then leaves, so that equal graphs have equal keys.

This runs each time that something is looked at, for every pending call; so it is made of loops that Python has in C.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain, compress, count, filterfalse, repeat
from operator import attrgetter, gt, is_, sub
from sys import getrefcount
from typing import Any

from covector.tensors.link import Call, Graph
from covector.tensors.node import Node

_args_of, _entry_of, _output_of = attrgetter("args"), attrgetter("entry"), attrgetter("output")
_kind_of, _data_of = attrgetter("kind"), attrgetter("data")


def _plain_references() -> int:
    nodes = [Node.__new__(Node)]
    return next(map(getrefcount, nodes))


_LISTED = _plain_references()
"""The references to a node that a list alone holds, as they are counted here."""


class Numbered:
    """Calls, each after those that it needs, and the leaves below them: call i is number i, the leaves come after.

    ``held`` are the calls whose value somebody else than a call holds.
    """

    __slots__ = ("calls", "held", "key", "leaves", "numbers", "references", "uses")

    def __init__(self, calls: list[Node], count_held: bool = True) -> None:
        # The references are counted before anything here holds a node.
        references = self.references = list(map(getrefcount, calls)) if count_held else []
        used = list(chain.from_iterable(map(_args_of, calls)))
        self.calls = calls
        self.uses = Counter(used)
        self.held: list[Node] = []
        if count_held:
            others = map(sub, references, map(self.uses.get, calls, repeat(0)))
            self.held = list(compress(calls, map(gt, others, repeat(_LISTED))))
        numbers = self.numbers = dict(zip(calls, count()))
        self.leaves = list(filterfalse(numbers.__contains__, self.uses))
        numbers.update(zip(self.leaves, count(len(calls))))
        self.key: tuple[Any, ...] = (
            *map(_entry_of, calls),
            *map(_output_of, calls),
            *map(numbers.__getitem__, used),
            *map(_kind_of, self.leaves),
        )

    @property
    def complete(self) -> bool:
        """Whether every leaf has a value."""
        return not any(map(is_, map(_data_of, self.leaves), repeat(None)))

    def graph(self, outputs: Iterable[int], in_place: tuple[tuple[int, int], ...]) -> Graph:
        """The graph: its leaves first, then its calls."""
        first = len(self.leaves)
        place = {node: first + number for number, node in enumerate(self.calls)}
        place.update((node, number) for number, node in enumerate(self.leaves))
        calls = [
            Call(node.entry, node.output, tuple([place[argument] for argument in node.args]))
            for node in self.calls
            if node.entry is not None
        ]
        leaves = len(self.calls)
        return Graph(
            (*(node.kind for node in self.leaves), *calls),
            tuple(number + first for number in outputs),
            tuple((output, leaf - leaves) for output, leaf in in_place),
        )


def is_computed(calls: Sequence[Node]) -> bool:
    """Whether one of the calls has been computed meanwhile."""
    for node in calls:  # noqa: SIM110 - a generator takes longer than the loop
        if node.data is not None:
            return True
    return False
