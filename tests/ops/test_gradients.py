"""Everything in the table, in every setting: its derivatives are those of PyTorch or JAX.

First derivatives along cotangents that have no symmetry, and the derivatives of those along random directions, in
float64.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

from covector.calculus.reverse import gradients
from covector.frontend import read_program
from covector.ir import Input, Symbol, as_affine
from covector.ir.tensor import program_of
from covector.notation.element import instantiate
from covector.ops import OPERATIONS
from covector.run.reference import evaluate
from tests.ops import comparisons, oracles, report
from tests.ops.comparisons import TOLERANCE, Subject, relative_error
from tests.ops.oracles import HAS_TORCH, ORACLES, SCALAR_ORACLES

if HAS_TORCH:
    import torch

needs_torch = pytest.mark.skipif(not HAS_TORCH, reason="PyTorch is not installed")
TESTED = [name for name in comparisons.differentiable() if name in ORACLES or name in SCALAR_ORACLES]


def parameters(name: str, subjects: Iterable[Subject]) -> list[object]:
    return [pytest.param(subject, id=f"{name}-{n}") for n, subject in enumerate(subjects)]


EVERY_SETTING = [each for name in TESTED for each in parameters(name, comparisons.subjects(name))]
ONCE_A_PROGRAM = [each for name in TESTED for each in parameters(name, comparisons.first_of_each_program(name))]


@pytest.mark.parametrize("subject", EVERY_SETTING)
def test_the_first_derivatives_agree(subject: Subject) -> None:
    for sized in (False, True):
        errors = subject.first_errors(sized)
        assert errors
        assert max(errors.values()) <= TOLERANCE, (sized, errors)


@pytest.mark.parametrize("subject", ONCE_A_PROGRAM)
def test_the_second_derivatives_agree(subject: Subject) -> None:
    errors = subject.second_errors()
    assert errors
    assert max(errors.values()) <= TOLERANCE, errors


def test_everything_with_a_derivative_is_tested() -> None:
    without = set(OPERATIONS) - set(comparisons.differentiable())
    assert without == {"one_hot"}
    if HAS_TORCH:
        assert set(TESTED) == set(comparisons.differentiable())


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("name", [name for name, operation in OPERATIONS.items() if operation.axis and name in ORACLES])
def test_any_axis_may_take_the_place_of_the_last(name: str, axis: int) -> None:
    extents = tuple(as_affine(Symbol(letter)) for letter in "ABC")
    inputs = {argument: Input(argument, extents, "float64") for argument in OPERATIONS[name].arguments}
    program = program_of(instantiate(OPERATIONS[name], inputs, axis=axis)[-1:], inputs.values())
    rng = np.random.default_rng(0)
    arrays = {argument: rng.standard_normal((2, 3, 4)) for argument in inputs}
    moved = [np.moveaxis(array, axis, -1).copy() for array in arrays.values()]
    value = ORACLES[name](*moved)
    cotangent = rng.standard_normal(value.shape)
    expected = oracles.gradients(ORACLES[name], moved, {}, cotangent)
    keeps_axis = value.ndim == 3
    found = gradients(program, program.inputs)
    seed = np.moveaxis(cotangent, -1, axis) if keeps_axis else cotangent
    values = evaluate(found.gradient_program(program.inputs), {**arrays, "G": seed})
    for argument, wanted in zip(arrays, expected, strict=True):
        assert wanted is not None
        assert relative_error(np.moveaxis(values[f"d{argument}"], axis, -1), wanted) <= TOLERANCE


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("add", (3,)),
        ("sub", (2, 3)),
        ("mul", (2, 3)),
        ("matmul", (3, 3)),
        ("dot", (4,)),
        ("inner", (2, 3)),
        ("outer", (3,)),
        ("linear", (3, 3)),
        ("pairwise_squared_distances", (4, 2)),
        ("mse", (2, 3)),
        ("swiglu", (2, 3)),
        ("attention", (4, 3)),
        ("causal_attention", (4, 3)),
    ],
)
def test_an_array_that_is_given_twice_gets_both_cotangents(name: str, shape: tuple[int, ...]) -> None:
    if name not in ORACLES:
        pytest.skip("its oracle is PyTorch, which is not installed")
    operation = OPERATIONS[name]
    arguments = [argument for argument in operation.arguments if argument != "bias"]
    x = Input("x", tuple(map(as_affine, shape)), "float64")
    program = program_of(instantiate(operation, dict.fromkeys(arguments, x))[-1:], [x])
    rng = np.random.default_rng(0)
    array = rng.standard_normal(shape)
    given = [array] * len(arguments)
    value = ORACLES[name](*given)
    cotangent = rng.standard_normal(value.shape) if value.shape else np.ones(())
    expected = sum(found for found in oracles.gradients(ORACLES[name], given, {}, cotangent) if found is not None)
    found = gradients(program, [x])
    arrays = {"x": array, "G": cotangent} if value.shape else {"x": array}
    gradient = found.cotangents[x]
    values = evaluate(found.gradient_program([x]), arrays)
    computed = values[gradient.name] if gradient is not None else np.zeros(shape)
    assert relative_error(computed, np.asarray(expected)) <= TOLERANCE


@needs_torch
@pytest.mark.parametrize("operation", ["max", "min"])
def test_ties_share_the_cotangent_as_in_pytorch(operation: str) -> None:
    x = np.array([[3.0, 1.0, 3.0, 2.0], [0.0, 0.0, 0.0, 0.0], [1.0, 2.0, 3.0, -5.0]])
    program = read_program(f"y[i] = {operation}[k](x[i,k])")
    cotangent = np.array([1.0, -2.0, 0.5])
    found = gradients(program, program.inputs)
    values = evaluate(found.gradient_program(program.inputs), {"x": x, "G": cotangent})
    leaf = torch.tensor(x, requires_grad=True)
    getattr(torch, f"a{operation}")(leaf, 1).backward(torch.tensor(cotangent))
    np.testing.assert_allclose(values["dx"], leaf.grad.numpy(), rtol=1e-15)


@needs_torch
@pytest.mark.parametrize("name", ["abs", "sign", "relu", "maximum", "minimum", "pow", "atan2"])
def test_at_kinks_the_derivatives_are_those_of_pytorch(name: str) -> None:
    subject = comparisons.scalar_subject(name, (6,))
    points = np.array([0.0, 1.0, -2.0, 0.5, 2.0, -0.0])
    if name == "pow":
        points = np.abs(points)
    others = np.where(points == 0, 2.0, points) if name in ("pow", "atan2") else points
    arrays = dict(zip(subject.arrays, (points, others), strict=False))
    errors = Subject(name, subject.oracle, subject.program, arrays).first_errors()
    assert max(errors.values()) <= TOLERANCE, errors


@needs_torch
def test_the_report_counts_what_it_compares(capsys: pytest.CaptureFixture[str]) -> None:
    assert report.main(["trace", "softmax", "tanh"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in printed[1:-1]] == ["trace", "softmax", "tanh"]
    assert printed[-1] == "3 operations, 32 comparisons, all agree"


def test_the_report_knows_what_is_in_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert report.main(["matmull"]) == 2
    assert "did you mean 'matmul'?" in capsys.readouterr().out
