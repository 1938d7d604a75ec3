"""The graph of what is not computed yet: leaves that hold values, and calls of forms.

A node is made for every operation, so nodes are small, and nothing is derived, linked or computed when one is made.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from covector.tensors.dtypes import Kind

if TYPE_CHECKING:
    from covector.tensors.form import Entry


class Node:
    """A value: a leaf with ``data``, or output number ``output`` of the call of ``entry`` on ``args``.

    The bits of ``mask`` say for which arguments a gradient is wanted. ``owner`` is the tensor whose ``.grad`` gathers
    the gradient that arrives here. ``source`` draws the data of a leaf anew: a `jit` calls it each time. ``home`` is
    the leaf whose memory this value may take when nobody else looks at it; ``address`` is where the data of a leaf is,
    once that is known, and ``launch``, which other leaves lack, the launch of the program that computed it.
    """

    __slots__ = (
        "address",
        "args",
        "data",
        "entry",
        "home",
        "kind",
        "launch",
        "mask",
        "output",
        "owner",
        "source",
        "spent",
    )

    entry: Entry | None
    args: tuple[Node, ...]
    output: int
    address: int
    kind: Kind
    mask: int
    data: Any
    owner: weakref.ref[Any] | None
    source: Callable[[], Any] | None
    launch: Any
    home: Node | None
    spent: bool

    def __init__(self, entry: Entry | None, args: tuple[Node, ...], output: int, kind: Kind, mask: int) -> None:
        self.entry = entry
        self.args = args
        self.output = output
        self.kind = kind
        self.mask = mask
        self.data = self.owner = self.source = self.home = None
        self.address = 0
        self.spent = False


def leaf(kind: Kind, data: Any, source: Callable[[], Any] | None = None) -> Node:
    """A node that holds its value: an array, or a number of the dtype of the kind."""
    node = Node(None, (), 0, kind, 0)
    node.data, node.source = data, source
    trace = STATE.here.trace
    if trace is not None:
        trace.inside.add(node)
    return node


ABSENT = object()
"""The data of what a traced function is given: it stands for a value of a later call."""


ENTRIES: dict[Any, Any] = {}
"""The entry for each operation and the kinds of its operands: what makes a call cheap."""


class Here:
    """What a thread has: the calls not computed yet, whether gradients are recorded, and the trace it is in.

    ``gathered`` are the bytes of the tensors made from data since something was computed, ``known`` what the calls are
    known to be.
    """

    __slots__ = ("entries", "gathered", "grad_enabled", "known", "pending", "trace")

    def __init__(self) -> None:
        self.pending: list[Node] = []
        self.gathered = 0
        self.grad_enabled = True
        self.entries: dict[Any, Any] = ENTRIES
        self.trace: Any = None
        self.known: Any = None


class State(threading.local):
    """What the thread at hand has; ``here`` is the same for those who ask for several things at once."""

    def __init__(self) -> None:
        self.here = Here()

    @property
    def grad_enabled(self) -> bool:
        """Whether gradients are recorded."""
        return self.here.grad_enabled

    @grad_enabled.setter
    def grad_enabled(self, enabled: bool) -> None:
        self.here.grad_enabled = enabled

    @property
    def trace(self) -> Any:
        """The trace that the thread is in, or None."""
        return self.here.trace


STATE = State()


def renewed(kind: Kind, source: Callable[[], Any]) -> Node:
    """A leaf whose data a function gives: now, or while a function is traced in each call of that."""
    return leaf(kind, source()) if STATE.here.trace is None else leaf(kind, ABSENT, source)
