"""`jit`: a function of tensors as one program, traced once for each structure of its arguments.

What the function reads besides its arguments (the parameters of a model, the state of an optimiser) are hidden inputs
of the program, and what it updates is updated in place. Gradients that are made inside live inside.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import update_wrapper
from operator import attrgetter
from typing import Any

from covector.tensors import flush
from covector.tensors.backward import recorded
from covector.tensors.direct import Direct, Given, direct
from covector.tensors.dtypes import Kind
from covector.tensors.node import ABSENT, STATE, Here, Node, leaf
from covector.tensors.repeat import MISSED, Repeat
from covector.tensors.tensor import Tensor, call
from covector.tensors.trace import Trace
from covector.tensors.traced import Outdated, Traced, Update
from covector.tensors.tree import describe, flatten

MOST_TRACES = 64
"""Structures of arguments whose programs a function keeps."""

MOST_DIRECT = 8
"""Programs of a function that native code calls."""

_kind_of = attrgetter("_node.kind")


def jit(function: Callable[..., Any]) -> Jitted:
    """The function as one program: traced when it is first called with arguments of a structure, then one native call.

    Arguments are trees of tensors (dictionaries, lists, tuples, data classes) and anything hashable; numbers of Python
    are part of the program, so what changes from call to call is given as a tensor. Sizes may change: from the second
    on they are arguments of the program. Where a gradient is to flow through the result to an argument, as under
    `grad`, the function is plain: the transform is what to compile. Raises `JitError` where the function looks at
    values.

    >>> import covector as cv
    >>> weight = cv.tensor([1.0, 2.0])
    >>> @jit
    ... def step(x):
    ...     weight.copy_(weight - 0.5 * x)
    ...     return (weight * x).sum()
    >>> step(cv.ones(2))
    tensor(2.)
    >>> weight
    tensor([0.5000, 1.5000])
    """
    return Jitted(function)


class Jitted:
    """A function that runs as one program; made by `jit`.

    Native code is called in place of `__call__` from the first repeated call on; it looks at ``_record``.
    """

    __slots__ = ("__dict__", "__weakref__", "_record")
    _record: Direct

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.name = getattr(function, "__name__", "the function")
        self.traces: OrderedDict[Any, list[Traced]] = OrderedDict()
        self.open: set[Any] = set()  # structures of arguments for which the function is plain
        self._last: dict[tuple[Kind, ...], Traced] = {}  # the last for arguments that are tensors of these kinds
        self._direct: list[Direct] = []  # the records of the programs called last first; each lives as long as this
        update_wrapper(self, function)

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        here = STATE.here
        if here.trace is not None:
            return self.function(*arguments, **keywords)
        if self._last and not keywords:
            try:
                last = self._last.get(tuple(map(_kind_of, arguments)))
            except AttributeError:  # an argument is no tensor
                last = None
            if last is not None and last.repeat is not None:
                result = last.repeat(here, arguments)
                if result is not MISSED:
                    self._be_direct(last.repeat, here, (arguments, keywords))
                    return result
        return self._call(here, arguments, keywords)

    @property
    def made_by(self) -> str:
        """What makes calls that are like the one before."""
        if self._direct:
            return "native code"
        repeats = [traced.repeat for traces in self.traces.values() for traced in traces if traced.repeat is not None]
        return next((f"Python: {repeat.only_python}" for repeat in repeats if repeat.only_python), "Python so far")

    def __reduce__(self) -> Any:
        return jit, (self.function,)  # a copy traces for itself

    def _be_direct(self, repeat: Repeat, here: Here, given: Given) -> None:
        """Let native code make the next call that is like one that was just made."""
        with flush.LOCK:
            known = repeat.direct
            if repeat.nodes is None:  # another thread has had another function called meanwhile
                return
            if known is None and not repeat.only_python and len(self._direct) < MOST_DIRECT:
                found = direct(repeat, here, given, Jitted, _in_python)
                if isinstance(found, str):
                    repeat.only_python = found
                else:
                    known = repeat.direct = found
            elif known is not None:
                known.fill(here)
            if known is not None:
                self._direct = [known, *(other for other in self._direct if other is not known)]
                for one, other in zip(self._direct, [*self._direct[1:], None], strict=True):
                    one.follow(other)
                self._record = known

    def _call(self, here: Here, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        """A call that is not known to be like the one before."""
        tensors: list[Tensor] = []
        structure = describe((arguments, keywords) if keywords else arguments, tensors)
        key = (structure, here.grad_enabled, *[(t._node.kind, t.requires_grad_flag) for t in tensors])
        if key in self.open:
            return self.function(*arguments, **keywords)
        for known in self.traces.get(key, ()):
            if known.guards.hold():
                if known.repeat is not None:
                    result = known.repeat(here, tensors)
                    if result is not MISSED:
                        self._be_direct(known.repeat, here, (arguments, keywords))
                        return result
                try:
                    return self._noted(known, tensors, arguments, keywords)
                except Outdated:
                    continue
        with flush.LOCK:
            traced = self._traced(arguments, keywords)
            if traced is not None:
                self.traces.setdefault(key, []).append(traced)
            if len(self.traces) > MOST_TRACES:
                self.traces.popitem(last=False)
                self._last.clear()
        if traced is None:
            self.open.add(key)
            return self.function(*arguments, **keywords)
        return self._noted(traced, tensors, arguments, keywords)

    def _noted(self, traced: Traced, tensors: list[Tensor], arguments: tuple[Any, ...], keywords: Any) -> Any:
        """The result of a trace, which calls with arguments of the same kinds will try first."""
        result = traced(tensors)
        if not keywords and all(isinstance(argument, Tensor) for argument in arguments):
            self._last[tuple(map(_kind_of, arguments))] = traced
        return result

    def _traced(self, arguments: Any, keywords: Any) -> Traced | None:
        """The function traced for arguments of this structure; None where gradients must flow through it."""
        flush.flush()
        given, _, rebuild = flatten((arguments, keywords))
        stand_ins = [_stand_in(tensor) for tensor in given]
        with Trace(self.name) as trace:
            new_arguments, new_keywords = rebuild(stand_ins)
            returned, _, rebuilt = flatten(self.function(*new_arguments, **new_keywords))
            if _flows(stand_ins, returned):
                return None
            results = [_called(tensor) for tensor in returned]
            after = {id(tensor): _called(tensor) for tensor, *_ in trace.updated.values()}
            trace.inside.update(STATE.here.pending)
        held = [part for part in (*arguments, *keywords.values()) if not isinstance(part, Tensor)]
        places = {tensor._node: number for number, tensor in enumerate(stand_ins)}
        updates = [
            Update(tensor, places.get(before, -1), before, after[id(tensor)])
            for tensor, before, _ in trace.updated.values()
            if before in places or before not in trace.inside
        ]
        return Traced(trace, places, results, updates, rebuilt, held)


_in_python = Jitted.__call__


def _flows(given: Sequence[Tensor], returned: Sequence[Tensor]) -> bool:
    """Whether a gradient is still to flow from what a function returns to what it was given."""
    asking = {tensor._node for tensor in given if tensor.requires_grad_flag}
    open_ends = [tensor._node for tensor in returned if tensor.requires_grad_flag and not tensor._node.spent]
    return bool(asking) and not asking.isdisjoint(recorded(open_ends))


def _stand_in(tensor: Tensor) -> Tensor:
    """What the function is given instead of an argument."""
    made = Tensor(leaf(tensor._node.kind, ABSENT))
    return made.requires_grad_() if tensor.requires_grad_flag else made


def _called(tensor: Tensor) -> Node:
    """The call that gives the value of a tensor: one that changes nothing for a leaf."""
    node = tensor._node
    return node if node.data is None and node.entry is not None else call("copy", tensor)._node
