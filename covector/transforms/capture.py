"""A call of a function as one form: what it does is gathered, and linked to one program."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from covector.errors import TransformError
from covector.ir import Compute, Input, Program, as_affine
from covector.tensors.backward import recorded
from covector.tensors.call import record
from covector.tensors.form import Form, entry_at
from covector.tensors.link import Call, Graph, link
from covector.tensors.node import Node
from covector.tensors.tensor import Tensor, call
from covector.tensors.tree import Rebuild, flatten
from covector.transforms.inside import Inside
from covector.transforms.trees import Function, name_of, with_tensors


@dataclass(frozen=True, slots=True)
class Captured:
    """A call of a function: its program, the nodes that its inputs are, and the tree of its outputs.

    The tensors that were given come first among the inputs. ``mask`` says of which inputs a gradient is wanted.
    """

    program: Program
    nodes: tuple[Node, ...]
    mask: int
    rebuild: Rebuild
    structure: Any
    count: int


def capture(transform: str, function: Function, tree: Any) -> Captured:
    """What a function does with a tree of arguments, as a program of their tensors and of what it finds elsewhere.

    Raises `JitError` where it looks at values, `TransformError` where it writes to what it did not make, or where it
    returns no tensor.
    """
    tensors, _, rebuild = flatten(tree)
    inside = Inside(transform, name_of(function))
    stand_ins = [inside.stand_in(tensor._node.kind, tensor.requires_grad) for tensor in tensors]
    with inside:
        arguments, keywords = rebuild(list(stand_ins))
        result = with_tensors(function(*arguments, **keywords))
        returned, structure, rebuilt = flatten(result)
        results = [call("copy", tensor)._node for tensor in returned]
    if not results:
        message = f"{transform}: {inside.name} returned {type(result).__name__}, which holds no tensor"
        raise TransformError(message, hint="return a tensor, or a tuple or dict of tensors")
    for tensor, *_ in (*inside.written(), *inside.given_gradients()):
        inside.refuse_written(tensor)
    given = {stand_in._node: tensor._node for stand_in, tensor in zip(stand_ins, tensors, strict=True)}
    return _linked(inside, given, results, rebuilt, structure)


def as_one(transform: str, function: Function, *arguments: Any) -> Any:
    """What a function gives for some arguments, as the result of one call: its derivative is that of the whole."""
    found = capture(transform, function, (arguments, {}))
    entry = entry_at(_form(transform, found.program), ())
    results = record(entry, found.nodes, found.mask)
    return found.rebuild([Tensor(node, node.mask > 0) for node in results])


@lru_cache(maxsize=1 << 10)
def _form(name: str, program: Program) -> Form:
    return Form(name, program, ())


def _linked(
    inside: Inside, given: Mapping[Node, Node], results: Sequence[Node], rebuild: Rebuild, structure: Any
) -> Captured:
    calls = _needed(inside.calls, results)
    own = set(calls)
    boundary = dict.fromkeys(given)
    boundary.update(dict.fromkeys(argument for node in calls for argument in node.args if argument not in own))
    # A derivative that was taken inside has left its marks on the calls that it needed, but not on the results.
    flows = recorded(results)
    wanted = {argument for node in flows for place, argument in enumerate(node.args) if node.mask >> place & 1}
    place = {node: number for number, node in enumerate((*boundary, *calls))}
    items = tuple(
        Call(node.entry, node.output, tuple([place[argument] for argument in node.args]))
        for node in calls
        if node.entry is not None
    )
    graph = Graph((*(node.kind for node in boundary), *items), tuple(place[node] for node in results))
    nodes = tuple(given.get(node) or _outside(inside, node) for node in boundary)
    mask = sum(1 << number for number, node in enumerate(boundary) if node in wanted)
    return Captured(program_of_graph(graph), nodes, mask, rebuild, structure, len(given))


def _needed(calls: Sequence[Node], results: Iterable[Node]) -> list[Node]:
    """The calls that the results need, in order."""
    wanted = set(results)
    for node in reversed(calls):
        if node in wanted:
            wanted.update(node.args)
    return [node for node in calls if node in wanted]


def _outside(inside: Inside, node: Node) -> Node:
    """What was found elsewhere, or a leaf that was made inside: a random draw is drawn now, once for every use."""
    if node in inside.inside:
        if inside.outer is not None:
            inside.outer.inside.add(node)
        elif node.source is not None:
            node.data = node.source()
    return node


@lru_cache(maxsize=1 << 10)
def program_of_graph(graph: Graph) -> Program:
    """The program of a graph at its sizes: an input for each of its leaves, an output for each that is wanted."""
    linked = link(graph, [as_affine(size) for size in graph.sizes()])
    found = dict(zip(linked.leaves, linked.program.inputs, strict=True))
    kinds = [item for item in graph.items if not isinstance(item, Call)]
    inputs = [
        found.get(number) or Input(f"x{number}", tuple(map(as_affine, kind.shape)), str(kind.dtype))
        for number, kind in enumerate(kinds)
    ]
    outputs = tuple(linked.program.outputs[place] for place in linked.places)
    statements = tuple(statement for statement in linked.program.statements if isinstance(statement, Compute))
    return Program(tuple(inputs), statements, outputs)
