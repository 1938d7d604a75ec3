"""Products that are symmetric are seen as such, and no others; what is computed of them is the same."""

import numpy as np
import pytest

from covector.frontend.program import read_program
from covector.native.engine import compile_program
from covector.run.reference import evaluate
from covector.schedule.plan import Product
from covector.schedule.plan_program import plan

SYMMETRIC = {
    "columns with columns": "y[i,j] = sum[k](x[k,i] * x[k,j])",
    "rows with rows": "y[i,j] = sum[k](x[i,k] * x[j,k])",
    "a number before it": "y[i,j] = 3 * sum[k](x[i,k] * x[j,k])",
    "weights of the sum": "y[i,j] = sum[k](x[k,i] * exp(w[k]) * x[k,j])",
    "weights in a statement": "t[k,i] = x[k,i] * w[k]; y[i,j] = sum[k](x[k,j] * t[k,i])",
    "weights on both sides": "t[k,i] = x[k,i] * v[i]; y[i,j] = sum[k](t[k,i] * t[k,j])",
    "statements of statements": "s[k] = w[k] * w[k]; t[k,i] = s[k] * x[k,i]; y[i,j] = sum[k](t[k,i] * x[k,j])",
    "batches": "y[b,i,j] = sum[k](z[b,i,k] * z[b,j,k])",
    "several axes": "y[a,b,c,d] = sum[k](z[k,a,b] * z[k,c,d])",
    "each other's index": "y[i,j] = sum[k,l](z[i,k,l] * z[j,k,l])",
}
OTHER = {
    "two arrays": "y[i,j] = sum[k](x[k,i] * u[k,j])",
    "weights of a side": "t[k,i] = x[k,i] * v[i]; y[i,j] = sum[k](t[k,i] * x[k,j])",
    "axes exchanged": "y[i,j] = sum[k](q[k,i] * q[j,k])",
    "axes crossed": "y[a,b,c,d] = sum[k](z[k,a,b] * z[k,d,c])",
    "indices of the sum exchanged": "y[i,j] = sum[k,l](p[i,k,l] * p[j,l,k])",
    "reads moved apart": "y[i,j] = sum[k](x[k,i] * pad(x[k+1,j]))",
}
SHAPES = {
    "x": "40 70",
    "u": "40 70",
    "q": "70 70",
    "w": "40",
    "v": "70",
    "z": "6 9 9",
    "p": "70 5 5",
}


def products(source: str) -> list[Product]:
    used = {name: shape for name, shape in SHAPES.items() if f"{name}[" in source}
    program = read_program(source, used)
    return [step for kernel in plan(program).kernels for step in kernel.steps if isinstance(step, Product)]


@pytest.mark.parametrize("source", SYMMETRIC.values(), ids=SYMMETRIC.keys())
def test_symmetric(source: str) -> None:
    assert [product.symmetric for product in products(source)] == [True]


@pytest.mark.parametrize("source", OTHER.values(), ids=OTHER.keys())
def test_not_symmetric(source: str) -> None:
    assert not any(product.symmetric for product in products(source))


@pytest.mark.parametrize("source", [*SYMMETRIC.values(), *OTHER.values()])
def test_machine_code_agrees_with_the_interpreter(source: str) -> None:
    used = {name: shape for name, shape in SHAPES.items() if f"{name}[" in source}
    program = read_program(source, used)
    generator = np.random.default_rng(0)
    arrays = {name: generator.normal(size=tuple(map(int, shape.split()))) for name, shape in used.items()}
    given = [arrays[tensor.name] for tensor in program.inputs]
    wanted = evaluate(program, arrays)[program.output.name]
    np.testing.assert_allclose(compile_program(program).run(given)[0], wanted, rtol=1e-12, atol=1e-11)


BEHIND = """
    t[k,i] = x[k,i] * w[k]
    p[i,j] = sum[k](t[k,i] * x[k,j])
    y[i,j] = p[i,j] - v[i] * v[j] + exp(p[i,j] / 100)
"""


@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
def test_what_is_elementwise_in_a_symmetric_product(known: bool) -> None:
    """No thread goes on with columns whose mirrored part another one makes."""
    rows, columns = 300, 420
    shapes = (
        {"x": f"{rows} {columns}", "w": f"{rows}", "v": f"{columns}"} if known else {"x": "K N", "w": "K", "v": "N"}
    )
    run = compile_program(read_program(BEHIND, shapes)).run
    generator = np.random.default_rng(1)
    x, w, v = (generator.normal(size=size) for size in ((rows, columns), rows, columns))
    p = (x * w[:, None]).T @ x
    for _ in range(20):
        np.testing.assert_allclose(run([x, w, v])[0], p - np.outer(v, v) + np.exp(p / 100), rtol=1e-10, atol=1e-10)


def test_a_symmetric_product_is_added_to_what_is_not_symmetric() -> None:
    program = read_program("new[i,j] = old[i,j] - 2 * sum[k](x[k,i] * x[k,j])", {"old": "150 150", "x": "64 150"})
    place = {program.output: next(tensor for tensor in program.inputs if tensor.name == "old")}
    generator = np.random.default_rng(2)
    old, x = generator.normal(size=(150, 150)), generator.normal(size=(64, 150))
    wanted = old - 2 * x.T @ x
    given = {"old": old, "x": x}
    (found,) = compile_program(program, place).run([given[tensor.name] for tensor in program.inputs])  # type: ignore[arg-type]
    assert found is old
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-11)
