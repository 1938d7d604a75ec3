"""Where no derivative flows in the calls of a function of tensors: past `detach`, and under `no_grad`.

A call says of each argument whether a gradient is wanted of it. A program has no such marks, so an argument that
depends on what is differentiated by, and of which none is wanted, is read through ``stop``.
"""

from __future__ import annotations

from collections.abc import Sequence

from covector.errors import GradientError
from covector.tensors.backward import recorded
from covector.tensors.flush import ordered
from covector.tensors.node import Node
from covector.tensors.tensor import Tensor, call
from covector.transforms.rules import GivenForm


def stopped(results: Sequence[tuple[Node, bool]], variables: Sequence[Tensor]) -> list[Node]:
    """Results, each with whether a derivative flows into it, as calls in which ``stop`` says where none does.

    Raises `GradientError` where a derivative flows through a rule of `custom_vjp` or `custom_jvp` that is not known to
    be the derivative of its function.
    """
    flowing = {variable._node for variable in variables if variable.requires_grad}
    used = set(recorded([result for result, wanted in results if wanted]))
    changed: dict[Node, Node] = {}

    def read(argument: Node, wanted: bool) -> Node:
        new = changed.get(argument, argument)
        return new if wanted or argument not in flowing else call("stop", Tensor(new))._node

    for node in ordered([result for result, _ in results]):
        wants = [bool(node.mask >> place & 1) for place in range(len(node.args))]
        if node.kind.is_float and not flowing.isdisjoint(node.args):
            flowing.add(node)
            if node in used and any(own in flowing and wanted for own, wanted in zip(node.args, wants, strict=True)):
                _check_rule(node)
            arguments = tuple(map(read, node.args, wants))
        else:
            arguments = tuple(changed.get(argument, argument) for argument in node.args)
        if arguments != node.args:
            changed[node] = Node(node.entry, arguments, node.output, node.kind, node.mask)
    return [read(result, wanted) for result, wanted in results]


def _check_rule(node: Node) -> None:
    """Raise `GradientError` where a call has a rule of its own that may differ from its derivative."""
    form = node.entry.form if node.entry is not None else None
    if isinstance(form, GivenForm) and not form.agrees:
        raise GradientError(
            f"{form.name} has a rule of its own for its derivative, and a structured one is that of the function",
            hint="cv.func.jacobian, cv.func.hessian and cv.hvp take the rule",
        )
