"""The rows: which there are, that the peers agree with the reference, and a run of the command."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.families import convolution, elementwise, forms, hessian_growth, hessians, steps
from benchmarks.families.models import RATE, Model
from benchmarks.measure import QUICK, Effort, disagreement
from benchmarks.record import EAGER, JIT, NUMPY, Contender, Row, Unavailable
from benchmarks.session import all_rows

ROOT = Path(__file__).resolve().parents[2]
ROWS = {row.name: row for row in all_rows(QUICK)}
ONCE = Effort(rounds=1, block=0.0)
SMALL = Model((6, 5, 3), 7)
LINE = Model((4, 1), 5)


def test_every_bar_of_the_design_has_its_row() -> None:
    factors = {name: {bar.factor for bar in row.bars} for name, row in ROWS.items() if row.bars}
    assert factors["step-mlp-784-512-256-10"] == {1.5, 1.2, 2.0}
    assert factors["step-mlp-64-32-10"] == {10.0, 4.0, 2.0}
    assert factors["step-regression-4-1"] == {15.0}
    assert factors["step-mlp-784-2048-2048-10"] == {1.1}
    for name, factor in {"tanh": 3.0, "cross-entropy": 3.0, "gelu": 3.0, "layer-norm": 2.0}.items():
        assert all(factors[f"elementwise-{name}-1e{power}"] == {factor} for power in (5, 6, 7))
    assert all(factors[f"conv2d-{channels}"] == {1.0} for channels in (16, 32, 64))
    assert factors["first-call"] == {1.0, 10.0}
    under = {name: bar.under for name, row in ROWS.items() for bar in row.bars if bar.under is not None}
    large = {name: under.pop(name) for name in list(under) if name.startswith("hessian-large")}
    assert under == {"import": 0.150, "operation-noted": 1e-6, "derive-linear": 0.020, "derive-attention": 0.300}
    assert {ROWS[name].unit: limit for name, limit in large.items()} == {"s": 1.0, "B": 2.0**30}
    assert factors["hessian-factorisation"] == {500, 1000}
    assert [factors[f"hessian-{name}"] for name in ("logistic", "exponentials", "network")] == [{2}, {1.5}, {2}]


def test_growth_has_its_points() -> None:
    points = {row.point for row in ROWS.values() if row.point is not None}
    assert {place for axis, place in points if axis == "batch"} >= {1, 4096}
    assert {place for axis, place in points if axis == "width"} >= {16, 4096}
    for name in ("diagonal", "kronecker", "lowrank"):
        for axis in (name, f"{name}, memory"):
            assert {place for found, place in points if found == axis} >= {100, 1_000_000}


def test_names_are_unique() -> None:
    assert len(ROWS) == len(all_rows(QUICK))


def agrees(make: object, case: object, expected: object) -> str | None:
    try:
        contender = make(case, ONCE)  # type: ignore[operator]
    except Unavailable as reason:
        pytest.skip(str(reason))
    assert isinstance(contender, Contender)
    assert contender.sample() > 0
    return disagreement(contender.outcome, expected, 1e-4)  # type: ignore[arg-type]


@pytest.mark.parametrize("model", [SMALL, LINE], ids=["classes", "regression"])
@pytest.mark.parametrize("name", ["numpy", "torch", "jax", "eager", "jitted"])
def test_a_step_is_right(name: str, model: Model) -> None:
    assert agrees(getattr(steps, name), model, model.expected()) is None


@pytest.mark.parametrize("form", forms.FORMS, ids=lambda form: form.name)
@pytest.mark.parametrize("name", ["numpy", "torch", "jax", "eager", "jitted"])
def test_an_operation_is_right(name: str, form: forms.Form) -> None:
    case = elementwise.Case(form, 3)
    assert agrees(getattr(elementwise, name), case, case.expected()) is None


@pytest.mark.parametrize("options", [{}, {"stride": 2}, {"groups": 2}, {"groups": 4}], ids=str)
@pytest.mark.parametrize("name", ["numpy", "torch", "jax", "eager", "jitted"])
def test_a_convolution_is_right(name: str, options: dict[str, int]) -> None:
    case = convolution.Convolution(4, **options)
    assert agrees(getattr(convolution, name), case, case.expected()) is None


@pytest.mark.parametrize("problem", hessians.PROBLEMS, ids=lambda problem: problem.name)
@pytest.mark.parametrize("name", ["compressed", "dense"])
def test_a_hessian_is_right(name: str, problem: hessians.Problem) -> None:
    assert agrees(getattr(hessians, name), problem, problem.expected()) is None


def test_memory_of_a_hessian_in_a_process_of_its_own() -> None:
    contender = hessian_growth.added(hessian_growth.DENSE, "lowrank-1000")
    assert 4e6 < contender.sample() < 4e7


def test_the_reference_of_a_step_is_its_gradient() -> None:
    """The expected gradients are those of finite differences of the expected loss."""
    expected = SMALL.expected()
    weight, place, step = 0, (2, 3), 1e-6
    losses = []
    for sign in (-1, 1):
        moved = Model(SMALL.sizes, SMALL.batch)
        moved.weights[weight] = moved.weights[weight].astype(np.float64)
        moved.weights[weight][place] += sign * step
        losses.append(float(moved.expected()["loss"]))
    slope = (losses[1] - losses[0]) / (2 * step)
    assert slope == pytest.approx(float(expected[f"gradient of weight {weight}"][place]), rel=1e-5)
    assert RATE > 0


def test_a_step_counts_its_products() -> None:
    # Forward 7·(6·5 + 5·3), weights' gradients the same, the gradient of the hidden layer 7·5·3; twice each.
    assert SMALL.work.flops == 2 * 7 * (2 * (30 + 15) + 15)


def test_the_command_measures_and_writes(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks", "--quick", "--only", "derive-linear", "--threads", "1"]
    files = ["--json", str(tmp_path / "a.json"), "--markdown", str(tmp_path / "a.md")]
    done = subprocess.run([*command, *files], cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    assert "derive-linear · deriving the linear layer" in done.stdout
    found = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert found["threads"] == 1
    assert [row["name"] for row in found["rows"]] == ["derive-linear"]
    assert len(found["rows"][0]["contenders"][EAGER]["figures"]) == QUICK.rounds
    assert "| deriving the linear layer | covector: under 20 ms |" in (tmp_path / "a.md").read_text(encoding="utf-8")


def test_an_unknown_row_is_refused() -> None:
    command = [sys.executable, "-m", "benchmarks", "--only", "nothing"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "no row is called nothing" in done.stderr


def test_rows_name_their_contenders() -> None:
    assert list(ROWS["step-mlp-784-512-256-10"].contenders)[:2] == [JIT, EAGER]
    assert all(isinstance(row, Row) and row.contenders for row in ROWS.values())
    assert NUMPY in ROWS["conv2d-16"].contenders
