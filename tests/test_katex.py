"""The LaTeX harness can say yes and can say no."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from tests.support.katex import katex_errors, latex_errors, mathjax_errors

GOOD = [
    r"\sum_{k} \mathrm{input}_{i,k} \cdot \mathrm{weight}_{j,k} + \mathrm{bias}_{j}",
    r"\begin{aligned} a &= b \\ &= \begin{cases} 1 & \text{当 } p = q \\ 0 & \text{else} \end{cases} \end{aligned}",
    r"\delta_{p,i} \quad [p = i] \quad \left(\hat{x}\right)^{2} \quad \operatorname{softmax}(x) \quad G^{\top}",
]
BAD = [
    r"\frac{a}{b",  # a brace that is not closed
    r"\nosuchcommand{a}",
    r"a & b",  # an alignment mark outside of an alignment
    r"x^2^3",
    r"\begin{aligned} a \end{align}",
]

Errors = Callable[[Sequence[str]], list[str]]


@pytest.mark.parametrize("errors", [katex_errors, mathjax_errors])
def test_accepts_good_latex(errors: Errors) -> None:
    assert errors(GOOD) == []


@pytest.mark.parametrize("errors", [katex_errors, mathjax_errors])
def test_reports_each_piece_of_bad_latex(errors: Errors) -> None:
    reported = errors([*GOOD, *BAD])
    assert len(reported) == len(BAD)
    for text, message in zip(BAD, reported, strict=True):
        assert message.endswith(text)


def test_katex_rejects_text_in_mathematics() -> None:
    """Chinese outside of ``\\text`` is not LaTeX: KaTeX at its strictest says so."""
    (message,) = katex_errors(["当"])
    assert "unicodeTextInMathMode" in message


def test_latex_errors_asks_both_renderers() -> None:
    assert [message.split(":")[0] for message in latex_errors(BAD[:1])] == ["KaTeX", "MathJax"]


def test_nothing_to_check_is_no_error() -> None:
    assert latex_errors([]) == []
