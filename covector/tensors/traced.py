"""A traced function: its program, where the inputs come from, and where the results go."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from operator import attrgetter
from sys import getrefcount
from typing import Any

from covector.ir import Compute
from covector.native.memory import aligned_empty
from covector.tensors import flush
from covector.tensors.dtypes import Kind
from covector.tensors.launch import Launch, array_of, is_free
from covector.tensors.node import ABSENT, Node, leaf
from covector.tensors.numbering import Numbered
from covector.tensors.picking import picking
from covector.tensors.programs import compiled
from covector.tensors.repeat import Guards, Repeat
from covector.tensors.tensor import Tensor
from covector.tensors.trace import Trace
from covector.tensors.tree import Rebuild

_node_of, _flag_of = attrgetter("_node"), attrgetter("requires_grad_flag")
_ALONE = 4  # references to a node that one tensor alone holds: that, the nodes of a trace, a variable, and the count


class Outdated(Exception):
    """A tensor that a trace reads has another shape, dtype or need of a gradient than when it was traced."""


class Update:
    """A tensor that a function updates: a hidden one, or argument number ``argument`` where that is not negative.

    ``input`` is the number of the input of the program that is updated in place, or -1.
    """

    __slots__ = ("after", "argument", "before", "input", "kind", "result", "tensor")

    def __init__(self, tensor: Tensor, argument: int, before: Node, after: Node) -> None:
        self.tensor, self.argument, self.before, self.after = tensor, argument, before, after
        self.kind, self.input, self.result = after.kind, -1, -1

    def target(self, tensors: Sequence[Tensor]) -> Tensor:
        """The tensor that is updated in a call."""
        return self.tensor if self.argument < 0 else tensors[self.argument]

    def give(self, tensors: Sequence[Tensor], array: Any, address: int) -> None:
        """Let the tensor hold a result."""
        tensor = self.target(tensors)
        _give(tensor, _result(self.kind, array, address))


def _give(tensor: Tensor, node: Node) -> None:
    node.owner = tensor._node.owner
    tensor._node = node


def _result(kind: Kind, array: Any, address: int = 0) -> Node:
    node = leaf(kind, array)
    node.address = address
    return node


class Traced:
    """A trace as a program that can be called with other arguments of the same structure."""

    def __init__(
        self,
        trace: Trace,
        arguments: Mapping[Node, int],
        results: Sequence[Node],
        updates: Sequence[Update],
        rebuild: Rebuild,
        held: Sequence[Any],
    ) -> None:
        self.guards, self.rebuild, self.updates = Guards(trace.guards), rebuild, list(updates)
        self.held = held  # what the key tells apart by identity lives as long as the trace
        self.watched: list[Any] = []
        self.counts: list[int] = []
        wanted = list(dict.fromkeys([*results, *(update.after for update in updates)]))
        graph = Numbered(flush.ordered(wanted), count_held=False)
        wanted.sort(key=graph.numbers.__getitem__)
        place = {node: number for number, node in enumerate(wanted)}
        in_place = tuple(
            (place[update.after], graph.numbers[update.before])
            for update in updates
            if update.before in graph.uses and update.before.kind is update.after.kind
        )
        self.compiled = compiled(graph.graph([graph.numbers[node] for node in wanted], in_place))
        linked = self.compiled.linked
        self.results = [(linked.places[place[node]], node.kind) for node in results]
        leaves = list(picking(linked.leaves)(graph.leaves))
        self._sources(trace, arguments, leaves)
        self._updates(place, leaves)
        del leaves, graph
        self.launch: Launch | None = None
        self.repeat: Repeat | None = None
        """What makes calls like the one before, once there was one; none where each call has more to do."""

    def _sources(self, trace: Trace, arguments: Mapping[Node, int], leaves: list[Node]) -> None:
        """Where each input comes from."""
        self.nodes = list(leaves)
        self.hidden: list[tuple[int, Tensor]] = []
        self.fresh: list[tuple[int, Node, Callable[[], Any]]] = []
        self.arguments: list[tuple[int, int]] = []
        for number, node in enumerate(leaves):
            if node in arguments:
                self.arguments.append((number, arguments[node]))
            elif node.source is not None:
                self.nodes[number] = made = leaf(node.kind, ABSENT)
                self.fresh.append((number, made, node.source))
            elif node in trace.noted and node not in trace.inside:
                self.hidden.append((number, trace.noted[node]))
            else:
                self.nodes[number] = leaf(node.kind, array_of(node))
        self.hidden_tensors = [tensor for _, tensor in self.hidden]
        self.hidden_nodes = [leaves[number] for number, _ in self.hidden]
        self.hidden_kinds = [node.kind for node in self.hidden_nodes]
        self.hidden_flags = [tensor.requires_grad_flag for tensor in self.hidden_tensors]

    def _updates(self, place: Mapping[Node, int], leaves: list[Node]) -> None:
        """Which inputs are updated in place."""
        linked, outputs = self.compiled.linked, self.compiled.linked.program.outputs
        inputs = {node: number for number, node in enumerate(leaves)}
        for update in self.updates:
            update.result = linked.places[place[update.after]]
            output = outputs[update.result]
            home = linked.in_place.get(output) if isinstance(output, Compute) else None
            number = inputs.get(update.before, -1)
            if home is not None and linked.program.inputs.index(home) == number:
                update.input = number
            # What is updated in place is held by nobody but its tensor.
            update.before = update.after = _NOTHING
        self.in_place = [update for update in self.updates if update.input >= 0]
        self.given = [update for update in self.updates if update.input < 0]
        self.in_place_arguments = any(update.argument >= 0 for update in self.in_place)

    def __call__(self, tensors: Sequence[Tensor]) -> Any:
        """The result for arguments of the structure that was traced."""
        with flush.LOCK:
            if _holder() is not self:
                self._hold()
            if self.repeat is not None:
                self.repeat.release()
            nodes = self.nodes
            current = list(map(_node_of, self.hidden_tensors))
            if list(map(_flag_of, self.hidden_tensors)) != self.hidden_flags:
                raise Outdated
            if current != self.hidden_nodes:
                if [node.kind for node in current] != self.hidden_kinds:
                    raise Outdated
                self.hidden_nodes = current
                for (number, _), node in zip(self.hidden, current, strict=True):
                    nodes[number] = node
                    if node.data is None:
                        flush.force(node)
                self.watched = []
            del current
            node = None
            for _, made, source in self.fresh:
                made.data, made.address = source(), 0
            for number, argument in self.arguments:
                nodes[number] = node = tensors[argument]._node
                if node.data is None:
                    flush.force(node)
            launch = self.launch or self._first(nodes)
            if self.in_place and (not self.watched or list(map(getrefcount, self.watched)) != self.counts):
                self._make_room(tensors)
            arrays, addresses = launch(nodes, partial(self._commit, tensors) if self.given else None)
            returned = [Tensor(_result(kind, arrays[place], addresses[place])) for place, kind in self.results]
            if self.repeat is not None or self._may_repeat(launch):
                self._renew(launch, nodes, tensors, addresses)
            for number, _ in self.arguments:
                nodes[number] = _NOTHING
        return self.rebuild(returned)

    def _commit(self, tensors: Sequence[Tensor], arrays: list[Any], addresses: list[int]) -> None:
        """Let tensors that are not updated in place hold their new values."""
        for update in self.given:
            update.give(tensors, arrays[update.result], addresses[update.result])

    def _may_repeat(self, launch: Launch) -> bool:
        """Whether a call has nothing to do but to give addresses and to take results."""
        places = [place for place, _ in self.results]
        return (
            launch.code is not None
            and not self.given
            and not self.in_place_arguments
            and len(set(places)) == len(places)
            and all(launch.made[place][0] < 0 for place in places)
        )

    def _renew(self, launch: Launch, nodes: Sequence[Node], tensors: Sequence[Tensor], addresses: list[int]) -> None:
        """Have what makes the next call know this one."""
        if self.repeat is None:
            flags = [*self.hidden_flags, *map(_flag_of, tensors)]
            sources = self.hidden_tensors, self.arguments, self.fresh
            self.repeat = Repeat(launch, nodes, self.guards, *sources, self.results, flags, self.rebuild)
        found = [node.address or launch.place(number, node) for number, node in enumerate(nodes)]
        self.repeat.renew([*found, *addresses], self.hidden_nodes, self.watched, self.counts)

    def _hold(self) -> None:
        """Be the one trace that remembers nodes from call to call: what several held could not be updated in place."""
        global _holder  # noqa: PLW0603 - one for the process, under the lock
        other = _holder()
        if other is not None:
            other.release()
        _holder = weakref.ref(self)

    def release(self) -> None:
        """Hold no node any longer."""
        self.hidden_nodes, self.watched = [], []
        if self.repeat is not None:
            self.repeat.release()
        for number, _ in self.hidden:
            self.nodes[number] = _NOTHING

    def _first(self, nodes: list[Node]) -> Launch:
        self.launch = Launch(self.compiled, [array_of(node) for node in nodes])
        return self.launch

    def _make_room(self, tensors: Sequence[Tensor]) -> None:
        """See to it that nobody else holds what is updated in place, and remember how that looks."""
        self.hidden_nodes, self.watched = [], []
        for update in self.in_place:
            tensor = update.target(tensors)
            node = tensor._node
            if getrefcount(node) > _ALONE:
                flush.flush()
            if getrefcount(node) > _ALONE or not is_free(node.data):
                before = array_of(node)
                data = aligned_empty(before.shape, before.dtype)
                data[...] = before
                node = leaf(node.kind, data)
                _give(tensor, node)
                self.nodes[update.input] = node
        self.hidden_nodes = list(map(_node_of, self.hidden_tensors))
        if not self.in_place_arguments:
            held = [self.nodes[update.input] for update in self.in_place]
            arrays = [node.data for node in held]
            self.watched = [*held, *arrays, *(array if array.base is None else array.base for array in arrays)]
            del held, arrays
            node = tensor = None  # type: ignore[assignment]
            self.counts = list(map(getrefcount, self.watched))


_NOTHING = leaf(Kind((), "bool"), ABSENT)  # type: ignore[arg-type]


def _nobody() -> Traced | None:
    return None


_holder: Callable[[], Traced | None] = _nobody  # the trace that ran last, while it lives
