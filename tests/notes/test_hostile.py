"""Whatever the text: a formula or a clear error, soon."""

from __future__ import annotations

import contextlib
import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from covector.errors import CovectorError, NotationError
from covector.notes.formula import Formula
from covector.notes.latex import read_formula
from covector.notes.read import read_page
from covector.notes.show import show

PIECES = [
    r"\frac",
    r"{",
    r"}",
    r"_",
    r"^",
    r"x",
    r"y",
    r"W",
    r"ij",
    r"weight",
    r"df",
    r"lr",
    r"=",
    r"+",
    r"-",
    r"*",
    r".",
    r"\cdot",
    r"@",
    r"(",
    r")",
    r"[",
    r"]",
    r"|",
    r"||",
    r"\|",
    r"\sum",
    r"\sum_{i}",
    r"\max",
    r"\lim",
    r"\partial",
    r"\nabla",
    r"\Delta",
    r"\left(",
    r"\right)",
    r"\left.",
    r"\right|",
    r"\begin{bmatrix}",
    r"\end{bmatrix}",
    r"&",
    r"\\",
    r"\begin{aligned}",
    r"\end{aligned}",
    r"\begin{cases}",
    r"\end{cases}",
    r",",
    r":",
    r"'",
    r"T",
    r"\top",
    r"1",
    r"12",
    r"2i",
    r"\text{if}",
    r"\text{loss}",
    r"\mathbf",
    r"\hat",
    r"\log",
    r"\sqrt",
    r"\quad",
    r"...",
    r"\in",
    r"R",
    r"\mathbb{R}",
    r"损失",
    r"当",
    r"/",
    r"\frac12",
    r"d",
    r"\{",
    r"\}",
    r"\Big|",
    r"dL",
    r"dW",
    r"→",
    r"^T",
    r"^{predict}",
    r"\neq",
    r"~",
    r"$",
    r"\foo",
    r"\def",
    r"%",
    r"，",
    r"x_{11}",
    r"_{ij}",
    r"{x}",
    r"\frac{dL}{dW}",
    r"f(x)",
    r"w(a+b)",
    r"\sum_{k=0}^{K-1}",
]
LATEX = st.lists(st.sampled_from(PIECES), max_size=30).map(" ".join) | st.lists(st.sampled_from(PIECES)).map("".join)


def check_formula(source: str) -> None:
    try:
        formula = read_formula(source, ("W", "x", "lr"))
    except NotationError as error:
        complete = bool(error.source is not None and error.message)
    else:
        complete = check_readings(formula)
    assert complete


def check_readings(formula: Formula) -> bool:
    assert isinstance(formula, Formula)
    assert show(formula)
    for reading in formula.readings(4):
        assert not reading.choices
        assert show(reading)
    return True


@given(LATEX)
@settings(max_examples=400, deadline=None)
def test_any_latex_is_read_or_refused(source: str) -> None:
    check_formula(source)


@given(st.text(max_size=60))
@settings(max_examples=200, deadline=None)
def test_any_text_is_read_or_refused(source: str) -> None:
    check_formula(source)


@given(
    st.lists(st.sampled_from(["$", "$$", "`", "\n", "> ", "x", "\\[", "\\)", "# ", "```", "<!--", " 5", "---"])).map(
        "".join
    )
)
@settings(max_examples=200, deadline=None)
def test_any_page_is_read(text: str) -> None:
    notes = read_page(text)
    places = [(item.snippet.start, item.snippet.end) for item in notes.formulas]
    assert places == sorted(places)
    assert all(first[1] <= second[0] for first, second in pairwise(places))


@pytest.mark.parametrize(
    "source",
    [
        "{" * 9000,
        "(" * 9000,
        "\\sum" * 4000,
        "lr_{" * 39 + "x" + "}" * 39,
        "w(" * 35 + "a+b" + ")" * 35,
        "x_{11}^T" * 900,
        "-" * 9000 + "x",
        "\\frac" * 3000,
        "x+" * 3500 + "x",
        "x*" * 3500 + "x",
        "|" * 9000,
        "\\left|" * 1000,
        "1/2x*" * 1500 + "x",
        "\\sum_i a_i+" * 700 + "b_i",
        "\\begin{matrix}" * 300 + "x" + "\\end{matrix}" * 300,
        "dL/" * 2000 + "dx",
        "x" * 20000,
        "x" * 20001,
    ],
)
def test_a_hostile_formula_ends_soon(source: str) -> None:
    start = time.process_time()
    check_formula(source)
    assert time.process_time() - start < 5


@pytest.mark.parametrize(
    "text",
    [
        "$" * 100_001,
        "$x" * 50_000,
        "\\[" * 50_000,
        "`" * 100_000,
        "".join("`" * k + " " for k in range(400)),
        "\\begin{align}" * 8_000,
        "> " * 50_000,
        "\n" * 100_000,
        "```\n" * 25_000,
        "\\" * 100_000,
        "<!--" * 25_000,
        "a\n\n$$x\n# h\n" * 8_000,
        "X is a " * 14_000,
        "x" + "×x" * 50_000,
        "$x$ is " + "a" * 100_000,
        "$5 and " * 14_000,
    ],
)
def test_a_hostile_page_ends_soon(text: str) -> None:
    start = time.process_time()
    with contextlib.suppress(CovectorError):
        read_page(text)
    assert time.process_time() - start < 10
