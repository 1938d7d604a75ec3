"""Gradients of functions: `grad` and `value_and_grad` of a function of trees of tensors, as in JAX."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from covector.errors import GradientError
from covector.tensors import backward
from covector.tensors.backward import enable_grad, flowing, recorded
from covector.tensors.node import STATE
from covector.tensors.tensor import Tensor
from covector.tensors.tree import flatten
from covector.tensors.update import clone


def value_and_grad(
    function: Callable[..., Any], argnums: int | tuple[int, ...] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """The function that gives the value of a function, and its gradient with respect to some positional arguments.

    The arguments may be trees; the gradient is such a tree. With ``has_aux`` the function returns its value and
    something beside it, which is handed on. Gradients of gradients are gradients of this. Raises `GradientError` where
    the value is no single number.

    >>> import covector as cv
    >>> cv.value_and_grad(lambda w: (w["a"] ** 2).sum())({"a": cv.tensor([1.0, 2.0])})
    (tensor(5.), {'a': tensor([2., 4.])})
    """
    places = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    if not callable(function):
        raise GradientError(f"grad is of a function, not {type(function).__name__}", hint="grad(function)(x)")

    @wraps(function)
    def call(*arguments: Any, **keywords: Any) -> Any:
        with enable_grad():
            given = list(arguments)
            leaves: list[Tensor] = []
            rebuilt = []
            outer = False
            for place in places:
                if not -len(given) <= place < len(given):
                    message = f"grad: argnums is {argnums}, but only {len(given)} positional arguments were given"
                    raise GradientError(message, hint="arguments given by name are not counted")
                tensors, _, rebuild = flatten(given[place])
                if not tensors:
                    raise GradientError(f"argument {place} holds no tensor to differentiate by", hint=_TENSORS)
                outer = outer or any(tensor.requires_grad for tensor in tensors)
                fresh = [_variable(tensor) for tensor in tensors]
                given[place] = rebuild(fresh)
                rebuilt.append((rebuild, len(leaves), len(leaves) + len(fresh)))
                leaves += fresh
            result = function(*given, **keywords)
            value, aux = result if has_aux else (result, None)
            outer = outer or _flows_from_elsewhere(value, leaves)
            found = _gradients(value, leaves, outer)
        gradients = tuple(rebuild(found[first:last]) for rebuild, first, last in rebuilt)
        kept = value if outer and STATE.grad_enabled else value.detach()
        whole = gradients[0] if isinstance(argnums, int) else gradients
        return ((kept, aux), whole) if has_aux else (kept, whole)

    return call


def grad(function: Callable[..., Any], argnums: int | tuple[int, ...] = 0, has_aux: bool = False) -> Callable[..., Any]:
    """The function that gives the gradient of a function with respect to some positional arguments.

    See `value_and_grad`; with ``has_aux`` the result is the gradient and what the function returned beside its value.

    >>> import covector as cv
    >>> cube = lambda x: x**3
    >>> cv.grad(cube)(cv.tensor(2.0)), cv.grad(cv.grad(cube))(cv.tensor(2.0))
    (tensor(12.), tensor(12.))
    """
    both = value_and_grad(function, argnums, has_aux)

    @wraps(function)
    def call(*arguments: Any, **keywords: Any) -> Any:
        value, gradient = both(*arguments, **keywords)
        return (gradient, value[1]) if has_aux else gradient

    return call


_TENSORS = "give tensors of floats, or choose other arguments with argnums"


def _flows_from_elsewhere(value: Any, leaves: list[Tensor]) -> bool:
    """Whether a value also depends on tensors that the function found elsewhere, and that ask for their gradient."""
    if not isinstance(value, Tensor):
        return False
    own = {tensor._node for tensor in leaves}
    return any(not node.mask and node not in own for node in flowing(recorded([value._node])))


def _variable(tensor: Tensor) -> Tensor:
    """A tensor of the same value to differentiate by, through which an outer gradient flows."""
    owner = tensor._node.owner
    shared = tensor.requires_grad or tensor._node.mask > 0 or (owner is not None and owner() is not None)
    return (clone(tensor) if shared else tensor.detach()).requires_grad_()


def _gradients(value: Any, leaves: list[Tensor], outer: bool) -> list[Tensor]:
    if not isinstance(value, Tensor) or value.size != 1:
        what = f"a tensor of shape {list(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
        raise GradientError(f"grad is of functions that give one number, not {what}", hint="take its sum()")
    if not value.requires_grad:
        return [tensor.detach() * 0 for tensor in leaves]
    found = backward.grad(value, leaves, create_graph=outer, allow_unused=True)
    return [tensor.detach() * 0 if own is None else own for own, tensor in zip(found, leaves, strict=True)]
