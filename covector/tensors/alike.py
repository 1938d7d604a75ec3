"""Graphs like one that was computed before: a step of training is the same calls again, held by the same number.

Numbering a graph and looking it up takes longer than seeing that it is what it was: the same entries, arguments at the
same places, as many references to each call. Then the program, its inputs and its outputs are known.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from sys import getrefcount

from covector.tensors.launch import Launch, is_free
from covector.tensors.node import Node
from covector.tensors.numbering import Numbered
from covector.tensors.pattern import Entries, Nodes, Pattern, entries_of
from covector.tensors.picking import picking

MOST = 512
"""Graphs that are known, by the entries of their calls; the one known for longest goes first."""

Found = tuple[Nodes, Nodes, Nodes]
"""The inputs of a program, the outputs of it, and the leaves whose memory these take."""

_HOME = 4  # references to a leaf that is given away, but for arguments: home, the leaves, a variable, and the count

_known: OrderedDict[Entries, Alike] = OrderedDict()


def alike(calls: Nodes) -> Alike | None:
    """The graph met last that had calls of the same entries."""
    return _known.get(entries_of(calls))


def remember(graph: Numbered, outputs: Sequence[int], in_place: Sequence[tuple[int, int]], launch: Launch) -> None:
    """Know a graph that is about to be computed, and what computes it.

    One of which an output could not take the memory that it was meant to is not known: the next may.
    """
    if sum(graph.calls[output].home is not None for output in outputs) == len(in_place):
        entries = entries_of(graph.calls)
        _known[entries] = Alike(graph, outputs, in_place, launch)
        _known.move_to_end(entries)
        if len(_known) > MOST:
            _known.popitem(last=False)


class Alike:
    """What a graph is like that ``launch`` computes, and where in it inputs, outputs and what is taken are."""

    __slots__ = ("_inputs", "_outputs", "_pattern", "_references", "launch", "taken")

    def __init__(
        self, graph: Numbered, outputs: Sequence[int], in_place: Sequence[tuple[int, int]], launch: Launch
    ) -> None:
        calls, leaves = graph.calls, graph.leaves
        self.launch = launch
        self._references = graph.references
        self._pattern = Pattern(calls, graph.numbers, [node.spent for node in calls])
        self._inputs, self._outputs = picking(launch.compiled.linked.leaves), picking(outputs)
        self.taken = [
            (outputs[at], number - len(calls), graph.uses[leaves[number - len(calls)]]) for at, number in in_place
        ]

    def match(self, calls: Nodes) -> Found | None:
        """The inputs, the outputs and the leaves whose memory is taken; None where the graph is another."""
        # The references are counted before anything here holds a node.
        if list(map(getrefcount, calls)) != self._references:
            return None
        leaves = self._pattern.leaves(calls)
        if leaves is None:
            return None
        taken = []
        for output, number, uses in self.taken:
            home: Node = leaves[number]
            if calls[output].home is not home or getrefcount(home) - uses > _HOME or not is_free(home.data):
                return None
            taken.append(home)
        for leaf in leaves:
            if leaf.data is None:
                return None
        return self._inputs(leaves), self._outputs(calls), taken
