"""A derivation as text, LaTeX, Markdown, HTML and JSON, in English and Chinese."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import pytest

from covector.derivation.derive import derive_record
from covector.derivation.html import render_html
from covector.derivation.json import render_json
from covector.derivation.latex import render_latex, words_latex
from covector.derivation.layout import digits
from covector.derivation.markdown import render_markdown
from covector.derivation.record import Record
from covector.derivation.text import render_text
from covector.derivation.words import LANGUAGES, Words
from covector.derivation.wrap import cells, wrapped
from covector.errors import CovectorError
from covector.frontend import read_program
from covector.matrix import MatrixForm
from tests.derivation.records import ATTENTION, LINEAR, LOSS, record
from tests.support.katex import latex_errors

SEVERAL = "y[i] = exp(x[i]); z[i] = y[i] * x[i] + sum[j](x[j]); Total = sum[i](z[i] * x[i])"
ZERO = "y[i] = a[i] + 0 * b[i]"
SCALARS = "y = a * exp(b) + sigma * x_hat"
NAMES = "out_1[i] = α[i] * 中文[i] + sum[k](big_name[i,k])"
MATRICES = {
    "input": MatrixForm("G @ weight", r"G\,\mathrm{weight}", True),
    "weight": MatrixForm("G.T @ input", r"G^{\top}\,\mathrm{input}", False),
}
SOURCES = [LINEAR, ATTENTION, LOSS, SEVERAL, ZERO, SCALARS, NAMES]
each_source = pytest.mark.parametrize("source", SOURCES)

WEIGHT = """\
weight     ∂linear[p,q]/∂weight[i,j]
             = ∂(Σ_k input[p,k]·weight[q,k] + bias[q])/∂weight[i,j]
             = Σ_k input[p,k]·δ(q,i)·δ(k,j)                    (derivative of a read)
             = δ(q,i)·input[p,j]                               (sum-delta on k)
             q ≠ i:  0
             q = i:  input[p,j]
  chain    ∂L/∂weight[i,j] = Σ_p Σ_q G[p,q]·∂linear[p,q]/∂weight[i,j]
             = Σ_p Σ_q G[p,q]·δ(q,i)·input[p,j]
             = Σ_p G[p,i]·input[p,j]                           (sum-delta on k)
  matrix   ∂L/∂weight = Gᵀ @ input                             J×K  (found equal at random points)
  checked  against finite differences at 3 shapes, largest relative error 2.0e-10 (dual numbers: 3.3e-16)"""

FORWARD = """\
forward    linear[i,j] = Σ_k input[i,k]·weight[j,k] + bias[j]  I×J
  matrix   linear = input @ weightᵀ + bias
           G = ∂L/∂linear, where L is any scalar that depends on linear"""

LESS = """\
input      ∂L/∂input[i,j] = Σ_q G[i,q]·weight[q,j]
  matrix   ∂L/∂input = G @ weight                              I×K
  checked  against finite differences at 3 shapes, largest relative error 2.0e-10 (dual numbers: 3.3e-16)"""

CHINESE = """\
bias        ∂linear[p,q]/∂bias[i]
              = ∂(Σ_k input[p,k]·weight[q,k] + bias[q])/∂bias[i]
              = δ(q,i)                                          （读取的导数，δ 消去求和 k）
              q ≠ i:  0
              q = i:  1
  链式法则  ∂L/∂bias[i] = Σ_p Σ_q G[p,q]·∂linear[p,q]/∂bias[i]
              = Σ_p Σ_q G[p,q]·δ(q,i)
              = Σ_p G[p,i]                                      （δ 消去求和 k）
  验证      与有限差分比较，3 组形状，最大相对误差 2.0e-10（对偶数：3.3e-16）"""


@pytest.fixture(scope="module")
def linear() -> Record:
    return record(LINEAR, MATRICES)


def test_text_is_what_a_person_writes(linear: Record) -> None:
    sections = render_text(linear).split("\n\n")
    assert [section.split()[0] for section in sections] == ["forward", "input", "weight", "bias"]
    assert sections[0] == FORWARD
    assert sections[2] == WEIGHT


def test_less_shows_results_alone(linear: Record) -> None:
    sections = render_text(linear, less=True).split("\n\n")
    assert sections[0] == FORWARD
    assert sections[1] == LESS
    assert len(sections[3].splitlines()) == 2


def test_text_in_chinese_is_aligned_by_columns(linear: Record) -> None:
    text = render_text(linear, "zh")
    assert text.split("\n\n")[3] == CHINESE
    steps = [line for line in text.splitlines() if line.startswith(" " * 14) and "（" in line]
    assert {cells(line[: line.index("（")]) for line in steps} == {64}


@each_source
@pytest.mark.parametrize("width", [60, 80, 110])
def test_lines_fit_the_width(source: str, width: int) -> None:
    for lang in LANGUAGES:
        assert max(cells(line) for line in render_text(record(source), lang, width=width).splitlines()) <= width


@each_source
def test_no_format_depends_on_anything_but_the_record(source: str) -> None:
    for render in (render_text, render_latex, render_markdown, render_html):
        assert render(record(source)) == render(record(source))
    assert json.dumps(render_json(record(source))) == json.dumps(render_json(record(source)))


def test_cotangents_are_named_once() -> None:
    text = render_text(record(ATTENTION))
    assert "G = ∂L/∂O, where L is any scalar that depends on O" in text
    assert text.count("dP = ∂L/∂P, dS = ∂L/∂S") == 1
    assert [part.split()[0] for part in text.split("\n\n")] == ["forward", "P", "S", "Q", "K", "V"]


def test_a_scalar_output_is_the_loss_itself() -> None:
    text = render_text(record(LOSS))
    assert "dE = ∂Loss/∂E" in text
    assert "∂Loss/∂W[i] = Σ_p dE[p]·∂E[p]/∂W[i]" in text
    assert "any scalar" not in text


def test_contributions_of_several_statements_are_added() -> None:
    text = render_text(record(SEVERAL))
    assert "∂Total/∂x[i] = ∂Total/∂x[i]|y + ∂Total/∂x[i]|z + ∂Total/∂x[i]|Total" in text
    assert "∂Total/∂x[i]|y = Σ_p dy[p]·∂y[p]/∂x[i]" in text


def test_a_gradient_that_is_zero_says_why() -> None:
    text = render_text(record(ZERO))
    assert "∂L/∂b[i] = 0" in text
    assert "y is constant in b almost everywhere: the gradient is zero" in text
    unread = derive_record(read_program("a: I; b: I; y[i] = a[i]"))
    assert "y does not depend on b: the gradient is zero" in render_text(unread)
    assert "y 与 b 无关：梯度为零" in render_text(unread, "zh")


@pytest.mark.parametrize(
    "source",
    [
        "y[i] = sign(x[i])",
        "y[i] = [x[i]>0]*w[i]",
        "y[i] = select(x[i]>0, 1, 2)*w[i]",
        "a[i] = sign(x[i]); y[i] = a[i] + w[i]",
    ],
)
def test_a_gradient_that_is_zero_almost_everywhere_says_so(source: str) -> None:
    assert "y is constant in x almost everywhere: the gradient is zero" in render_text(record(source))
    assert "y 关于 x 几乎处处为常数：梯度为零" in render_text(record(source), "zh")
    assert "does not depend" not in render_text(record(source))


def test_a_gradient_that_is_zero_for_its_stops_says_so() -> None:
    text = render_text(record("y[i] = stop(x[i]) * w[i]"))
    assert "with every stop held constant, y is constant in x almost everywhere: the gradient is zero" in text
    assert "将每个 stop 视为常数时" in render_text(record("y[i] = stop(x[i]) * w[i]"), "zh")


def test_notes_about_stops() -> None:
    text = render_text(record(ATTENTION))
    assert "  note     stop(max_j S[i,j]) changes nothing: proved" in text
    assert "stop(max_j S[i,j]) is held constant, which was not proved to change nothing" in text


def test_latex_is_accepted_by_katex_and_mathjax() -> None:
    found = []
    for source in SOURCES:
        for lang in LANGUAGES:
            for less in (False, True):
                made = record(source, MATRICES)
                found.append(render_latex(made, lang, less))
                found += render_latex(made, lang, less, parts=True).split("\n\n")
                pieces = render_markdown(made, lang, less).split("$")
                found += [piece for piece in pieces[1::2] if piece.strip()]
    assert latex_errors(list(dict.fromkeys(found))) == []


def test_latex_is_one_aligned_environment(linear: Record) -> None:
    whole = render_latex(linear)
    assert whole.startswith(r"\begin{aligned}")
    assert whole.count(r"\begin{aligned}") == whole.count(r"\end{aligned}") == 1
    assert len(render_latex(linear, parts=True).split("\n\n")) == 4
    assert r"\begin{cases} 0 & q \ne i \\ \mathrm{input}_{p,j} & q = i \end{cases}" in whole
    assert r"&= \sum_{k} \mathrm{input}_{p,k}\,\delta_{q,i}\,\delta_{k,j} && \text{(derivative of a read)}" in whole


@pytest.mark.parametrize("words", ["δ 消去求和", "50% of a_b & {c} #1 $x^2$ ~ \\n", "0 ≤ i, Σ and ∂ × σ"])
def test_words_become_valid_latex(words: str) -> None:
    assert latex_errors([words_latex(words)]) == []


def test_markdown_in_chinese_follows_the_notes(linear: Record) -> None:
    text = render_markdown(linear, "zh")
    headings = [line for line in text.splitlines() if line.startswith("#")]
    assert headings[:6] == [
        "# 前向",
        "## 矩阵形式",
        "# 求导",
        r"## $\mathrm{input}$ 求导",
        "### 链式法则",
        "### 矩阵形式",
    ]
    assert "- $q \\ne i$：$0$\n- $q = i$：$\\mathrm{input}_{p,j}$" in text
    assert text.count("$$") % 2 == 0


class _Tags(HTMLParser):
    """Whether tags nest, and the text between them."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@each_source
def test_html_is_whole_and_escaped(source: str) -> None:
    made = record(source)
    page = _Tags()
    page.feed(render_html(made, "zh"))
    assert page.open == []
    assert render_text(made, "zh") in page.text
    assert r"\[\begin{aligned}" in page.text


def test_json_is_plain_data(linear: Record) -> None:
    data = json.loads(json.dumps(render_json(linear)))
    assert data["schema"] == "covector.derivation/1"
    weight = data["gradients"]["weight"]
    assert weight["statement"]["unicode"] == "dweight[i,j] = Σ_p G[p,i]·input[p,j]"
    assert weight["matrix"] == {"text": "G.T @ input", "latex": r"G^{\top}\,\mathrm{input}", "proved": False}
    assert weight["shape"] == ["J", "K"]
    (path,) = weight["paths"]
    assert path["entry_of"] == "∂linear[p,q]/∂weight[i,j]"
    assert path["entry"][0]["derivative_by"] == {"tensor": "weight", "indices": ["i", "j"]}
    assert [rule["name"] for rule in path["entry"][1]["rules"]] == ["read"]
    assert [case["condition"] for case in path["cases"]] == ["q ≠ i", "q = i"]
    assert weight["verification"]["shapes"] == [{"M": 3}, {"M": 1}, {"M": 5}]


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(CovectorError, match="not written in the language 'fr'") as raised:
        Words("fr")
    assert "en (English), zh (中文)" in str(raised.value)


def test_every_phrase_is_in_every_language() -> None:
    assert Words("zh")("chain rule") == "链式法则"
    assert Words("zh")("element form") == "元素形式"
    assert Words("zh")("matrix form") == "矩阵形式"


def test_errors_have_two_digits() -> None:
    assert [digits(error) for error in (0.0, 1e-16, 2.349e-10, 0.5)] == ["0", "1.0e-16", "2.3e-10", "5.0e-01"]


def test_formulas_break_before_operators() -> None:
    assert wrapped("a + b·Σ_k (c[k] + d[k])", 12) == ["a + b", "·Σ_k (c[k]", "+ d[k])"]
    assert wrapped("与有限差分比较，最大相对误差", 16, words=True) == ["与有限差分比较，", "最大相对误差"]


def test_breaking_a_huge_formula_takes_time_in_proportion() -> None:
    lines = wrapped(" + ".join(f"x[{n}]·y[{n}]" for n in range(40_000)), 100)
    assert max(map(len, lines)) <= 100
    assert len(wrapped("x" * 500_000, 100)) == 5000
