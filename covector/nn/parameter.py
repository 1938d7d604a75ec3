"""`Parameter`: a tensor that a module finds when it is set as an attribute, and that an optimiser updates."""

from __future__ import annotations

from typing import Any

from covector.tensors import show
from covector.tensors.creation import tensor
from covector.tensors.tensor import Tensor


class Parameter(Tensor):
    """A tensor to be learned: it wants a gradient, and a module that has it as an attribute lists it.

    ``data`` is a tensor, an array or nested lists, whose values the parameter takes over. Raises `GradientError` where
    a gradient is wanted of integers.

    >>> Parameter([1.0, 2.0])
    Parameter containing:
    tensor([1., 2.], requires_grad=True)
    """

    __slots__ = ()

    def __init__(self, data: Any, requires_grad: bool = True) -> None:
        super().__init__(tensor(data)._node)
        if requires_grad:
            self.requires_grad_()

    def __repr__(self) -> str:
        return f"Parameter containing:\n{show.text(self)}"

    __str__ = __repr__
