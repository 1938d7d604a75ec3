"""Outputs that take the memory of an input, and sizes that are only known in a call."""

from __future__ import annotations

import numpy as np
import pytest

from covector.errors import CovectorError
from covector.frontend.program import read_program
from covector.ir import Compute, Input, Program
from covector.run.reference import evaluate
from covector.schedule.plan_program import plan
from tests.schedule.interpret import interpret
from tests.schedule.programs import perceptron, products
from tests.support.programs import arrays


def updated(text: str, **in_place: str) -> tuple[Program, dict[Compute, Input]]:
    """A program with all its statements as outputs, and some of them in the place of inputs."""
    read = read_program(text)
    tensors = read.tensors()
    pairs: dict[Compute, Input] = {}
    for name, given in in_place.items():
        output, place = tensors[name], tensors[given]
        assert isinstance(output, Compute)
        assert isinstance(place, Input)
        pairs[output] = place
    return Program(read.inputs, read.statements, read.statements), pairs


def check(program: Program, in_place: dict[Compute, Input], **extents: int) -> None:
    given = arrays(program, extents, np.random.default_rng(0))
    expected = evaluate(program, given, extents)
    found = interpret(plan(program, in_place), given, extents)
    for output in program.outputs:
        np.testing.assert_allclose(found[output.name], expected[output.name], rtol=1e-9, err_msg=output.name)


@pytest.mark.parametrize(
    "text",
    [
        "w: 4 5; g: 4 5; new[i,j] = w[i,j] - g[i,j] / 10",
        "w: 5; g: 5; s = sum[i](w[i] * g[i]); new[i] = w[i] - s * g[i]",
        "w: 5; g: 5; new[i] = w[i] - g[i]; later[i] = w[i] * g[i]",
        "w: 5; g: 5; new[i] = w[i] - g[i]; later[i] = w[i] * new[i]",
        "w: 5; g: 5; new[i] = w[i] - g[i]; later[i] = w[4-i] * new[i]",
        "w: 5; g: 5; new[i] = w[4-i] - g[i]",
        "w: 5 5; g: 5 5; new[i,j] = w[j,i] + w[i,j]",
        "w: 5 5; g: 5 5; new[i,j] = sum[k](w[i,k] * g[k,j])",
        "w: 5 5; g: 5 5; h[i,j] = w[j,i] * 2; new[i,j] = w[i,j] - h[i,j]",
        "w: 5 5; g: 5 3; h[i,j] = sum[k](w[i,k] * g[k,j]); new[i,j] = w[i,j] - sum[k](h[i,k] * g[j,k])",
        "w: 5 5; g: 5 5; r[i] = sum[j](w[i,j]); new[i,j] = w[i,j] / r[i]; c[j] = sum[i](w[i,j])",
        "w: 5; g: 5; t[i] = w[i] + 1; new[i] = t[i] * g[i]; later[i] = exp(t[i]) + new[i]",
    ],
)
def test_the_old_value_is_read_before_it_is_overwritten(text: str) -> None:
    check(*updated(text.replace("; ", "\n"), new="w"))


def test_two_updates_that_read_each_other() -> None:
    text = "v: 6\nw: 6\ng: 6\nnew_v[i] = v[i] * w[i] + g[i]\nnew_w[i] = w[i] - new_v[i] * v[i]"
    check(*updated(text, new_v="v", new_w="w"))


def test_two_updates_of_which_neither_can_be_the_first() -> None:
    text = "v: 6\nw: 6\nx: 6\nnew_v[i] = v[i] + w[i]\nnew_w[i] = v[i] - x[i]\nnew_x[i] = x[i] * v[i]"
    check(*updated(text, new_v="v", new_w="w", new_x="x"))


def test_a_step_of_a_perceptron() -> None:
    program, in_place = perceptron((5, 4, 3, 3), 6)
    check(program, dict(in_place))


@pytest.mark.parametrize("batch", [1, 2, 7])
def test_a_batch_that_is_only_known_in_a_call(batch: int) -> None:
    program, in_place = perceptron((5, 4, 3), "B")
    made = plan(program, in_place)
    assert [symbol.name for symbol in made.symbols] == ["B"]
    check(program, dict(in_place), B=batch)


def test_a_rate_that_is_a_tensor() -> None:
    text = "w: 5 4\nrate: ()\na: 3 5\nb: 3 4\ng[i,j] = sum[k](a[k,i] * b[k,j])\nnew[i,j] = w[i,j] - rate * g[i,j]"
    read, in_place = updated(text, new="w")
    program = Program(read.inputs, read.statements, read.outputs[-1:])
    ((step,),) = products(plan(program, in_place)).values()
    assert step.accumulate
    check(program, in_place)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(CovectorError, match=r"new cannot take the place of w: float64\[4\] is not float64\[5\]"):
        plan(*updated("w: 5\nnew[i:4] = w[i]", new="w"))
