"""Gradients: a backward pass adds the adjoints of the recorded calls to the graph; the calculus derives them.

Nothing is computed here. The adjoint of a call is a call, so gradients of gradients need nothing of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from covector.errors import GradientError, ShapeError
from covector.tensors.call import record
from covector.tensors.dtypes import NUMPY
from covector.tensors.form import OUTPUT, SEED, Adjoint, resolve
from covector.tensors.node import STATE, Node, leaf
from covector.tensors.passes import Made, cotangents_of
from covector.tensors.tensor import Tensor


def backward(tensor: Tensor, gradient: Tensor | None = None, retain_graph: bool = True, create_graph: bool = False):  # type: ignore[no-untyped-def]
    """Add the gradient of a tensor to the ``.grad`` of every leaf that it was computed from.

    ``gradient`` is the cotangent of the tensor, which is 1 for a single number. With ``create_graph`` the gradients can
    be differentiated again. Raises `GradientError` where there is no gradient, or no number to take it of.

    >>> import covector as cv
    >>> x = cv.tensor([3.0], requires_grad=True)
    >>> (x ** 2).sum().backward()
    >>> x.grad
    tensor([6.])
    """
    if not tensor.requires_grad:
        raise GradientError(
            "element 0 of tensors does not require grad and does not have a grad_fn",
            hint="it was computed from nothing that requires a gradient, or under no_grad()",
        )
    seed, root = _seed(tensor, gradient), tensor._node
    if not root.mask:
        _gather([(root, seed or _ones(root))], create_graph)
    elif seed is None and not create_graph and STATE.trace is None:
        _gather(cotangents_of(root, _pass_from), False)
    else:
        _gather(Pass([root], [seed], create_graph).run().items(), create_graph)


def _pass_from(root: Node) -> Made:
    """The pass backward from a single number."""
    made = Pass([root], [None], False)
    return made.run(), made.cotangents


def _gather(cotangents: Iterable[tuple[Node, Node]], create_graph: bool) -> None:
    """Add cotangents to the gradients of the tensors that some nodes are."""
    trace = STATE.here.trace
    for node, cotangent in cotangents:
        owner = node.owner() if node.owner is not None else None
        if owner is None:
            continue
        gradient = Tensor(cotangent, create_graph and cotangent.mask > 0)
        before = owner._grad
        if trace is not None:
            trace.note_grad(owner)
        owner._grad = gradient if before is None else before + gradient


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Tensor | Sequence[Tensor | None] | None = None,
    create_graph: bool = False,
    allow_unused: bool = False,
) -> tuple[Tensor | None, ...]:
    """The gradients of outputs, added up, with respect to inputs; ``.grad`` stays as it is.

    Raises `GradientError` where an input was not used, unless ``allow_unused`` gives None for it.

    >>> import covector as cv
    >>> x = cv.tensor(2.0, requires_grad=True)
    >>> (slope,) = grad(x ** 3, x, create_graph=True)
    >>> grad(slope, x)
    (tensor(12.),)
    """
    tensors = [outputs] if isinstance(outputs, Tensor) else list(outputs)
    wanted = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    given = [grad_outputs] if isinstance(grad_outputs, Tensor) or grad_outputs is None else list(grad_outputs)
    given += [None] * (len(tensors) - len(given))
    for tensor in (*tensors, *wanted):
        if not tensor.requires_grad:
            raise GradientError("One of the differentiated Tensors does not require grad")
    seeds = [_seed(tensor, seed) for tensor, seed in zip(tensors, given, strict=True)]
    found = Pass(
        [tensor._node for tensor in tensors], seeds, create_graph, frozenset(tensor._node for tensor in wanted)
    ).run()
    results: list[Tensor | None] = []
    for tensor in wanted:
        cotangent = found.get(tensor._node)
        if cotangent is None and not allow_unused:
            raise GradientError(
                "One of the differentiated Tensors appears to not have been used in the graph.",
                hint="Set allow_unused=True if this is the desired behavior.",
            )
        results.append(None if cotangent is None else Tensor(cotangent, create_graph and cotangent.mask > 0))
    return tuple(results)


def _seed(tensor: Tensor, gradient: Tensor | None) -> Node | None:
    """The cotangent that a pass starts from: None for a scalar whose cotangent is 1."""
    if gradient is None:
        if tensor.size != 1:
            raise GradientError(
                "grad can be implicitly created only for scalar outputs",
                hint=f"the shape is {list(tensor.shape)}: take x.sum(), or give gradient=",
            )
        return None if not tensor.shape else _ones(tensor._node)
    if gradient.shape != tensor.shape:
        raise ShapeError(
            f"Mismatch in shape: grad_output[0] has a shape of {list(gradient.shape)} and output[0] has a shape of "
            f"{list(tensor.shape)}."
        )
    if gradient.dtype != tensor.dtype:
        gradient = gradient.astype(tensor.dtype)
    return gradient._node


def _ones(node: Node) -> Node:
    return leaf(node.kind, np.ones(node.kind.shape, NUMPY[node.kind.dtype]))


class Pass:
    """One pass backward over the recorded calls, from the last to the first."""

    def __init__(
        self,
        roots: Sequence[Node],
        seeds: Sequence[Node | None],
        create_graph: bool,
        wanted: frozenset[Node] | None = None,
    ) -> None:
        self.create_graph, self.wanted = create_graph, wanted
        self.roots = roots
        self.cotangents: dict[Node, Node | None] = {}
        for root, seed in zip(roots, seeds, strict=True):
            if root in self.cotangents:
                self._add(root, seed or _ones(root), True)
            else:
                self.cotangents[root] = seed

    def run(self) -> dict[Node, Node]:
        """The cotangents of leaves, of what retains its gradient, and of what is wanted."""
        order = recorded(self.roots)
        found: dict[Node, Node] = {}
        here, wanted, cotangents = STATE.here, self.wanted, self.cotangents
        enabled, here.grad_enabled = here.grad_enabled, self.create_graph
        try:
            for node in reversed(order):
                if node not in cotangents:
                    continue
                if node.owner is not None if wanted is None else node in wanted:
                    found[node] = cotangents[node] or _ones(node)
                if node.mask:
                    self._through(node)
        finally:
            here.grad_enabled = enabled
        if wanted is None:
            for node in order:
                if node.owner is not None and node not in found:
                    found[node] = leaf(node.kind, np.zeros(node.kind.shape, NUMPY[node.kind.dtype]))
        return found

    def _through(self, node: Node) -> None:
        """Give the arguments of a call what its cotangent gives them."""
        cotangent = self.cotangents.pop(node)
        entry = node.entry
        if entry is None:
            raise GradientError(
                "Trying to backward through the graph a second time: what it needs was freed when the tensors that it "
                "was computed from were updated in place",
                hint="call backward before the update, or compute the output again",
            )
        node.spent = True
        adjoint = entry.adjoint(node.output, node.mask, cotangent is not None)
        if adjoint.entry is None:
            return
        given = node.args
        seed = node if cotangent is None else cotangent  # without a cotangent no argument is a seed
        args = adjoint.pick((*given, node, seed))
        results = record(adjoint.entry, args, self._mask(node, adjoint, cotangent) if self.create_graph else 0)
        cotangents = self.cotangents
        for place, output in adjoint.targets:
            argument = given[place]
            if argument in cotangents:
                self._add(argument, results[output], self.create_graph)
            else:
                cotangents[argument] = results[output]

    @staticmethod
    def _mask(node: Node, adjoint: Adjoint, cotangent: Node | None) -> int:
        """Which arguments of an adjoint depend on something that requires a gradient."""
        mask = 0
        for at, place in enumerate(adjoint.arguments):
            if place == SEED:
                depends = cotangent is not None and _depends(cotangent)
            else:
                depends = place == OUTPUT or bool(node.mask >> place & 1)
            mask |= depends << at
        return mask

    def _add(self, node: Node, cotangent: Node, create_graph: bool) -> None:
        """Add a cotangent to the one that a node has."""
        before = self.cotangents[node] or _ones(node)
        entry = resolve("add", (node.kind, node.kind))
        mask = _depends(before) | _depends(cotangent) << 1 if create_graph else 0
        self.cotangents[node] = record(entry, (before, cotangent), mask)[0]


def _depends(node: Node) -> bool:
    """Whether a gradient is wanted for a node: it is a leaf that gathers one, or was computed from such leaves."""
    return node.mask > 0 or node.owner is not None


def recorded(roots: Sequence[Node]) -> list[Node]:
    """The nodes that gradients flow through, each after those that it was computed from."""
    done: dict[Node, None] = {}
    stack = list(roots)
    while stack:
        node = stack[-1]
        mask = node.mask
        if mask and node not in done:
            waits = False
            for argument in node.args:
                if mask & 1 and argument not in done:
                    if argument.mask:
                        stack.append(argument)
                        waits = True
                    else:
                        done[argument] = None
                mask >>= 1
            if waits:
                continue
        done[node] = None
        stack.pop()
    return list(done)


def flowing(order: Sequence[Node]) -> set[Node]:
    """Those of some recorded nodes, in order, that were computed from a tensor that still asks for its gradient."""
    found: set[Node] = set()
    for node in order:
        if not node.mask:
            asks = node.owner is not None and node.owner() is not None
        else:
            asks = any(node.mask >> place & 1 and argument in found for place, argument in enumerate(node.args))
        if asks:
            found.add(node)
    return found


class _Grad:
    """Switches recording on or off while it lasts; also a decorator."""

    def __init__(self, enabled: bool) -> None:
        self.enabled, self.before = enabled, [True]

    def __enter__(self) -> None:
        here = STATE.here
        self.before.append(here.grad_enabled)
        here.grad_enabled = self.enabled

    def __exit__(self, *_: object) -> None:
        STATE.here.grad_enabled = self.before.pop()

    def __call__(self, function: Any) -> Any:
        def call(*arguments: Any, **keywords: Any) -> Any:
            with _Grad(self.enabled):
                return function(*arguments, **keywords)

        call.__name__, call.__doc__ = getattr(function, "__name__", "call"), function.__doc__
        return call


def no_grad() -> Any:
    """A context, or decorator, in which nothing is recorded for gradients.

    >>> import covector as cv
    >>> x = cv.tensor(1.0, requires_grad=True)
    >>> with no_grad():
    ...     y = x * 2
    >>> y.requires_grad
    False
    """
    return _Grad(False)


def enable_grad() -> Any:
    """A context, or decorator, in which gradients are recorded though `no_grad` is around it."""
    return _Grad(True)
