"""Transforms of functions of tensors: derivatives forward and backward, and maps over batches.

Each takes a function and gives a function, over trees of tensors, and they nest in any order, also with `grad`, `jit`
and ``.backward()``. None has rules of its own for operations: a call of the graph is a program in element form, whose
tangent and cotangent the calculus derives, and whose batch is one more index.
"""

from covector.tensors.functional import grad, value_and_grad
from covector.tensors.jit import jit
from covector.transforms.directional import jvp, linearize, vjp
from covector.transforms.jacobian import hessian, hvp, jacfwd, jacrev
from covector.transforms.vmap import vmap

__all__ = [
    "grad",
    "hessian",
    "hvp",
    "jacfwd",
    "jacrev",
    "jit",
    "jvp",
    "linearize",
    "value_and_grad",
    "vjp",
    "vmap",
]
