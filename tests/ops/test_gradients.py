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
from covector.ops import OPERATIONS
from covector.run.reference import evaluate
from tests.ops import comparisons, report
from tests.ops.comparisons import TOLERANCE, Subject
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
