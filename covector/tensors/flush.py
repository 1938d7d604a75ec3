"""Computing what is looked at: the calls that are pending become one program, which is run.

Everything that somebody still holds is computed at once, so that a step of training is one program: what only other
calls hold is an intermediate value of it. Whether somebody holds a node is seen from its reference count.
"""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from sys import getrefcount
from typing import Any

import numpy as np

from covector.errors import CovectorError
from covector.tensors.dtypes import NUMPY
from covector.tensors.launch import Launch, array_of, is_free
from covector.tensors.link import Call, Graph
from covector.tensors.node import STATE, Node
from covector.tensors.programs import Compiled, compiled

MOST_KEYS = 4096
"""Sizes of structures whose programs are found without linking anything."""

MOST_PENDING = 4000
"""Calls of a thread that may be pending before they are computed though nobody looks."""

MOST_TOGETHER = 2000
"""Calls that are compiled as one program; of more, pieces are, which are equal where a loop made them."""

PIECE = 240
"""Calls of such a piece."""

_LISTED = 3  # references to a node that its list of pending calls, a loop and the count itself hold
LOCK = threading.RLock()
"""Held while tensors are computed: one thread at a time gives and takes memory."""

_known: OrderedDict[tuple[Any, ...], Launch] = OrderedDict()
_ndarray = np.ndarray


def force(node: Node) -> Any:
    """The value of a node, computed now where it is not known: an array, or the number that a leaf holds."""
    if STATE.trace is not None:
        STATE.trace.refuse_look()
    if node.data is None:
        flush()
        if node.data is None:
            compute([node])
    return node.data


def array_at(node: Node) -> Any:
    """The value of a node as an array."""
    data = force(node)
    return data if type(data) is _ndarray else np.asarray(data, NUMPY[node.kind.dtype])


def flush() -> None:
    """Compute every pending call of this thread whose value somebody holds; while a function is traced, nothing."""
    if STATE.trace is not None:
        return
    pending, STATE.pending = STATE.pending, []
    size = len(pending) if len(pending) <= MOST_TOGETHER else PIECE
    with LOCK:
        while pending:
            # What the calls after a piece use is held by them.
            piece, pending = pending[:size], pending[size:]
            order, outputs = _alive(piece)
            del piece
            if outputs:
                _compute(order, outputs)


def _alive(pending: list[Node]) -> tuple[list[Node], list[Node]]:
    """The pending calls that are needed, in order, and those among them whose value somebody holds."""
    uses: dict[Node, int] = {}
    for node in pending:
        for argument in node.args:
            uses[argument] = uses.get(argument, 0) + 1
    needed: set[Node] = set()
    kept: set[Node] = set()
    order: list[Node] = []
    outputs: list[Node] = []
    count = uses.get
    for node in reversed(pending):
        if node.data is not None:
            continue
        used = count(node, 0)
        # The counts, the needed and the kept hold it too, where it is among them.
        held = getrefcount(node) - used - (used > 0) - (node in needed) - (node in kept) > _LISTED
        if held or node in kept:
            outputs.append(node)
        elif node not in needed:
            continue
        order.append(node)
        needed.update(node.args)
        if node.mask and not node.spent and (held or node in kept):
            # A backward pass is still to come, and wants what the forward pass computed.
            kept.update(argument for argument in node.args if argument.mask and argument.data is None)
    order.reverse()
    return order, outputs


def compute(wanted: Sequence[Node]) -> None:
    """Compute some nodes, whoever holds what."""
    with LOCK:
        wanted = [node for node in wanted if node.data is None]
        if wanted:
            _compute(ordered(wanted), list(wanted))


def ordered(wanted: Iterable[Node]) -> list[Node]:
    """The calls that some nodes need, and they themselves, in an order in which they can be computed."""
    done: dict[Node, None] = {}
    stack = [(node, False) for node in wanted]
    while stack:
        node, expanded = stack.pop()
        if node in done or node.data is not None:
            continue
        if expanded:
            done[node] = None
            continue
        if node.entry is None:
            raise CovectorError("a tensor was used after its memory was given to another", hint=_DONATED)
        stack.append((node, True))
        stack.extend((argument, False) for argument in node.args if argument not in done)
    return list(done)


_DONATED = "it belongs to a graph of before an update in place: compute it before the update, or make it again"


@dataclass(slots=True)
class Numbered:
    """A graph as numbers: its key, its leaves, and the number of every node."""

    key: list[Any]
    leaves: list[Node]
    numbers: dict[Node, int]

    def leaves_at(self, numbers: Sequence[int]) -> list[Node]:
        """The leaves of these numbers."""
        at = {self.numbers[node]: node for node in self.leaves}
        return [at[number] for number in numbers]


def numbered(order: Iterable[Node]) -> Numbered | None:
    """The graph of calls in order, or None where a leaf has no value."""
    numbers: dict[Node, int] = {}
    key: list[Any] = []
    leaves: list[Node] = []
    append, known = key.append, numbers.get
    for node in order:
        places = []
        for argument in node.args:
            number = known(argument)
            if number is None:
                if argument.data is None:
                    return None
                number = numbers[argument] = len(numbers)
                leaves.append(argument)
                append(argument.kind)
            places.append(number)
        numbers[node] = len(numbers)
        append((node.entry, node.output, *places))
    return Numbered(key, leaves, numbers)


def _compute(order: list[Node], outputs: list[Node]) -> None:
    """Run the program of some calls and give the outputs their values."""
    graph = numbered(order)
    if graph is None:
        order = ordered(outputs)
        graph = numbered(order)
        assert graph is not None
    numbers = graph.numbers
    # Positions first in the order of the graph, so that equal graphs have equal keys.
    outputs = sorted(outputs, key=numbers.__getitem__)
    in_place = _in_place(graph, outputs)
    places = tuple([numbers[node] for node in outputs])
    key = (*graph.key, places, in_place)
    launch = _known.get(key)
    if launch is None:
        launch = _remember(key, compiled(graph_of(graph.key, places, in_place)), graph)
    linked = launch.compiled.linked
    leaves = graph.leaves_at(linked.leaves)
    results, addresses = launch(leaves)
    donated = {leaf for _, leaf in in_place}
    for node, place in zip(outputs, linked.places, strict=True):
        node.data, node.address = results[place], addresses[place]
        node.home = None
        if not node.mask or (node.spent and donated):
            node.entry, node.args = None, ()
    for node in graph.leaves:
        if donated and graph.numbers[node] in donated:
            node.data, node.address = None, 0


def graph_of(key: Iterable[Any], outputs: tuple[int, ...], in_place: tuple[tuple[int, int], ...]) -> Graph:
    """The graph that a key says."""
    items = [Call(item[0], item[1], item[2:]) if type(item) is tuple else item for item in key]
    return Graph(tuple(items), outputs, in_place)


def _remember(key: tuple[Any, ...], found: Compiled, graph: Numbered) -> Launch:
    launch = _known[key] = Launch(found, [array_of(node) for node in graph.leaves_at(found.linked.leaves)])
    if len(_known) > MOST_KEYS:
        _known.popitem(last=False)
    return launch


_HOME = 5  # references to a leaf that is given away: home, a variable, the graph's leaves and numbers, the count


def _in_place(graph: Numbered, outputs: list[Node]) -> tuple[tuple[int, int], ...]:
    """Which outputs take the memory of which leaves: those that replace a leaf that nobody else holds."""
    if all(node.home is None for node in outputs):
        return ()
    uses = Counter(argument for node in graph.numbers for argument in node.args)
    # What a backward pass may still want stays as it is.
    wanted = {id(argument) for node in graph.numbers if node.mask and not node.spent for argument in node.args}
    pairs = []
    for place, node in enumerate(outputs):
        home = node.home
        if home is None or home not in graph.numbers or home.kind is not node.kind:
            continue
        if id(home) in wanted:
            continue
        # The counter holds it too.
        if getrefcount(home) - uses[home] - 1 <= _HOME and is_free(home.data):
            pairs.append((place, graph.numbers[home]))
    return tuple(pairs)
