"""Calls of one derivative again and again: arrays of the same kind take the short way, and all others their own."""

import numpy as np
import pytest

import covector as cv
from covector.errors import DtypeError, ShapeError
from covector.jacobians.run import FEW

RNG = np.random.default_rng(3)
SOURCE = "f = sum[i,j]((T[i,j] - sum[k](U[i,k]*V[j,k]))**2)"


def arrays(rows: int = 4, dtype: str = "float64") -> dict[str, np.ndarray]:
    shapes = {"T": (rows, 3), "U": (rows, 2), "V": (3, 2)}
    return {name: RNG.normal(size=shape).astype(dtype) for name, shape in shapes.items()}


def expected(U: np.ndarray, V: np.ndarray) -> np.ndarray:
    V = V.astype("float64")
    return 2 * np.einsum("pi,qj->pqij", np.eye(len(U)), V.T @ V)


def test_every_call_reads_its_own_arrays() -> None:
    hessian = cv.hessian(SOURCE, wrt="U")
    kept = []
    for _ in range(2 * FEW):
        given = arrays()
        found = hessian(**given)
        kept.append((found, expected(given["U"], given["V"])))
        given["V"][...] = 0  # what was computed does not follow
    for found, wanted in kept:
        np.testing.assert_allclose(found.dense(), wanted, rtol=1e-12)


@pytest.mark.parametrize("repeats", [1, FEW + 2])
def test_shapes_dtypes_names_and_layouts_in_turn(repeats: int) -> None:
    hessian = cv.hessian(SOURCE, wrt="U")
    for _ in range(repeats):
        for given in (arrays(), arrays(5), arrays(4, "float32"), arrays(1)):
            wanted = expected(given["U"], given["V"])
            turned = {name: np.asfortranarray(array) for name, array in given.items()}
            backwards = dict(reversed(given.items()))
            foreign = {name: array.astype(array.dtype.newbyteorder()) for name, array in given.items()}
            for variant in (given, turned, backwards, foreign):
                np.testing.assert_allclose(hessian(**variant).dense(), wanted, rtol=1e-12)
            np.testing.assert_allclose(hessian(given["T"], V=given["V"], U=given["U"]).dense(), wanted, rtol=1e-12)
            lists = {name: array.tolist() for name, array in given.items()}
            np.testing.assert_allclose(hessian(**lists).dense(), wanted, rtol=1e-12)


def test_functions_with_settings_and_with_any_number_of_arrays() -> None:
    x, y = RNG.normal(size=3), RNG.normal(size=3)
    powers = cv.jacobian(lambda x, n: x**n)
    several = cv.jacobian(lambda x, *rest: x * rest[0])
    for _ in range(3):
        np.testing.assert_allclose(powers(x, 2).dense(), np.diag(2 * x))
        np.testing.assert_allclose(powers(x, n=3).dense(), np.diag(3 * x**2))
        with pytest.raises(DtypeError):
            several(x, object())
    named = cv.jacobian(lambda a, b: a * b, argnums=(0, 1))
    for _ in range(3):
        by_a, by_b = named(b=y, a=x)
        np.testing.assert_allclose(by_a.dense(), np.diag(y))
        np.testing.assert_allclose(by_b.dense(), np.diag(x))


def test_a_wrong_call_after_a_right_one() -> None:
    hessian = cv.hessian(SOURCE, wrt="U")
    given = arrays()
    hessian(**given)
    with pytest.raises(ShapeError, match="has 3 along axis 0"):
        hessian(**{**given, "T": given["T"][:, :2]})
    np.testing.assert_allclose(hessian(**given).dense(), expected(given["U"], given["V"]), rtol=1e-12)


def test_results_of_a_compiled_program_are_arrays_of_their_own() -> None:
    jacobian = cv.jacobian("y[i] = x[i]**2")
    x = RNG.normal(size=1000)
    found = [jacobian(x + n).dense() for n in range(FEW + 3)]
    for n, dense in enumerate(found):
        np.testing.assert_allclose(np.diag(dense), 2 * (x + n))
