"""Tensors: lazy, broadcasting, with ``.backward()``; an operation is a call of an element form, computed when needed.

Nothing here has derivative rules of its own: the calculus derives the adjoint of each form.
"""

from covector.tensors.namespace import PUBLIC
from covector.tensors.tensor import Tensor

__all__ = ["PUBLIC", "Tensor"]
