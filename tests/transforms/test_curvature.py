"""Gradients of each sample, products with Gauss-Newton and Fisher matrices, third derivatives, modules as functions."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import covector as cv
from covector.errors import ShapeError, TransformError
from tests.transforms.functions import agree, torches

jax.config.update("jax_enable_x64", True)
GENERATOR = np.random.default_rng(5)
X, Y = GENERATOR.standard_normal((6, 4)), GENERATOR.standard_normal((6, 2))
WEIGHTS = {"w": GENERATOR.standard_normal((4, 2)), "b": GENERATOR.standard_normal(2)}
VECTORS = {"w": GENERATOR.standard_normal((4, 2)), "b": GENERATOR.standard_normal(2)}


def model(library: Any, p: Any, x: Any) -> Any:
    return library.tanh(x @ p["w"] + p["b"])


def sample_loss(library: Any, p: Any, x: Any, y: Any) -> Any:
    return ((model(library, p, x) - y) ** 2).sum()


def ours(tree: dict[str, Any]) -> dict[str, Any]:
    return {key: cv.tensor(value) for key, value in tree.items()}


@pytest.mark.parametrize("jit", [lambda f: f, cv.jit], ids=["plain", "jit"])
@pytest.mark.parametrize("chunk", [None, 4])
def test_per_sample_gradients(jit: Any, chunk: int | None) -> None:
    slopes = cv.func.per_sample_grad(lambda p, x, y: sample_loss(cv, p, x, y), chunk_size=chunk)
    found = jit(slopes)(ours(WEIGHTS), cv.tensor(X), cv.tensor(Y))
    theirs = torch.func.vmap(torch.func.grad(lambda p, x, y: sample_loss(torch, p, x, y)), (None, 0, 0))(
        {key: torch.tensor(value) for key, value in WEIGHTS.items()}, *torches([X, Y])
    )
    agree(found, theirs)


def test_per_sample_gradients_want_samples() -> None:
    with pytest.raises(TransformError, match="there is none that has samples"):
        cv.func.per_sample_grad(lambda x: (x**2).sum())(cv.ones(3))


def dense(product: Any, size: int) -> np.ndarray:
    """The matrix of a product with vectors of one axis."""
    return np.stack([product(cv.tensor(unit)).numpy() for unit in np.eye(size)], axis=1)


@pytest.mark.parametrize("jit", [lambda f: f, cv.jit], ids=["plain", "jit"])
def test_gauss_newton_and_fisher_products(jit: Any) -> None:
    def logits(w: Any, x: Any) -> Any:
        return cv.tanh(x @ w.reshape(4, 2))

    def loss(z: Any) -> Any:
        return cv.logsumexp(z, 1).sum() - z[:, 0].sum()

    w, x = cv.tensor(WEIGHTS["w"].ravel()), cv.tensor(X)
    slope = np.asarray(jax.jacobian(lambda w: jnp.tanh(X @ w.reshape(4, 2)))(w.numpy())).reshape(12, 8)
    z = np.tanh(X @ WEIGHTS["w"])
    curved = np.asarray(jax.hessian(lambda z: jax.nn.logsumexp(z, 1).sum() - z[:, 0].sum())(z)).reshape(12, 12)
    product = jit(cv.func.gauss_newton_product(logits, loss))
    expected = slope.T @ curved @ slope
    np.testing.assert_allclose(dense(lambda v: product(w, x, v), 8), expected, atol=1e-12)
    structured = cv.gauss_newton(logits, loss)(w, x)
    np.testing.assert_allclose(structured.dense(), expected, atol=1e-12)
    assert np.linalg.eigvalsh(expected).min() > -1e-12

    def losses(w: Any, x: Any) -> Any:
        z = logits(w, x)
        return cv.logsumexp(z, 1) - z[:, 0]

    rows = cv.func.per_sample_grad(lambda w, x: losses(w, x[None])[0])(w, x).numpy()
    fisher = jit(cv.func.fisher_product(losses))
    np.testing.assert_allclose(dense(lambda v: fisher(w, x, v), 8), rows.T @ rows, atol=1e-12)
    np.testing.assert_allclose(cv.fisher(losses)(w, x).dense(), rows.T @ rows, atol=1e-12)


def test_products_over_trees_and_several_arguments() -> None:
    w, b = cv.tensor(WEIGHTS["w"]), cv.tensor(WEIGHTS["b"])

    def of_tree(p: Any) -> Any:
        return model(cv, p, cv.tensor(X))

    def loss(z: Any) -> Any:
        return (cv.exp(z) * cv.tensor(Y) ** 2).sum()

    tree = cv.func.gauss_newton_product(of_tree, loss)(ours(WEIGHTS), ours(VECTORS))
    both = cv.func.gauss_newton_product(lambda w, b: of_tree({"w": w, "b": b}), loss, (0, 1))
    pair = both(w, b, (VECTORS["w"], VECTORS["b"]))
    agree(list(pair), [tree["w"], tree["b"]], 1e-12)
    matrix = cv.gauss_newton(of_tree, loss)(ours(WEIGHTS))
    agree(matrix @ ours(VECTORS), tree, 1e-12)
    step = matrix.shifted(0.1).solve(tree)
    agree(matrix.shifted(0.1) @ step, tree, 1e-9)
    with pytest.raises(TransformError, match="the vector as its last argument"):
        both(w)
    with pytest.raises(ShapeError, match="number 1 of the vectors"):
        both(w, b, (w, w))


def test_a_product_with_the_hessian_over_several_arguments() -> None:
    def loss(library: Any) -> Any:
        return lambda w, x, b: (library.tanh(x @ w + b) ** 3).sum()

    arguments = (WEIGHTS["w"], X, WEIGHTS["b"])
    found = cv.func.hvp(loss(cv), (0, 2))(*map(cv.tensor, arguments), (VECTORS["w"], VECTORS["b"]))
    slope = jax.grad(loss(jnp), (0, 2))
    _, expected = jax.jvp(lambda w, b: slope(w, X, b), (arguments[0], arguments[2]), (VECTORS["w"], VECTORS["b"]))
    agree(list(found), list(expected))


def test_one_product_with_the_hessian_under_two_names() -> None:
    def loss(p: Any) -> Any:
        return (model(cv, p, cv.tensor(X)) ** 4).sum()

    for hvp in (cv.hvp, cv.func.hvp):
        found = hvp(loss)(ours(WEIGHTS), ours(VECTORS))
        assert isinstance(found["w"], cv.Tensor)
        agree(found, cv.hessian(loss)(ours(WEIGHTS)) @ ours(VECTORS), 1e-10)
    array = cv.hvp("f = sum[i](x[i]**3 * y[i])", wrt=("x", "y"))(np.ones(2), np.ones(2), (np.ones(2), np.zeros(2)))
    np.testing.assert_array_equal(array, [[6, 6], [3, 3]])
    assert isinstance(array[0], np.ndarray)


def test_third_derivatives() -> None:
    point = GENERATOR.standard_normal(3)

    def f(library: Any) -> Any:
        return lambda x: library.sin(x).sum() * library.exp(x[0] * x[1]) + (x**4).sum()

    expected = jax.jacfwd(jax.hessian(f(jnp)))(point)
    for third in (
        cv.func.jacfwd(cv.func.hessian(f(cv))),
        cv.func.jacrev(cv.func.hessian(f(cv))),
        cv.func.hessian(cv.grad(f(cv))),
        cv.jit(cv.func.jacobian(cv.func.jacobian(cv.grad(f(cv))))),
    ):
        agree(third(cv.tensor(point)), expected)


def test_the_jacobian_is_taken_in_the_direction_that_is_shorter() -> None:
    wide, tall = cv.tensor(GENERATOR.standard_normal((2, 5))), cv.tensor(GENERATOR.standard_normal((5, 2)))
    agree(cv.func.jacobian(lambda x: wide @ x)(cv.ones(5, dtype="float64")), wide, 0)
    agree(cv.func.jacobian(lambda x: tall @ x)(cv.ones(2, dtype="float64")), tall, 0)
    value, aux = cv.func.jacobian(lambda x: (x**2, "beside"), has_aux=True)(cv.tensor([1.0, 2.0]))
    assert (value.tolist(), aux) == ([[2, 0], [0, 4]], "beside")
    second, aux = cv.func.hessian(lambda x: ((x**3).sum(), "beside"), has_aux=True)(cv.tensor([1.0, 2.0]))
    assert (second.tolist(), aux) == ([[6, 0], [0, 12]], "beside")


def network() -> tuple[Any, Any]:
    """One model in both libraries."""
    mine = cv.nn.Sequential(cv.nn.Linear(4, 3), cv.nn.Tanh(), cv.nn.Linear(3, 2))
    other = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Tanh(), torch.nn.Linear(3, 2))
    other.load_state_dict({name: torch.tensor(p.detach().numpy()) for name, p in mine.named_parameters()})
    return mine, other


@pytest.mark.parametrize("jit", [lambda f: f, cv.jit], ids=["plain", "jit"])
def test_a_module_as_a_function_of_its_parameters(jit: Any) -> None:
    mine, other = network()
    x, y = cv.tensor(X.astype("float32")), cv.tensor(Y.astype("float32"))
    before = {name: (p._node, p.requires_grad) for name, p in mine.named_parameters()}

    def loss(library: Any, module: Any) -> Any:
        return lambda p, x, y: ((library.functional_call(module, p, (x,)) - y) ** 2).sum()

    parameters = dict(mine.named_parameters())
    theirs = dict(other.named_parameters())
    given = [torch.tensor(part.numpy()) for part in (x, y)]
    found = jit(cv.func.per_sample_grad(loss(cv.func, mine)))(parameters, x, y)
    expected = torch.func.vmap(torch.func.grad(loss(torch.func, other)), (None, 0, 0))(theirs, *given)
    agree(found, expected, 1e-5)
    second = jit(cv.func.hessian(loss(cv.func, mine)))(parameters, x, y)
    agree(second, torch.func.hessian(loss(torch.func, other))(theirs, *given), 1e-4)
    assert before == {name: (p._node, p.requires_grad) for name, p in mine.named_parameters()}


def test_parameters_that_a_module_does_not_have() -> None:
    mine, _ = network()
    with pytest.raises(TransformError, match=r"did you mean '0\.weight'"):
        cv.func.functional_call(mine, {"0.wieght": cv.ones((3, 4))}, cv.ones((1, 4)))
    with pytest.raises(ShapeError, match=r"0\.weight is given a tensor of shape \[4\]"):
        cv.func.functional_call(mine, {"0.weight": cv.ones(4)}, cv.ones((1, 4)))
    with pytest.raises(TransformError, match="is of a module, not function"):
        cv.func.functional_call(lambda x: x, {}, cv.ones(1))
    only = cv.func.functional_call(mine, {"2.bias": cv.tensor([7.0, 8.0])}, cv.zeros((1, 4)))
    plain = mine(cv.zeros((1, 4))) - mine[2].bias
    agree(only, plain + cv.tensor([7.0, 8.0]), 1e-6)


def test_the_names_of_pytorch_for_axes() -> None:
    a, b = cv.tensor(GENERATOR.standard_normal((3, 4))), cv.tensor(GENERATOR.standard_normal(4))
    agree(cv.vmap(cv.mul, in_dims=(0, None), out_dims=1)(a, b), cv.vmap(cv.mul, (0, None), 1)(a, b), 0)
    with pytest.raises(TransformError, match="in_axes and in_dims are two names"):
        cv.vmap(cv.mul, (0, None), in_dims=(0, None))
