"""Graphs like one that was computed before: a step of training is the same calls again, held by the same number.

Numbering a graph and looking it up takes longer than seeing that it is what it was: the same entries, arguments at the
same places, as many references to each call. Then the program, its inputs and its outputs are known.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from sys import getrefcount
from typing import Any

from covector.tensors.launch import Launch, is_free
from covector.tensors.node import Node
from covector.tensors.numbering import Numbered
from covector.tensors.picking import picking

MOST = 512
"""Graphs that are known, by the entries of their calls; the one known for longest goes first."""

Nodes = Sequence[Node]
_HOME = 3  # references to a leaf that is given away, but for arguments: home, the leaves, and a variable

_known: OrderedDict[tuple[Any, ...], Alike] = OrderedDict()


def alike(calls: Nodes) -> Alike | None:
    """The graph met last that had calls of the same entries."""
    return _known.get(tuple([node.entry for node in calls]))


def remember(graph: Numbered, outputs: Sequence[int], in_place: Sequence[tuple[int, int]], launch: Launch) -> None:
    """Know a graph that is about to be computed, and what computes it.

    One of which an output could not take the memory that it was meant to is not known: the next may.
    """
    if sum(graph.calls[output].home is not None for output in outputs) == len(in_place):
        entries = tuple([node.entry for node in graph.calls])
        _known[entries] = Alike(graph, outputs, in_place, launch)
        _known.move_to_end(entries)
        if len(_known) > MOST:
            _known.popitem(last=False)


class Alike:
    """What a graph is like that ``launch`` computes, and where in it inputs, outputs and what is taken are."""

    def __init__(
        self, graph: Numbered, outputs: Sequence[int], in_place: Sequence[tuple[int, int]], launch: Launch
    ) -> None:
        calls, leaves = graph.calls, graph.leaves
        places = [graph.numbers[argument] for node in calls for argument in node.args]
        first = {place: at for at, place in reversed(list(enumerate(places)))}
        self.launch = launch
        self._references = graph.references
        self._states = [state for node in calls for state in (node.output, node.mask, node.spent)]
        self._leaves = picking([first[len(calls) + number] for number in range(len(leaves))])
        self._arguments = picking(places)
        self._inputs, self._outputs = picking(launch.compiled.linked.leaves), picking(outputs)
        self._taken = [
            (outputs[at], number - len(calls), graph.uses[leaves[number - len(calls)]] + 1) for at, number in in_place
        ]

    def match(self, calls: Nodes) -> tuple[Nodes, Nodes, Nodes] | None:
        """The inputs, the outputs and the leaves whose memory is taken; None where the graph is another."""
        # The references are counted before anything here holds a node.
        if list(map(getrefcount, calls)) != self._references:
            return None
        states: list[int] = []
        used: list[Node] = []
        for node in calls:
            states += (node.output, node.mask, node.spent)
            used += node.args
        if states != self._states:
            return None
        leaves = self._leaves(used)
        if self._arguments((*calls, *leaves)) != tuple(used):
            return None
        del used
        taken = []
        for output, number, uses in self._taken:
            home: Node = leaves[number]
            if calls[output].home is not home or getrefcount(home) - uses > _HOME or not is_free(home.data):
                return None
            taken.append(home)
        for leaf in leaves:
            if leaf.data is None:
                return None
        return self._inputs(leaves), self._outputs(calls), taken
