"""What is said of a Jacobian without arrays: ``describe``, ``covector jacobian``, pictures."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from typer.testing import CliRunner

import covector as cv
from covector.cli.app import app
from covector.jacobians.describe import describe
from covector.jacobians.picture import pattern
from tests.support.katex import latex_errors

LAYER = "y[n,m] = sum[d](x[n,d] * w[d,m]) + b[m]"


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["jacobian", *arguments], prog_name="covector")
    assert result.exit_code == 0, result.output
    return result.stdout


def failing(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["jacobian", *arguments], prog_name="covector")
    assert result.exit_code == 2
    assert result.stdout == ""
    return result.stderr


def test_everything_is_said() -> None:
    assert run(LAYER, "--wrt", "w", "--size", "N=2,D=3,M=2").rstrip().splitlines() == [
        "∂y[p,q]/∂w[i,j] = δ(q,j)·x[p,i]",
        "    0        where q ≠ j",
        "    x[p,i]   where q = j",
        "  structure  dense N×D ⊗ identity M×M",
        "  J @ V      x @ V",
        "  G @ J      x.T @ G",
        "  dense      D·M·M·N elements, 192 bytes",
        "  stored     D·N elements, 48 bytes",
        "  picture    2×4 by 3×4",
        *[f"    {line}" for row in range(2) for line in _diagonals(4, 3)],
    ]


def _diagonals(size: int, times: int) -> list[str]:
    return [" ".join("#" if column % size == row else "·" for column in range(size * times)) for row in range(size)]


def test_by_every_input() -> None:
    assert [one.wrt.name for one in describe(LAYER)] == ["x", "w", "b"]
    assert run(LAYER).count("structure") == 3


def test_hessians() -> None:
    shown = run("--hessian", "f = sum[i](x[i]**4)")
    assert "∂dx[p]/∂x[i] = 12·δ(p,i)·x[i]²" in shown
    assert "structure  diagonal" in shown
    assert "a Hessian is that of one number" in failing("--hessian", "y[i] = x[i]")


def test_other_formats() -> None:
    (data,) = json.loads(run(LAYER, "--wrt", "x", "--format", "json"))
    assert data["structure"] == "identity N×N ⊗ dense M×D"
    assert data["products"] == {"J @ V": "V @ w", "G @ J": "G @ w.T"}
    assert [case["where"] for case in data["cases"]] == ["p ≠ i", "p = i"]
    formulas = run(LAYER, "--format", "latex").splitlines()
    assert len(formulas) == 3
    assert latex_errors(formulas) == []


def test_the_picture_is_svg(tmp_path: Path) -> None:
    path = tmp_path / "picture.svg"
    run(LAYER, "--wrt", "x", "--picture", str(path))
    root = ET.parse(path).getroot()
    assert root.tag.endswith("svg")
    assert root.findall(".//{*}path")
    assert "identity" in root.findall(".//{*}text")[0].text
    assert "one picture is of one Jacobian" in failing(LAYER, "--picture", str(path))


def test_a_picture_shows_what_may_be_other_than_zero() -> None:
    found = cv.jacobian("y[i] = x[i] * w[i]", wrt="x")(x=np.ones(3), w=np.array([1.0, 0.0, -4.0]))
    np.testing.assert_allclose(pattern(found), np.diag([0.25, 0.2, -1.0]))
    large = cv.jacobian("y[i] = x[i]**2")(np.ones(100_000))
    cells = pattern(large)
    assert cells.shape == (160, 160)
    np.testing.assert_array_equal(cells != 0, np.eye(160, dtype=bool))


def test_matplotlib_draws_it() -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    axes = cv.jacobian("y[i] = x[i]**2")(np.ones(3)).plot()
    assert axes.get_title() == "3 by 3: diagonal"
    np.testing.assert_allclose(axes.images[0].get_array(), np.eye(3))


def test_without_matplotlib_or_scipy(monkeypatch: pytest.MonkeyPatch) -> None:
    found = cv.jacobian("y[i] = x[i]**2")(np.ones(3))
    for name in ("matplotlib", "matplotlib.pyplot", "scipy", "scipy.sparse"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(cv.CovectorError, match=r"J\.svg"):
        found.plot()
    with pytest.raises(cv.CovectorError, match="pip install scipy"):
        found.sparse()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("y[i] = x[i",), "never closed"),
        (("y[i] = x[i]", "--wrt", "z"), "no input 'z'"),
        (("y[i] = x[i]", "--size", "3"), "--size takes a name and a number"),
        (("y[i] = x[i]", "--size", "Q=3"), "no extent 'Q'"),
        (("n: N int64\ny[i] = n[i] + 1",), "no input is of a floating dtype"),
        (("n: N int64\ny[i] = n[i] + 1", "--wrt", "n"), "only floats have derivatives"),
    ],
)
def test_bad_input(arguments: tuple[str, ...], words: str) -> None:
    assert words in failing(*arguments)
