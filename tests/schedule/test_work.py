"""Which loops are worth several threads: what they compute counts, and what they move."""

from __future__ import annotations

import pytest

from covector.frontend.program import read_program
from covector.ir import as_affine
from covector.schedule.plan import Loop
from covector.schedule.plan_program import plan
from tests.schedule.programs import perceptron, with_gradients


def is_parallel(text: str) -> bool:
    """Whether some loop of the only kernel of a program may run on several threads."""
    (kernel,) = plan(with_gradients(text) if "loss" in text else read_program(text)).kernels
    return any(isinstance(step, Loop) and step.parallel for step in kernel.steps)


@pytest.mark.parametrize(
    ("text", "worth"),
    [
        ("x: 10000\nw: 10000\ny[i] = x[i] + w[i]", False),
        ("x: 100000\nw: 100000\ny[i] = x[i] + w[i]", True),
        ("x: 20000\ny[i] = relu(x[i])", False),
        ("x: 20000\ny[i] = exp(x[i])", False),
        ("x: 20000\ny[i] = erf(x[i])", True),
        ("x: 20000\ny[i] = x[i]**3", False),
        ("x: 20000\ny[i] = x[i]**x[i]", True),
        ("x: N\ny[i] = relu(x[i])", True),
        ("x: 32 10\ntarget: 32 int64\nloss = cross_entropy(x, target)", False),
        ("x: 512 100\ntarget: 512 int64\nloss = cross_entropy(x, target)", True),
    ],
)
def test_a_loop_is_parallel_where_it_takes_longer_than_to_wake_a_thread(text: str, worth: bool) -> None:
    assert is_parallel(text) is worth


def test_a_small_step_of_training_has_no_parallel_loop() -> None:
    made = plan(*perceptron((64, 32, 10), 32, "float32"))
    assert not any(isinstance(step, Loop) and step.parallel for kernel in made.kernels for step in kernel.steps)


def test_a_product_is_two_operations_each_time() -> None:
    (kernel,) = plan(read_program("x: 8 16\nw: 16 4\ny = x @ w")).kernels
    assert kernel.work is as_affine(2 * 8 * 16 * 4)
