"""Shapes, values and definitions that a page declares."""

from __future__ import annotations

import pytest

from covector.notes.read import read_page
from covector.notes.show import show


def shapes(text: str) -> dict[str, tuple[str, ...]]:
    return {item.name: item.shape for item in read_page(text).declarations.shapes}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"$W \in R^{m \times n}$", {"W": ("m", "n")}),
        (r"$W \in \mathbb{R}^{outfs \times infs}$", {"W": ("outfs", "infs")}),
        (r"$b \in {R}^{features}$", {"b": ("features",)}),
        (r"$x, y \in \mathbb{R}^n$", {"x": ("n",), "y": ("n",)}),
        (r"$c \in \mathbb{R}$", {"c": ()}),
        (r"$W \in \mathbb{R}^{2n \times (m+1)}$", {"W": ("2 n", "m + 1")}),
        (r"where $X$ is an $n \times p$ matrix", {"X": ("n", "p")}),
        (r"其中 $W$ 是 $m \times n$ 矩阵，$X$ 是 $n \times p$ 矩阵。", {"W": ("m", "n"), "X": ("n", "p")}),
        (r"$X$ has shape $(N, D)$", {"X": ("N", "D")}),
        (r"$X$ is a tensor of shape $N \times C \times H$", {"X": ("N", "C", "H")}),
        (r"$x$ is an $n$-dimensional vector", {"x": ("n",)}),
        (r"$x$是一个$N$维向量，$y$是标量", {"x": ("N",), "y": ()}),
        (r"$x$ is a vector of length $n$", {"x": ("n",)}),
        (r"$X$是形状为$N \times M$的张量", {"X": ("N", "M")}),
        ("X is an n × p matrix", {"X": ("n", "p")}),
        ("X is an n by p matrix", {"X": ("n", "p")}),
        ("W 是 m × n 矩阵", {"W": ("m", "n")}),
        ("x ∈ R^N", {"x": ("N",)}),
        (r"$W = \begin{bmatrix} w_1 & w_2 & w_3 \end{bmatrix}$", {"W": ("1", "3")}),
        (r"$y = (y_{1,1}, y_{1,2})$", {"y": ("1", "2")}),
        (r"$v = [v_1, v_2, v_3]$", {"v": ("3",)}),
        (r"$v = (v_1, \dots, v_n)$", {}),
        (r"$X$ is large and $m \times n$ is not", {}),
    ],
)
def test_shapes_are_declared(text: str, expected: dict[str, tuple[str, ...]]) -> None:
    assert shapes(text) == expected


def test_values_are_declared() -> None:
    values = read_page("# 1 Batch Size=1\n\n$N=1,D=2,M=3$\n\n- batch_size=2, learning rate: 0.1").declarations.values
    assert [(item.name, item.value, item.line) for item in values] == [
        ("batch size", "1", 1),
        ("N", "1", 3),
        ("D", "2", 3),
        ("M", "3", 3),
        ("batch size", "2", 5),
        ("learning rate", "0.1", 5),
    ]


def test_definitions_are_found_but_not_in_conditions() -> None:
    definitions = read_page("$C = AB$\n\n$Y_{ij} = x_i$\n\n$f(x, w) = xw$\n\n### $p = i$\n").declarations.definitions
    assert [(item.name, item.called, show(item.body)) for item in definitions] == [
        ("C", False, "A B"),
        ("Y", False, "x[i]"),
        ("f", True, "x w"),
    ]


def test_the_declaration_in_force_depends_on_the_line() -> None:
    declarations = read_page("$x \\in R^n$\n\n$x \\in R^m$").declarations
    before, after = declarations.shape("x", 2), declarations.shape("x")
    assert before is not None
    assert after is not None
    assert (before.shape, after.shape) == (("n",), ("m",))
    assert declarations.shape("y") is None


def test_names_of_the_page_help_to_read_it() -> None:
    notes = read_page("$X \\in R^{n}$, $W \\in R^{n}$, $b \\in R^{n}$\n\n$Y = XWb$")
    last = notes.formulas[-1].formula
    assert last is not None
    assert show(next(last.readings(1))) == "Y = X W b"


def test_what_cannot_be_read_has_its_error() -> None:
    notes = read_page("$a = b$ and $\\foo$")
    good, bad = notes.formulas
    assert good.formula is not None
    assert bad.formula is None
    assert bad.error is not None
    assert bad.error.message == "the command '\\foo' is not understood"
