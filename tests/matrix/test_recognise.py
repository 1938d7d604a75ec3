"""What is recognised, and that nothing is shown that was not verified."""

from __future__ import annotations

import string
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from covector.calculus.factor import factored
from covector.calculus.rules import simplify
from covector.frontend.matrix import define_matrix
from covector.frontend.program import read_program
from covector.ir import Compute, Index, Program
from covector.ir.tensor import read_tensors
from covector.matrix import matrix_form, verify
from covector.matrix.render import Renderer
from covector.matrix.show import latex, notation
from covector.matrix.tree import Matmul, Name, Sum, Transposed
from covector.run.extents import evaluate_extent
from covector.run.reference import evaluate
from tests.matrix.forms import FORMS, NONE
from tests.support.katex import latex_errors


def output(source: str) -> Compute:
    statement = read_program(source).output
    assert isinstance(statement, Compute)
    return statement


@pytest.mark.parametrize(("source", "text"), FORMS)
def test_the_matrix_form(source: str, text: str) -> None:
    found = matrix_form(output(source))
    assert found is not None
    assert found.text == text
    assert found.proved


@pytest.mark.parametrize("source", NONE)
def test_where_there_is_none(source: str) -> None:
    assert matrix_form(output(source)) is None


@pytest.mark.parametrize("source", [source for source, _ in FORMS])
def test_the_normal_form_has_a_matrix_form_too(source: str) -> None:
    statement = output(source)
    body = factored(simplify(statement.body))
    assert matrix_form(Compute(statement.name, statement.indices, body)) is not None


def test_the_same_statement_gives_the_same_text() -> None:
    texts = {matrix_form(output(source)) for _ in range(5) for source, _ in FORMS[:12]}
    assert len(texts) == 12


LATEX: Mapping[str, str] = {
    "G: M N; input: M K; y[i,j] = sum[p](G[p,i] * input[p,j])": r"G^{\top}\,\mathrm{input}",
    "a: M; b: N; y[i,j] = a[i] * b[j]": r"a\,b^{\top}",
    "A: N N; x: N; y = sum[i,j](x[i] * A[i,j] * x[j])": r"x^{\top}\,A\,x",
    "G: M N; y: M N; w: N K; d[i,j] = sum[k](G[i,k] * y[i,k] * w[k,j])": r"\left(G \odot y\right)\,w",
    "A: M N; B: N M; y = sum[i,j](A[i,j] * B[j,i])": r"\operatorname{tr}\left(A\,B\right)",
    "x: M N; mu: M; z[i,j] = x[i,j] - mu[i]": r"x - \mu\,\mathbf{1}^{\top}",
    "G: M; y[i,j:N] = 2 * G[i]": r"2\,G\,\mathbf{1}_{N}^{\top}",
    "A: N N; y[i,j] = A[i,j] + [i = j]": r"A + I_{N}",
    "G: M 3 4; y[i,j:1] = sum[p,q](G[p,i,q])": r"\operatorname{sum\_to\_size}_{3 \times 1}\left(G\right)",
}


@pytest.mark.parametrize(("source", "text"), LATEX.items())
def test_latex(source: str, text: str) -> None:
    found = matrix_form(output(source))
    assert found is not None
    assert found.latex == text


# A wrong form is never shown.


def test_a_wrong_transpose_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    """With two square matrices every shape fits, so only the values can tell."""
    right = Renderer.matmul

    def wrong(self: Renderer, *arguments: object) -> Matmul:
        node = right(self, *arguments)  # type: ignore[arg-type]
        assert isinstance(node, Matmul)
        return Matmul(node.axes, Transposed(node.left.axes, node.left), node.right)

    statement = output("A: N N; B: N N; y[i,j] = sum[k](A[i,k] * B[k,j])")
    assert matrix_form(statement) is not None
    monkeypatch.setattr(Renderer, "matmul", wrong)
    assert matrix_form(statement) is None


@pytest.mark.parametrize(
    "text", ["B @ A", "A @ B.T", "A @ B * 1.000001", "A @ B + 1e-6", "A", "A @ C", "A @", "sum(A @ B)", "exp(A @ B)"]
)
def test_what_is_not_equal_is_not_verified(text: str) -> None:
    compared = verify.case(output("A: N N; B: N N; y[i,j] = sum[k](A[i,k] * B[k,j])"))
    assert compared is not None
    assert verify.verified(compared, "A @ B")
    assert verify.verified(compared, text) is None


def test_a_form_that_agrees_without_a_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "proved_equal", lambda *_: False)
    found = matrix_form(output("x: M N; y[i,j] = exp(x[i,j]) / sum[l](exp(x[i,l]))"))
    assert found is not None
    assert not found.proved


def test_ids_are_taken_to_be_in_range() -> None:
    source = "x: N C; ids: N int64; y[n,c] = ([0 <= C - ids[n] - 1] * [0 <= ids[n]] * exp(x[n,c]) - [c = ids[n]]) / N"
    found = matrix_form(output(source))
    assert found is not None
    assert found.text == "(exp(x) - one_hot(ids, classes=C)) / N"
    assert not found.proved


def test_a_tensor_with_the_name_of_a_function() -> None:
    statement = output("sum: M N; trace: N; y[j] = sum[i](sum[i,j]) * trace[j]")
    found = matrix_form(statement)
    assert found is None or found.text == "sum(sum, axis=0) * trace"


def test_parentheses() -> None:
    i, j = (Index(name, output("x: M N; y[i,j] = x[i,j]").indices[0].extent) for name in "ij")
    a, b = Name((i, j), "a"), Name((j, i), "b")
    difference = Sum((i, j), ((1, a), (-1, Transposed((i, j), b))))
    assert notation(Transposed((j, i), Matmul((i, i), a, b))) == "(a @ b).T"
    assert notation(Matmul((i, i), difference, b)) == "(a - b.T) @ b"
    assert notation(Matmul((i, i), a, Matmul((j, i), b, Matmul((i, i), a, b)))) == "a @ b @ a @ b"
    vector = Matmul((i,), Name((j,), "v"), b)
    assert notation(Matmul((i,), a, vector)) == "a @ (v @ b)"
    assert latex(Matmul((i, i), difference, b)) == r"\left(a - b^{\top}\right)\,b"


# Random contractions.


@st.composite
def contractions(draw: st.DrawFn) -> str:
    """One to four factors over up to five indices, some of them summed."""
    letters = string.ascii_lowercase[8:13]
    factors = draw(
        st.lists(st.lists(st.sampled_from(letters), min_size=0, max_size=3, unique=True), min_size=1, max_size=4)
    )
    used = sorted({letter for factor in factors for letter in factor})
    kept = draw(st.permutations([letter for letter in used if draw(st.booleans())]))
    summed = [letter for letter in used if letter not in kept]
    names = "ABCD"
    declared = "; ".join(
        f"{name}: {' '.join(letter.upper() + 'x' for letter in factor) or '()'}"
        for name, factor in zip(names, factors, strict=False)
    )
    product = " * ".join(
        f"{name}[{','.join(factor)}]" if factor else name for name, factor in zip(names, factors, strict=False)
    )
    body = f"sum[{','.join(summed)}]({product})" if summed else product
    left = f"y[{','.join(kept)}]" if kept else "y"
    return f"{declared}; {left} = {body}"


@settings(max_examples=150, deadline=None)
@given(contractions())
def test_every_contraction_has_a_verified_form(source: str) -> None:
    statement = output(source)
    found = matrix_form(statement)
    assert found is not None, source
    again = _independent(statement, found.text)
    assert again, (source, found.text)


def _independent(statement: Compute, text: str) -> bool:
    """The comparison once more, at other points, by a program written as text."""
    program = read_program_of(statement, text)
    reads = {tensor.name: tensor for tensor in program.inputs}
    sizes = {name: 2 + place for place, name in enumerate(sorted(_names(program)))}
    random = np.random.default_rng(7)
    shapes = {name: tuple(evaluate_extent(e, sizes) for e in tensor.shape) for name, tensor in reads.items()}
    arrays = {name: random.standard_normal(shape) for name, shape in shapes.items()}
    values = evaluate(program, arrays, sizes)
    wanted = evaluate(Program(program.inputs, (statement,), (statement,)), arrays, sizes)[statement.name]
    return verify.equal_arrays(values["z"], wanted)


def read_program_of(statement: Compute, text: str) -> Program:
    tensors = read_tensors(statement)
    declared = "; ".join(f"{t.name}: {' '.join(map(repr, t.shape)) or '()'}" for t in tensors)
    return read_program(f"{declared}; z = {text}", matrix=define_matrix)


def _names(program: Program) -> set[str]:
    return {repr(extent) for tensor in program.inputs for extent in tensor.shape}


def test_katex_and_mathjax_take_all_of_them() -> None:
    found = [matrix_form(output(source)) for source, _ in FORMS]
    assert latex_errors([form.latex for form in found if form is not None]) == []
