"""What a Jacobian offers beside its structure: products, slices, plans, budgets, and errors that say what to do."""

from __future__ import annotations

import numpy as np
import pytest

import covector as cv
from covector.errors import BoundsError, BudgetError, DtypeError, ShapeError, UnknownNameError
from covector.jacobians.entry import gradient_program, jacobian_of
from tests.jacobians.test_table import projected

RNG = np.random.default_rng(5)
X, W = RNG.normal(size=(3, 4)), RNG.normal(size=(4, 2))
PRODUCT = "y[i,j] = tanh(sum[k](x[i,k]*w[k,j]))"


def product(**options):
    return cv.jacobian(PRODUCT, wrt="x", **options)(X, W)


def test_several_vectors_at_once() -> None:
    found = product()
    dense, many = found.dense(), RNG.normal(size=(3, 4, 5, 2))
    np.testing.assert_allclose(found @ many, np.tensordot(dense, many, 2), rtol=1e-12, atol=1e-14)
    rows = RNG.normal(size=(5, 2, 3, 2))
    np.testing.assert_allclose(rows @ found, np.tensordot(rows, dense, 2), rtol=1e-12, atol=1e-14)
    assert (found @ np.ones((3, 4, 0))).shape == (3, 2, 0)


@pytest.mark.parametrize(
    "key",
    [
        (1, 0),
        (1, 0, slice(None), slice(None)),
        (slice(1, 3), 0),
        (slice(None, None, 2), slice(None), slice(1, 3), slice(None, None, -1)),
        (..., 2),
        (-1, 1, 2, 3),
        (slice(None), slice(None), 1, 2),
        (slice(0, 0),),
    ],
)
def test_slices(key: tuple) -> None:
    found = product()
    part = found[key]
    expected = found.dense()[key]
    got = part if isinstance(part, np.ndarray) else part.dense()
    assert got.shape == expected.shape
    np.testing.assert_allclose(got, expected, rtol=1e-13)


def test_a_slice_keeps_the_structure() -> None:
    found = cv.jacobian("y[i] = x[i]**2")(np.arange(6.0))
    assert found[1:4, 1:4].structure.kind == "diagonal"
    assert found[0:3, 3:6].dense().any() == np.False_


def test_numpy_takes_it() -> None:
    found = product()
    np.testing.assert_array_equal(np.asarray(found), found.dense())
    assert np.asarray(found, dtype=np.float32).dtype == np.float32
    assert found.sparse().shape == (6, 12)
    assert found.sparse().nnz == 24


def test_it_says_what_it_is() -> None:
    found = product()
    assert repr(found) == "<Jacobian 3×2 by 3×4, block-diagonal, 112 bytes>"
    assert str(found.plan) == "structured: 112 bytes instead of 576 bytes dense"
    assert found.element == "J[p, q; i, j] = [p = i] * w[j,q] * (1 - y[i,q] ** 2)"
    assert found.latex() == (
        r"J_{p, q, i, j} = \delta_{p,i}\,w_{j,q}\,\left(1 - y_{i,q}^{2}\right) = \begin{cases} "
        r"0 & p \ne i \\ w_{j,q}\,\left(1 - y_{i,q}^{2}\right) & p = i \end{cases}"
    )


def test_a_million_by_a_million() -> None:
    x = np.linspace(-1, 1, 10**6)
    found = cv.jacobian("y[i] = tanh(x[i])")(x)
    assert found.nbytes == 8 * 10**6
    np.testing.assert_allclose(found @ x, (1 - np.tanh(x) ** 2) * x, rtol=1e-12)
    with pytest.raises(BudgetError, match=r"1000000×1000000 and would take 7\.3 TiB"):
        found.dense()
    with pytest.raises(BudgetError, match=r"J @ v, u @ J, J\.diagonal"):
        np.asarray(found)


def test_factors_over_the_budget_leave_products_and_rows() -> None:
    whole = product()
    found = product(budget=100)
    assert found.plan.choice == "chunked"
    assert "products and rows are computed when asked for" in str(found.plan)
    vector, cotangent = RNG.normal(size=(3, 4)), RNG.normal(size=(3, 2))
    np.testing.assert_allclose(found @ vector, whole @ vector, rtol=1e-12)
    np.testing.assert_allclose(cotangent @ found, cotangent @ whole, rtol=1e-12)
    np.testing.assert_allclose((-found) @ vector, -(whole @ vector), rtol=1e-12)
    np.testing.assert_allclose(np.concatenate(list(found.rows(2))), whole.dense(), rtol=1e-12)
    np.testing.assert_allclose(np.concatenate(list(whole.rows(2))), whole.dense(), rtol=1e-12)
    np.testing.assert_allclose(found.dense(budget=10**6), whole.dense(), rtol=1e-12)
    for wants in (lambda: found.T, found.sparse, lambda: found[0], lambda: found.solve(cotangent)):
        with pytest.raises(BudgetError, match=r"J\.rows"):
            wants()
    with pytest.raises(BudgetError, match="would take 576 bytes"):
        found.dense()


def test_python_functions() -> None:
    def layer(x, w, scale=1.0, axis=0):
        return (np.tanh(x @ w) * scale).sum(axis=axis)

    found = cv.jacobian(layer, argnums=(0, 1))(X, W, axis=1)
    dense = [one.dense() for one in found]
    activity = 1 - np.tanh(X @ W) ** 2
    np.testing.assert_allclose(dense[0], np.einsum("pi,ij->pij", np.eye(3), activity @ W.T))
    np.testing.assert_allclose(dense[1], np.einsum("pi,pj->pij", X, activity))
    loss = lambda x, w: (layer(x, w, axis=0) ** 2).sum()  # noqa: E731
    blocks = cv.hessian(loss, argnums=(0, 1))(X, W)
    np.testing.assert_allclose(blocks[0][1].T.dense(), blocks[1][0].dense(), atol=1e-13)
    two = cv.jacobian(lambda x: (x * 2, x.sum()))(np.ones(3))
    assert [one.shape for one in two] == [(3, 3), (3,)]


def test_python_functions_may_hold_arrays() -> None:
    held = {"a": RNG.normal(size=(2, 4)), "b": RNG.normal(size=2).astype("float32")}

    def layer(x):
        return np.tanh(held["a"] @ x + held["b"]) * held["b"]

    jacobian, x = cv.jacobian(layer), X[0]
    for _ in range(2):
        slope = (1 - np.tanh(held["a"] @ x + held["b"]) ** 2) * held["b"]
        np.testing.assert_allclose(jacobian(x).dense(), slope[:, None] * held["a"], rtol=1e-6)
        held["a"] = held["a"] + 1  # constants are those of the call
    loss = cv.hessian(lambda x: ((held["a"] @ x) ** 2).sum())
    np.testing.assert_allclose(loss(x).dense(), 2 * held["a"].T @ held["a"])
    product = cv.hvp(lambda x: x @ held["a"].T @ held["a"] @ x)(x, x)
    np.testing.assert_allclose(product, 2 * held["a"].T @ held["a"] @ x)


def test_python_functions_see_numbers_change() -> None:
    scale = 2.0
    jacobian = cv.jacobian(lambda x: scale * x)
    assert jacobian(W[0]).dense()[0, 0] == 2
    scale = 3.0
    assert jacobian(W[0]).dense()[0, 0] == 3


def test_python_functions_of_trees_of_arrays() -> None:
    parameters, x = {"w": X, "b": [W[0], 2.0], "axis": 0}, W[:, 1]

    def layer(p, x):
        return np.tanh(p["w"] @ x).sum(axis=p["axis"]) * p["b"][0] * p["b"][1]

    found, by_x = cv.jacobian(layer, argnums=(0, 1))(parameters, x)
    hidden = np.tanh(X @ x)
    np.testing.assert_allclose(found["b"][0].dense(), np.eye(2) * 2 * hidden.sum())
    np.testing.assert_allclose(found["b"][1].dense(), hidden.sum() * W[0])
    np.testing.assert_allclose(by_x.dense(), np.outer(2 * W[0], (1 - hidden**2) @ X))
    assert found["axis"] is None
    H = cv.hessian(lambda p: (p[0] @ p[1]) ** 2)((x, x + 1))
    np.testing.assert_allclose(H[0][1].dense(), 2 * np.outer(x + 1, x) + 2 * (x @ (x + 1)) * np.eye(4))
    product = cv.hvp(lambda p: (p["w"] ** 3).sum() * p["n"])({"w": x, "n": 2}, {"w": x})
    np.testing.assert_allclose(product["w"], 12 * x**2)
    with pytest.raises(ShapeError, match="no vector was given for 'w'"):
        cv.hvp(lambda p: (p["w"] ** 3).sum())({"w": x}, {"v": x})
    with pytest.raises(ShapeError, match="2 vectors were given for 1 arguments"):
        cv.hvp("y = sum[i](x[i]**3)", (0,))(x, (x, x))


def test_numbers() -> None:
    found = cv.jacobian("y = sin(x)", shapes={"x": ""})(2.0)
    assert str(found.structure) == "scalar"
    assert str(cv.jacobian(lambda x: x + 1)(2.0).structure) == "identity"
    solved = found.solve(1.0)
    assert solved.shape == ()
    np.testing.assert_allclose(solved, 1 / np.cos(2))


def test_single_precision_stays() -> None:
    found = cv.jacobian(lambda x: x**2)(np.ones(3, np.float32))
    assert found.dtype == np.float32
    assert (found @ np.ones(3)).dtype == np.float32
    assert found.dense().dtype == np.float32


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: cv.jacobian(lambda x: x * 2)(np.arange(3)), DtypeError, "only floats have derivatives"),
        (lambda: cv.jacobian("n: N int64\ny[i] = n[i]*2.0")(np.arange(3)), DtypeError, "only floats have derivatives"),
        (lambda: cv.jacobian("y[i] = x[i]", wrt="z")(np.ones(3)), UnknownNameError, "no input 'z'"),
        (lambda: cv.jacobian("y[i] = x[i]", argnums=1)(np.ones(3)), UnknownNameError, "no input 1"),
        (lambda: cv.jacobian("y[i] = x[i] > 0")(np.ones(3)), DtypeError, "y has dtype bool"),
        (cv.jacobian("y[i] = x[i]"), UnknownNameError, "no array was given for x"),
        (lambda: cv.jacobian("y[i] = x[i]")(np.ones(3), np.ones(3)), UnknownNameError, "2 arrays were given"),
        (lambda: cv.jacobian("y[i] = x[i]")(np.ones((3, 2))), ShapeError, "x has the shape"),
        (lambda: cv.jacobian("y[i] = x[i]")(np.ones(3) * 1j), DtypeError, "complex128"),
        (lambda: cv.jacobian(3), cv.CovectorError, "a forward is a program"),
        (lambda: cv.jacobian(lambda x: None)(np.ones(3)), cv.CovectorError, "returns None"),
        (lambda: cv.hessian("y[i] = x[i]**2")(np.ones(3)), ShapeError, "a Hessian is that of one number"),
        (lambda: cv.hvp("y = sum[i](x[i]**2)")(np.ones(3), np.ones(2)), ShapeError, "the vector has the shape"),
        (lambda: product() @ np.ones(3), ShapeError, "J @ v: v has the shape"),
        (lambda: np.ones(3) @ product(), ShapeError, "u @ J: u has the shape"),
        (lambda: product() @ product(), ShapeError, "the chain rule"),
        (lambda: product() + cv.jacobian("y[i] = x[i]")(np.ones(3)), ShapeError, "differ"),
        (lambda: product() * np.ones(3), ShapeError, "scales by a number"),
        (lambda: product().diagonal(), ShapeError, "wants an output of the input's shape"),
        (lambda: product()[5], BoundsError, "position 5 on axis 0"),
        (lambda: product()[0, 0, 0, 0, 0], ShapeError, "4 positions"),
        (lambda: product()[[1, 2]], ShapeError, "integers and slices"),
        (lambda: product() @ np.array(["a"]), DtypeError, "multiplied with numbers"),
    ],
)
def test_what_cannot_be_is_refused_with_a_reason(make, error: type, words: str) -> None:
    with pytest.raises(error, match=words.replace("(", r"\(")):
        make()


def test_what_does_not_depend_on_its_argument() -> None:
    found = cv.jacobian("y[i] = z[i]**2 + 0*x[i]", wrt="x")(np.ones(3), np.ones(3))
    assert found.structure.kind == "zero"
    np.testing.assert_array_equal(found @ np.ones(3), np.zeros(3))
    np.testing.assert_array_equal(found.diagonal(), np.zeros(3))
    second = cv.hessian("f = sum[i](x[i]*z[i])", wrt="x")(np.ones(3), np.ones(3))
    assert second.structure.kind == "zero"
    assert not second.dense().any()


def test_gauss_newton_is_a_product_of_jacobians() -> None:
    a, w, t = RNG.normal(size=(20, 3)), RNG.normal(size=3), RNG.normal(size=20)
    residual = cv.jacobian("r[n] = tanh(sum[d](a[n,d]*w[d])) - t[n]", wrt="w")(a=a, w=w, t=t)
    normal = residual.T @ residual
    dense = residual.dense()
    np.testing.assert_allclose(normal.dense(), dense.T @ dense, rtol=1e-12)
    gradient = np.ones(20) @ residual
    np.testing.assert_allclose(normal.solve(gradient), np.linalg.solve(dense.T @ dense, gradient), rtol=1e-8)


def test_third_derivatives() -> None:
    x = RNG.normal(size=4)
    gradient = cv.derive("f = sum[i](x[i]**4) + sum[i](x[i])**3")["x"].program
    along = gradient_program(projected(gradient)[0], gradient.inputs[0])
    third = jacobian_of(along, gradient.inputs[0], {"x": x, "W_": np.ones(4)}, (("I", 4),))
    np.testing.assert_allclose(third.dense(), np.diag(24 * x) + 24 * np.ones((4, 4)), rtol=1e-12)
