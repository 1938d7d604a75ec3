"""Equal values that are written in several ways are computed once, and nothing changes where numbers overflow."""

from __future__ import annotations

import numpy as np
import pytest

from covector.frontend.program import read_program
from covector.ir import Apply, walk
from covector.native.engine import compile_program
from covector.run.reference import evaluate
from covector.schedule.plan import Accumulate, Assign, Plan
from covector.schedule.plan_program import plan
from covector.schedule.polynomial import normal, polynomial
from covector.schedule.work import COSTLY
from tests.schedule.interpret import steps_of
from tests.schedule.programs import with_gradients

SCORES = "x: 64 100 float32\ntarget: 64 int64\nloss = cross_entropy(x, target)"
NAIVE = "x: 8 10 float32\ny[i] = log(sum[j](exp(x[i,j])))"


def costly(made: Plan) -> list[str]:
    """The costly functions of a plan, each as often as it is computed."""
    steps = [step for kernel in made.kernels for step in steps_of(kernel.steps)]
    values = {step.value for step in steps if isinstance(step, (Assign, Accumulate))}
    nodes = {node for value in values for node in walk(value) if isinstance(node, Apply) and node.arguments}
    return sorted(node.function.name for node in nodes if node.function.name in COSTLY - {"pow"})


@pytest.mark.parametrize(
    ("text", "functions"),
    [
        ("x: 64 100\ny = gelu(x)", ["erf", "exp"]),
        ("x: 64 100\ny = gelu_tanh(x)", ["tanh"]),
        ("x: 64 100\ny = silu(x)", ["sigmoid"]),
        ("x: 64 100\ny = softmax(x)", ["exp"]),
        ("x: 64 100\ny = log_softmax(x)", ["exp", "log"]),
        (SCORES, ["exp", "log"]),
        ("x: 64 100\ntarget: 64 100\nloss = cross_entropy_probabilities(x, target)", ["exp", "log"]),
        ("x: 64 100\ny[i,j] = tanh(2*x[i,j] + 1)", ["tanh"]),
    ],
)
def test_a_function_and_its_gradient_take_each_costly_function_once(text: str, functions: list[str]) -> None:
    made = plan(with_gradients(text))
    assert len(made.kernels) == 1
    assert costly(made) == functions


def test_what_a_user_has_written_in_two_ways_stays() -> None:
    made = plan(read_program("x: 8\na: 8\nb: 8\ny[i] = tanh(x[i]*(a[i] + b[i])) * tanh(x[i]*a[i] + x[i]*b[i])"))
    assert costly(made) == ["tanh", "tanh"]


def test_a_sum_of_exponentials_that_may_overflow_is_not_divided_by() -> None:
    assert costly(plan(with_gradients(NAIVE))) == ["exp", "exp", "log"]
    program = with_gradients(NAIVE)
    x = np.full((8, 10), 100, np.float32)  # the exponential overflows; its share of the sum, inf, is 0
    given = {"x": x, "dy": np.ones(8, np.float32)}
    arrays = [given.get(tensor.name, given["dy"]) for tensor in program.inputs]
    found = compile_program(program).run(arrays)[1]
    np.testing.assert_array_equal(found, np.zeros_like(x))


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan, 3e38, -3e38, 100, -100, 1e-40])
@pytest.mark.parametrize("count", [1, 50, 100])
def test_a_cross_entropy_of_extreme_scores_is_what_its_program_says(value: float, count: int) -> None:
    program, rng = with_gradients(SCORES), np.random.default_rng(0)
    x = rng.standard_normal((64, 100)).astype(np.float32)
    x[::2, :count] = value
    arrays = {"x": x, "target": rng.integers(0, 100, 64)}
    expected = evaluate(program, arrays)
    with np.errstate(all="ignore"):
        results = compile_program(program).run([arrays[tensor.name] for tensor in program.inputs])
    for output, found in zip(program.outputs, results, strict=True):
        np.testing.assert_allclose(found, expected[output.name], rtol=1e-5, atol=1e-7)


def test_polynomials_that_are_equal_have_one_writing() -> None:
    program = read_program("x: 8\ny: 8\nz[i] = tanh(x[i]*(1 + y[i])/2) * tanh(y[i]*x[i]*0.5 - x[i]/sqrt(4)*(0 - 1))")
    applied = [node for node in walk(program.output.body) if isinstance(node, Apply) and node.function.name == "tanh"]
    first, second = (node.arguments[0] for node in applied)
    assert first is not second
    assert normal(polynomial(first)) is normal(polynomial(second))


def test_a_long_chain_of_statements_is_planned() -> None:
    lines = [f"x{n}[i] = x{n - 1}[i]*{n}/{n + 1} + 1/{n}" for n in range(1, 400)]
    program = with_gradients("\n".join(["x0: 8", *lines, "y[i] = exp(x399[i])"]))
    assert compile_program(program).reason == ""
