"""Notes checked: the five pages that people wrote, the answers, the copies, the command, hostile pages."""

from __future__ import annotations

import json
import time
from itertools import pairwise
from pathlib import Path

import pytest
from typer.testing import CliRunner

from covector.cli.app import app
from covector.errors import CovectorError
from covector.notes.annotate import html, markdown
from covector.notes.check import check_notes
from covector.notes.code import run_fence
from covector.notes.page import Code
from covector.notes.verdicts import PageVerdicts

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "notes"
GOLDEN = Path(__file__).parent / "golden_verdicts"
NAMES = ("autograd", "derivatives", "linear", "linear-channels", "regression")
WRONG = {
    "autograd": [51, 63, 75, 81, 201],
    "derivatives": [136],
    "linear": [14, 25, 49, 73, 77, 81, 121, 127, 129, 131, 133, 137, 143],
    "linear-channels": [],
    "regression": [101, 107, 125, 138, 170, 178],
}
BIAS = "# bias\n\n$Y \\in R^{n \\times c}$\n\n$b \\in R^{c}$\n\n$X \\in R^{n \\times c}$\n\n$Y = X + b$\n\n"


def listing(page: PageVerdicts) -> str:
    """One line for each formula, and one for each cause and right form."""
    lines = []
    for found in page.formulas:
        lines.append(f"{found.line}:{found.column} {found.answer}" + (f" ({found.says})" if found.says else ""))
        for verdict in found.verdicts:
            if verdict.reading:
                lines.append(f"  read: {verdict.reading}")
            if not verdict:
                cause = f"{verdict.cause.name}: {verdict.cause.sentence}" if verdict.cause else verdict.message
                lines.append(f"  {verdict.verdict}: {cause}")
            if verdict.suggestion:
                lines.append(f"  right: {' '.join(verdict.suggestion.split())}")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("name", NAMES)
def test_the_notes(name: str) -> None:
    path = FOLDER / f"{name}.md"
    if not path.is_file():
        pytest.skip("the notes are not there: ../shared/notes")
    page = check_notes(path)
    assert [found.line for found in page.wrong] == WRONG[name]
    assert page.counts["not understood"] == 0
    assert listing(page) == (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")


def test_a_bias_is_summed_over_the_batch() -> None:
    page = check_notes(BIAS + "$\\frac{\\partial L}{\\partial b} = \\frac{\\partial L}{\\partial Y}$\n")
    (found,) = page.wrong
    assert found.verdict is not None
    assert found.verdict.cause is not None
    assert found.verdict.cause.name == "missing sum"
    assert found.line == 11


def test_shorthand_is_said_to_be_so() -> None:
    page = check_notes("其中 $W$ 是 $m \\times n$ 矩阵，$X$ 是 $n \\times p$ 矩阵。\n\n$Y = WX$\n\n$∂Y/∂W = X^T$\n")
    found = page.at(5)[0]
    assert found.answer == "proved"
    assert found.verdict is not None
    assert "not as the generalised Jacobian" in found.verdict.reading


def test_what_cannot_be_read_has_a_column() -> None:
    page = check_notes("$y = x^2$\n\n$\\frac{\\partial y}{\\partial x} = \\frac{$\n")
    (found,) = page.at(3)
    assert found.answer == "not understood"
    assert found.verdict is not None
    assert found.verdict.column is not None


def test_copies_and_json() -> None:
    page = check_notes("# x\n\n$y_i = x_i^2$\n\n$∂L/∂x_i = x_i ∂L/∂y_i$\n")
    assert "✗ wrong" in markdown(page)
    assert markdown(page).startswith("# x\n\n$y_i = x_i^2$\n")
    assert 'data-verdict="wrong"' in html(page)
    assert ": G = [1], x = [1]" in html(page)
    assert json.loads(json.dumps(page.json()))["counts"]["wrong"] == 1


def test_the_command(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.md", tmp_path / "bad.md"
    good.write_text("$y_i = x_i^2$\n\n$∂L/∂x_i = 2 x_i ∂L/∂y_i$\n", encoding="utf-8")
    bad.write_text("$y_i = x_i^2$\n\n$∂L/∂x_i = x_i ∂L/∂y_i$\n", encoding="utf-8")
    run = CliRunner().invoke
    assert run(app, ["notes", str(good)]).exit_code == 0
    found = run(app, ["notes", str(good), str(bad)])
    assert found.exit_code == 1
    assert "wrong" in found.output
    assert run(app, ["notes", "--format", "json", str(bad)]).exit_code == 1
    assert run(app, ["notes", str(tmp_path / "none.md")]).exit_code == 2


def test_code_is_run_only_on_request() -> None:
    text = "# code\n\n```python\nassert 1 + 1 == 3\n```\n"
    assert check_notes(text).code == ()
    assert check_notes(text)
    (run,) = check_notes(text, run_code=True).code
    assert not run.ok
    assert "AssertionError" in run.output


@pytest.mark.parametrize(
    "text",
    [
        "$" + "(" * 5000 + "$",
        "$" + "x + " * 20000 + "x$",
        "$y = " + "\\frac{1}{" * 300 + "x" + "}" * 300 + "$",
        "$y = y(y(y(x)))$\n\n$\\frac{\\partial y}{\\partial y} = y_{y_{y}}$",
        "$a = b$\n\n$b = a$\n\n$\\frac{\\partial a}{\\partial b} = 1$",
        "$A \\in R^{A \\times A}$\n\n$A = A @ A$\n\n$\\nabla A = A$",
        "$= 3$\n\n$== =$\n\n$\\sum$\n\n$\\frac{\\partial}{\\partial}$",
        "$x_{-1} = x_{1/0}$\n\n$\\sum_{k=1}^{0} x_k = x_{10^{10}}$",
        "\x00\x01$y\x02$",
    ],
)
def test_hostile_pages_end(text: str) -> None:
    start = time.process_time()
    try:
        page = check_notes("# x\n\n" + text)
    except CovectorError:
        page = None
    assert page is None or page.counts is not None
    assert time.process_time() - start < 20


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("$" + "{" * 1_000_000 + "$", "the limit is"),
        ("$x = y$ " * 100_000, "formulas; the limit is"),
        ("$" + "{" * 400_000 + "x" + "}" * 400_000 + "$", "this one is not read"),
        ("$\\def\\x{\\x\\x}\\x$", "macros are not read"),
        ("$a = b$\n\n" + "\n\n".join(f"${y} = {x} \\odot {x}$" for x, y in pairwise("abcdehkmopqrsuvw")), ""),
        (
            "$a = b$\n\n" + "\n\n".join(f"${y} = {x} + {x} \\odot {x}$" for x, y in pairwise("abcdehkmopqrsuvwxyz")),
            "this has too many parts",
        ),
    ],
)
def test_what_is_too_large_is_said_so(text: str, says: str) -> None:
    start = time.process_time()
    try:
        page = str(check_notes("# x\n\n" + text))
    except CovectorError as error:
        page = str(error)
    assert says in page
    assert time.process_time() - start < 20


def test_files_that_are_no_pages(tmp_path: Path) -> None:
    binary = tmp_path / "binary.md"
    binary.write_bytes(b"\xff\xfe\x00$x$")
    with pytest.raises(CovectorError, match="no text in UTF-8"):
        check_notes(binary)
    with pytest.raises(CovectorError, match="is no file"):
        check_notes(tmp_path)
    with pytest.raises(CovectorError, match="cannot be read: No such file"):
        check_notes(tmp_path / "gone.md")


@pytest.mark.parametrize(
    ("code", "ok", "says"),
    [
        ("print(1)", True, "1"),
        ("1 / 0", False, "ZeroDivisionError"),
        ("while True: pass", False, "not done after 1 seconds"),
        ("while True: print('x' * 1000)", False, "not done after 1 seconds"),
        ("import os, time\nos.fork()\ntime.sleep(60)", False, "not done after 1 seconds"),
        ("import os; os.kill(os.getpid(), 9)", False, "it ended with -9"),
    ],
)
def test_code_ends(code: str, ok: bool, says: str) -> None:
    start = time.monotonic()
    found = run_fence(Code(1, 3, 0, "python", code), 1.0)
    assert (found.ok, says in found.output) == (ok, True), found.output
    assert time.monotonic() - start < 10


def test_a_left_side_that_lacks_an_index_gets_it_and_what_is_then_true() -> None:
    page = "$y_{ij} = \\sum_k x_{ik} w_{jk} + b_j$\n\n### $p = i$\n\n$\\frac{\\partial y_{p}}{\\partial b_i} = 1$\n"
    (wrong,) = check_notes(page).wrong
    assert wrong.verdict.cause is not None
    assert wrong.verdict.cause.name == "missing index"
    assert wrong.verdict.suggestion == r"\frac{\partial y_{pq}}{\partial b_i} = \delta_{q,i}"
