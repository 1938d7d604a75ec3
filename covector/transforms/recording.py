"""A function called once with variables: what it computed, pushed forward with tangents or pulled back with cotangents.

Both directions walk the recorded calls and add others, the tangents or the adjoints of their forms; nothing is
computed. What a result owes to variables further out stays recorded, so transforms nest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from covector.errors import GradientError, TransformError
from covector.tensors.backward import Pass, enable_grad, flowing, recorded
from covector.tensors.call import record
from covector.tensors.creation import zeros_like
from covector.tensors.form import OUTPUT
from covector.tensors.node import STATE, Node
from covector.tensors.tensor import Tensor
from covector.tensors.tree import flatten
from covector.tensors.update import clone
from covector.transforms.forms import Tangent, tangent_at
from covector.transforms.trees import Function, floats_of, name_of, with_tensors


class Recording:
    """A call of a function, recorded as far as it depends on some of its arguments.

    ``arguments`` are all positional ones, ``places`` those that are differentiated by. Raises `DtypeError` where one of
    them holds something else than tensors of floats.
    """

    def __init__(
        self,
        name: str,
        function: Function,
        arguments: Sequence[Any],
        places: Sequence[int],
        has_aux: bool = False,
        keywords: Mapping[str, Any] | None = None,
    ) -> None:
        self.name = name
        given = [with_tensors(tree) if place in places else tree for place, tree in enumerate(arguments)]
        self.trees = tuple(given[place] for place in places)
        self.tensors, self.rebuild = floats_of(name, self.trees, places)
        with enable_grad():
            variables = [_variable(tensor) for tensor in self.tensors]
            for place, tree in zip(places, self.rebuild(list(variables)), strict=True):
                given[place] = tree
            result = function(*given, **(keywords or {}))
            self.aux: Any = None
            if has_aux:
                result, self.aux = _with_aux(name, function, result)
            self.result = with_tensors(result)
            self.outputs, _, self.rebuilt = flatten(self.result)
        if not self.outputs:
            what = f"{name_of(function)} returned {type(result).__name__}, which holds no tensor"
            raise TransformError(f"{name}: {what}", hint="return a tensor, or a tuple or dict of tensors")
        self.variables = [variable._node for variable in variables]
        for node in self.variables:
            node.owner = None
        self.order = recorded([output._node for output in self.outputs])
        self.outer = flowing(self.order)

    def values(self) -> Any:
        """What the function returned; recorded only as far as it depends on variables further out."""
        return self.rebuilt([self._settled(output) for output in self.outputs])

    def _settled(self, output: Tensor) -> Tensor:
        if output.requires_grad and output._node in self.outer and STATE.grad_enabled:
            return output
        return clone(output.detach()) if output.requires_grad else output

    def push(self, tangents: Sequence[Tensor | None]) -> Any:
        """The tangents of the results from those of the arguments, of which None is zero."""
        pairs = zip(self.variables, tangents, strict=True)
        found = {node: tangent for node, tangent in pairs if tangent is not None}
        for node in self.order:
            if node.mask and node not in found:
                self._through(node, found)
        results = []
        for output in self.outputs:
            tangent = found.get(output._node) if output.requires_grad else None
            results.append(zeros_like(output) if tangent is None else tangent)
        return self.rebuilt(results)

    def _through(self, node: Node, found: dict[Node, Tensor]) -> None:
        """Give the result of a call the tangent that those of its arguments give it."""
        mask = sum(1 << place for place, argument in enumerate(node.args) if _wants(node, place) and argument in found)
        if not mask:
            return
        if node.entry is None:
            raise GradientError(
                f"{self.name}: what the function computed was freed when its tensors were updated in place",
                hint="call the function again",
            )
        tangent = tangent_at(node.entry, node.output, mask)
        if tangent is not None:
            found[node] = self._called(node, tangent, found)

    def _called(self, node: Node, tangent: Tangent, found: Mapping[Node, Tensor]) -> Tensor:
        args, mask, count = [], 0, len(node.args)
        for at, place in enumerate(tangent.arguments):
            if place == OUTPUT:
                argument, flows = node, node in self.outer
            elif place < count:
                argument = node.args[place]
                flows = _wants(node, place) and argument in self.outer
            else:
                direction = found[node.args[place - count]]
                argument, flows = direction._node, direction.requires_grad
            args.append(argument)
            mask |= flows << at
        made = record(tangent.entry, tuple(args), mask)[0]
        return Tensor(made, made.mask > 0)

    def pull(self, cotangents: Sequence[Tensor | None]) -> Any:
        """The cotangents of the arguments, arranged as they are, from those of the results, of which None is zero."""
        pairs = [
            (output._node, _apart(cotangent))
            for output, cotangent in zip(self.outputs, cotangents, strict=True)
            if cotangent is not None and output.requires_grad and output._node.kind.is_float
        ]
        further = STATE.grad_enabled and (
            bool(self.outer) or any(c is not None and c.requires_grad for c in cotangents)
        )
        wanted = frozenset(self.variables)
        run = Pass([root for root, _ in pairs], [seed for _, seed in pairs], further, wanted)
        found = run.run() if pairs else {}
        flows = flowing(recorded(list(found.values()))) if further else set()
        results = []
        for tensor, variable in zip(self.tensors, self.variables, strict=True):
            cotangent = found.get(variable)
            if cotangent is None:
                results.append(zeros_like(tensor))
            elif cotangent in flows:
                results.append(Tensor(cotangent, True))
            else:
                results.append(clone(Tensor(cotangent)) if cotangent.mask else Tensor(cotangent))
        return self.rebuild(results)


def _variable(tensor: Tensor) -> Tensor:
    """A tensor of the same value to differentiate by, through which an outer derivative flows."""
    return clone(tensor).requires_grad_()


def _wants(node: Node, place: int) -> bool:
    return bool(node.mask >> place & 1)


def _apart(tensor: Tensor) -> Node:
    """The node of a tensor, of its own where the tensor is a detached one of a variable."""
    alone = tensor.requires_grad or tensor._node.owner is None
    return tensor._node if alone else clone(tensor)._node


def _with_aux(name: str, function: Function, result: Any) -> tuple[Any, Any]:
    if not isinstance(result, tuple) or len(result) != 2:
        what = f"{name_of(function)} returned {type(result).__name__}"
        raise TransformError(f"{name}: with has_aux the function returns a pair, (value, aux), but {what}")
    return result
