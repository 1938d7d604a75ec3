"""Pages of our own: true as they are, and with mistakes planted in them, each of which must be found."""

from __future__ import annotations

from pathlib import Path

import pytest

from covector.notes.check import check_notes

PAGES = Path(__file__).parent / "pages"
NAMES = sorted(path.stem for path in PAGES.glob("*.md"))

PLANTED = [
    ("softmax", r"y_{ij} (\delta_{jk} - y_{ik})", r"y_{ij} (\delta_{jk} + y_{ik})"),
    ("softmax", r"= y_{ik} (\frac{\partial L}", r"= y_{ij} (\frac{\partial L}"),
    ("softmax", r"$= y_{ik} (", r"$= -y_{ik} ("),
    ("matrix", r"\frac{\partial L}{\partial Y} W^T", r"W^T \frac{\partial L}{\partial Y}"),
    ("matrix", r"X^T \frac{\partial L}{\partial Y}", r"\frac{\partial L}{\partial Y} X^T"),
    ("matrix", "= W_{lj}", "= W_{jl}"),
    ("matrix", r"X_{kl}} = 0", r"X_{kl}} = 1"),
    ("nabla", "P - T$\n\n$\\nabla U", "T - P$\n\n$\\nabla U"),
    ("nabla", "H^T @ G", "A^T @ G"),
    ("nabla", r"\nabla H = G @ U^T", r"\nabla H = G @ U"),
    ("nabla", r"\frac{1}{2} \sum", r"\sum"),
    ("layernorm", r"\delta_{jk} - \frac{1}{D}$", r"\delta_{jk}$"),
    ("layernorm", r"- \frac{1}{D} \sum_{j=0}^{D-1} \frac", r"- \sum_{j=0}^{D-1} \frac"),
    ("convolution", r"\partial w_k} = x_{i+k}$", r"\partial w_k} = x_{i}$"),
    ("convolution", r"\partial y_i} x_{i+k}$", r"\partial y_i} x_{i-k}$"),
    ("logistic", "(p_i - t_i) X_{ij}$", "(t_i - p_i) X_{ij}$"),
    ("logistic", "= p_i (1 - p_i)", "= p_i"),
    ("sections", "$dV = S^T dO$", "$dV = S dO$"),
    ("sections", "$dS = dO V^T$", "$dS = V^T dO$"),
    ("sections", "$dK = dS^T Q$", "$dK = dS Q$"),
    ("sections", r"\frac{2}{N} (x_i - \mu)", r"\frac{1}{N} (x_i - \mu)"),
    ("sections", r"\frac{\partial L}{\partial y_i} \hat{x}_i$", r"\frac{\partial L}{\partial y_i} x_i$"),
    ("sections", r"= \gamma \frac{\partial L}{\partial y_i}$", r"= \frac{\partial L}{\partial y_i}$"),
    ("sections", "= X^T (Xw - y)", "= X (Xw - y)"),
    ("sections", "X^T X w - X^T y", "X^T X w + X^T y"),
    ("sections", r"(1 - h^2) \frac", r"(1 - h) \frac"),
    ("layouts", "x} = A$$", "x} = A^T$$"),
    ("layouts", "x} = A^T$$", "x} = A$$"),
    ("layouts", "= x^T (B + B^T)$$", "= 2 x^T B$$"),
    ("layouts", "= 2 x^T$$", "= x^T$$"),
    ("layouts", "= (B + B^T) x$$", "= (B + B) x$$"),
    ("layouts", "= 2 x$$", "= 2 x^T x$$"),
    ("layouts", r"= A^T \frac{\partial L}{\partial y}$$", r"= A \frac{\partial L}{\partial y}$$"),
    ("layouts", r"= \frac{\partial L}{\partial y} A$.", r"= A \frac{\partial L}{\partial y}$."),
    ("attention", r"dV = P^\top dO", r"dV = P dO"),
    ("attention", r"dP = dO\, V^\top", r"dP = V^\top dO"),
    ("attention", r"P_{ij} (\delta_{jk} - P_{ik})", r"P_{ij} (\delta_{jk} - P_{ij})"),
    ("attention", r"\left( dP_{ij} - \sum_{k=1}^{m}", r"\left( dP_{ij} - \sum_{k=1}^{n}"),
    ("attention", r"\left( dP_{ij} - \sum_{k=1}^{m} dP_{ik} P_{ik}", r"\left( dP_{ij} - \sum_{k=1}^{m} dP_{ik}"),
    ("attention", r"dO_{ic} O_{ic}", r"dO_{ic} V_{ic}"),
    ("attention", r"dQ &= \frac{1}{\sqrt{d}} dS", r"dQ &= \frac{1}{d} dS"),
    ("attention", r"dK &= \frac{1}{\sqrt{d}} dS^\top Q", r"dK &= dS^\top Q"),
    ("batchnorm-zh", r"= -\frac{1}{2} \sum", r"= \frac{1}{2} \sum"),
    ("batchnorm-zh", r"^{-3/2}", r"^{-1/2}"),
    ("batchnorm-zh", r"\frac{2 (X_{ij} - \mu_j)}{N}", r"\frac{2 X_{ij}}{N}"),
    (
        "batchnorm-zh",
        r"\frac{\partial \mu_j}{\partial X_{ij}} = \frac{1}{N}",
        r"\frac{\partial \mu_j}{\partial X_{ij}} = 1",
    ),
    ("batchnorm-zh", r"\left( N \frac{\partial L}", r"\left( \frac{\partial L}"),
    (
        "batchnorm-zh",
        r"- \hat{X}_{ij} \sum_{k=1}^{N} \frac{\partial L}{\partial Y_{kj}} \hat{X}_{kj}",
        r"- \hat{X}_{ij} \sum_{k=1}^{N} \frac{\partial L}{\partial Y_{kj}}",
    ),
    (
        "batchnorm-zh",
        r"\frac{\partial L}{\partial Y_{ij}} \hat{X}_{ij}$$",
        r"\frac{\partial L}{\partial Y_{ij}} X_{ij}$$",
    ),
    (
        "batchnorm-zh",
        r"\frac{\partial L}{\partial \beta_j} = \sum_{i=1}^{N} \frac{\partial L}",
        r"\frac{\partial L}{\partial \beta_j} = \frac{1}{N} \sum_{i=1}^{N} \frac{\partial L}",
    ),
    ("conv2d", r"b_f} = \sum_{i=0}^{H-1} \sum_{j=0}^{W-1} \delta_{f,i,j}", r"b_f} = \sum_{i=0}^{H-1} \delta_{f,i,j}"),
    ("conv2d", r"\delta_{f,i,j}\, x_{c,i+p,j+q}", r"\delta_{f,i,j}\, x_{c,i+q,j+p}"),
    ("conv2d", r"\delta_{f,i,j}\, x_{c,i+p,j+q}", r"\delta_{f,i,j}\, x_{c,i-p,j-q}"),
    ("conv2d", r"w_{f,c,p,q}} = x_{c,i+p,j+q}$", r"w_{f,c,p,q}} = x_{f,i+p,j+q}$"),
    ("conv2d", r"w_{g,c,p,q}} = 0", r"w_{g,c,p,q}} = x_{c,i+p,j+q}"),
    ("layernorm-vector", r"\nabla_b L = \nabla_y L$$", r"\nabla_b L = -\nabla_y L$$"),
    ("layernorm-vector", r"\nabla_y L \odot z", r"\nabla_y L \odot c"),
    ("layernorm-vector", r"\nabla_z L = g \odot \nabla_y L", r"\nabla_z L = \nabla_y L"),
    ("layernorm-vector", r"= \frac{2}{D} c$$", r"= \frac{2}{D} x$$"),
    ("layernorm-vector", r"= \frac{2}{D} c$$", r"= 2 c$$"),
    ("layernorm-vector", r"\nabla_x \mu = \frac{1}{D} \mathbf{1}", r"\nabla_x \mu = \mathbf{1}"),
    (
        "mixed",
        r"\frac{1}{N} \sum_{i=1}^{N} (\hat{y}_i - y_i) X_{ij}",
        r"\frac{2}{N} \sum_{i=1}^{N} (\hat{y}_i - y_i) X_{ij}",
    ),
    ("mixed", r"\frac{1}{N} X^T (\hat{y} - y)", r"\frac{1}{N} X^T (y - \hat{y})"),
    ("mixed", r"\nabla_w R = \lambda w", r"\nabla_w R = 2 \lambda w"),
    ("mixed", r"p_k(\delta_{kj} - p_j)", r"p_k(1 - p_j)"),
    ("mixed", r"\odot (c - u)", r"\odot (u - c)"),
    ("mixed", r"z \odot (1 - z)$", r"a \odot (1 - a)$"),
    ("cross-entropy-zh", r"-\frac{1}{N} \frac{Y_{ij}}{P_{ij}}", r"\frac{1}{N} \frac{Y_{ij}}{P_{ij}}"),
    ("cross-entropy-zh", r"= P_{ij} (1 - P_{ij})", r"= P_{ij} P_{ij}"),
    ("cross-entropy-zh", r"= -P_{ij} P_{ik}", r"= P_{ij} P_{ik}"),
    ("cross-entropy-zh", "= (A + A^T) x", "= 2 A x"),
    ("cross-entropy-zh", "= 2 A x$", "= A x$"),
    (
        "cross-entropy-zh",
        r"\frac{\partial L}{\partial y_{f,l}} x_{c,l+k}",
        r"\frac{\partial L}{\partial y_{f,l}} x_{c,l-k}",
    ),
]
CAUSES = [
    ("matrix", "= W_{lj}", "= W_{jl}", "swapped indices"),
    ("nabla", r"G @ U^T$", r"2 G @ U^T$", "factor 2"),
    ("logistic", "(p_i - t_i) X_{ij}$", "(t_i - p_i) X_{ij}$", "sign"),
]


def source(name: str) -> str:
    return (PAGES / f"{name}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_true_pages_are_not_accused(name: str) -> None:
    page = check_notes(PAGES / f"{name}.md")
    assert page.counts["wrong"] == 0, str(page)
    assert page.counts["not understood"] == 0, str(page)
    assert page.counts["proved"] + page.counts["agrees"] >= 2
    assert page


@pytest.mark.parametrize(("name", "old", "new"), PLANTED)
def test_planted_mistakes_are_found(name: str, old: str, new: str) -> None:
    text = source(name)
    assert text.count(old) == 1
    page = check_notes(text.replace(old, new))
    assert page.wrong, str(page)
    assert not page


@pytest.mark.parametrize(("name", "old", "new", "cause"), CAUSES)
def test_causes_are_named(name: str, old: str, new: str, cause: str) -> None:
    page = check_notes(source(name).replace(old, new, 1))
    found = {verdict.cause.name for one in page.wrong for verdict in one.verdicts if verdict.cause is not None}
    assert cause in found, str(page)
