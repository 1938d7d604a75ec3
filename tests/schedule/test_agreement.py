"""Plans, run on the memory that they lay out, agree with the reference interpreter; each pass keeps the IR's rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from covector.errors import BoundsError, CovectorError
from covector.ir import Compute, Input, Opaque, Program, as_affine, check
from covector.run.reference import evaluate
from covector.schedule.plan_program import PASSES, plan
from covector.schedule.reductions import reread
from tests.calculus.test_random import corpus
from tests.ops.comparisons import differentiable, first_of_each_program
from tests.schedule.interpret import interpret
from tests.support.generator import generate
from tests.support.programs import arrays, cases_of, program, with_gradients

RANDOM, CHUNK = 200, 25


def check_plan(read: Program, given: Mapping[str, Any], extents: Mapping[str, int], tolerance: float = 1e-9) -> None:
    """Every output of the plan of a program is what the reference interpreter says."""
    passed = read
    for change in PASSES:
        passed = check(change(passed))
    assert [(o.name, o.shape, o.dtype) for o in passed.outputs] == [(o.name, o.shape, o.dtype) for o in read.outputs]
    try:
        expected = evaluate(read, given, extents)
    except CovectorError:
        return
    found = interpret(plan(read), given, extents)
    for output in read.outputs:
        wanted, value = expected[output.name], found[output.name]
        assert (value.shape, value.dtype) == (wanted.shape, wanted.dtype)
        np.testing.assert_allclose(value, wanted, rtol=tolerance, atol=tolerance, err_msg=f"{output!r}\nin\n{read!r}")


@pytest.mark.parametrize("sized", [False, True], ids=["symbols", "numbers"])
@pytest.mark.parametrize("name", list(differentiable()))
def test_every_operation_and_its_gradients(name: str, sized: bool) -> None:
    for subject in first_of_each_program(name):
        derived = subject.program(sized)
        extents = subject.extents
        seed = {derived.seed.name: subject.random[0]} if derived.seed else {}
        check_plan(derived.program, subject.arrays, extents)
        check_plan(derived.first, {**subject.arrays, **seed}, extents)


@pytest.mark.parametrize("start", range(0, RANDOM, CHUNK))
def test_random_programs_and_their_gradients(start: int) -> None:
    for seed in range(start, start + CHUNK):
        case = generate(seed)
        check_text(case.text, case.extents, seed)


@pytest.mark.parametrize("number", range(len(corpus())))
def test_what_once_went_wrong_elsewhere(number: int) -> None:
    entry = corpus()[number]
    check_text(entry.text, entry.sizes, number)


def check_text(text: str, sizes: Mapping[str, int], seed: int) -> None:
    for each, given, extents in cases_of(text, sizes, seed):
        check_plan(each, given, extents, tolerance=1e-6)


@pytest.mark.parametrize(
    "text",
    [
        "y[n,d] = table[ids[n],d]",
        "z[n,d] = table[ids[n],d]\ny[n,d] = z[n,d] * 2",
        "z[n,d] = table[ids[n],d]\ny[n,e] = sum[d](z[n,d] * w[d,e])",
        "y = sum[n,d](table[ids[n],d])",
        "y[d] = max[n](table[ids[n],d])",
        "y[n] = sum[d]([d < 2] * table[ids[n],d])",
    ],
)
@pytest.mark.parametrize("bad", [-1, 4])
def test_data_outside_the_bounds_is_refused(text: str, bad: int) -> None:
    read = program(f"ids: 3 int64\ntable: 4 5\nw: 5 2\n{text}")
    given = {"ids": np.array([0, bad, 3]), "table": np.ones((4, 5)), "w": np.ones((5, 2))}
    with pytest.raises(BoundsError):
        interpret(plan(read), given)


def test_data_that_does_not_count_is_not_refused() -> None:
    for text in ("select(ids[n] < 4, sum[d](table[ids[n],d]), 0)", "[ids[n] < 4] * sum[d](table[ids[n],d])"):
        read = program(f"ids: 3 int64\ntable: 4 5\ny[n] = {text}")
        check_plan(read, {"ids": np.array([0, 4, 3]), "table": np.ones((4, 5))}, {})


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("window", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [7, 8])
def test_convolutions_of_any_window_and_stride(window: int, stride: int, size: int) -> None:
    for operation in ("conv1d", "conv_transpose1d"):
        shapes = f"signal: 2 3 {size}\nweight: {'4 3' if operation == 'conv1d' else '3 4'} {window}\n"
        for each in with_gradients(program(f"{shapes}y = {operation}(signal, weight, stride={stride})")):
            check_plan(each, arrays(each, {}, np.random.default_rng(0)), {})


def test_what_has_no_element_form_is_refused() -> None:
    given = Input("x", (as_affine(3),), "float64")
    output = Opaque("y", "sort", (given,), given.shape, given.dtype)
    with pytest.raises(CovectorError, match="y = sort"):
        plan(Program((given,), (output,), (output,)))


@pytest.mark.parametrize("name", list(differentiable()))
def test_a_program_of_single_floats_stays_one_but_for_running_sums(name: str) -> None:
    for subject in first_of_each_program(name):
        for read in (subject.program(False).program, subject.program(False).first):
            made = plan(single(read))
            double = [tensor.name for tensor in made.storage if tensor.dtype == "float64"]
            assert all(name.endswith(".total") for name in double)


def single(read: Program) -> Program:
    """A program with single floats for double ones."""
    changed: dict[Any, Any] = {
        given: Input(given.name, given.shape, given.dtype.replace("float64", "float32")) for given in read.inputs
    }
    for statement in read.statements:
        assert isinstance(statement, Compute)
        body = reread(statement.body, changed)
        changed[statement] = Compute(statement.name, statement.indices, body, statement.cast.replace("64", "32"))
    outputs = tuple(changed[output] for output in read.outputs)
    return Program(
        tuple(map(changed.__getitem__, read.inputs)), tuple(map(changed.__getitem__, read.statements)), outputs
    )
