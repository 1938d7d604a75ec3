"""The structure of Jacobians and Hessians, and that each takes no more memory than its information."""

from __future__ import annotations

import numpy as np
import pytest

import covector as cv
from covector.jacobians.form import with_numbers
from covector.jacobians.jacobian import Jacobian, identity
from covector.run.reference import evaluate
from tests.jacobians.programs import HESSIANS, JACOBIANS, Known


def differences(function, x: np.ndarray) -> np.ndarray:
    """The derivative by central differences, the input's axes last."""
    parts = []
    for place in np.ndindex(*x.shape):
        step = np.zeros_like(x)
        step[place] = 1e-5
        parts.append((function(x + step) - function(x - step)) / 2e-5)
    return np.moveaxis(np.array(parts), 0, -1).reshape(*np.shape(parts[0]), *x.shape)


@pytest.mark.parametrize("known", JACOBIANS, ids=lambda known: known.source.replace("\n", " "))
def test_a_jacobian_has_its_structure(known: Known) -> None:
    arrays = known.arrays()
    found = cv.jacobian(known.source, wrt=known.wrt)(**arrays)
    assert str(found.structure) == known.structure
    assert found.nbytes == known.nbytes
    program = cv.derive(known.source).program if known.structure != "zero" else None
    if program is not None:
        name = program.output.name
        expected = differences(lambda x: evaluate(program, {**arrays, known.wrt: x})[name], arrays[known.wrt])
        np.testing.assert_allclose(found.dense(), expected, atol=1e-8)
    else:
        assert not found.dense().any()


@pytest.mark.parametrize("known", HESSIANS, ids=lambda known: known.source.strip().split("\n")[-1])
def test_a_hessian_has_its_structure(known: Known) -> None:
    arrays = known.arrays()
    found = cv.hessian(known.source, wrt=known.wrt)(**arrays)
    assert known.structure in ("", str(found.structure))
    assert found.nbytes == known.nbytes
    gradient = cv.derive(known.source, wrt=known.wrt)[known.wrt]
    expected = differences(lambda x: gradient(**{**arrays, known.wrt: x}), arrays[known.wrt])
    dense = found.dense()
    np.testing.assert_allclose(dense, expected, atol=1e-6 * max(1, np.abs(expected).max()))
    axes = found.input_shape
    np.testing.assert_allclose(found.T.dense(), dense, atol=1e-12 * max(1, np.abs(dense).max()))
    vector = np.random.default_rng(3).normal(size=axes)
    product = cv.hvp(known.source, wrt=known.wrt)
    ordered = [arrays[tensor.name] for tensor in cv.derive(known.source, wrt=known.wrt).program.inputs]
    np.testing.assert_allclose(product(*ordered, vector), found @ vector, atol=1e-10 * max(1, np.abs(dense).max()))


def test_the_hessian_of_a_deep_network_is_a_product_of_two_small_matrices() -> None:
    known = HESSIANS[-1]
    kinds = cv.hessian(known.source, wrt=known.wrt)(**known.arrays()).structure
    assert [part.shape for part in kinds.parts] == [(5, 5), (6, 6)]
    assert kinds.parts[1].rank == 1


def test_the_structure_does_not_depend_on_the_values() -> None:
    found = [
        cv.jacobian("y[i] = sum[j](a[i,j]*x[j])", wrt="x")(a=a, x=np.ones(3)) for a in (np.eye(3), np.ones((3, 3)))
    ]
    assert [str(one.structure) for one in found] == ["dense", "dense"]


def test_the_chain_rule_keeps_the_structure() -> None:
    x, w = np.random.default_rng(0).normal(size=(3, 4)), np.random.default_rng(1).normal(size=(4, 2))
    product = cv.jacobian("y[i,j] = sum[k](x[i,k]*w[k,j])", wrt="x")(x, w)
    activation = cv.jacobian("y[i,j] = tanh(x[i,j])")(x @ w)
    again = cv.jacobian("y[i,j] = sum[k](x[i,k]*w[k,j])", wrt="x")(np.tanh(x @ w), w.T)
    whole = again @ activation @ product
    assert whole.structure.kind == "block-diagonal"
    assert whole.nbytes <= again.nbytes + activation.nbytes + product.nbytes
    direct = cv.jacobian("h[i,j] = tanh(sum[k](x[i,k]*w[k,j])); y[i,j] = sum[k](h[i,k]*w[j,k])", wrt="x")(x, w)
    np.testing.assert_allclose(whole.dense(), direct.dense(), atol=1e-13)


@pytest.mark.parametrize(
    ("left", "right", "product"),
    [
        ("y[i] = x[i]", "y[i] = x[i]", "identity"),
        ("y[i] = x[i]**2", "y[i] = exp(x[i])", "diagonal"),
        ("y[i] = x[i]**2", "y[i] = 3*x[i]", "diagonal"),
        ("y[i] = sum[j]([j <= i] * x[j])", "y[i] = 2*x[i]", "triangular"),
        ("y[i] = sum[j](x[i]*x[j])", "y[i] = x[i]", "sum"),
    ],
)
def test_products_of_structures(left: str, right: str, product: str) -> None:
    x = np.arange(1.0, 5.0)
    first, second = cv.jacobian(left)(x), cv.jacobian(right)(x)
    assert (first @ second).structure.kind == product
    np.testing.assert_allclose((first @ second).dense(), first.dense() @ second.dense(), rtol=1e-13)


def test_factors_that_differ_in_their_axes_alone_are_told_apart() -> None:
    triangle = cv.jacobian("y[i] = sum[j]([j <= i] * x[j])")(np.ones(5))
    lower = np.tril(np.ones((5, 5)))
    np.testing.assert_array_equal((triangle.T @ triangle).dense(), lower.T @ lower)
    np.testing.assert_array_equal((triangle @ triangle.T).dense(), lower @ lower.T)


def test_sums_of_structures() -> None:
    x = np.arange(1.0, 5.0)
    diagonal, one = cv.jacobian("y[i] = x[i]**2")(x), identity((4,))
    assert (diagonal + one).structure.kind == "diagonal"
    assert (diagonal - diagonal).structure.kind in ("zero", "diagonal")
    assert str((diagonal + cv.jacobian("y[i] = x[i] * sum[j](x[j])")(x)).structure) == "diagonal + low rank (1)"
    np.testing.assert_allclose((diagonal * 0.5 - one).dense(), np.diag(x - 1))


def test_numbers_in_place_of_symbols_change_nothing() -> None:
    found: Jacobian = cv.jacobian("y[i] = tanh(x[i])")(np.ones(3))
    assert with_numbers(found.form, ()) is found.form
    assert found.shape == (3, 3)
