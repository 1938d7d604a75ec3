"""Making a call: what every operation on tensors does, and the checks that come with it.

A call looks its entry up by the operation and the kinds of its operands, and adds a node. Whatever takes time (making
the form, checking shapes) happens when the operation meets operands of these kinds for the first time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from covector.errors import BudgetError, DtypeError
from covector.run.reference import MEMORY_LIMIT
from covector.tensors import flush
from covector.tensors.dtypes import Dtype, Kind, bool_, float32, int64, kind_of
from covector.tensors.form import Entry, Params, resolve
from covector.tensors.node import ENTRIES, STATE, Node, leaf
from covector.tensors.picking import Pick

if TYPE_CHECKING:
    from covector.tensors.tensor import Tensor

_MOST_ENTRIES = 1 << 15


def find(
    key: Any,
    name: str,
    nodes: Sequence[Node],
    operands: Sequence[Tensor | Any],
    params: Params = (),
    extents: Sequence[int] = (),
) -> Entry:
    """The entry of a call that the fast way did not find: it is new, or a trace wants to see the operands."""
    if STATE.trace is not None:
        STATE.trace.note(operands)
    found: Entry | None = ENTRIES.get(key)
    if found is None:
        found = resolve(name, [node.kind for node in nodes], params, extents)
        for kind in found.kinds:
            _check_memory(name, kind)
        if len(ENTRIES) >= _MOST_ENTRIES:
            ENTRIES.clear()
        ENTRIES[key] = found
    return found


def _check_memory(name: str, kind: Kind) -> None:
    if kind.nbytes > MEMORY_LIMIT:
        shape = "×".join(map(str, kind.shape))
        message = f"{name} would make a tensor of shape {shape} and dtype {kind.dtype!s}: {kind.nbytes / 2**30:.1f} GiB"
        raise BudgetError(message, hint=f"at most {MEMORY_LIMIT / 2**30:.0f} GiB are taken for one tensor")


def number_dtype(value: Any, beside: Kind) -> Dtype:
    """The dtype of a Python number beside a tensor: that of the tensor, unless it cannot hold such a number."""
    if isinstance(value, (bool, np.bool_)):
        return bool_
    if isinstance(value, (int, np.integer)):
        return int64 if beside.dtype == "bool" else beside.dtype
    return beside.dtype if beside.is_float else float32


def number_node(value: Any, beside: Kind) -> Node:
    """A Python number as a leaf: it is given to the program when that is run, so another number is no new program."""
    if isinstance(value, np.generic):
        value = value.item()
    if beside.is_float and type(value) is not bool:
        return leaf(beside.scalar, value)
    return leaf(kind_of((), number_dtype(value, beside)), value)


def record(entry: Entry, args: tuple[Node, ...], mask: int) -> list[Node]:
    """The nodes of a call, one for each output; ``mask`` has a bit for each argument that wants a gradient.

    Each node has a tuple of arguments of its own, since references are counted; the one given serves the first.
    """
    here = STATE.here
    kind, kinds = entry.kind, entry.kinds
    if not here.grad_enabled:
        mask = 0
    nodes = [Node(entry, args, 0, kind, mask if kind.is_float else 0)]
    if len(kinds) > 1:
        for output in range(1, len(kinds)):
            kind = kinds[output]
            nodes.append(Node(entry, (*args,), output, kind, mask if kind.is_float else 0))
    pending = here.pending
    pending += nodes
    if len(pending) > flush.MOST_PENDING:
        flush.flush()
    return nodes


Planned = tuple[Entry, Pick, int, Kind]
"""An output of a call that is made again and again: what picks its arguments, its number and its kind."""


def note(planned: Iterable[Planned], items: list[Node]) -> list[Node]:
    """The nodes of calls of which no gradient is wanted; each is added to ``items``, of which arguments are picked."""
    first = len(items)
    for entry, pick, output, kind in planned:
        items.append(Node(entry, pick(items), output, kind, 0))
    nodes = items[first:]
    pending = STATE.here.pending
    pending += nodes
    if len(pending) > flush.MOST_PENDING:
        flush.flush()
    return nodes


def require_float(name: str, kind: Kind) -> None:
    """Raise `DtypeError`, in PyTorch's words, where an operation takes floats only."""
    if not kind.is_float:
        message = (
            f"{name}(): could not infer output dtype. Input dtype must be either a floating point or complex dtype"
        )
        raise DtypeError(f"{message}. Got: {kind.dtype!s}", hint="x.float() makes it float32")
