"""Single claims in LaTeX, about forwards in LaTeX, in the notation and in Python."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

import covector as cv
from covector.cli.app import app
from covector.errors import CovectorError
from covector.notes.claim import is_latex

LINEAR = "linear = input @ weight.T + bias"
SHAPES = {"input": "M infs", "weight": "outfs infs", "bias": "outfs"}

TRUE = [
    r"\frac{\partial L}{\partial weight} = G^T input",
    r"\frac{\partial L}{\partial \mathrm{weight}} = G^\top \, \mathrm{input}",
    r"\frac{\partial L}{\partial input} = \frac{\partial L}{\partial linear} weight",
    r"\frac{\partial L}{\partial bias_j} = \sum_i G_{ij}",
    r"\frac{\partial L}{\partial bias_j} = \sum_{i=1}^{M} \frac{\partial L}{\partial linear_{ij}}",
    r"\nabla weight = G^T input",
    r"\frac{\partial linear_{pq}}{\partial weight_{ij}} = \delta_{qi} input_{pj}",
    r"\frac{\partial linear_{p,q}}{\partial bias_{j}} = \begin{cases} 1 & q = j \\ 0 & q \neq j \end{cases}",
    r"\frac{\partial linear_{p,q}}{\partial bias_{j}} = \begin{cases} 1, & j = q \\ 0, & \text{otherwise} \end{cases}",
    r"linear_{ij} = \sum_k input_{ik} weight_{jk} + bias_j",
    r"linear = (weight \, input^T)^T + bias",
]
WRONG = [
    (r"\frac{\partial L}{\partial weight} = input^T G", "transposed"),
    (r"\frac{\partial L}{\partial weight} = 2 G^T input", "factor 2"),
    (r"\frac{\partial L}{\partial weight} = -G^T input", "sign"),
    (r"\frac{\partial L}{\partial bias} = G", "missing sum"),
    (r"\frac{\partial L}{\partial bias_j} = \sum_i G_{ji}", "swapped indices|wrong index"),
    (r"\frac{\partial linear_{pq}}{\partial weight_{ij}} = input_{pj}", "missing factor|missing condition"),
    (
        r"\frac{\partial linear_{p,q}}{\partial bias_j} = \begin{cases} 1 & p = j \\ 0 & \text{otherwise} \end{cases}",
        "wrong index|shapes that cannot be|unknown",
    ),
    (r"linear_{ij} = \sum_k input_{ik} weight_{kj} + bias_j", "swapped indices|wrong index"),
    (r"linear_{ij} = \sum_k input_{ik} weight_{jk} + bias_i", "wrong index"),
]


@pytest.mark.parametrize("claim", TRUE)
def test_what_is_true(claim: str) -> None:
    assert is_latex(claim) or "=" in claim
    assert cv.check(claim, of=LINEAR, shapes=SHAPES).verdict == "proved"


@pytest.mark.parametrize(("claim", "causes"), WRONG)
def test_what_is_wrong(claim: str, causes: str) -> None:
    verdict = cv.check(claim, of=LINEAR, shapes=SHAPES)
    assert verdict.verdict == "wrong", str(verdict)
    assert verdict.cause is not None
    assert verdict.cause.name in causes.split("|"), str(verdict)


def test_the_forward_in_latex_and_in_python() -> None:
    gradient = r"\frac{\partial L}{\partial x_i} = 2 x_i \frac{\partial L}{\partial y_i}"
    assert cv.check(gradient, of="y_i = x_i^2").verdict == "proved"
    assert cv.check(gradient.replace("2 x", "3 x"), of=r"y_i = x_i^{2}").verdict == "wrong"
    assert cv.check(gradient, of=lambda x: x**2, x="N").verdict == "proved"
    assert cv.check(r"\frac{\partial L}{\partial W} = X^T G", of=r"Y = X W", X="n p", W="p q").verdict == "proved"
    rows = r"E_{ij} = \exp(x_{ij}); y_{ij} = \frac{E_{ij}}{\sum_k E_{ik}}"
    jacobian = r"\frac{\partial y_{ij}}{\partial x_{ik}} = y_{ij} (\delta_{jk} - y_{ik})"
    assert cv.check(jacobian, of=rows).verdict == "proved"
    assert cv.check(jacobian, of="y = softmax(x)", x="M N").verdict == "proved"


def test_equalities_conditions_and_cotangents() -> None:
    assert cv.check(r"\|A\|_F^2 = \mathrm{tr}(A^T A)", A="M N")
    assert not cv.check(r"\|A\|_F^2 = \mathrm{tr}(A A)", A="N N")
    entry = r"\frac{\partial linear_{pq}}{\partial weight_{ij}} = input_{pj}"
    assert cv.check(entry, of=LINEAR, shapes=SHAPES, where="q = i")
    assert not cv.check(entry, of=LINEAR, shapes=SHAPES, where="q != i")
    assert cv.check(r"\nabla bias = \sum_{row} top", of=LINEAR, shapes=SHAPES, cotangent="top").verdict == "proved"


def test_what_cannot_be_read() -> None:
    verdict = cv.check(r"\frac{\partial L}{\partial weight} = \frac{G", of=LINEAR, shapes=SHAPES)
    assert verdict.verdict == "not understood"
    assert verdict.column is not None
    assert cv.check(r"\frac{\partial L}{\partial weight}", of=LINEAR, shapes=SHAPES).verdict == "not understood"
    with pytest.raises(CovectorError, match="forward cannot be read"):
        cv.check(r"\nabla x = G", of=r"y = \frac{x")


def test_the_command(tmp_path: Path) -> None:
    shapes = ["--shape", "input:M,infs", "--shape", "weight:outfs,infs", "--shape", "bias:outfs"]
    run = CliRunner().invoke
    assert run(app, ["check", r"\nabla weight = G^T input", "--of", LINEAR, *shapes]).exit_code == 0
    found = run(app, ["check", r"\nabla weight = input^T G", "--of", LINEAR, *shapes])
    assert found.exit_code == 1
    assert r"\nabla weight = G^T input" in found.stdout
    assert run(app, ["check", r"\nabla x = 2 x \odot G", "--of", r"y_i = x_i^{2}"]).exit_code == 0
    (tmp_path / "claims.txt").write_text("dweight = G.T @ input\n" + r"\nabla weight = G", encoding="utf-8")
    both = run(app, ["check", "--file", str(tmp_path / "claims.txt"), "--of", LINEAR, *shapes])
    assert "line 1: proved" in both.stdout
    assert "line 2: wrong" in both.stdout
