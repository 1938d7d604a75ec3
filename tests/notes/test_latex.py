"""LaTeX to trees: every construct, and what is refused."""

from __future__ import annotations

import pytest

from covector.errors import NotationError
from covector.notes.latex import read_formula
from covector.notes.math import Choice, Derivative, Math, walk
from covector.notes.show import show

CONSTRUCTS = r"""
names
  XW ==> X W
  ax ==> a x
  weight ==> weight
  batch\_size ==> batch_size
  \mathrm{loss} ==> loss
  \text{batch size} ==> batch_size
  lr*\nabla W ==> ‹lr | l r› * ∇W
  df_{:q} ==> ‹df[:, q] | d f[:, q]›
  x1 ==> ‹x1 | x[1]›
  \hat{y}_i ==> y_hat[i]
  \alpha β ==> alpha beta
  \mathbf{W}\boldsymbol{\theta} ==> W theta
  损失 = \frac{1}{n}误差 ==> 损失 = 1/n 误差
scripts
  Y_{ij} ==> Y[i, j]
  x_{1,1} ==> x[1, 1]
  x_{11} ==> ‹x[1, 1] | x[11]›
  x_{123,4} ==> x[123, 4]
  W_{dc} ==> W[d, c]
  y^{predict}_1 ==> y^predict[1]
  y_1^{target} ==> y^target[1]
  X_{jc}^T ==> ‹(Xᵀ)[j, c] | X[j, c]ᵀ›
  X^T_{jc} ==> ‹(Xᵀ)[j, c] | X[j, c]ᵀ›
  w_1^T x ==> ‹w[1]ᵀ | (wᵀ)[1]› x
  x_{i+1} ==> x[i + 1]
  x_{2i} ==> ‹x[2, i] | x[2 i]›
  C_{in}-1 ==> ‹C_in | C[i, n]› - 1
  C_{out_q} ==> C[out[q]]
  N_{D_x} ==> N[D[x]]
  W_{hidden} ==> ‹W_hidden | W[hidden]›
  h_{(N_k,C_{out_l})} ==> h[N[k], C[out[l]]]
  W^{(l+1)} ==> W^[l + 1]
  (X^TX)^{-1}X^Ty ==> (Xᵀ X)^(-1) Xᵀ y
  A^{-T} ==> (A^(-1))ᵀ
  A^{\top} ==> Aᵀ
  Aᵀ ==> Aᵀ
  f'(x) ==> (f')(x)
  x[i,j] * w[j] ==> x[i, j] * w[j]
arguments
  input(N_i, k) ==> input(N[i], k)
  bias(C_{out_j}) ==> bias(C[out[j]])
  weight(C_{out_j, k}) ==> ‹weight(C[out[j]], k) | weight(C[out[j], k])›
  df{(N_p,C_{out_q})} ==> ‹df(N[p], C[out[q]]) | d f(N[p], C[out[q]])›
  linear(input)_{pq} ==> linear(input)[p, q]
  f(linear(input)_{kl}) ==> f(linear(input)[k, l])
  f(\cdot) ==> f(·)
  f(x+y) ==> f(x + y)
  w(a+b) ==> ‹w (a + b) | w(a + b)›
  x(t) ==> ‹x(t) | x t›
  np.sum(G, axis=0) ==> np.sum(G, axis=0)
  np.sum \Big(\frac{1}{n}G\Big) ==> np.sum(1/n G)
  \log p_i ==> log(p[i])
  \log xy ==> ‹log(x y) | log(x) y›
  \tanh^2(x) ==> tanh(x)^2
  \sqrt{d_k} ==> sqrt(d[k])
  \max(0, x) ==> max(0, x)
  \operatorname{softmax}(x)_i ==> softmax(x)[i]
large operators
  \sum_{k=0}^{K-1} a_k ==> sum{k=0..K - 1}(a[k])
  \sum_{N_p} x ==> sum{N[p]}(x)
  \sum x ==> sum{}(x)
  \sum_{row=1} x ==> sum{row=1}(x)
  \sum_{ij} A_{ij} ==> sum{i, j}(A[i, j])
  \sum_{i \neq j} x_i ==> sum{i ≠ j}(x[i])
  \sum\limits_{i=1}^n x_i y_i + b ==> sum{i=1..n}(x[i] y[i]) + b
  \sum_i a_i + b_i ==> ‹sum{i}(a[i] + b[i]) | sum{i}(a[i]) + b[i]›
  \prod_{i<n} x_i ==> prod{i < n}(x[i])
  \max_j x_j ==> max{j}(x[j])
  \arg\max_i p_i ==> argmax{i}(p[i])
  \lim_{h\rightarrow 0} \frac{f(x+h) - f(x)}{||h||} ==> lim{h → 0}((f(x + h) - f(x))/‖h‖)
derivatives
  \frac{\partial Y_{ij}}{\partial W_{dc}} ==> ∂Y[i, j]/∂W[d, c]
  \frac{dL}{dW_{dc}} ==> dL/dW[d, c]
  \frac{\nabla Loss}{\nabla C} ==> ∇Loss/∇C
  \frac{\partial ax}{\partial x} ==> ∂(a x)/∂x
  \frac{y(N_p,q)}{\partial x} ==> [∂]y(N[p], q)/∂x
  \frac{\partial}{\partial x} f(x) ==> ∂f(x)/∂x
  \frac{d}{dx} x^2 ==> d(x^2)/dx
  \frac{\partial^2 f}{\partial x_i \partial x_j} ==> ∂2f/∂x[i] ∂x[j]
  \frac{\partial^2 f}{\partial x^2} ==> ∂2f/∂x
  \partial f / \partial z ==> ∂f/∂z
  dL/dW ==> dL/dW
  \frac{d_1}{d_2} ==> d[1]/d[2]
  \nabla W ==> ∇W
  \nabla_x f(x) ==> ∇[x]f(x)
  \nabla W^T ==> (∇W)ᵀ
  \Delta x ==> Δx
  (\frac{\partial y}{\partial x})_{i,j} ==> (∂y/∂x)[i, j]
  \left.\frac{df}{dx}\right|_{x=0} ==> (df/dx)|[x = 0]
products
  A @ B \cdot C ==> A @ B · C
  input_{ik}.weight_{jk} ==> input[i, k] . weight[j, k]
  x \odot y \times z ==> x ⊙ y × z
  a \cdot -b ==> a · (-b)
  \frac12 x ==> 1/2 x
  1/2x ==> ‹1 / (2 x) | (1 / 2) x›
  1/n X ==> ‹(1 / n) X | 1 / (n X)›
relations
  a = b = c ==> a = b = c
  = weight_{qj} ==> = weight[q, j]
  p \neq i ==> p ≠ i
  C = A @ B，G = x ==> C = A @ B; G = x
  x \rightarrow^f \,y ==> x →[f] y
  y \rightarrow \approx y + d ==> y →≈ y + d
  a + b \\ = c \\ d = e ==> a + b = c; d = e
  \begin{align} y &= Wx \\ &+ b \\ z &= y \end{align} ==> y = W x + b; z = y
  \left\{ \begin{aligned} a &= b \\ c &= d \end{aligned} \right. ==> a = b; c = d
  x = 1, \quad y = 2 ==> x = 1; y = 2
  x = 0 \text{ if } i \neq j ==> x = 0; if: i ≠ j
  y = x. ==> y = x
  W \in R^{m \times n} ==> W ∈ R^{m, n}
  x \in {R}^{features} ==> x ∈ R^{features}
  x, y \in \mathbb{R}^n ==> x; y ∈ R^{n}
  f: \mathbb{R}^n \to \mathbb{R}^m ==> f : R^{n} → R^{m}
  a \not= b ==> a ≠ b
brackets
  (y_{1,1}, y_{1,2}) ==> (y[1, 1], y[1, 2])
  [x_1, x_2] ==> [x[1], x[2]]
  [i = j] ==> [i = j]
  \mathbb{1}(i=j) ==> 1(i = j)
  \|W\|_F^2 ==> ‖W‖[F]^2
  |x| + \left|\frac{a}{b}\right| ==> |x| + |a/b|
  \Big(a + b\Big)^2 ==> (a + b)^2
  \begin{bmatrix} a & b \\ \\ c & d \\ \end{bmatrix} ==> matrix[a, b; c, d]
  \begin{pmatrix} a，b \end{pmatrix} ==> matrix[a, b]
  \begin{cases} x, & x > 0 \\ 0, & \text{otherwise} \end{cases} ==> cases{x if x > 0; 0 otherwise}
  \cdot ==> sign \cdot
"""

MISTAKES = r"""
\foo{x} ==> 1: the command '\foo' is not understood
\def\x{\x}\x ==> 1: '\def' defines a macro: macros are not read
a + \newcommand{\b}{c} ==> 5: '\newcommand' defines a macro: macros are not read
x^2^3 ==> 4: a second superscript stands on one operand
x_1_2 ==> 4: a second subscript stands on one operand
{x ==> 1: '{' is never closed
x} ==> 2: nothing is open that '}' could close
x) ==> 2: ')' cannot stand here
(x ==> 2: the end of the formula stands where ')' should be
\frac{a} ==> 8: the end of the formula stands where '{' should be
a + ==> 3: the end of the formula stands where an operand should be
\begin{bmatrix} a ==> 1: '\begin{bmatrix}' is never closed
\begin{bmatrix} a \end{pmatrix} ==> 19: 'bmatrix' is still open where '\end{pmatrix}' stands
\begin{tikz} a \end{tikz} ==> 1: the environment 'tikz' is not understood
\left x ==> 1: no bracket follows '\left'
\lim x ==> 6: the variable of this limit is missing
\nabla \cdot F ==> 8: '\nabla' before '\cdot' (divergence or curl) is not understood
x = 1 当x大于0时 ==> 9: the words '大于0时' inside a formula are not understood
a # b ==> 3: the character '#' is not understood in a formula
"""


def cases(text: str) -> list[tuple[str, str]]:
    pairs = [line.strip().split(" ==> ") for line in text.splitlines() if " ==> " in line]
    return [(source, expected) for source, expected in pairs]


@pytest.mark.parametrize(("source", "expected"), cases(CONSTRUCTS))
def test_a_construct_is_read(source: str, expected: str) -> None:
    assert show(read_formula(source)) == expected


@pytest.mark.parametrize(("source", "expected"), cases(MISTAKES))
def test_a_mistake_is_pointed_at(source: str, expected: str) -> None:
    with pytest.raises(NotationError) as caught:
        read_formula(source)
    assert f"{caught.value.column}: {caught.value.message}" == expected


@pytest.mark.parametrize("source", ["", "  ", r"\quad", r"\\", "%x"])
def test_an_empty_formula_is_refused(source: str) -> None:
    with pytest.raises(NotationError):
        read_formula(source)


def test_known_names_are_preferred_the_longest_first() -> None:
    assert show(read_formula("XWb", {"X", "W", "b"})) == "‹X W b | XWb›"
    assert show(read_formula("lrW", {"lr", "W"})) == "lr W"
    assert show(read_formula("lr", {"lr", "l", "r"})) == "lr"
    assert show(read_formula("dx", {"d", "x"})) == "‹dx | d x›"
    assert show(read_formula("weight", set("weight"))) == "‹weight | w e i g h t›"
    assert show(read_formula(r"\frac{dL}{dW}", {"dL", "dW"})) == "dL/dW"
    assert show(read_formula("X^T", {"T"})) == "‹Xᵀ | X^T›"


def test_a_formula_that_goes_on_has_no_left_side() -> None:
    formula = read_formula("= a = b")
    assert formula.continues
    first, second = formula.relations
    assert first.left is None
    assert second.left is not None


def test_spans_point_into_the_formula() -> None:
    source = r"\frac{\partial L}{\partial W_{dc}} = X_{jc}^T"
    formula = read_formula(source)
    (relation,) = formula.relations
    left = relation.left
    assert isinstance(left, Derivative)
    assert source[left.span.start : left.span.end] == r"\frac{\partial L}{\partial W_{dc}}"
    assert source[left.by[0].span.start : left.by[0].span.end] == "W_{dc}"
    assert source[relation.right.span.start : relation.right.span.end] == "X_{jc}^T"


def test_choices_of_one_key_are_settled_together() -> None:
    formula = read_formula("lr*a + lr*b + x_{11}")
    assert [found.key for found in formula.choices] == ["name lr", "subscript x"]
    assert [show(reading) for reading in formula.readings()] == [
        "lr * a + lr * b + x[1, 1]",
        "lr * a + lr * b + x[11]",
        "(l r) * a + (l r) * b + x[1, 1]",
        "(l r) * a + (l r) * b + x[11]",
    ]
    assert len(list(formula.readings(limit=3))) == 3


def test_a_settled_formula_has_no_choice() -> None:
    formula = next(read_formula(r"w(a+b)_{ij}^T x_{11}").readings(1))
    nodes: list[Math] = [node for term in formula.statements[0].terms for node in walk(term)]
    assert not any(isinstance(node, Choice) for node in nodes)
