"""`covector.autograd`: gradients by name, under the names that PyTorch has for them."""

from __future__ import annotations

from covector.tensors.backward import enable_grad, grad, no_grad

__all__ = ["enable_grad", "grad", "no_grad"]
