"""The functions of tensors by name, as attributes of `ops`: those of the table of operations, and those of shapes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from covector.tensors.namespace import FUNCTIONS
from covector.tensors.tensor import Tensor


class Functions:
    """Every function of tensors as an attribute.

    >>> from covector import tensor
    >>> ops.relu(tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """

    def __init__(self) -> None:
        self.__dict__.update(FUNCTIONS)

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Callable[..., Tensor]: ...


ops = Functions()
