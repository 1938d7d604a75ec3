"""What is elementwise goes behind the product that it uses, where each column needs nothing but itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from covector.frontend.program import read_program
from covector.ir import Compute, Program
from covector.native.engine import compile_program
from covector.native.pool import POOL
from covector.run.reference import evaluate
from covector.schedule.plan import Loop, Product
from covector.schedule.plan_program import plan
from tests.schedule.interpret import interpret

HEAD = "x: R 50\nw: 50 256\nv: 256\nu: R 256\na[i,j] = sum[k](x[i,k] * w[k,j])\n"
TAIL = "\nz[i,k] = sum[j](y[i,j] * w[k,j])"

BEHIND = {
    "a bias and an activation": "y[i,j] = relu(a[i,j] + v[j])",
    "a mask and sums of columns": "y[i,j] = a[i,j] * u[i,j]\nd[j] = sum[i](y[i,j])",
    "another row": "y[i,j] = a[i,j] + a[ROWS-1-i,j]",
    "two results": "b[i,j] = a[i,j] + v[j]\ny[i,j] = b[i,j] * tanh(b[i,j])",
}
APART = {
    "another column": "y[i,j] = a[i,j] + a[i,255-j]",
    "a sum over the columns": "y[i,j] = a[i,j] - sum[l](a[i,l])",
    "one sum of all": "y[i,j] = a[i,j] * v[j]\nd = sum[i,j](y[i,j])",
    "the transposed result": "y[i,j] = u[i,j]\nd[j,i] = tanh(a[i,j])",
    "an input": "y[i,j] = tanh(u[i,j]) + v[j]",
}


@pytest.fixture(params=[1, 2, 3])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    """Numbers of threads to run on."""
    before = POOL.threads
    POOL.set_threads(request.param)
    yield request.param
    POOL.set_threads(before)


def read(body: str, rows: int = 40, inner: int = 50, outputs: str = "yzd") -> Program:
    """A program with a statement behind a product, and one more product."""
    text = HEAD.replace("R", str(rows)).replace("50", str(inner)) + body.replace("ROWS", str(rows)) + TAIL
    found = read_program(text)
    wanted = [s for s in found.statements if isinstance(s, Compute) and s.name in outputs]
    return Program(found.inputs, found.statements, tuple(wanted))


def arrays_of(program: Program) -> dict[str, Any]:
    """Inputs."""
    rng = np.random.default_rng(0)
    return {tensor.name: rng.standard_normal([s.constant for s in tensor.shape]) for tensor in program.inputs}


def behind(program: Program) -> list[Loop]:
    """The loops that are behind products."""
    steps = [step for kernel in plan(program).kernels for step in kernel.steps]
    found = [step for step in steps if isinstance(step, Loop) and step.columns is not None]
    assert all(isinstance(steps[steps.index(loop) - 1], Product) for loop in found)
    return found


@pytest.mark.parametrize("body", BEHIND.values(), ids=BEHIND)
def test_what_needs_its_own_column_goes_behind(body: str) -> None:
    (loop,) = behind(read(body))
    assert loop.columns is loop.body[0].index  # type: ignore[union-attr]


@pytest.mark.parametrize("body", APART.values(), ids=APART)
def test_what_needs_more_stays_where_it_is(body: str) -> None:
    assert not behind(read(body))


@pytest.mark.parametrize("body", [*BEHIND.values(), *APART.values()], ids=[*BEHIND, *APART])
@pytest.mark.parametrize("outputs", ["yzd", "z"])
def test_results_are_those_of_the_definition(body: str, outputs: str) -> None:
    program = read(body, 2, 3, outputs)
    arrays = arrays_of(program)
    expected, interpreted = evaluate(program, arrays), interpret(plan(program), arrays)
    for output, found in zip(program.outputs, compile_program(program).run(list(arrays.values())), strict=True):
        np.testing.assert_allclose(found, expected[output.name], rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(interpreted[output.name], expected[output.name], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("outputs", ["yzd", "zd"])
@pytest.mark.parametrize("rows", [40, 41, 300])
def test_threads_agree_with_numpy(rows: int, outputs: str, threads: int) -> None:
    program = read(BEHIND["a mask and sums of columns"], rows, outputs=outputs)
    arrays = arrays_of(program)
    compiled = compile_program(program)
    y = arrays["x"] @ arrays["w"] * arrays["u"]
    expected = {"y": y, "d": y.sum(0), "z": y @ arrays["w"].T}
    for _ in range(5):
        for output, found in zip(program.outputs, compiled.run(list(arrays.values())), strict=True):
            np.testing.assert_allclose(found, expected[output.name], rtol=1e-9, atol=1e-9)


def test_few_columns_are_better_off_in_one_loop() -> None:
    text = "x: 400 50\nw: 50 32\na[i,j] = sum[k](x[i,k] * w[k,j])\ny[i,j] = tanh(a[i,j])"
    assert not behind(read_program(text))


def test_a_long_sum_is_shared_for_itself() -> None:
    assert not behind(read(BEHIND["a bias and an activation"], inner=64))
    assert behind(read(BEHIND["a bias and an activation"], inner=63))


@pytest.mark.parametrize("sizes", [(40, 256), (1, 65), (0, 300), (7, 0), (130, 100)])
def test_sizes_that_are_only_known_in_a_call(sizes: tuple[int, int], threads: int) -> None:
    rows, columns = sizes
    text = (
        "x: M 50\nw: 50 N\nv: N\na[i,j] = sum[k](x[i,k] * w[k,j])\ny[i,j] = tanh(a[i,j] + v[j])\nd[j] = sum[i](y[i,j])"
    )
    program = read_program(text)
    program = Program(program.inputs, program.statements, program.statements[1:])
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(shape) for shape in ((rows, 50), (50, columns), (columns,))]
    y, d = compile_program(program).run(arrays, {"M": rows, "N": columns})
    expected = np.tanh(arrays[0] @ arrays[1] + arrays[2])
    np.testing.assert_allclose(y, expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(d, expected.sum(0), rtol=1e-9, atol=1e-9)
    assert behind(program)


def test_an_update_in_place_stays_behind_what_reads_the_old_value() -> None:
    text = HEAD.replace("R", "4") + "b[i,j] = tanh(u[i,j])\ny[i,j] = u[i,j] + a[i,j]\nz[i,j] = sum[k](b[i,k] * b[i,j])"
    program = read_program(text)
    y, z = (s for s in program.statements if isinstance(s, Compute) and s.name in "yz")
    program = Program(program.inputs, program.statements, (y, z))
    (given,) = (tensor for tensor in program.inputs if tensor.name == "u")
    arrays = arrays_of(program)
    product = arrays["x"] @ arrays["w"]
    b = np.tanh(arrays["u"])
    expected = arrays["u"] + product, b.sum(1, keepdims=True) * b
    for found, wanted in zip(compile_program(program, {y: given}).run(list(arrays.values())), expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-9)
