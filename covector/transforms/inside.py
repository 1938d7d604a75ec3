"""Calls of a function with tensors that have no values: what it does is gathered, for something to be made of it.

It takes the place of a trace, within a trace if need be: what the function finds elsewhere is told to the one around.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NoReturn, Self

from covector.errors import JitError, TransformError
from covector.tensors.dtypes import Kind
from covector.tensors.node import ABSENT, STATE, Node, leaf
from covector.tensors.tensor import Tensor


class Inside:
    """What is done while a function is called with stand-ins.

    ``calls`` are the calls that it made, in order, and ``inside`` the leaves; ``transform`` is whose name errors give.
    """

    def __init__(self, transform: str, name: str) -> None:
        self.transform, self.name = transform, name
        self.outer: Any = STATE.trace
        self.guards: Any = [] if self.outer is None else self.outer.guards
        self.inside: set[Node] = set()
        self.calls: list[Node] = []
        self.updated: dict[int, tuple[Tensor, Node, bool]] = {}
        self.gradients: dict[int, tuple[Tensor, Tensor | None]] = {}

    @staticmethod
    def stand_in(kind: Kind, requires_grad: bool) -> Tensor:
        """A tensor without a value."""
        made = Tensor(leaf(kind, ABSENT))
        return made.requires_grad_() if requires_grad else made

    def note(self, tensors: Iterable[Any]) -> None:
        """Tell the trace around which tensors were read."""
        if self.outer is not None:
            self.outer.note([t for t in tensors if isinstance(t, Tensor) and t._node not in self.inside])

    def note_update(self, tensor: Tensor) -> None:
        """Remember a tensor that is about to hold a new value."""
        self.updated.setdefault(id(tensor), (tensor, tensor._node, tensor.requires_grad_flag))

    def note_grad(self, tensor: Tensor) -> None:
        """Remember a gradient that is about to be set."""
        self.gradients.setdefault(id(tensor), (tensor, tensor._grad))

    def refuse_look(self) -> NoReturn:
        """Raise `JitError`: the tensors stand for others, and there is no value to look at."""
        raise JitError(
            f"{self.name} looks at the value of a tensor inside {self.transform}, where it has none",
            hint="what depends on values cannot choose between programs: use where(condition, a, b), or take the look "
            "(item(), bool(), numpy(), print, a mask) out of the function",
        )

    def __enter__(self) -> Self:
        here = STATE.here
        self._before = here.pending, here.entries
        here.pending, here.entries, here.trace = [], {}, self
        return self

    def __exit__(self, *_: object) -> None:
        here = STATE.here
        self.calls = here.pending
        here.pending, here.entries = self._before
        here.trace = self.outer

    def written(self) -> list[tuple[Tensor, Node]]:
        """The tensors from elsewhere that were given a new value, and that; they are put back as they were."""
        own, found = self.inside.union(self.calls), []
        for tensor, before, flag in self.updated.values():
            if before not in own:
                found.append((tensor, tensor._node))
                tensor._node, tensor.requires_grad_flag = before, flag
        return found

    def given_gradients(self) -> list[tuple[Tensor, Tensor | None]]:
        """The tensors from elsewhere whose gradient was set, and that; they are put back as they were."""
        own, found = self.inside.union(self.calls), []
        for tensor, before in self.gradients.values():
            if tensor._node not in own:
                found.append((tensor, tensor._grad))
                tensor._grad = before
        return found

    def refuse_written(self, tensor: Tensor) -> NoReturn:
        """Raise `TransformError`: the function has an effect beside its result."""
        raise TransformError(
            f"{self.transform}: {self.name} writes to a tensor of shape {list(tensor.shape)} that it was given or "
            f"found outside",
            hint="return the value instead: y = x + 1 makes a new tensor, where x += 1 writes to x",
        )
