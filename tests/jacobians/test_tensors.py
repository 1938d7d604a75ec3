"""Jacobians of functions of tensors: models, trees of arguments and of results, and what is no function."""

from __future__ import annotations

import numpy as np
import pytest

import covector as cv
from covector.errors import DtypeError, GradientError, JitError
from covector.jacobians.names import Name, labelled, mapped

RNG = np.random.default_rng(11)


def test_functions_of_tensors() -> None:
    x = RNG.normal(size=(3, 4))
    found = cv.jacobian(lambda x: cv.softmax(x * 2, axis=1) + 1)(cv.tensor(x))
    expected = cv.jacobian("x: M N\nz = 2*x\ny = softmax(z, axis=1)")(x)
    assert str(found.structure) == str(expected.structure) == "diagonal + block-diagonal of low rank (1)"
    np.testing.assert_allclose(found.dense(), expected.dense(), rtol=1e-12)
    np.testing.assert_allclose(found @ cv.ones(3, 4, dtype="float64"), np.zeros((3, 4)), atol=1e-12)


def test_a_loss_of_tensors_has_the_structure_of_its_formula() -> None:
    u, v, t = (RNG.normal(size=shape) for shape in [(6, 2), (5, 2), (6, 5)])
    target = cv.tensor(t)
    found = cv.hessian(lambda u, v: ((target - u @ v.T) ** 2).mean(), argnums=(0, 1))(cv.tensor(u), cv.tensor(v))
    assert str(found[0][0].structure) == "identity 6×6 ⊗ dense 2×2"
    assert found[0][0].nbytes == 4 * 8
    np.testing.assert_allclose(found[0][0].dense(), np.einsum("pi,kj,kq->pqij", np.eye(6), v, v) / 15, rtol=1e-12)
    assert "mT" not in found[0][0].latex()


def test_a_model_by_its_input_keeps_the_samples_apart() -> None:
    model = cv.nn.Sequential(cv.nn.Linear(4, 5), cv.nn.Tanh(), cv.nn.Linear(5, 2))
    x = cv.tensor(RNG.normal(size=(7, 4)).astype(np.float32))
    found = cv.jacobian(model)(x)
    assert found.structure.kind == "block-diagonal"
    assert found.shape == (7, 2, 7, 4)
    first, _, last = model
    hidden = 1 - np.tanh(x.numpy() @ first.weight.numpy().T + first.bias.numpy()) ** 2
    expected = np.einsum("qk,nk,kj->nqj", last.weight.numpy(), hidden, first.weight.numpy())
    np.testing.assert_allclose(np.einsum("nqnj->nqj", found.dense()), expected, rtol=1e-4, atol=1e-6)


def test_parameters_are_those_of_the_call() -> None:
    model = cv.nn.Linear(2, 2)
    x = cv.ones(1, 2)
    of_input = cv.jacobian(model)
    before = of_input(x).dense()
    with cv.no_grad():
        model.weight.mul_(3.0)
    np.testing.assert_allclose(of_input(x).dense(), 3 * before, rtol=1e-6)


def test_trees() -> None:
    parameters = {"w": cv.tensor(RNG.normal(size=(4, 2))), "b": cv.tensor(RNG.normal(size=2))}
    x = cv.tensor(RNG.normal(size=(5, 4)))

    def layer(parameters, x):
        return {"y": cv.tanh(x @ parameters["w"] + parameters["b"]), "double": 2 * parameters["b"]}

    found = cv.jacobian(layer)(parameters, x)
    assert {key: list(row) for key, row in found.items()} == {"y": ["w", "b"], "double": ["w", "b"]}
    assert found["double"]["w"].structure.kind == "zero"
    assert found["double"]["b"].structure.kind == "scalar"
    activity = 1 - np.tanh(x.numpy() @ parameters["w"].numpy() + parameters["b"].numpy()) ** 2
    np.testing.assert_allclose(found["y"]["w"].dense(), np.einsum("nq,ni,qj->nqij", activity, x.numpy(), np.eye(2)))

    def loss(parameters, x):
        return (layer(parameters, x)["y"] ** 2).sum()

    blocks = cv.hessian(loss)(parameters, x)
    np.testing.assert_allclose(blocks["w"]["b"].T.dense(), blocks["b"]["w"].dense(), atol=1e-12)
    of_both = cv.hessian(loss, argnums=(0, 1))(parameters, x)
    np.testing.assert_allclose(of_both[1][0]["w"].T.dense(), of_both[0]["w"][1].dense(), atol=1e-12)


def test_hvp_of_tensors() -> None:
    x = RNG.normal(size=4)
    found = cv.hvp(lambda x: (x**4).sum())(cv.tensor(x), np.ones(4))
    np.testing.assert_allclose(found, 12 * x**2)


def writes(x):
    x.add_(1.0)
    return x


@pytest.mark.parametrize(
    ("function", "error", "words"),
    [
        (writes, GradientError, "in an in-place operation"),
        (cv.no_grad()(writes), cv.CovectorError, "changes a tensor, so it is no function"),
        (lambda x: 3.0, cv.CovectorError, "returns no tensor"),
        (lambda x: x * x.sum().item(), JitError, "looks at the value"),
        (lambda x: x if x.sum() > 0 else -x, JitError, "looks at the value"),
        (lambda x: x > 0, DtypeError, "dtype bool"),
    ],
)
def test_what_is_no_function_of_its_argument(function, error: type, words: str) -> None:
    with pytest.raises(error, match=words):
        cv.jacobian(function)(cv.tensor(np.ones(3)))


def test_integer_tensors_are_refused() -> None:
    with pytest.raises(DtypeError, match="x has dtype int64"):
        cv.jacobian(lambda x: x * 2.0)(cv.tensor(np.arange(3)))
    with pytest.raises(DtypeError, match="argument 1 is int 3"):
        cv.jacobian(lambda x, n: x * n, argnums=1)(cv.tensor(np.ones(3)), 3)


def test_names_of_trees() -> None:
    tree = (({"a": 1.0, "b": [2.0, "text"]}, 3.0), {"other": 4.0})
    names = labelled(tree, lambda first, second, other: None, float)
    assert names == ["first_a", "first_b_0", "second", "other"]
    assert mapped((Name("x"), "x", None, [Name("y")]), str.upper) == ("X", None, None, ["Y"])


@pytest.mark.parametrize("traced", [cv.jit, cv.vmap, cv.checkpoint])
def test_they_are_not_made_in_a_function_that_is_traced(traced) -> None:
    with pytest.raises(JitError, match=r"(?s)are objects that hold values.*cv\.func\.jacobian"):
        traced(lambda x: cv.jacobian(cv.tanh)(x).dense())(cv.ones(3))


def test_random_numbers_are_constants() -> None:
    found = cv.jacobian(lambda x: x * cv.random.normal((3,)))(cv.ones(3))
    assert found.structure.kind == "diagonal"
    assert len(set(found.diagonal().tolist())) == 3


def test_what_gauss_newton_matrices_are_not_of() -> None:
    x = cv.ones(2)
    with pytest.raises(DtypeError, match="the function gives bool"):
        cv.fisher(lambda x: x > 0)(x)
    with pytest.raises(cv.CovectorError, match="a loss is one float, and this has the shape 2"):
        cv.gauss_newton(lambda x: x * x, lambda y: y)(x)
    with pytest.raises(cv.CovectorError, match="a function with one result is wanted, not with 2"):
        cv.fisher(lambda x: (x, x))(x)
    with pytest.raises(DtypeError, match="hvp: argument 0 holds a tensor"):
        cv.hvp(lambda x: (x * 1.0).sum())(cv.tensor([1, 2]), cv.tensor([1, 2]))
