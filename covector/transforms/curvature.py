"""What second-order methods take beside Hessians: gradients of each sample, and products with Gauss-Newton and Fisher
matrices, which are never formed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from covector.errors import TransformError
from covector.tensors.functional import grad
from covector.transforms.jacobian import hvp
from covector.transforms.recording import Recording
from covector.transforms.trees import Argnums, Function, check_function, like, places_of
from covector.transforms.vmap import vmap


def per_sample_grad(
    function: Function, argnums: Argnums = 0, has_aux: bool = False, chunk_size: int | None = None
) -> Callable[..., Any]:
    """The function that gives the gradient of a loss for each sample of a batch: ``vmap`` of ``grad``.

    ``function`` is the loss of one sample. The arguments in ``argnums`` are shared by all samples, the others have one
    for each along their first axis, and so have the results. See `grad` and `vmap` for what is raised.

    >>> import covector as cv
    >>> loss = lambda w, x, y: (x @ w - y) ** 2
    >>> cv.func.per_sample_grad(loss)(cv.tensor([1.0, 0.0]), 1 + cv.eye(2), cv.tensor([0.0, 3.0]))
    tensor([[ 8.,  4.],
            [-4., -8.]])
    """
    check_function("per_sample_grad", function)
    slope = grad(function, argnums if isinstance(argnums, int) else tuple(argnums), has_aux)

    @wraps(function)
    def call(*arguments: Any, **keywords: Any) -> Any:
        shared = places_of("per_sample_grad", argnums, len(arguments))
        if len(shared) == len(arguments) and not keywords:
            raise TransformError(
                "per_sample_grad: every argument is differentiated by, so there is none that has samples",
                hint="the loss of one sample takes it as an argument: f(parameters, x)",
            )
        axes = tuple(None if place in shared else 0 for place in range(len(arguments)))
        return vmap(slope, axes, chunk_size=chunk_size)(*arguments, **keywords)

    return call


def gauss_newton_product(function: Function, loss: Function, argnums: Argnums = 0) -> Callable[..., Any]:
    """The function that gives the Gauss-Newton matrix ``Jᵀ H J`` of ``loss(function(…))`` times a vector, the last
    argument: J is the Jacobian of the function, and H the Hessian of the loss by the value of the function.

    The vector has the tree of the argument that is differentiated by, of several ``argnums`` a tuple of them, and so
    has the result. One pass forward, one through the loss, and one backward. `covector.gauss_newton` gives the matrix
    by its structure.

    >>> import covector as cv
    >>> product = cv.func.gauss_newton_product(cv.exp, lambda y: (y**2).sum() / 2)
    >>> product(cv.tensor([0.0, 0.0]), cv.tensor([1.0, 2.0]))
    tensor([1., 2.])
    """
    check_function("gauss_newton_product", function)
    check_function("gauss_newton_product", loss)

    def bent(recording: Recording, pushed: Any) -> Any:
        return hvp(loss)(recording.values(), pushed)

    return _through("gauss_newton_product", function, argnums, bent)


def fisher_product(function: Function, argnums: Argnums = 0) -> Callable[..., Any]:
    """The function that gives the empirical Fisher matrix ``Σ_n g_n g_nᵀ = Jᵀ J`` times a vector, the last argument.

    ``function`` gives the negative log-likelihood of each sample, and g_n is the gradient of one of them; otherwise as
    `gauss_newton_product`, which is the Fisher matrix itself where the loss is the negative log-likelihood of a
    Gaussian, or a cross entropy of logits.

    >>> import covector as cv
    >>> x = cv.tensor([[1.0, 0.0], [0.0, 3.0]])
    >>> cv.func.fisher_product(lambda w: x @ w)(cv.zeros(2), cv.ones(2))
    tensor([1., 9.])
    """
    check_function("fisher_product", function)
    return _through("fisher_product", function, argnums, lambda _, pushed: pushed)


def _through(
    name: str, function: Function, argnums: Argnums, bent: Callable[[Recording, Any], Any]
) -> Callable[..., Any]:
    """What pushes a vector through a function, changes it there, and pulls it back."""

    @wraps(function)
    def call(*given: Any, **keywords: Any) -> Any:
        if len(given) < 2:
            raise TransformError(f"{name} wants the vector as its last argument", hint=f"{name}(…)(x, v)")
        *arguments, vector = given
        places = places_of(name, argnums, len(arguments))
        recording = Recording(name, function, arguments, places, keywords=keywords)
        vectors: Sequence[Any] = (vector,) if isinstance(argnums, int) else vector
        pushed = recording.push(like(name, "vectors", recording.tensors, tuple(vectors), recording.trees))
        cotangent = bent(recording, pushed)
        pulled = recording.pull(like(name, "cotangents", recording.outputs, cotangent, recording.result))
        return pulled[0] if isinstance(argnums, int) else pulled

    return call
