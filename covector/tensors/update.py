"""Updates: a tensor that holds a new value from now on, whose memory may be that of the old one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from covector.errors import DtypeError, GradientError, ShapeError
from covector.ir import promote
from covector.tensors.functions import astype
from covector.tensors.node import STATE, Node
from covector.tensors.shapes import broadcast_to
from covector.tensors.tensor import Tensor, as_tensor, call


def assign(x: Tensor, value: Tensor) -> None:
    """Let a tensor hold the value of another of its shape and dtype, and its gradient if it is no leaf."""
    hold((x,), (value._node,))
    if value.requires_grad_flag:
        x.requires_grad_flag = True


def hold(tensors: Iterable[Tensor], values: Iterable[Node]) -> None:
    """Let each tensor hold a value of its kind, and no gradient of that."""
    trace = STATE.here.trace
    for x, new in zip(tensors, values, strict=True):
        if trace is not None:
            trace.note_update(x)
        old = x._node
        if new is old:
            continue
        owner = old.owner
        if owner is not None and owner() is x:
            new.owner = owner
        if new.entry is not None and new.home is None:
            new.home = old if old.data is not None else old.home
        x._node = new


def _refuse_leaf(x: Tensor) -> None:
    if x.requires_grad and x.is_leaf and STATE.grad_enabled:
        raise GradientError(
            "a leaf Variable that requires grad is being used in an in-place operation.",
            hint="x = x + y makes a new one; an update that is not differentiated is made with covector.no_grad(): …",
        )


def copy_(x: Tensor, value: Any) -> Tensor:
    """Let a tensor hold the values of another, broadcast to its shape and in its dtype.

    Raises `GradientError` for a leaf that requires a gradient, unless under `no_grad`.

    >>> import covector as cv
    >>> x = cv.zeros(2)
    >>> x.copy_(cv.tensor([1.0, 2.0]))
    tensor([1., 2.])
    """
    _refuse_leaf(x)
    new = as_tensor(value, x)
    if new._node.kind is not x._node.kind:
        new = broadcast_to(astype(new, x.dtype), x.shape)
    if new._node.entry is None:
        # A leaf has one tensor whose memory it is; another holds a copy.
        new = call("copy", new)
    assign(x, new)
    return x


def in_place(operation: Callable[[Tensor, Any], Tensor]) -> Callable[..., Tensor]:
    """The operation that lets its first operand hold the result: ``x += y``, ``x.add_(y)``.

    ``alpha`` is what the other operand is multiplied with. Raises `DtypeError` where the result has another kind of
    dtype, `ShapeError` where it has another shape, and `GradientError` for a leaf that requires a gradient.
    """

    def apply(x: Tensor, other: Any, alpha: float = 1) -> Tensor:
        result = operation(x, other if alpha == 1 else other * alpha)
        if result.dtype != x.dtype and promote(result.dtype, x.dtype) != x.dtype:
            message = f"result type {result.dtype!s} can't be cast to the desired output type {x.dtype!s}"
            raise DtypeError(message, hint="write x = x + y, which may have another dtype")
        if result.shape != x.shape:
            raise ShapeError(
                f"output with shape {list(x.shape)} doesn't match the broadcast shape {list(result.shape)}",
                hint="write x = x + y, which may have another shape",
            )
        return copy_(x, result)

    return apply


def fill_(x: Tensor, value: Any) -> Tensor:
    """Let every element of a tensor be a value."""
    return copy_(x, value)


def zero_(x: Tensor) -> Tensor:
    """Let every element of a tensor be 0."""
    return copy_(x, 0)


def clone(x: Tensor) -> Tensor:
    """The same values as a result of an operation, through which gradients flow."""
    return call("copy", x)


def set_data(x: Tensor, value: Tensor) -> None:
    """``x.data = value``: other values, of any shape and dtype, and no word about gradients."""
    if not isinstance(value, Tensor):
        raise ShapeError(f"data is a tensor, not {type(value).__name__}")
    if STATE.trace is not None:
        STATE.trace.note_update(x)
    node = value.detach()._node
    if node.owner is not None and node.owner() is not x:
        node = call("copy", value.detach())._node
    owner = x._node.owner
    x._node = node
    if owner is not None and owner() is x:
        node.owner = owner
