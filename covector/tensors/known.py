"""What the pending calls of a thread are known to be: those who note the same calls again say so.

A backward pass that is repeated has compared all calls before it, and an update that is repeated has the same calls. So
what computes them is found without comparing anything again, where they are held by as many as before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from sys import getrefcount
from typing import TYPE_CHECKING

from covector.tensors.launch import is_free
from covector.tensors.node import Here, Node
from covector.tensors.picking import picking

if TYPE_CHECKING:
    from covector.tensors.alike import Alike, Found

MOST = 64
"""Stages that are known to come after one."""


class Stage:
    """All the pending calls after something was noted: the same ones whenever a thread is at this stage.

    ``after`` are the stages that follow, by what notes calls then; ``computed`` is what computes the calls.
    """

    __slots__ = ("after", "computed")

    def __init__(self) -> None:
        self.after: dict[object, Follow] = {}
        self.computed: Computed | None = None


class Follow(Stage):
    """A stage after another, at which calls with some arguments were noted."""

    __slots__ = ("_distinct", "_new", "_old", "_places")

    def __init__(self, items: Sequence[Node], arguments: Sequence[Node]) -> None:
        super().__init__()
        numbers = {node: number for number, node in enumerate(items)}
        old = [at for at, node in enumerate(arguments) if node in numbers]
        new = [at for at, node in enumerate(arguments) if node not in numbers]
        self._old, self._new, self._distinct = picking(old), picking(new), len(new)
        self._places = picking([numbers[arguments[at]] for at in old])

    def fits(self, items: Sequence[Node], arguments: Sequence[Node]) -> bool:
        """Whether the arguments are where they were among what was known, or new, each another."""
        return self._places(items) == self._old(arguments) and len(set(self._new(arguments))) == self._distinct


class Known:
    """That the pending calls are those of a stage; ``items`` are they and their leaves, in the order of the stage."""

    __slots__ = ("_count", "_pending", "items", "stage")

    def __init__(self, stage: Stage, pending: list[Node], items: list[Node]) -> None:
        self.stage, self.items = stage, items
        self._pending, self._count = pending, len(pending)

    def is_of(self, pending: list[Node]) -> bool:
        """Whether these are the calls, and no more."""
        return self._pending is pending and self._count == len(pending)

    def followed(self, here: Here, by: object, nodes: Sequence[Node], given: int) -> None:
        """Know the calls of which ``by`` noted the last: the first ``given`` nodes are arguments, the others calls."""
        arguments, stages = nodes[:given], self.stage.after
        stage = stages.get(by)
        if stage is None:
            if len(stages) >= MOST:
                stages.clear()
            stage = stages[by] = Follow(self.items, arguments)
        fits = self._pending is here.pending and stage.fits(self.items, arguments)
        here.known = Known(stage, self._pending, [*self.items, *nodes]) if fits else None


def known_calls(here: Here) -> Known | None:
    """What the pending calls are known to be, if they are."""
    known: Known | None = here.known
    return known if known is not None and known.is_of(here.pending) else None


class Computed:
    """What computes the calls of a stage that are held by a number of others, and where inputs and outputs are."""

    __slots__ = ("_inputs", "_outputs", "_references", "_taken", "alike")

    def __init__(
        self, alike: Alike, calls: Sequence[Node], references: list[int], places: Mapping[int, list[int]], found: Found
    ) -> None:
        inputs, outputs, taken = found
        numbers = {node: number for number, node in enumerate(calls)}
        self.alike, self._references = alike, references
        self._inputs = picking([places[id(node)][0] for node in inputs])
        self._outputs = picking([numbers[node] for node in outputs])
        # References to a leaf that is given away: arguments, items, its home, and here a variable and the count.
        self._taken = [
            (output, places[id(home)][0], uses + len(places[id(home)]) + 3)
            for (output, _, uses), home in zip(alike.taken, taken, strict=True)
        ]

    def match(self, calls: Sequence[Node], references: list[int], items: Sequence[Node]) -> Found | None:
        """The inputs, the outputs and the leaves whose memory is taken; None where somebody else holds something."""
        if references != self._references:
            return None
        taken = []
        for output, place, most in self._taken:
            home = items[place]
            if calls[output].home is not home or getrefcount(home) > most or not is_free(home.data):
                return None
            taken.append(home)
        inputs = self._inputs(items)
        for leaf in inputs:
            if leaf.data is None:
                return None
        return inputs, self._outputs(calls), taken
