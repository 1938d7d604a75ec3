"""Dense arrays: elements put into cleared memory are those that a program for all elements computes."""

import numpy as np
import pytest

import covector as cv
from covector.jacobians import products
from covector.jacobians.dense import cleared, parts
from covector.jacobians.jacobian import Jacobian
from covector.jacobians.run import run

RNG = np.random.default_rng(7)
SPREAD = {
    "diagonal": "y[i] = tanh(x[i])",
    "identity": "y[i] = x[i]",
    "multiple": "y[i] = 3*x[i]",
    "transpose": "x: 12 5\ny[i,j] = x[j,i]",
    "block": "x: 12 5\ny = softmax(x, axis=1)",
    "stride": "x: 24\ny[i] = x[2*i+1]**2",
    "kronecker": "x: 12 5\nw: 5 3\ny[n,m] = sum[d](x[n,d] * w[d,m])",
    "diagonal and column": "x: 24\ny[i] = x[i]**2 * x[0]",
}
FULL = {
    "shift beyond the end": "x: 20\ny[i:20] = pad(x[i+3])",
    "dense": "a: 6 5\nx: 5\ny[i] = sum[j](a[i,j] * x[j])",
    "dense and diagonal": "y[i] = x[i]**2 + sum[j](x[j]**3)",
    "embedding": "x: 30\nids: 9 int64\ny[n] = x[ids[n]]",
}


def jacobian(source: str, dtype: str = "float64") -> Jacobian:
    given = {"ids": RNG.integers(0, 30, size=9)} if "ids" in source else {}
    lines = [line for line in source.splitlines() if "=" not in line]
    shapes = {line.split(":")[0]: tuple(map(int, line.split(":")[1].split())) for line in lines if "ids" not in line}
    shapes = shapes or {"x": (24,)}
    given |= {name: RNG.normal(size=shape).astype(dtype) for name, shape in shapes.items()}
    return cv.jacobian(source, wrt="x")(**given)


@pytest.mark.parametrize("source", [*SPREAD.values(), *FULL.values()])
def test_as_the_program_for_all_elements(source: str) -> None:
    for _ in range(3):
        found = jacobian(source)
        np.testing.assert_allclose(found.dense(), run(products.dense(found.form), found.arrays, {})[0], rtol=1e-14)


@pytest.mark.parametrize("source", SPREAD.values(), ids=SPREAD.keys())
def test_few_elements_are_put_into_zeros(source: str) -> None:
    assert parts(jacobian(source).form) is not None


@pytest.mark.parametrize("source", FULL.values(), ids=FULL.keys())
def test_many_elements_and_guarded_ones_are_computed_at_once(source: str) -> None:
    assert parts(jacobian(source).form) is None


def test_memory_that_was_used_is_cleared() -> None:
    for size in (3, 1000, 200_000):
        array = cleared((size,), np.dtype("float64"))
        array[:] = np.nan
        del array
        assert not cleared((size,), np.dtype("float64")).any()
    assert cleared((0, 3), np.dtype("float32")).shape == (0, 3)
