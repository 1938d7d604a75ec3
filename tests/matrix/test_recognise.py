"""What is recognised, and that nothing is shown that was not verified."""

from __future__ import annotations

import string
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from covector.calculus.factor import factored
from covector.calculus.rules import simplify
from covector.frontend.matrix import define_matrix
from covector.frontend.program import read_program
from covector.ir import Compute, Index, Program
from covector.matrix import matrix_form, verify
from covector.matrix.render import Renderer
from covector.matrix.show import latex, notation
from covector.matrix.tree import Matmul, Name, Sum, Transposed
from covector.run.reference import evaluate
from tests.support.katex import latex_errors

MATMUL = [
    ("A: M K; B: K N; y[i,j] = sum[k](A[i,k] * B[k,j])", "A @ B"),
    ("A: M K; B: N K; y[i,j] = sum[k](A[i,k] * B[j,k])", "A @ B.T"),
    ("A: K M; B: K N; y[i,j] = sum[k](A[k,i] * B[k,j])", "A.T @ B"),
    ("A: K M; B: N K; y[i,j] = sum[k](A[k,i] * B[j,k])", "A.T @ B.T"),
    ("A: M K; x: K; y[i] = sum[k](A[i,k] * x[k])", "A @ x"),
    ("A: K M; x: K; y[i] = sum[k](A[k,i] * x[k])", "A.T @ x"),
    ("a: N; b: N; y = sum[i](a[i] * b[i])", "a @ b"),
    ("a: M; b: N; y[i,j] = a[i] * b[j]", "outer(a, b)"),
    ("a: M; b: N; y[j,i] = a[i] * b[j]", "outer(b, a)"),
    ("G: M N; W: K N; V: K D; y[i,j] = sum[n,k](G[i,n] * W[k,n] * V[k,j])", "G @ W.T @ V"),
    ("A: N N; x: N; y = sum[i,j](x[i] * A[i,j] * x[j])", "x @ A @ x"),
    ("A: N N; x: N; y[i] = sum[j](A[i,j] * x[j]) + sum[j](A[j,i] * x[j])", "A @ x + A.T @ x"),
    ("A: N N; y[i,j] = A[i,j] + A[j,i]", "A + A.T"),
    ("A: M N; x: N; b: M; y[i,j] = (sum[k](A[i,k] * x[k]) - b[i]) * x[j]", "outer(A @ x - b, x)"),
    ("A: M N; x: N; b: M; y[j] = 2 * sum[i](A[i,j] * (sum[k](A[i,k] * x[k]) - b[i]))", "2 * A.T @ (A @ x - b)"),
    (
        "U: M K; V: N K; T: M N; y[i,k] = -2 * sum[j]((T[i,j] - sum[l](U[i,l] * V[j,l])) * V[j,k])",
        "-2 * (T - U @ V.T) @ V",
    ),
    ("G: M N; x: M K; A: R K; y[i,r] = 2 * sum[p,k](G[p,i] * x[p,k] * A[r,k])", "2 * G.T @ x @ A.T"),
    ("G: M N; y: M N; w: N K; d[i,j] = sum[k](G[i,k] * y[i,k] * w[k,j])", "(G * y) @ w"),
]
BATCHED = [
    ("A: B M K; C: B K N; y[b,i,j] = sum[k](A[b,i,k] * C[b,k,j])", "A @ C"),
    ("A: B M K; C: B N K; y[b,i,j] = sum[k](A[b,i,k] * C[b,j,k])", "A @ C.T"),
    ("G: B M N; w: N K; y[b,p,j] = sum[i](G[b,p,i] * w[i,j])", "G @ w"),
    ("G: B M N; x: B M K; y[i,j] = sum[b,p](G[b,p,i] * x[b,p,j])", "sum(G.T @ x, axis=0)"),
    ("Q: B H N D; K: B H M D; y[b,h,i,j] = sum[d](Q[b,h,i,d] * K[b,h,j,d]) / sqrt(D)", "Q @ K.T / sqrt(D)"),
    ("P: B H N M; V: B H M D; y[b,h,i,d] = sum[j](P[b,h,i,j] * V[b,h,j,d])", "P @ V"),
    ("T: A B C; x: A; z: C; y[j] = sum[i,k](T[i,j,k] * x[i] * z[k])", "x @ (T @ z)"),
    ("l: N I; r: N J; W: O I J; y[n,o] = sum[i,j](l[n,i] * W[o,i,j] * r[n,j])", 'einsum("ni,oij,nj->no", l, W, r)'),
    ("A: N I; B: N J; y[n,i,j] = A[n,i] * B[n,j]", "expand_dims(A, axis=2) * expand_dims(B, axis=1)"),
    ("A: B N D; c: B D; y[b,n] = sum[d](A[b,n,d] * c[b,d])", 'einsum("bnd,bd->bn", A, c)'),
]
LINEAR = [
    ("G: M outfs; input: M infs; y[i,j] = sum[p](G[p,i] * input[p,j])", "G.T @ input"),
    ("G: M outfs; weight: outfs infs; y[i,j] = sum[p](G[i,p] * weight[p,j])", "G @ weight"),
    ("G: M outfs; y[j] = sum[p](G[p,j])", "sum(G, axis=0)"),
    (
        "input: M infs; weight: outfs infs; bias: outfs; y[i,j] = sum[k](input[i,k] * weight[j,k]) + bias[j]",
        "input @ weight.T + bias",
    ),
    ("G: M N; x: M K; y[i,j] = sum[p](G[p,i] * x[p,j]) / M", "G.T @ x / M"),
]
TRACES = [
    ("A: N N; y = sum[i](A[i,i])", "trace(A)"),
    ("A: M N; B: N M; y = sum[i,j](A[i,j] * B[j,i])", "trace(A @ B)"),
    ("A: M N; B: N K; C: K M; y = sum[i,j,k](A[i,j] * B[j,k] * C[k,i])", "trace(A @ B @ C)"),
    ("A: M N; B: M N; y = sum[i,j](A[i,j] * B[i,j])", "sum(A * B)"),
    ("A: N N; y[i] = A[i,i]", "diag(A)"),
    ("x: N; y[i:N,j:N] = [i = j] * x[i]", "diag(x)"),
    ("y: N; J[i,k:N] = [i = k] * y[i] - y[i] * y[k]", "diag(y) - outer(y, y)"),
    ("A: N N; d: N; y[i] = A[i,i] * d[i]", "diag(A) * d"),
]
ELEMENTWISE = [
    ("G: M N; y: M N; z[i,j] = G[i,j] * y[i,j]", "G * y"),
    ("y: M N; w: N; z[i,j] = y[i,j] * w[j]", "y * w"),
    ("y: M N; s: M; z[i,j] = y[i,j] * s[i]", "diag(s) @ y"),
    ("y: M N; s: M; z[i,j] = y[i,j] / s[i]", "y / expand_dims(s, axis=1)"),
    ("x: M N; mu: M; z[i,j] = x[i,j] - mu[i]", "x - expand_dims(mu, axis=1)"),
    ("x: M N; mu: M 1; z[i,j] = x[i,j] - mu[i,0]", "x - mu"),
    ("x: M N; y[i,j] = x[j,i]", "x.T"),
    ("x: A B C; y[i,j,k] = x[k,i,j]", "transpose(x, (1, 2, 0))"),
    ("x: N; y[i] = exp(-x[i]) * sigmoid(x[i]) ** 2", "exp(-x) * sigmoid(x) ** 2"),
    ("x: M N; G: M N; y[i,j] = [x[i,j] > 0] * G[i,j]", "(x > 0) * G"),
    ("x: N; y[i] = select(x[i] > 0, x[i], 2 * x[i])", "select(x > 0, x, 2 * x)"),
    ("G: (); x: M N; y[i,j] = G * 2 * x[i,j] / (M * N)", "2 * G * x / (M * N)"),
    ("a: N; b: N; c: M; y[i] = sum[k](a[k] * b[k]) * c[i]", "(a @ b) * c"),
]
SUMS = [
    ("G: M N; y[j] = sum[i](G[i,j])", "sum(G, axis=0)"),
    ("G: M N; y[i] = sum[j](G[i,j])", "sum(G, axis=1)"),
    ("G: M N; y = sum[i,j](G[i,j])", "sum(G)"),
    ("G: B M N; y[j] = sum[b,i](G[b,i,j])", "sum(G, axis=(0, 1))"),
    ("G: M N; y[i] = mean[j](G[i,j])", "mean(G, axis=1)"),
    ("G: M N; y = mean[i,j](G[i,j] ** 2)", "mean(G ** 2)"),
    ("G: M N; y[j] = max[i](G[i,j])", "max(G, axis=0)"),
    ("x: N; y = sqrt(sum[k](x[k] ** 2))", "norm(x)"),
    ("x: N; G: (); y[i] = G * x[i] / sqrt(sum[k](x[k] ** 2))", "G * x / norm(x)"),
]
KNOWN = [
    (
        "y: M N; G: M N; d[i,j] = y[i,j] * (G[i,j] - sum[l](G[i,l] * y[i,l]))",
        "y * (G - sum(G * y, axis=1, keepdims=true))",
    ),
    ("y: N; G: N; d[i] = y[i] * (G[i] - sum[l](G[l] * y[l]))", "y * (G - G @ y)"),
    (
        "P: M N; dP: M N; d[i,j] = P[i,j] * (dP[i,j] - sum[l](dP[i,l] * P[i,l]))",
        "P * (dP - sum(dP * P, axis=1, keepdims=true))",
    ),
    ("dS: M N; K: N D; d[i,d] = sum[j](dS[i,j] * K[j,d]) / sqrt(D)", "dS @ K / sqrt(D)"),
    ("dS: M N; Q: M D; d[j,d] = sum[i](dS[i,j] * Q[i,d]) / sqrt(D)", "dS.T @ Q / sqrt(D)"),
    ("G: M D; P: M N; d[j,d] = sum[i](G[i,d] * P[i,j])", "P.T @ G"),
    (
        "g: M N; w: N; xhat: M N; sigma: M; d[i,j] = (g[i,j] * w[j] - mean[k](g[i,k] * w[k])"
        " - xhat[i,j] * mean[k](g[i,k] * w[k] * xhat[i,k])) / sigma[i]",
        "(g * w - mean(g * w, axis=1, keepdims=true) - xhat * mean(g * w * xhat, axis=1, keepdims=true))"
        " / expand_dims(sigma, axis=1)",
    ),
]
STYLE = [
    ("g: M N; h: M N; x: M K; y[i,j] = sum[p](g[p,i] * x[p,j] * (1 - h[p,i] ** 2))", "(g * (1 - h ** 2)).T @ x"),
    (
        "x: M N; mu: M; y[i] = sqrt(mean[k]((x[i,k] - mu[i]) ** 2) + 1e-5)",
        "sqrt(mean((x - expand_dims(mu, axis=1)) ** 2, axis=1) + 1e-5)",
    ),
    ("x: N; y[i] = 0.01 * x[i] + x[i] ** 2 / 2", "0.01 * x + x ** 2 / 2"),
    ("G: N O (W-Q+1); s: W; q: Q; y[o] = sum[n,x](G[n,o,x])", "sum(G, axis=(0, 2))"),
]
OPERATIONS = [
    ("x: M N; y[i,j] = exp(x[i,j]) / sum[l](exp(x[i,l]))", "softmax(x, axis=1)"),
    ("x: M N; y[i,j] = exp(x[i,j]) / sum[l](exp(x[l,j]))", "softmax(x, axis=0)"),
    (
        "x: M N; y[i,j] = exp(x[i,j] - stop(max[k](x[i,k]))) / sum[l](exp(x[i,l] - stop(max[k](x[i,k]))))",
        "softmax(x, axis=1)",
    ),
    ("x: M N; y[i] = log(sum[l](exp(x[i,l] - stop(max[k](x[i,k]))))) + stop(max[k](x[i,k]))", "logsumexp(x, axis=1)"),
    ("x: N; y = log(sum[l](exp(x[l])))", "logsumexp(x)"),
    (
        "x: M N; y[i,j] = x[i,j] - stop(max[k](x[i,k])) - log(sum[l](exp(x[i,l] - stop(max[k](x[i,k])))))",
        "log_softmax(x, axis=1)",
    ),
    ("ids: N int64; G: N D; y[v:5,d] = sum[n]([v = ids[n]] * G[n,d])", "one_hot(ids, classes=5).T @ G"),
    (
        "ids: M int64; x: M 4; y[i,j] = (exp(x[i,j]) / sum[l](exp(x[i,l])) - [j = ids[i]]) / M",
        "(softmax(x, axis=1) - one_hot(ids, classes=4)) / M",
    ),
    ("ids: N int64; t: V D; y[n,d] = t[ids[n],d]", "embedding(ids, t)"),
]
NONE = [
    "x: N; y[i:N] = sum[j]([j <= i] * x[j])",
    "x: N; y[i] = x[i] * i",
    "image: N C H W; w: C 3 3; y[n,h:H,v:W] = sum[c,p,q](pad(image[n,c,h+p-1,v+q-1]) * w[c,p,q])",
    "x: N C; ids: N int64; y = sum[n](x[n,ids[n]])",
    "G: N; y[i:M,j] = G[j]",
]
FORMS = [*MATMUL, *BATCHED, *LINEAR, *TRACES, *ELEMENTWISE, *SUMS, *KNOWN, *STYLE, *OPERATIONS]


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
    random = verify.np.random.default_rng(7)
    shapes = {name: tuple(verify.evaluate_extent(e, sizes) for e in tensor.shape) for name, tensor in reads.items()}
    arrays = {name: random.standard_normal(shape) for name, shape in shapes.items()}
    values = evaluate(program, arrays, sizes)
    wanted = evaluate(Program(program.inputs, (statement,), (statement,)), arrays, sizes)[statement.name]
    return verify.equal_arrays(values["z"], wanted)


def read_program_of(statement: Compute, text: str) -> Program:
    tensors = verify.read_tensors(statement)
    declared = "; ".join(f"{t.name}: {' '.join(map(repr, t.shape)) or '()'}" for t in tensors)
    return read_program(f"{declared}; z = {text}", matrix=define_matrix)


def _names(program: Program) -> set[str]:
    return {repr(extent) for tensor in program.inputs for extent in tensor.shape}


def test_katex_and_mathjax_take_all_of_them() -> None:
    found = [matrix_form(output(source)) for source, _ in FORMS]
    assert latex_errors([form.latex for form in found if form is not None]) == []
