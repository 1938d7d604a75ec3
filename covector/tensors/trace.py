"""A trace: what a function does with tensors, recorded while it is called once with tensors that have no values."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NoReturn, Self

from covector.errors import JitError
from covector.tensors.node import STATE, Node
from covector.tensors.tensor import Tensor


class Trace:
    """What is found while a function is traced.

    ``noted`` says which tensor each node was read from, ``inside`` is what was made meanwhile, ``updated`` the
    tensors that were given a new value with the node that they had, ``gradients`` those whose ``.grad`` was set with
    what it was, and ``guards`` what the trace took for granted.
    """

    def __init__(self, name: str, transform: str = "jit") -> None:
        self.name, self.transform = name, transform
        self.noted: dict[Node, Tensor] = {}
        self.inside: set[Node] = set()
        self.updated: dict[int, tuple[Tensor, Node, bool]] = {}
        self.gradients: dict[int, tuple[Tensor, Tensor | None]] = {}
        self.guards: list[tuple[Any, str, Any]] = []

    def note(self, tensors: Iterable[Any]) -> None:
        """Remember which tensors were read; other operands are numbers and arrays."""
        for tensor in tensors:
            if isinstance(tensor, Tensor):
                self.noted.setdefault(tensor._node, tensor)

    def note_update(self, tensor: Tensor) -> None:
        """Remember a tensor that is about to hold a new value."""
        self.note([tensor])
        if self.noted[tensor._node] is tensor:
            self.updated.setdefault(id(tensor), (tensor, tensor._node, tensor.requires_grad_flag))

    def note_grad(self, tensor: Tensor) -> None:
        """Remember a gradient that is about to be set."""
        self.gradients.setdefault(id(tensor), (tensor, tensor._grad))

    def refuse_look(self) -> NoReturn:
        """Raise `JitError`: a value was asked for that only a later call has."""
        raise JitError(
            f"{self.name} looks at the value of a tensor while it is traced by {self.transform}",
            hint="what depends on values cannot choose between programs: use where(condition, a, b), or take the look "
            "(item(), bool(), numpy(), print, a mask, sorting by value) out of the function",
        )

    def __enter__(self) -> Self:
        here = STATE.here
        self._outer = here.pending, here.entries
        here.pending, here.entries, here.trace = [], {}, self
        return self

    def __exit__(self, *_: object) -> None:
        here = STATE.here
        here.pending, here.entries = self._outer
        here.trace = None
        self.restore()

    def restore(self) -> None:
        """Let everything outside be as it was."""
        for tensor, before, requires_grad in self.updated.values():
            tensor._node, tensor.requires_grad_flag = before, requires_grad
        for tensor, gradient in self.gradients.values():
            tensor._grad = gradient


def watch(owner: Any, name: str) -> Any:
    """An attribute of an object of Python; a trace that reads it holds as long as it has the same value.

    For what chooses between programs, such as whether a model is training.

    >>> watch(3, "real")
    3
    """
    value = getattr(owner, name)
    if STATE.trace is not None:
        STATE.trace.guards.append((owner, name, value))
    return value
