"""Transforms of functions of tensors: derivatives forward and backward, and maps over batches.

Each takes a function and gives a function, over trees of tensors, and they nest in any order, also with `grad`, `jit`
and ``.backward()``. None has rules of its own for operations: a call of the graph is a program in element form, whose
tangent and cotangent the calculus derives, and whose batch is one more index.
"""

from covector.tensors.functional import grad, value_and_grad
from covector.tensors.jit import jit
from covector.transforms.agreement import RuleWarning
from covector.transforms.checkpoint import checkpoint
from covector.transforms.control import cond, scan, while_loop
from covector.transforms.curvature import fisher_product, gauss_newton_product, per_sample_grad
from covector.transforms.custom import custom_jvp, custom_vjp, stop_gradient
from covector.transforms.directional import jvp, linearize, vjp
from covector.transforms.functional_call import functional_call
from covector.transforms.jacobian import hessian, hvp, jacfwd, jacobian, jacrev
from covector.transforms.vmap import vmap

__all__ = [
    "RuleWarning",
    "checkpoint",
    "cond",
    "custom_jvp",
    "custom_vjp",
    "fisher_product",
    "functional_call",
    "gauss_newton_product",
    "grad",
    "hessian",
    "hvp",
    "jacfwd",
    "jacobian",
    "jacrev",
    "jit",
    "jvp",
    "linearize",
    "per_sample_grad",
    "scan",
    "stop_gradient",
    "value_and_grad",
    "vjp",
    "vmap",
    "while_loop",
]
