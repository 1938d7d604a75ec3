"""Derivatives forward and backward against PyTorch and JAX, and against each other to third order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import covector as cv
from tests.transforms.functions import CASES, Case, agree, ours, tensors, theirs, torches

each = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
jitted = pytest.mark.parametrize("jit", [lambda f: f, cv.jit], ids=["plain", "jit"])
Jit = Callable[[Any], Any]


def by_floats(case: Case, function: Any, arrays: list[Any]) -> tuple[Any, list[Any]]:
    """A function of the arguments that are floats, and these."""
    count = len(case.shapes)
    rest = arrays[count:]
    return (lambda *floats: function(*floats, *rest)), arrays[:count]


@each
@jitted
def test_products_forward_and_backward(case: Case, jit: Jit) -> None:
    function, primals = by_floats(case, ours(case), tensors(case.arrays()))
    directions = tensors(case.arrays(1))[: len(primals)]
    other, given = by_floats(case, theirs(case), torches(case.arrays()))
    expected = torch.func.jvp(other, tuple(given), tuple(torches(case.arrays(1))[: len(given)]))
    found = jit(lambda x, v: cv.jvp(function, x, v))(tuple(primals), tuple(directions))
    agree(found, expected)
    agree(cv.linearize(function, *primals)[1](*directions), expected[1])
    value, pullback = torch.func.vjp(other, *given)
    cotangent = np.random.default_rng(2).standard_normal(tuple(value.shape))
    pulled = pullback(torch.tensor(cotangent))

    def backward(x: Any, g: Any) -> Any:
        out, pull = cv.vjp(function, *x)
        return out, pull(g)

    agree(jit(backward)(tuple(primals), cv.tensor(cotangent)), (value, pulled))


@each
@jitted
def test_dense_derivatives(case: Case, jit: Jit) -> None:
    function, primals = by_floats(case, ours(case), tensors(case.arrays()))
    other, given = by_floats(case, theirs(case), torches(case.arrays()))
    by = tuple(range(len(primals)))
    expected = torch.func.jacrev(other, by)(*given)
    agree(jit(cv.jacfwd(function, by))(*primals), expected)
    agree(jit(cv.jacrev(function, by))(*primals), expected)
    hessian = torch.func.hessian(lambda *x: torch.tanh(other(*x)).sum(), by)(*given)
    agree(jit(cv.func.hessian(lambda *x: cv.tanh(function(*x)).sum(), by))(*primals), hessian)


@each
def test_third_order_every_way(case: Case) -> None:
    function, primals = by_floats(case, ours(case), tensors(case.arrays()))
    first, second, third = (tensors(case.arrays(seed))[: len(primals)] for seed in (1, 2, 3))

    def scalar(*x: Any) -> Any:
        return cv.tanh(function(*x)).sum()

    def along(f: Any, v: list[Any]) -> Any:
        return lambda *x: cv.jvp(f, x, tuple(v))[1]

    def sloped(f: Any, v: list[Any]) -> Any:
        by = tuple(range(len(primals)))
        return lambda *x: sum(((g * d).sum() for g, d in zip(cv.grad(f, by)(*x), v, strict=True)), start=cv.tensor(0.0))

    forward = along(along(along(scalar, first), second), third)(*primals)
    agree(sloped(sloped(sloped(scalar, first), second), third)(*primals), forward, 1e-9)
    agree(along(sloped(along(scalar, third), second), first)(*primals), forward, 1e-9)
    agree(sloped(along(sloped(scalar, second), first), third)(*primals), forward, 1e-9)


@each
def test_a_hessian_times_a_vector(case: Case) -> None:
    function, primals = by_floats(case, ours(case), tensors(case.arrays()))
    vector = tensors(case.arrays(1))[0]

    def scalar(*x: Any) -> Any:
        return cv.tanh(function(*x)).sum()

    dense = cv.func.hessian(scalar)(*primals)
    expected = np.tensordot(dense.numpy(), vector.numpy(), vector.ndim)
    agree(cv.func.hvp(scalar)(*primals, vector), cv.tensor(expected))
    agree(cv.jit(cv.func.hvp(scalar))(*primals, vector), cv.tensor(expected))


def test_what_jax_computes() -> None:
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    generator = np.random.default_rng(0)
    x, v, w = generator.standard_normal((3, 4)), generator.standard_normal((3, 4)), generator.standard_normal((4, 2))

    def function(space: Any) -> Any:
        return lambda x: {"a": space.tanh(x @ w).sum(0), "b": (space.cumsum(x, 0) * x, x[1])}

    agree(cv.jvp(function(cv), (x,), (v,)), jax.jvp(function(jax.numpy), (x,), (v,)))
    value, pullback = cv.vjp(function(cv), cv.tensor(x))
    expected, theirs_ = jax.vjp(function(jax.numpy), x)
    agree(value, expected)
    agree(pullback(value), theirs_(expected))
    agree(cv.jacfwd(function(cv))(x), jax.jacfwd(function(jax.numpy))(x))
    agree(cv.jacrev(function(cv))(x), jax.jacrev(function(jax.numpy))(x))

    def loss(space: Any) -> Any:
        return lambda p, x: space.tanh(x @ p["w"] + p["b"]).sum()

    weights = {"w": w, "b": np.ones(2)}
    found = cv.func.hessian(loss(cv))({key: cv.tensor(array) for key, array in weights.items()}, cv.tensor(x))
    peers = jax.hessian(loss(jax.numpy))(weights, x)
    for one in weights:
        for other in weights:
            agree(found[one][other], peers[one][other])


def test_trees_aux_and_what_does_not_depend() -> None:
    x = cv.tensor([1.0, 2.0])

    def function(tree: Any) -> Any:
        return (tree["x"] * 2, cv.ones(3), tree["x"].detach() * 5), "beside"

    (doubled, ones, held), (tangent, none, stopped), aux = cv.jvp(function, ({"x": x},), ({"x": x},), has_aux=True)
    assert (doubled.tolist(), tangent.tolist(), aux) == ([2, 4], [2, 4], "beside")
    assert (ones.tolist(), none.tolist(), held.tolist(), stopped.tolist()) == ([1] * 3, [0] * 3, [5, 10], [0, 0])
    jacobian, aux = cv.jacrev(function, has_aux=True)({"x": x})
    assert [block["x"].shape for block in jacobian] == [(2, 2), (3, 2), (2, 2)]
    assert not any(block["x"].requires_grad for block in jacobian)
    assert cv.jacfwd(lambda x: x.detach())(x).tolist() == [[0, 0], [0, 0]]
    assert cv.jvp(lambda x: x, (x,), (x,))[1].tolist() == [1, 2]
    assert cv.vjp(lambda x: x, x)[1](x)[0].tolist() == [1, 2]


def test_outer_gradients_flow_through() -> None:
    weight = cv.tensor([1.0, 2.0], requires_grad=True)
    _, slope = cv.jvp(lambda x: (weight * x**2).sum(), (cv.tensor([3.0, 4.0]),), (cv.tensor([1.0, 1.0]),))
    slope.backward()
    assert weight.grad.tolist() == [6, 8]  # type: ignore[union-attr]
    outer = cv.grad(lambda a: cv.grad(lambda b: (a * b) ** 2)(cv.tensor(3.0)))(cv.tensor(2.0))
    assert outer.item() == 4 * 2 * 3
    pulled = cv.grad(lambda g: cv.vjp(cv.sin, cv.tensor(0.0))[1](g)[0])(cv.tensor(5.0))
    assert pulled.item() == 1


def test_a_linearised_function_is_called_once() -> None:
    calls = []

    def function(x: Any) -> Any:
        calls.append(x)
        return cv.exp(x)

    _, slope = cv.linearize(function, cv.tensor(0.0))
    assert [slope(cv.tensor(v)).item() for v in (1.0, 2.0)] == [1, 2]
    assert len(calls) == 1


def test_values_may_be_looked_at_forward_and_backward() -> None:
    def function(x: Any) -> Any:
        return x * 3 if x.item() > 0 else x * 5

    assert cv.jvp(function, (cv.tensor(1.0),), (cv.tensor(1.0),))[1].item() == 3
    assert cv.vjp(function, cv.tensor(-1.0))[1](cv.tensor(1.0))[0].item() == 5


def test_a_jacobian_of_a_product_is_no_product() -> None:
    matrix = cv.tensor(np.random.default_rng(0).standard_normal((30, 20)))
    step = cv.jit(cv.jacfwd(lambda x: matrix @ x))
    agree(step(cv.ones(20, dtype="float64")), matrix, 0)
