"""Linear systems and determinants by structure, against the dense matrix."""

from __future__ import annotations

import numpy as np
import pytest

import covector as cv
from covector.jacobians.blocks import SingularError
from covector.jacobians.jacobian import identity

RNG = np.random.default_rng(7)

SOLVABLE = {
    "identity": ("y[i] = x[i]", {"x": (4,)}),
    "scalar": ("y[i,j] = 3*x[i,j]", {"x": (2, 3)}),
    "diagonal": ("y[i,j] = x[i,j]**3", {"x": (2, 3)}),
    "permutation": ("y[i,j] = 2*x[j,i]", {"x": (2, 3)}),
    "selection": ("x: M N\ny = reshape(x, (-1,)) * 3", {"x": (2, 3)}),
    "reversal": ("x: 5\ny[i:5] = x[4-i]**2", {"x": (5,)}),
    "kronecker": ("y[i,j] = sum[k,l](a[i,k]*x[k,l]*b[l,j])", {"x": (3, 2), "a": (3, 3), "b": (2, 2)}),
    "rotated": ("y[i,j] = sum[k](a[j,k]*x[k,i])", {"x": (3, 2), "a": (3, 3)}),
    "blocks": ("y[n,i] = sum[j](a[n,i,j]*x[n,j])", {"x": (3, 2), "a": (3, 2, 2)}),
    "same blocks": ("y[n,i] = x[n,i]*c[i] + sum[j](a[i,j]*x[n,j])", {"x": (3, 2), "a": (2, 2), "c": (2,)}),
    "alike blocks of two terms": ("y[n,i] = c[i]*x[n,i] + sum[j]([j <= i] * x[n,j])", {"x": (3, 4), "c": (4,)}),
    "weighted permutation": ("y[i,j] = w[i,j]*x[j,i]", {"x": (2, 3), "w": (3, 2)}),
    "triangular": ("y[i] = sum[j]([j <= i] * x[j]) * 2", {"x": (5,)}),
    "woodbury": ("y[i] = x[i]**3 + u[i]*sum[j](v[j]*x[j])", {"x": (9,), "u": (9,), "v": (9,)}),
    "rank two": ("y[i] = x[i]**3 + sum[k](u[i,k]*sum[j](v[k,j]*x[j]))", {"x": (9,), "u": (9, 2), "v": (2, 9)}),
    "woodbury in blocks": ("y[n,i] = x[n,i]**3 + u[i]*sum[j](x[n,j]*w[n,j])", {"x": (3, 8), "u": (8,), "w": (3, 8)}),
    "permuted plus low rank": ("x: 6\ny[i:6] = 5*x[5-i] + u[i]*sum[j](v[j]*x[j])", {"x": (6,), "u": (6,), "v": (6,)}),
    "dense": ("y[i] = x[i]**3 + sum[j](a[i,j]*x[j])", {"x": (4,), "a": (4, 4)}),
    "scaled by a number": ("y[i] = x[i] * s", {"x": (4,), "s": ()}),
}


@pytest.mark.parametrize("name", SOLVABLE)
def test_a_system_is_solved(name: str) -> None:
    source, shapes = SOLVABLE[name]
    arrays = {key: RNG.normal(size=shape) + (key == "x") for key, shape in shapes.items()}
    found = cv.jacobian(source, wrt="x")(**arrays)
    size = int(np.prod(found.input_shape))
    matrix = found.dense().reshape(size, size)
    right = RNG.normal(size=(*found.output_shape, 3))
    expected = np.linalg.solve(matrix, right.reshape(size, 3)).reshape(*found.input_shape, 3)
    np.testing.assert_allclose(found.solve(right), expected, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(found.solve(right[..., 0]), expected[..., 0], rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(found.logdet(), np.linalg.slogdet(matrix)[1], atol=1e-9)
    if found.input_shape == found.output_shape:
        np.testing.assert_allclose(found.trace(), np.trace(matrix))


def test_large_systems_are_solved_by_their_structure() -> None:
    n = 100_000
    x = RNG.normal(size=n)
    hessian = cv.hessian("f = log(sum[i](exp(x[i]))) + sum[i](x[i]**2)")(x)
    found = hessian.solve(x)
    np.testing.assert_allclose(hessian @ found, x, rtol=1e-9, atol=1e-12)


def test_damping_makes_a_singular_one_solvable() -> None:
    hessian = cv.hessian("f = log(sum[i](exp(x[i])))")(np.arange(4.0))
    with pytest.raises(SingularError, match="singular"):
        hessian.solve(np.ones(4))
    damped = hessian.shifted(0.5)
    np.testing.assert_allclose(damped.dense(), hessian.dense() + 0.5 * np.eye(4))
    np.testing.assert_allclose(damped @ damped.solve(np.ones(4)), np.ones(4))


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("y[i] = x[i]**2", "2 of 4 elements of the diagonal are 0"),
        ("y[i] = x[i] - x[i]", "zero everywhere"),
        ("x: 4\ny[i:4] = sum[j](x[j])", "singular"),
        ("x: 4\ny[i:4] = x[i] * [i < 2]", "singular"),
        ("y[i] = sum[j](a[i,j]*x[j])", "singular"),
    ],
)
def test_a_singular_one_is_refused(source: str, words: str) -> None:
    arrays = {"x": np.array([0.0, 1.0, 0.0, 2.0])}
    if "a[" in source:
        arrays["a"] = np.outer(np.arange(1.0, 5), np.arange(4.0))
    found = cv.jacobian(source, wrt="x")(**arrays)
    with pytest.raises(SingularError, match=words):
        found.solve(np.array([1.0, 0.5, 2.0, -1.0]))


def test_one_that_is_singular_but_for_rounding_is_refused() -> None:
    matrix = RNG.normal(size=(6, 5)) @ RNG.normal(size=(5, 6))
    found = cv.jacobian("y[i] = sum[j](a[i,j]*x[j])", wrt="x")(a=matrix, x=np.ones(6))
    with pytest.raises(SingularError, match="6×6, is singular to working precision"):
        found.solve(RNG.normal(size=6))


def test_the_determinant_of_a_singular_one() -> None:
    assert cv.jacobian("y[i] = x[i]**2")(np.array([0.0, 1.0])).logdet() == -np.inf


def test_oblong_ones_are_refused() -> None:
    found = cv.jacobian("y[i] = sum[j](a[i,j]*x[j])", wrt="x")(np.ones((2, 3)), np.ones(3))
    with pytest.raises(cv.CovectorError, match="2 rows and 3 columns"):
        found.solve(np.ones(2))
    with pytest.raises(cv.CovectorError, match="the right side has the shape"):
        found.solve(np.ones(3))


def test_nothing_at_all_is_solved() -> None:
    found = cv.jacobian("y[i] = x[i]**2")(np.ones(0))
    assert found.solve(np.ones((0, 3))).shape == (0, 3)
    assert found.logdet() == 0


def test_a_number() -> None:
    found = cv.jacobian("x: ()\ny = x**2")(3.0)
    assert found.solve(12.0) == 2
    assert found @ 2.0 == 12
    assert 2.0 @ found == 12
    assert float(cv.hessian("x: ()\ny = x**3")(2.0).dense()) == 12


def test_the_identity() -> None:
    one = identity((2, 3))
    assert one.structure.kind == "identity"
    np.testing.assert_array_equal(one.dense().reshape(6, 6), np.eye(6))
    assert one.logdet() == 0
