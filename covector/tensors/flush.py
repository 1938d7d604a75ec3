"""Computing what is looked at: the calls that are pending become one program, which is run.

Everything that somebody still holds is computed at once, so that a step of training is one program: what only other
calls hold is an intermediate value of it. Whether somebody holds a node is seen from its reference count.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from itertools import count
from sys import getrefcount
from typing import Any

import numpy as np

from covector.errors import BoundsError, CovectorError
from covector.tensors.alike import alike, remember
from covector.tensors.dtypes import NUMPY
from covector.tensors.known import Computed, Known, known_calls
from covector.tensors.launch import Launch, array_of, is_free
from covector.tensors.node import STATE, Node
from covector.tensors.numbering import Numbered, is_computed
from covector.tensors.picking import picking
from covector.tensors.programs import compiled

MOST_KEYS = 4096
"""Sizes of structures whose programs are found without linking anything."""

MOST_PENDING = 4000
"""Calls of a thread that may be pending before they are computed though nobody looks."""

MOST_GATHERED = 1 << 28
"""Bytes of data that pending calls may hold before they are computed though nobody looks."""

MOST_TOGETHER = 2000
"""Calls that are compiled as one program; of more, pieces are, which are equal where a loop made them."""

PIECE = 240
"""Calls of such a piece."""

LOCK = threading.RLock()
"""Held while tensors are computed: one thread at a time gives and takes memory."""

if hasattr(os, "register_at_fork"):
    # A child has no thread that could give the lock back, nor finish what another had begun.
    os.register_at_fork(before=LOCK.acquire, after_in_parent=LOCK.release, after_in_child=LOCK.release)

_known: OrderedDict[Any, tuple[Launch, Any]] = OrderedDict()
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
    here = STATE.here
    if here.trace is not None or not here.pending:
        return
    here.gathered = 0
    known, here.known = known_calls(here), None
    pending, here.pending = here.pending, []
    with LOCK:
        if is_computed(pending):
            pending, known = [node for node in pending if node.data is None], None
        if len(pending) <= MOST_TOGETHER:
            if known is None:
                _flush(pending)
            else:
                _flush_known(pending, known)
            return
        while pending:
            # What the calls after a piece use is held by them.
            piece, pending = pending[:PIECE], pending[PIECE:]
            _flush(piece)


def gather(size: int) -> None:
    """Count bytes that were made from data, which pending calls may hold; compute those where it becomes much."""
    here = STATE.here
    here.gathered += size
    if here.gathered > MOST_GATHERED:
        here.gathered = 0
        flush()


def _flush_known(calls: list[Node], known: Known) -> None:
    """Compute those of some calls that somebody holds, of which it is known what they are."""
    # The references are counted before anything but what knows the calls holds a node.
    references = list(map(getrefcount, calls))
    stage = known.stage
    if stage.computed is not None:
        found = stage.computed.match(calls, references, known.items)
        if found is not None:
            _launch(stage.computed.alike.launch, calls, *found)
            return
    places: dict[int, list[int]] = {}
    for place, node in enumerate(known.items):
        places.setdefault(id(node), []).append(place)
    del node
    known.items.clear()
    like = alike(calls)
    again = None if like is None else like.match(calls)
    if like is None or again is None:
        _flush(calls)
        return
    stage.computed = Computed(like, calls, references, places, again)
    _launch(like.launch, calls, *again)


def _flush(calls: list[Node]) -> None:
    """Compute those of some calls that somebody holds."""
    known = alike(calls)
    found = None if known is None else known.match(calls)
    if known is not None and found is not None:
        _launch(known.launch, calls, *found)
        return
    graph = Numbered(calls)
    if any(node.mask and not node.spent for node in graph.held):
        _keep_for_backward(graph)
    if not graph.held:
        return
    if not graph.complete:
        compute(graph.held)
        return
    _run(graph, graph.held, known=True)


def _keep_for_backward(graph: Numbered) -> None:
    """Hold what the forward pass computes where a backward pass may still come, which wants it."""
    kept: set[Node] = set(graph.held)
    for node in reversed(graph.calls):
        if node in kept and node.mask and not node.spent:
            kept.update(argument for argument in node.args if argument.mask and argument.data is None)
    graph.held = [node for node in graph.calls if node in kept]


def compute(wanted: Sequence[Node]) -> None:
    """Compute some nodes, whoever holds what."""
    with LOCK:
        wanted = [node for node in wanted if node.data is None]
        if wanted:
            graph = Numbered(ordered(wanted), count_held=False)
            _run(graph, sorted(wanted, key=graph.numbers.__getitem__))


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


def _run(graph: Numbered, outputs: list[Node], known: bool = False) -> None:
    """Run the program of a graph and give the outputs, which are in order, their values.

    ``known`` says that a graph that is like it later is to be computed in the same way.
    """
    numbers = graph.numbers
    places = tuple(map(numbers.__getitem__, outputs))
    in_place = _in_place(graph, outputs)
    key = (graph.key, places, in_place)
    found = _known.get(key)
    if found is None:
        found = _remember(key, graph, places, in_place)
    launch, select = found
    if known:
        remember(graph, places, in_place, launch)
    first = len(graph.calls)
    _launch(launch, graph.calls, select(graph.leaves), outputs, [graph.leaves[leaf - first] for _, leaf in in_place])


def _launch(
    launch: Launch, calls: list[Node], inputs: Sequence[Node], outputs: Sequence[Node], taken: Sequence[Node]
) -> None:
    """Run the program of some calls and give the outputs their values, which take the memory of some leaves."""

    def commit(results: list[Any], addresses: list[int]) -> None:
        for node, place in zip(outputs, launch.compiled.linked.places, strict=True):
            node.data, node.address = results[place], addresses[place]
            node.launch, node.home = launch, None
            if not node.mask or (node.spent and taken):
                node.entry, node.args = None, ()
        for node in taken:
            node.data, node.address = None, 0

    try:
        if taken:
            launch(inputs, commit)
        else:
            commit(*launch(inputs))
    except BoundsError:
        _take_back(calls)
        raise


def _take_back(calls: list[Node]) -> None:
    """Let updates that a position outside the bounds may have spoilt not have happened: the old values are there."""
    spoilt: set[Node] = set()
    for node in calls:
        if node.entry is not None and (node.entry.form.may_refuse() or not spoilt.isdisjoint(node.args)):
            spoilt.add(node)
    for node in spoilt:
        home = node.home
        if home is not None and home.data is not None and home.kind is node.kind and not node.mask:
            node.data, node.address = home.data, home.address
            node.entry, node.args, node.home = None, (), None


def _remember(
    key: Any, graph: Numbered, places: tuple[int, ...], in_place: tuple[tuple[int, int], ...]
) -> tuple[Launch, Any]:
    """The program of a graph, compiled where it is new, and what picks its inputs from the leaves."""
    found = compiled(graph.graph(places, in_place))
    select = picking(found.linked.leaves)
    _known[key] = Launch(found, [array_of(node) for node in select(graph.leaves)]), select
    if len(_known) > MOST_KEYS:
        _known.popitem(last=False)
    return _known[key]


_HOME = 5  # references to a leaf that is given away: home, a variable, the leaves, numbers and uses, less the count


def _in_place(graph: Numbered, outputs: list[Node]) -> tuple[tuple[int, int], ...]:
    """Which outputs take the memory of which leaves: those that replace a leaf that nobody else holds."""
    if all(node.home is None for node in outputs):
        return ()
    # What a backward pass may still want stays as it is.
    wanted = {id(argument) for node in graph.calls if node.mask and not node.spent for argument in node.args}
    pairs = []
    for place, node in zip(count(), outputs):
        home = node.home
        if home is None or home not in graph.uses or home.kind is not node.kind or id(home) in wanted:
            continue
        if getrefcount(home) - graph.uses[home] - 1 <= _HOME and is_free(home.data):
            pairs.append((place, graph.numbers[home]))
    return tuple(pairs)
