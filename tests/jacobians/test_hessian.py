"""Hessians by several arguments: one matrix of blocks, its products, systems and determinants."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import covector as cv
from covector.errors import BudgetError, DtypeError, ShapeError, TransformError
from covector.jacobians.blocks import SingularError

RNG = np.random.default_rng(3)

FACTORISATION = (
    "U: I K\nV: J K\nc: J\nT: I J\n"
    "f = sum[i,j]((T[i,j] - sum[k](U[i,k]*V[j,k]) - c[j])**2)"
    " + sum[i,k](U[i,k]**2) + sum[j,k](V[j,k]**2) + 2*sum[j](c[j]**2)"
)
COUPLED = {
    "two arguments": ("f = sum[i,j]((x[i] - y[j])**4) + sum[i](x[i]**2) + sum[j](y[j]**2)", {"x": (5,), "y": (3,)}),
    "nothing couples them": ("f = sum[i](x[i]**4) + sum[j](exp(y[j]))", {"x": (5,), "y": (3,)}),
    "factorisation": (FACTORISATION, {"U": (7, 2), "V": (5, 2), "c": (5,), "T": (7, 5)}),
    "two pairs": (
        "f = sum[i]((a[i]*b[i] + 2)**2 + a[i]**2 + b[i]**2) + sum[j]((c[j] - 3*d[j])**4 + c[j]**2 + d[j]**2)",
        {"a": (3,), "b": (3,), "c": (2,), "d": (2,)},
    ),
    "a number among them": ("x: N\nb: ()\nf = sum[i]((x[i] + b)**4) + b**2", {"x": (6,), "b": ()}),
    "diagonal and low rank": (
        "f = log(sum[i](exp(x[i] + y[i]))) + sum[i](x[i]**2) + sum[i](y[i]**4)",
        {"x": (8,), "y": (8,)},
    ),
    "singular by itself": ("f = sum[i](x[i]*y[i]) + sum[i](y[i]**2)", {"x": (4,), "y": (4,)}),
}


def hessian_at(name: str) -> tuple[Any, list[str]]:
    source, shapes = COUPLED[name]
    by = [key for key in shapes if key != "T"]
    arrays = {key: RNG.normal(size=shape) + 0.5 for key, shape in shapes.items()}
    return cv.hessian(source, wrt=by)(**arrays), by


def flat(tree: Any) -> np.ndarray:
    return np.concatenate([np.ravel(part) for part in tree])


@pytest.mark.parametrize("name", COUPLED)
def test_it_is_one_matrix(name: str) -> None:
    hessian, by = hessian_at(name)
    matrix = hessian.dense()
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-12)
    vector = tuple(RNG.normal(size=hessian[n][n].input_shape) for n in range(len(by)))
    np.testing.assert_allclose(flat(hessian @ vector), matrix @ flat(vector), atol=1e-9)
    np.testing.assert_allclose(flat(hessian.solve(vector)), np.linalg.solve(matrix, flat(vector)), rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(hessian.logdet(), np.linalg.slogdet(matrix)[1], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(flat(hessian.diagonal()), np.diag(matrix), atol=1e-12)
    assert hessian.is_positive_definite() == bool(np.linalg.eigvalsh(matrix).min() > 0)
    shifted = hessian.shifted(0.25)
    np.testing.assert_allclose(shifted.dense(), matrix + 0.25 * np.eye(len(matrix)), atol=1e-12)
    several = tuple(np.stack([part, 2 * part], axis=-1) for part in vector)
    for one, two in zip(hessian.solve(several), hessian.solve(vector), strict=True):
        np.testing.assert_allclose(one, np.stack([two, 2 * two], axis=-1), rtol=1e-7, atol=1e-9)


SIGNED = {
    "diagonal": ("f = sum[i](x[i]**4) + c*sum[i](x[i]**2)", 5),
    "diagonal and low rank": ("f = log(sum[i](exp(x[i]))) + c*sum[i](x[i]**2)", 6),
    "blocks": ("f = sum[i,j]((T[i,j] - sum[k](x[i,k]*V[j,k]))**2) + c*sum[i,k](x[i,k]**2)", (4, 2)),
    "dense": ("f = exp(sum[j](x[j]*x[j]/8)) + c*sum[i](x[i]**2)", 4),
    "a permutation": ("x: N N\nc: ()\nf = c*sum[i,j](x[i,j]*x[j,i])", (3, 3)),
}


@pytest.mark.parametrize("name", SIGNED)
@pytest.mark.parametrize("c", [-3.0, -0.2, 0.3, 2.0])
def test_whether_it_is_positive_definite(name: str, c: float) -> None:
    source, shape = SIGNED[name]
    arrays = {"x": RNG.normal(size=shape), "c": np.array(c)}
    if "V[" in source:
        arrays |= {"T": RNG.normal(size=(4, 5)), "V": RNG.normal(size=(5, 2))}
    hessian = cv.hessian(source, wrt="x")(**arrays)
    size = int(np.prod(hessian.input_shape))
    expected = np.linalg.eigvalsh(hessian.dense().reshape(size, size)).min() > 0
    assert hessian.is_positive_definite() == bool(expected)


def test_what_is_eliminated() -> None:
    found = {}
    for name in COUPLED:
        hessian, by = hessian_at(name)
        symmetric = hessian._symmetric
        found[name] = [
            tuple("".join(by[place] for place in places) for places in (chosen.first, chosen.rest))
            if len(group) > 1
            else "alone"
            for group in symmetric.coupled()
            for chosen in [symmetric.elimination(group)]
        ]
    assert found == {
        "two arguments": [("x", "y")],
        "nothing couples them": ["alone", "alone"],
        "factorisation": [("U", "Vc")],
        "two pairs": [("a", "b"), ("c", "d")],
        "a number among them": [("x", "b")],
        "diagonal and low rank": [("x", "y")],
        "singular by itself": [("x", "y")],
    }


def test_a_large_factorisation_is_solved_within_its_budget() -> None:
    sizes = {"U": (4000, 3), "V": (60, 3), "c": (60,), "T": (4000, 60)}
    arrays = {key: RNG.normal(size=shape) for key, shape in sizes.items()}
    hessian = cv.hessian(FACTORISATION, wrt=("U", "V", "c"), budget=1 << 26)(**arrays)
    shifted = hessian.shifted(1e4)
    right = tuple(arrays[name] for name in ("U", "V", "c"))
    assert hessian.size**2 * 8 > 1 << 30
    found = shifted.solve(right)
    np.testing.assert_allclose(flat(shifted @ found), flat(right), atol=1e-9)


def test_what_does_not_fit_is_refused_with_its_size() -> None:
    sizes = {"U": (3000, 4), "V": (3000, 4), "c": (3000,), "T": (3000, 3000)}
    arrays = {key: np.ones(shape) for key, shape in sizes.items()}
    hessian = cv.hessian(FACTORISATION, wrt=("U", "V", "c"))(**arrays)
    with pytest.raises(BudgetError, match=r"27000 unknowns, takes dense matrices of .* GiB, more than the budget"):
        hessian.solve(tuple(arrays[name] for name in ("U", "V", "c")))
    with pytest.raises(BudgetError, match="27000×27000"):
        hessian.dense()


def test_a_singular_one_is_refused() -> None:
    hessian = cv.hessian("f = sum[i]((x[i] - y[i])**2)", wrt=("x", "y"))(np.ones(3), np.zeros(3))
    with pytest.raises(SingularError, match="singular"):
        hessian.solve((np.ones(3), np.zeros(3)))
    assert hessian.logdet() == -np.inf
    found = hessian.shifted(0.1).solve((np.ones(3), np.zeros(3)))
    np.testing.assert_allclose(hessian.shifted(0.1) @ found, (np.ones(3), np.zeros(3)), atol=1e-12)


def test_trees_of_tensors_give_trees_of_tensors() -> None:
    parameters = {"w": cv.tensor(RNG.normal(size=(4, 2))), "b": [cv.tensor(RNG.normal(size=2))]}
    x = cv.tensor(RNG.normal(size=(30, 4)))

    def loss(parameters: Any, x: Any) -> Any:
        return cv.softplus(x @ parameters["w"] + parameters["b"][0]).sum() + (parameters["w"] ** 2).sum()

    hessian = cv.hessian(loss)(parameters, x)
    step = hessian.solve(cv.grad(loss)(parameters, x))
    assert isinstance(step["b"][0], cv.Tensor)
    assert list(hessian) == list(hessian.keys()) == ["w", "b"]
    product = hessian @ step
    expected = cv.grad(loss)(parameters, x)
    np.testing.assert_allclose(product["w"].numpy(), expected["w"].numpy(), atol=1e-10)
    np.testing.assert_allclose(hessian["w"]["b"][0].dense(), hessian["b"][0]["w"].T.dense(), atol=1e-12)


@pytest.mark.parametrize(
    ("right", "error", "words"),
    [
        ((np.ones(3),), TransformError, "a tuple of 2 is wanted, not tuple of 1"),
        ({"x": np.ones(3)}, TransformError, "a tuple of 2 is wanted, not dict of 1"),
        ((np.ones(3), np.ones(4)), ShapeError, "the array for y has the shape"),
        ((np.ones((3, 2)), np.ones(3)), ShapeError, "different axes after"),
        ((np.array(["a", "b", "c"]), np.ones(3)), DtypeError, "x is given <U1"),
    ],
)
def test_vectors_that_do_not_fit(right: Any, error: type, words: str) -> None:
    hessian = cv.hessian("f = sum[i](x[i]**2 + y[i]**2)", wrt=("x", "y"))(np.ones(3), np.ones(3))
    with pytest.raises(error, match=words):
        hessian.solve(right)
    with pytest.raises(error, match=words):
        hessian @ right
