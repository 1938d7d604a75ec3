"""What some calls look like: which node each argument is, so that equal graphs are known without being numbered.

This runs for every call at every step of a training, so it is made of loops that Python has in C.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from operator import attrgetter

from covector.tensors.node import Node
from covector.tensors.picking import picking

_args_of, _entry_of, _output_of = attrgetter("args"), attrgetter("entry"), attrgetter("output")
_mask_of, _spent_of = attrgetter("mask"), attrgetter("spent")

Nodes = Sequence[Node]
Entries = tuple[object, ...]


def entries_of(calls: Nodes) -> Entries:
    """The entries of calls: what patterns are looked up by."""
    return tuple(map(_entry_of, calls))


class Pattern:
    """Calls and the leaves that they read, by ``numbers``: those of the calls, then those of the leaves.

    ``spent`` is whether each call has been passed backward through.
    """

    __slots__ = ("_arguments", "_leaves", "_masks", "_outputs", "_spent")

    def __init__(self, calls: Nodes, numbers: Mapping[Node, int], spent: Sequence[bool]) -> None:
        places = [numbers[argument] for node in calls for argument in node.args]
        first = {place: at for at, place in reversed(list(enumerate(places)))}
        self._leaves = picking([at for place, at in sorted(first.items()) if place >= len(calls)])
        self._arguments = picking(places)
        self._outputs, self._masks = [node.output for node in calls], [node.mask for node in calls]
        self._spent = list(spent)

    def leaves(self, calls: Nodes) -> tuple[Node, ...] | None:
        """The leaves of calls of the same entries, in order; None where the graph is another."""
        used = tuple(chain.from_iterable(map(_args_of, calls)))
        leaves = self._leaves(used)
        if (
            self._arguments((*calls, *leaves)) != used
            or list(map(_mask_of, calls)) != self._masks
            or list(map(_spent_of, calls)) != self._spent
            or list(map(_output_of, calls)) != self._outputs
        ):
            return None
        return leaves
