"""A function called once for one example, and what it did then done for a whole batch.

While it is called, the mapped arguments are tensors without values and of one axis less; what depends on them is then
called again, in order, on forms with one more index. What does not depend on them is computed once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn, Self

from covector.errors import BudgetError, JitError, TransformError
from covector.run.reference import MEMORY_LIMIT
from covector.tensors.dtypes import Kind, kind_of
from covector.tensors.node import ABSENT, STATE, Node, leaf
from covector.tensors.random import Draw
from covector.tensors.tensor import Tensor
from covector.transforms.forms import batched_at

RANDOMNESS = ("error", "different", "same")


class Batch:
    """What is done while a function is called for one example; it takes the place of a trace, in a trace if need be."""

    def __init__(self, name: str, size: int, randomness: str) -> None:
        self.name, self.size, self.randomness = name, size, randomness
        self.outer: Any = STATE.trace
        self.guards: list[Any] = [] if self.outer is None else self.outer.guards
        self.inside: set[Node] = set()
        self.calls: list[Node] = []
        self.mapped: dict[Node, Node] = {}
        self.updated: dict[int, tuple[Tensor, Node, bool]] = {}
        self.gradients: dict[int, tuple[Tensor, Tensor | None]] = {}

    def stand_in(self, whole: Tensor) -> Tensor:
        """What the function is given for one example of a batch, which has it along its first axis."""
        kind = whole._node.kind
        made = Tensor(leaf(kind_of(kind.shape[1:], kind.dtype), ABSENT))
        self.mapped[made._node] = whole._node
        return made.requires_grad_() if whole.requires_grad else made

    def note(self, tensors: Sequence[Any]) -> None:
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
        """Raise `JitError`: while one example stands for all, there is no value to look at."""
        raise JitError(
            f"{self.name} looks at the value of a tensor while vmap maps it over a batch",
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

    def extend(self) -> None:
        """Call for the whole batch what was called for one example."""
        pending = STATE.here.pending
        for node in self.inside:
            if node.source is not None:
                self._draw(node)
        if self.outer is not None:
            self.outer.inside.update(self.inside)
        for node in self.calls:
            mask = sum(1 << place for place, argument in enumerate(node.args) if argument in self.mapped)
            pending.append(self._called(node, mask) if mask else node)
        self._settle_updates()

    def _called(self, node: Node, mask: int) -> Node:
        assert node.entry is not None
        entry = batched_at(node.entry, mask, self.size)
        kind = entry.kinds[node.output]
        self._check_memory(node, kind)
        args = tuple([self.mapped.get(argument, argument) for argument in node.args])
        made = self.mapped[node] = Node(entry, args, node.output, kind, node.mask)
        return made

    def _draw(self, node: Node) -> None:
        """Give a leaf that is drawn anew its draws: for each example, or one for all."""
        source = node.source
        if isinstance(source, Draw) and self.randomness == "error":
            raise TransformError(
                f"vmap: {self.name} draws random numbers, and it is not said whether each example has its own",
                hint='randomness="different" or randomness="same", or draw them outside and map over them',
            )
        if isinstance(source, Draw) and self.randomness == "different":
            draw = source.repeated(self.size)
            kind = kind_of((self.size, *node.kind.shape), node.kind.dtype)
            self.mapped[node] = leaf(kind, draw()) if self.outer is None else leaf(kind, ABSENT, draw)
        elif self.outer is None and source is not None:
            node.data = source()

    def _check_memory(self, node: Node, kind: Kind) -> None:
        if kind.nbytes > MEMORY_LIMIT:
            shape = "×".join(map(str, kind.shape))
            assert node.entry is not None
            message = f"vmap: {node.entry.form.name} for {self.size} examples would make a tensor of shape {shape}"
            raise BudgetError(
                f"{message}: {kind.nbytes / 2**30:.1f} GiB", hint="chunk_size=… takes so many examples at a time"
            )

    def _settle_updates(self) -> None:
        """Tell the trace around what was written outside; raise where that is the value of an example."""
        own = self.inside.union(self.calls)
        for tensor, before, flag in self.updated.values():
            if before not in own:
                after, new_flag = tensor._node, tensor.requires_grad_flag
                tensor._node, tensor.requires_grad_flag = before, flag
                self._check_written(tensor, after)
                if self.outer is not None:
                    self.outer.note_update(tensor)
                tensor._node, tensor.requires_grad_flag = after, new_flag
        for tensor, gradient in self.gradients.values():
            if tensor._node not in own and tensor._node not in self.mapped:
                new, tensor._grad = tensor._grad, gradient
                if new is not None:
                    self._check_written(tensor, new._node)
                tensor.grad = new

    def _check_written(self, tensor: Tensor, written: Node) -> None:
        if written in self.mapped:
            raise TransformError(
                f"vmap: {self.name} writes a value of each example to a tensor of shape {list(tensor.shape)} that it "
                f"was given or found outside",
                hint="return the value instead: y = x + 1 makes a new tensor, where x += 1 writes to x",
            )

    def whole(self, tensor: Tensor) -> Tensor | None:
        """A result for the whole batch, along its first axis; None where it is the same for every example."""
        node = self.mapped.get(tensor._node)
        return None if node is None else Tensor(node, tensor.requires_grad_flag)
