"""What is done to the parameters of a model as a whole: clipping their gradients, and taking them as one vector."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import inf

from covector.errors import CovectorError, ShapeError
from covector.nn.ops import ops
from covector.tensors.backward import no_grad
from covector.tensors.creation import zeros
from covector.tensors.tensor import Tensor


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor], max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False
) -> Tensor:
    """Scale gradients so that the norm of all of them together is at most ``max_norm``; returns what it was.

    ``norm_type`` is the p of the p-norm, which may be infinity. With ``error_if_nonfinite`` the norm is looked at, and
    a `CovectorError` raised where it is NaN or infinite.

    >>> from covector import tensor
    >>> w = tensor([3.0, 4.0], requires_grad=True)
    >>> (w * w).sum().backward()
    >>> clip_grad_norm_(w, max_norm=5.0), w.grad
    (tensor(10.), tensor([3.0000, 4.0000]))
    """
    with no_grad():
        gradients = _gradients(parameters)
        total = _norm(gradients, norm_type)
        if error_if_nonfinite and not bool(ops.isfinite(total)):
            hint = "lower the learning rate, or look for the layer that overflows"
            raise CovectorError(f"the norm of the gradients is {total.item()}", hint=hint)
        share = max_norm / (total + 1e-6)
        scale = ops.where(share > 1, 1, share)
        for parameter, gradient in gradients:
            parameter.grad = gradient * scale.to(gradient.dtype)
    return total


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float) -> None:
    """Bring every element of every gradient between ``-clip_value`` and ``clip_value``."""
    with no_grad():
        for parameter, gradient in _gradients(parameters):
            parameter.grad = ops.clip(gradient, -clip_value, clip_value)


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All elements of all parameters as one vector.

    >>> from covector import ones, zeros
    >>> parameters_to_vector([ones(2), zeros(1, 2)])
    tensor([1., 1., 0., 0.])
    """
    return ops.concat([parameter.reshape((-1,)) for parameter in parameters])


def vector_to_parameters(vector: Tensor, parameters: Iterable[Tensor]) -> None:
    """Give parameters the elements of a vector; raises `ShapeError` where it has more or fewer."""
    held = list(parameters)
    if vector.shape != (total := sum(parameter.size for parameter in held),):
        raise ShapeError(f"a vector of shape {tuple(vector.shape)} for {total} elements of parameters")
    start = 0
    with no_grad():
        for parameter in held:
            parameter.copy_(vector[start : start + parameter.size].reshape(parameter.shape))
            start += parameter.size


def _gradients(parameters: Tensor | Iterable[Tensor]) -> list[tuple[Tensor, Tensor]]:
    """The parameters that have a gradient, with it."""
    given = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    return [(parameter, parameter.grad) for parameter in given if parameter.grad is not None]


def _norm(gradients: Sequence[tuple[Tensor, Tensor]], norm_type: float) -> Tensor:
    """The p-norm of all gradients together."""
    if not gradients:
        return zeros(())
    sizes = [ops.abs(gradient) for _, gradient in gradients]
    if norm_type == inf:
        return ops.max(ops.stack([ops.max(size) for size in sizes]))
    if norm_type == 2:
        return ops.sqrt(_total([ops.sum(gradient * gradient) for _, gradient in gradients]))
    return _total([ops.sum(size**norm_type) for size in sizes]) ** (1 / norm_type)


def _total(terms: Sequence[Tensor]) -> Tensor:
    return sum(terms[1:], start=terms[0])
