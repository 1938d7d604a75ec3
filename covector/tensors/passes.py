"""Backward passes like one that was made before: their calls are noted again, without a walk through the graph.

A step of training makes the same calls each time, and so does its backward pass. Where the pending calls look as they
did, what the pass noted then is noted for the nodes of now.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from operator import attrgetter

from covector.tensors.call import Planned, note
from covector.tensors.known import Known, Stage
from covector.tensors.node import STATE, Here, Node
from covector.tensors.numbering import is_computed
from covector.tensors.pattern import Entries, Nodes, Pattern, entries_of
from covector.tensors.picking import picking

MOST = 256
"""Passes that are known, by the entries of the calls before; the one known for longest goes first."""

LONGEST = 2000
"""Pending calls beyond which a pass is not remembered."""

Pairs = Sequence[tuple[Node, Node]]
Made = tuple[Mapping[Node, Node], Mapping[Node, Node | None]]
"""What a pass found: the cotangents to be gathered, and all that reached the ends of the graph."""

_known: OrderedDict[Entries, Like | None] = OrderedDict()
"""None where a pass was made once: what is made once only is not worth remembering."""

_owner_of = attrgetter("owner")


def cotangents_of(root: Node, make: Callable[[Node], Made]) -> Pairs:
    """The nodes that gather a cotangent, with it, after a backward pass from ``root``: repeated, or made."""
    here = STATE.here
    pending = here.pending
    entries = entries_of(pending)
    like = _known.get(entries)
    if like is not None:
        found = like.again(here, root)
        if found is not None:
            return found
    calls = pending.copy()
    usual = _is_usual(calls)
    gathered, reached = make(root)
    if entries not in _known:
        _known[entries] = None
        if len(_known) > MOST:
            _known.popitem(last=False)
    elif usual and pending is here.pending and len(calls) <= LONGEST:
        _known[entries] = _like(calls, pending[len(calls) :], root, gathered, reached)
    return list(gathered.items())


def _is_usual(calls: Nodes) -> bool:
    """Whether a pass through some calls may be repeated: none has a value, or gathers a gradient of its own."""
    return not is_computed(calls) and list(map(_owner_of, calls)) == [None] * len(calls)


def _like(
    calls: Nodes, made: Nodes, root: Node, gathered: Mapping[Node, Node], reached: Mapping[Node, Node | None]
) -> Like | None:
    """A pass after ``calls`` that noted ``made``; None where it used or gave something else besides."""
    used = dict.fromkeys(argument for node in calls for argument in node.args)
    known = dict.fromkeys([*calls, *used])
    numbers = dict(zip(known, count()))
    pattern = Pattern(calls, numbers, [False] * len(calls))
    places = dict(zip([*known, *made], count()))
    own = {*reached, *gathered.values(), *(argument for node in made for argument in node.args)}
    if (
        root not in numbers
        or None in reached.values()
        or not own <= places.keys()
        or not gathered.keys() <= set(reached)
    ):
        return None
    planned: list[Planned] = [
        (node.entry, picking([places[argument] for argument in node.args]), node.output, node.kind)
        for node in made
        if node.entry is not None
    ]
    ends = [(numbers[node], node.owner is not None) for node in reached]
    pairs = [(places[node], places[cotangent]) for node, cotangent in gathered.items()]
    return Like(pattern, numbers[root], [at for at, node in enumerate(calls) if node.spent], planned, ends, pairs)


class Like(Stage):
    """What a backward pass is like: the calls before it, of which ``through`` are passed, and those that it notes.

    ``ends`` are the nodes at which it ends, with whether they gather a gradient; ``pairs`` those that do, with it.
    """

    __slots__ = ("_ends", "_pairs", "_pattern", "_planned", "_root", "_through")

    def __init__(
        self,
        pattern: Pattern,
        root: int,
        through: Sequence[int],
        planned: Sequence[Planned],
        ends: Sequence[tuple[int, bool]],
        pairs: Sequence[tuple[int, int]],
    ) -> None:
        super().__init__()
        self._pattern, self._root, self._through = pattern, root, through
        self._planned, self._ends, self._pairs = planned, ends, pairs

    def again(self, here: Here, root: Node) -> Pairs | None:
        """The same pass from ``root``; None, and nothing is done, where the graph is another."""
        calls = here.pending
        leaves = self._pattern.leaves(calls)
        if leaves is None or calls[self._root] is not root or not _is_usual(calls):
            return None
        items = [*calls, *leaves]
        for place, gathers in self._ends:
            node = items[place]
            if node.mask or (node.owner is not None) is not gathers:
                return None
        for place in self._through:
            items[place].spent = True
        note(self._planned, items)
        if calls is here.pending:
            here.known = Known(self, calls, items)
        return [(items[place], items[cotangent]) for place, cotangent in self._pairs]
