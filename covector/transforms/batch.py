"""A function called once for one example, and what it did then done for a whole batch.

While it is called, the mapped arguments are tensors without values and of one axis less; what depends on them is then
called again, in order, on forms with one more index. What does not depend on them is computed once.
"""

from __future__ import annotations

from covector.errors import BudgetError, TransformError
from covector.run.reference import MEMORY_LIMIT
from covector.tensors.dtypes import Kind, kind_of
from covector.tensors.node import ABSENT, STATE, Node, leaf
from covector.tensors.random import Draw
from covector.tensors.tensor import Tensor
from covector.transforms.forms import batched_at
from covector.transforms.inside import Inside

RANDOMNESS = ("error", "different", "same")


class Batch(Inside):
    """What a function does for one example; ``mapped`` says for what differs between examples what it is for all."""

    def __init__(self, name: str, size: int, randomness: str) -> None:
        super().__init__("vmap", name)
        self.size, self.randomness = size, randomness
        self.mapped: dict[Node, Node] = {}

    def example(self, whole: Tensor) -> Tensor:
        """What the function is given for one example of a batch, which has it along its first axis."""
        kind = whole._node.kind
        made = self.stand_in(kind_of(kind.shape[1:], kind.dtype), whole.requires_grad)
        self.mapped[made._node] = whole._node
        return made

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
        """What was written elsewhere stays so, unless it is the value of an example."""
        for tensor, node in self.written():
            if node in self.mapped:
                self.refuse_written(tensor)
            if self.outer is not None:
                self.outer.note_update(tensor)
            tensor._node = node
        for tensor, gradient in self.given_gradients():
            if tensor._node not in self.mapped:
                if gradient is not None and gradient._node in self.mapped:
                    self.refuse_written(tensor)
                tensor.grad = gradient

    def whole(self, tensor: Tensor) -> Tensor | None:
        """A result for the whole batch, along its first axis; None where it is the same for every example."""
        node = self.mapped.get(tensor._node)
        return None if node is None else Tensor(node, tensor.requires_grad_flag)
