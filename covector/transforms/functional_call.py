"""`functional_call`: a module as a function of its parameters, so that transforms can take derivatives by these."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from covector.errors import ShapeError, TransformError, nearest
from covector.tensors.tensor import Tensor, as_tensor


def functional_call(
    module: Any, parameters: Mapping[str, Any], arguments: Any = (), keywords: Mapping[str, Any] | None = None
) -> Any:
    """What a module gives for some arguments with other tensors in place of its parameters and buffers.

    ``parameters`` are these by dotted name, such as ``dict(module.named_parameters())`` has them; those that are not
    named stay as they are. ``arguments`` is a tuple, or the only argument. The module itself is not changed. Raises
    `TransformError` for a name that the module does not have, and `ShapeError` for another shape.

    >>> import covector as cv
    >>> model = cv.nn.Linear(2, 1, bias=False)
    >>> loss = lambda weights, x: cv.func.functional_call(model, weights, x).sum()
    >>> cv.grad(loss)({"weight": cv.zeros((1, 2))}, cv.tensor([[3.0, 4.0]]))
    {'weight': tensor([[3., 4.]])}
    """
    if not hasattr(module, "named_parameters"):
        what = f"functional_call is of a module, not {type(module).__name__}"
        raise TransformError(what, hint="functional_call(model, dict(model.named_parameters()), (x,))")
    own: dict[str, Tensor] = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    tensors, values = [], []
    for name, value in parameters.items():
        if name not in own:
            close = nearest(name, own)
            hint = f"did you mean {close!r}?" if close else "names: " + ", ".join(own)
            raise TransformError(f"functional_call: {type(module).__name__} has no parameter {name!r}", hint=hint)
        given = as_tensor(value)
        if given.shape != own[name].shape:
            message = f"functional_call: {name} is given a tensor of shape {list(given.shape)}"
            raise ShapeError(f"{message}, and has the shape {list(own[name].shape)}")
        tensors.append(own[name])
        values.append(given)
    given_arguments = arguments if isinstance(arguments, tuple) else (arguments,)
    with holding(tensors, values):
        return module(*given_arguments, **(keywords or {}))


@contextmanager
def holding(tensors: Sequence[Tensor], values: Sequence[Tensor]) -> Iterator[None]:
    """Let tensors hold what others hold, and ask for gradients as these do, as long as the context lasts."""
    before = [(tensor._node, tensor.requires_grad_flag) for tensor in tensors]
    try:
        for tensor, value in zip(tensors, values, strict=True):
            tensor._node, tensor.requires_grad_flag = value._node, value.requires_grad_flag
        yield
    finally:
        for tensor, (node, flag) in zip(tensors, before, strict=True):
            tensor._node, tensor.requires_grad_flag = node, flag
