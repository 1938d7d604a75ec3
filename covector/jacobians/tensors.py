"""Functions of tensors as programs: what they do is recorded while they are called once with tensors without values.

Tensors that such a function finds elsewhere, the parameters of a model for instance, are constants, with the values
that they have at the call. What it detaches has no derivative: it stands in the program as ``stop``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from math import isfinite
from typing import Any

from covector.errors import CovectorError, JitError
from covector.ir import Compute, Input, Literal, Opaque, Program, Read, as_affine, transform
from covector.ir import Tensor as IRTensor
from covector.jacobians.names import Given, Name, labelled
from covector.jacobians.stops import stopped
from covector.jacobians.views import without_views
from covector.run.reference import Array
from covector.tensors import flush
from covector.tensors.backward import enable_grad
from covector.tensors.launch import array_of
from covector.tensors.link import Graph, link
from covector.tensors.node import ABSENT, STATE, Node, leaf
from covector.tensors.numbering import Numbered
from covector.tensors.tensor import Tensor, call
from covector.tensors.trace import Trace
from covector.tensors.tree import flatten


def holds_tensors(args: Sequence[Any], named: Mapping[str, Any]) -> bool:
    """Whether any argument is, or holds, a tensor."""
    return bool(flatten((tuple(args), dict(named)))[0])


def given_tensors(function: Callable[..., Any], args: Sequence[Any], named: Mapping[str, Any]) -> Given:
    """The program of a function at arguments that are trees of tensors.

    Random numbers that the function draws are constants too. Raises `CovectorError` where the function changes a tensor
    or returns something else than tensors, and `JitError` where it looks at values or where this call is traced itself.
    """
    if STATE.trace is not None:
        message = "structured derivatives are objects that hold values, and a function that is traced has none"
        raise JitError(message, hint="under jit, vmap and the like: cv.func.jacobian, cv.func.hessian, cv.func.hvp")
    name = getattr(function, "__name__", type(function).__name__)
    tree = (tuple(args), dict(named))
    tensors, _, rebuild = flatten(tree)
    flush.flush()
    stand_ins = [Tensor(leaf(tensor._node.kind, ABSENT)) for tensor in tensors]
    for stand_in in stand_ins:
        stand_in.requires_grad_(stand_in._node.kind.is_float)
    with Trace(name, "a Jacobian or Hessian") as trace, enable_grad():
        new_args, new_named = rebuild(list(stand_ins))
        returned, _, rebuilt = flatten(function(*new_args, **new_named))
        if trace.updated:
            message = f"{name} changes a tensor, so it is no function of its arguments"
            raise CovectorError(message, hint="return the new value instead of writing it")
        if not returned:
            raise CovectorError(f"{name} returns no tensor", hint="return a tensor, or a tuple or dict of tensors")
        results = stopped([(_called(tensor), tensor.requires_grad) for tensor in returned], stand_ins)
    names = labelled(tree, function, Tensor)
    arguments = rebuild(names)[0]
    held = {stand_in._node: own for stand_in, own in zip(stand_ins, names, strict=True)}
    program, arrays = _program(results, held)
    arrays.update({own: tensor.numpy() for own, tensor in zip(names, tensors, strict=True)})
    unread = [
        Input(own, tuple(map(as_affine, arrays[own].shape)), arrays[own].dtype.name)
        for own in names
        if own not in program.tensors()
    ]
    program = Program((*program.inputs, *unread), program.statements, program.outputs)
    return Given(program, arrays, arguments, rebuilt)


def _called(tensor: Tensor) -> Node:
    """The call that gives the value of a tensor: one that changes nothing for a leaf."""
    node = tensor._node
    return node if node.data is None and node.entry is not None else call("copy", tensor)._node


def _program(results: Sequence[Node], held: Mapping[Node, Name]) -> tuple[Program, dict[str, Array]]:
    """The program of some nodes, an output for each, and the values of its inputs that are constants."""
    wanted = list(dict.fromkeys(results))
    graph = Numbered(flush.ordered(wanted), count_held=False)
    roles = tuple(_role(node, number, held) for number, node in enumerate(graph.leaves))
    program, read = _named(graph.graph([graph.numbers[node] for node in wanted], ()), roles)
    if len(wanted) < len(results):
        outputs = dict(zip(wanted, program.outputs, strict=True))
        program = Program(program.inputs, program.statements, tuple(outputs[node] for node in results))
    arrays: dict[str, Array] = {}
    for number in read:
        node, role = graph.leaves[number], roles[number]
        if node not in held and isinstance(role, Name):
            drawn = node.data is ABSENT and node.source is not None
            arrays[role] = node.source() if drawn else array_of(node)
    return program, arrays


def _role(node: Node, number: int, held: Mapping[Node, Name]) -> Name | Literal:
    """What a leaf is in the program: an argument or a constant by its name, or a number."""
    if node in held:
        return held[node]
    if type(node.data) in (int, float) and isfinite(node.data):
        return Literal(Fraction(str(node.data)))
    return Name(f"constant{number}")


@lru_cache(maxsize=256)
def _named(graph: Graph, roles: tuple[Name | Literal, ...]) -> tuple[Program, tuple[int, ...]]:
    """The program of a graph whose leaves have these roles, and the numbers of the leaves that it reads."""
    linked = link(graph, [as_affine(size) for size in graph.sizes()])
    replaced: dict[IRTensor, IRTensor | Literal] = {}
    for given, number in zip(linked.program.inputs, linked.leaves, strict=True):
        role = roles[number]
        replaced[given] = role if isinstance(role, Literal) else Input(role, given.shape, given.dtype)
    statements = [_reading(statement, replaced) for statement in linked.program.statements]
    outputs = tuple(replaced[linked.program.outputs[place]] for place in linked.places)
    inputs = tuple(tensor for tensor in replaced.values() if isinstance(tensor, Input))
    return without_views(Program(inputs, tuple(statements), outputs)), linked.leaves  # type: ignore[arg-type]


def _reading(statement: Compute | Opaque, replaced: dict[IRTensor, IRTensor | Literal]) -> Compute:
    """A statement that reads other tensors, or numbers, which is added to what is replaced."""
    if isinstance(statement, Opaque):
        message = f"{statement.function} has no element form, and so no derivative"
        raise CovectorError(message, hint="take it out of the function")

    def change(node: object) -> object:
        if not isinstance(node, Read):
            return node
        new = replaced[node.tensor]
        return new if isinstance(new, Literal) else Read(new, node.positions)

    body = transform(statement.body, change)
    new = Compute(statement.name, statement.indices, body, statement.cast or statement.dtype)
    replaced[statement] = new
    return new
