"""``covector check``: arguments, formats and exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from covector.cli.app import app

SHAPES = ["--shape", "input:M,infs", "--shape", "weight:outfs,infs", "--shape", "bias:outfs"]
OF = ["--of", "linear = input @ weight.T + bias", *SHAPES]


def run(*arguments: str, stdin: str = "") -> tuple[int, str]:
    found = CliRunner().invoke(app, ["check", *arguments], input=stdin)
    return found.exit_code, found.output


@pytest.mark.parametrize(
    ("claim", "code"),
    [("dweight = G.T @ input", 0), ("dweight = input.T @ G", 1), ("dfoo = G", 2), ("dweight = (G", 2)],
)
def test_the_exit_code_says_the_verdict(claim: str, code: int) -> None:
    assert run(claim, *OF)[0] == code


def test_a_true_claim() -> None:
    assert run("dweight = G.T @ input", *OF)[1] == (
        "proved: dweight = G.T @ input\n              equal by the rules of the calculus\n"
    )


def test_several_claims_are_reported_by_their_lines() -> None:
    code, text = run(*OF, stdin="# gradients\ndweight = G.T @ input\n\ndbias = sum(\n  G)\ndbias = sum(G, axis=0)\n")
    assert code == 1
    lines = [line for line in text.splitlines() if line.startswith("line")]
    assert lines == [
        "line 2: proved: dweight = G.T @ input",
        "line 4: wrong: dbias = sum( G)",
        "line 6: proved: dbias = sum(G, axis=0)",
    ]


def test_claims_and_forward_from_files(tmp_path: Path) -> None:
    (tmp_path / "forward.txt").write_text("x: N\ny = x ** 2\n", encoding="utf-8")
    (tmp_path / "claims.txt").write_text("dx = 2 * x * G\n", encoding="utf-8")
    out = tmp_path / "verdicts.json"
    code, _ = run(
        "--file", str(tmp_path / "claims.txt"), "--of-file", str(tmp_path / "forward.txt"),
        "--format", "json", "-o", str(out),
    )  # fmt: skip
    assert code == 0
    assert json.loads(out.read_text(encoding="utf-8"))["verdict"] == "proved"


def test_the_formats() -> None:
    found = json.loads(run("dbias = G", *OF, "--format", "json")[1])
    assert (found["verdict"], found["cause"]["name"]) == ("wrong", "missing sum")
    assert run("dbias = G", *OF, "--format", "html")[1].startswith('<div class="covector-verdict"')


def test_an_equality_a_condition_and_a_cotangent() -> None:
    assert run("sum(A * B) = trace(A.T @ B)", "--shape", "A:M,N", "--shape", "B:M,N")[0] == 0
    assert run("∂linear[p,q]/∂weight[i,j] = input[p,j]", *OF, "--where", "q = i")[0] == 0
    assert run("dbias = sum(top, axis=0)", *OF, "--cotangent", "top")[0] == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("dx = G", "--of", "y = (x"),
        ("dx = G", "--of", "y = x", "--of-file", "f"),
        ("dx = G", "--of", "y = x", "--shape", "z:3"),
    ],
)
def test_a_bad_forward_is_bad_input(arguments: tuple[str, ...]) -> None:
    assert run(*arguments)[0] == 2


def test_nothing_to_check_is_bad_input() -> None:
    assert run(*OF, stdin="# only a comment\n")[0] == 2


def test_the_check_itself_is_tried() -> None:
    code, text = run("--mutants", "--of", "y = x ** 2", "--shape", "x:N")
    assert code == 0
    assert "100.00% of the mistakes" in text
    data = json.loads(run("--mutants", "--of", "y = x ** 2", "--shape", "x:N", "--format", "json")[1])
    assert data["mutants"] > data["caught"] > 20


@pytest.mark.parametrize(
    "arguments",
    [
        ("--mutants",),
        ("--mutants", "dx = G", "--of", "y[i] = x[i]"),
        ("--mutants", "--of", "y[i] = x[i]", "--format", "html"),
        ("--mutants", "--of", "y[i] = x[i]", "--test", "true"),
        ("dx = G", "--of", "y[i] = x[i]", "--test", "true"),
    ],
)
def test_mutants_of_nothing_are_bad_input(arguments: tuple[str, ...]) -> None:
    assert run(*arguments)[0] == 2
