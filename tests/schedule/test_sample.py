"""Values of which only some are looked at are computed only there, and positions outside are refused as before."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from covector.errors import BoundsError
from covector.frontend.program import read_program
from covector.ir import Compute
from covector.native.engine import compile_program
from covector.run.reference import evaluate
from covector.schedule.plan_program import plan
from tests.schedule.programs import with_gradients, written

PICKED = "x: 6 10 float32\nt: 6 int64\nd[i,j] = x[i,j] * 2 - 1\ny[i] = d[i,t[i]] + 3"


def test_the_targets_of_a_cross_entropy_are_all_whose_log_probabilities_are_computed() -> None:
    made = plan(with_gradients("x: 64 100\ntarget: 64 int64\nloss = cross_entropy(x, target)"))
    assert not any("logp" in written(kernel) for kernel in made.kernels)


def test_what_all_elements_are_looked_at_of_stays() -> None:
    made = plan(read_program("x: 6 10\nt: 6 int64\nd[i,j] = exp(x[i,j])\ny[i] = d[i,t[i]] + sum[j](d[i,j])"))
    assert any("d" in written(kernel) for kernel in made.kernels)


def test_a_position_outside_is_refused() -> None:
    run = compile_program(read_program(PICKED)).run
    x = np.arange(60, dtype=np.float32).reshape(6, 10)
    np.testing.assert_array_equal(run([x, np.arange(6)])[0], x[np.arange(6), np.arange(6)] * 2 + 2)
    for outside in (10, -1, 2**40):
        with pytest.raises(BoundsError):
            run([x, np.array([0, 1, 2, 3, 4, outside])])


def test_a_derived_statement_reads_zero_outside() -> None:
    read = read_program(PICKED)
    derived = Compute("y", read.output.indices, read.output.body, "float32")
    program = replace(read, statements=(*read.statements[:-1], derived), outputs=(derived,))
    x, t = np.arange(60, dtype=np.float32).reshape(6, 10), np.array([0, 1, -3, 10, 4, 5])
    expected = evaluate(program, {"x": x, "t": t})["y"]
    np.testing.assert_array_equal(compile_program(program).run([x, t])[0], expected)
    assert list(expected[2:4]) == [3, 3]


def test_a_value_that_does_not_count_at_its_position_is_not_refused() -> None:
    text = "x: 6 10 float32\nt: 6 int64\nd[i,j] = x[i,j] * 2\ny[i] = select(t[i] < 10, d[i,t[i]], 7)"
    run = compile_program(read_program(text)).run
    x = np.ones((6, 10), np.float32)
    np.testing.assert_array_equal(run([x, np.array([0, 1, 2, 10, 99, 3])])[0], [2, 2, 2, 7, 7, 2])
