"""Short pages in the styles in which people write notes: true ones are not accused, and mistakes have a cause."""

from __future__ import annotations

import pytest

from covector.notes.chain_outcome import PAGE_WALL_SECONDS, wall_seconds
from covector.notes.check import check_notes
from covector.notes.verdicts import PageVerdicts

SAMPLES = r"""
We are given $x^{(i)} \in \mathbb{R}^n$ and targets $y^{(i)}$. Hypothesis $h^{(i)} = \sum_{j=1}^n \theta_j x_j^{(i)}$.
$$J(\theta) = \frac{1}{2m} \sum_{i=1}^m (h^{(i)} - y^{(i)})^2$$
$$\frac{\partial J}{\partial \theta_j} = RIGHT$$
"""
ENTROPY = r"""
Let $p = \mathrm{softmax}(z)$, $z\in\mathbb{R}^K$, $y\in\mathbb{R}^K$ ONE. Loss $L = -\sum_k y_k \log p_k$. MORE
$$\frac{\partial L}{\partial z_i} = RIGHT$$
"""
QUADRATIC = r"""
$A \in \mathbb{R}^{n \times n}$, $x \in \mathbb{R}^n$ and $f(x) = x^\top A x$, so that $RIGHT$.
"""
SQUARES = r"""
$A$ is an m by n matrix, $b$ a vector of length m. $f(x) = \|Ax - b\|_2^2$. Hence $\nabla_x f = RIGHT$.
"""
LAYERS = r"""
$x \in \mathbb{R}^d$, $W_1 \in \mathbb{R}^{h\times d}$, $W_2 \in \mathbb{R}^{k \times h}$.
$$h = W_1 x, \quad a = \tanh(h), \quad y = W_2 a$$
$$\frac{\partial L}{\partial W_2} = RIGHT$$
"""
NORM = r"""
$x \in \mathbb{R}^{m \times d}$, $\gamma \in \mathbb{R}^d$:
$$\mu_j = \frac1m \sum_{i} x_{ij}, \quad c_{ij} = x_{ij}-\mu_j, \quad y_{ij} = \gamma_j c_{ij}$$
$$\frac{\partial L}{\partial x_{ij}} = RIGHT$$
"""
CENTRED = r"\frac{\partial L}{\partial y_{ij}} - \frac1m \sum_k \frac{\partial L}{\partial y_{kj}}"

CASES = [
    (SAMPLES, r"\frac{1}{m}\sum_{i=1}^m (h^{(i)} - y^{(i)}) x_j^{(i)}", ""),
    (SAMPLES, r"\sum_{i=1}^m (h^{(i)} - y^{(i)}) x_j^{(i)}", "extra factor m"),
    (ENTROPY.replace("ONE", "one-hot").replace("MORE", ""), "p_i - y_i", ""),
    (ENTROPY.replace("ONE", "").replace("MORE", r"Since $\sum_k y_k = 1$:"), "p_i - y_i", ""),
    (ENTROPY.replace("ONE", "one-hot").replace("MORE", ""), "y_i - p_i", "sign"),
    (QUADRATIC, r"\nabla f(x) = (A + A^\top) x", ""),
    (QUADRATIC, r"\nabla^2 f(x) = A + A^\top", ""),
    (QUADRATIC, r"\nabla f(x) = 2 A x", "unknown"),
    (SQUARES, "2A^T(Ax-b)", ""),
    (SQUARES, "A^T(Ax-b)", "factor 1/2"),
    (LAYERS, r"\frac{\partial L}{\partial y} a^T", ""),
    (LAYERS, r"\frac{\partial L}{\partial y} h^T", "another tensor"),
    (NORM, rf"\gamma_j \left({CENTRED}\right)", ""),
    (NORM, CENTRED, "missing factor"),
    (r"Here $RIGHT$ holds.", r"\tanh'(x) = 1 - \tanh^2(x)", ""),
    (r"Here $RIGHT$ holds.", r"\tanh'(x) = 1 - \tanh(x)", "wrong exponent"),
]

CASES += [
    (r"$y_1 = 2 x_1 + x_2$ and $y_2 = 3 x_2$, so $RIGHT$", r"\frac{\partial y_2}{\partial x_2} = 3", ""),
    (r"$y_1 = 2 x_1 + x_2$ and $y_2 = 3 x_2$, so $RIGHT$", r"\frac{\partial y_2}{\partial x_2} = 1", "factor 1/3"),
]


def answers(page: PageVerdicts) -> list[str]:
    return [found.answer for found in page.formulas if found.answer != "states"]


@pytest.mark.parametrize(("page", "right", "cause"), CASES)
def test_what_is_true_is_proved_and_what_is_wrong_has_a_cause(page: str, right: str, cause: str) -> None:
    found = check_notes(page.replace("RIGHT", right) + "\n")
    assert answers(found) == (["wrong"] if cause else ["proved"])
    for formula in found.wrong:
        assert formula.verdict is not None
        assert formula.verdict.cause is not None
        assert formula.verdict.cause.name == cause
        assert formula.verdict.suggestion is not None


@pytest.mark.parametrize(
    "page",
    [
        "$A$ is $m\\times n$:\n$$y_i = A_{ij} x_j$$\n$$\\frac{∂L}{∂x_j} = A_{ij} \\frac{∂L}{∂y_i}$$\n",
        "By Einstein's convention, $$\\frac{∂L}{∂x_j} = A_{ij} \\frac{∂L}{∂y_i}$$\n",
        "$L = \\sum_k y_k$, $$\\frac{\\partial L}{\\partial z_i} = p_i - y_i$$\n",
        "$$\\frac{\\partial C}{\\partial W} = \\delta a^T$$\n",
    ],
)
def test_what_nothing_on_the_page_says_is_not_understood(page: str) -> None:
    assert set(answers(check_notes(page))) == {"not understood"}


def test_no_name_that_the_reader_made_up_is_shown() -> None:
    found = check_notes("$$y_i = \\sum_j A_{ij} x_j$$\n$$\\frac{∂L}{∂x_j} = \\sum_i A_{ij}$$\n").wrong[0].verdict
    assert found is not None
    assert found.counterexample is not None
    assert all("'" not in name and "_" not in name for name in found.counterexample.extents)


def test_the_limit_by_the_clock_grows_with_the_page() -> None:
    assert wall_seconds(1) < 11
    assert wall_seconds(10_000) == PAGE_WALL_SECONDS
