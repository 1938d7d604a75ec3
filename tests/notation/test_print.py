"""How what the user wrote is printed in each style, and read back; names, shapes, programs and limits."""

from __future__ import annotations

import pytest

from covector.errors import BudgetError
from covector.frontend.matrix import define_matrix
from covector.frontend.program import read_program
from covector.ir import Compute, Expr, Input, Opaque, Program, Read, as_affine
from covector.ir.tensor import program_of
from covector.notation.print import STYLES, equation, name_text, program_text, shape_text, text
from tests.support.build import K, M, N, add, do, i, j, mul, x
from tests.support.katex import latex_errors


def read(source: str) -> Program:
    return read_program(source, matrix=define_matrix)


# What the user writes: a program whose last statement is printed back letter by letter, and how that looks elsewhere.
WRITTEN = [
    (
        "linear[i,j] = sum[k](input[i,k] * weight[j,k]) + bias[j]",
        "linear[i,j] = Σ_k input[i,k]·weight[j,k] + bias[j]",
        r"\mathrm{linear}_{i,j} = \sum_{k} \mathrm{input}_{i,k}\,\mathrm{weight}_{j,k} + \mathrm{bias}_{j}",
    ),
    (
        "s[i,j] = exp(x[i,j] - max[k](x[i,k])) / sum[l](exp(x[i,l] - max[k](x[i,k])))",
        "s[i,j] = exp(x[i,j] - max_k x[i,k]) / Σ_l exp(x[i,l] - max_k x[i,k])",
        r"s_{i,j} = \frac{\exp\left(x_{i,j} - \max_{k} x_{i,k}\right)}"
        r"{\sum_{l} \exp\left(x_{i,l} - \max_{k} x_{i,k}\right)}",
    ),
    (
        "image: N C 9 9; weight: O C 3 3; conv[n,o,y:5,z:5] = "
        "sum[c,p,q](pad(image[n,c,2*y+p-1,2*z+q-1]) * weight[o,c,p,q])",
        "conv[n,o,y,z] = Σ_c Σ_p Σ_q image[n,c,2·y+p-1,2·z+q-1]·weight[o,c,p,q]",
        r"\mathrm{conv}_{n,o,y,z} = \sum_{c,p,q} \mathrm{image}_{n,c,2\,y + p - 1,2\,z + q - 1}\,"
        r"\mathrm{weight}_{o,c,p,q}",
    ),
    ("e[n,d] = table[ids[n],d]", "e[n,d] = table[ids[n],d]", r"e_{n,d} = \mathrm{table}_{\mathrm{ids}_{n},d}"),
    (
        "x: N; c[i:N] = sum[j]([j <= i] * x[j])",
        "c[i] = Σ_j [j ≤ i]·x[j]",
        r"c_{i} = \sum_{j} [\,j \le i\,]\,x_{j}",
    ),
    (
        "loss = mean[i,j]((a[i,j] - t[i,j]) ** 2)",
        "loss = mean_{i,j}((a[i,j] - t[i,j])²)",
        r"\mathrm{loss} = \operatorname*{mean}_{i,j}\left(\left(a_{i,j} - t_{i,j}\right)^{2}\right)",
    ),
    (
        "x: N; d[i] = [1 <= i] * x[i-1] + [i < 3] * x[i] / 2",
        "d[i] = [1 ≤ i]·x[i-1] + [i < 3]·x[i] / 2",
        r"d_{i} = [\,1 \le i\,]\,x_{i - 1} + \frac{[\,i < 3\,]\,x_{i}}{2}",
    ),
    (
        "y[i] = select(x[i] > 0, sqrt(x[i]), select(x[i] < -1, 1, -x[i]))",
        "y[i] = select(x[i] > 0, sqrt(x[i]), select(x[i] < -1, 1, -x[i]))",
        r"y_{i} = \begin{cases} \sqrt{x_{i}} & x_{i} > 0 \\ 1 & x_{i} < -1 \\ -x_{i} & \text{otherwise} \end{cases}",
    ),
    (
        "y[i] = 0.044715 * x[i] ** 3 + sqrt(2 / pi) * rsqrt(x[i] + 1e-5)",
        "y[i] = 0.044715·x[i]³ + sqrt(2/π)·rsqrt(x[i] + 1e-5)",
        r"y_{i} = 0.044715\,x_{i}^{3} + \sqrt{\frac{2}{\pi}}\,\frac{1}{\sqrt{x_{i} + 10^{-5}}}",
    ),
    (
        "g[i] = x[i] * (sum[k](a[k,i] * b[k]) + c[i]) * sum[k](b[k]) / (x[i] * c[i]) * c[i]",
        "g[i] = ((x[i]·(Σ_k a[k,i]·b[k] + c[i])·Σ_k b[k]) / (x[i]·c[i]))·c[i]",
        r"g_{i} = \frac{x_{i}\,\left(\sum_{k} a_{k,i}\,b_{k} + c_{i}\right)\,\sum_{k} b_{k}}{x_{i}\,c_{i}}\,c_{i}",
    ),
    (
        "g[i] = (a[i] + b[i]) + (c[i] - d[i]) - (a[i] - b[i]) - (a[i] * b[i]) * c[i] / d[i]",
        "g[i] = a[i] + b[i] + c[i] - d[i] - (a[i] - b[i]) - a[i]·b[i]·c[i]/d[i]",
        r"g_{i} = a_{i} + b_{i} + c_{i} - d_{i} - \left(a_{i} - b_{i}\right) - \frac{a_{i}\,b_{i}\,c_{i}}{d_{i}}",
    ),
    (
        "g[i,j:3] = [i = j] * x[i] + [i = j and i != 2] * [x[i] >= 0]",
        "g[i,j] = δ(i,j)·x[i] + [i = j and i ≠ 2]·[x[i] ≥ 0]",
        r"g_{i,j} = \delta_{i,j}\,x_{i} + [\,i = j \land i \ne 2\,]\,[\,x_{i} \ge 0\,]",
    ),
    (
        "m[i] = any[k](a[i,k] > 0 and not (a[i,k] == 3 or a[i,k] < 1))",
        "m[i] = any_k(a[i,k] > 0 and not (a[i,k] = 3 or a[i,k] < 1))",
        r"m_{i} = \bigvee_{k} \left(a_{i,k} > 0 \land \lnot \left(a_{i,k} = 3 \lor a_{i,k} < 1\right)\right)",
    ),
    (
        "y[i] = maximum(x[i], 0) + abs(xhat[i]) + stop(sigma2[i]) / mu[i] * x_grad[i] ** 1.5",
        "y[i] = max(x[i], 0) + abs(xhat[i]) + stop(sigma2[i])/mu[i]·x_grad[i]^(3/2)",
        r"y_{i} = \max\left(x_{i}, 0\right) + \left|\hat{x}_{i}\right| + "
        r"\frac{\operatorname{stop}\left({\sigma_{2}}_{i}\right)}{\mu_{i}}\,\mathrm{x\_grad}_{i}^{3/2}",
    ),
    (
        "y[i] = -(a[i] + b[i]) * c[i] ** (a[i] / 2) ** 2",
        "y[i] = -(a[i] + b[i])·c[i]^((a[i]/2)²)",
        r"y_{i} = -\left(a_{i} + b_{i}\right)\,c_{i}^{\left(\frac{a_{i}}{2}\right)^{2}}",
    ),
    (
        "x: 12; y[i:3,j:4] = x[4*i+j] + i * 2 + (i + 1) // 2 + (i + j) % 3",
        "y[i,j] = x[4·i+j] + i·2 + ⌊(i+1)/2⌋ + (i + j) mod 3",
        r"y_{i,j} = x_{4\,i + j} + i \cdot 2 + \lfloor \left(i + 1\right) / 2 \rfloor + \left(i + j\right) \bmod 3",
    ),
    (
        "y[i] = max[k](a[k] + b[i]) + prod[k](a[k] * b[i]) * 2 + sum[k](a[k]) * b[i]",
        "y[i] = max_k (a[k] + b[i]) + (Π_k a[k]·b[i])·2 + (Σ_k a[k])·b[i]",
        r"y_{i} = \max_{k} \left(a_{k} + b_{i}\right) + \left(\prod_{k} a_{k}\,b_{i}\right) \cdot 2 + "
        r"\left(\sum_{k} a_{k}\right)\,b_{i}",
    ),
    (
        "y[i] = 1 / 3 * x[i] + 2 / 7 + 1e-12 + 2.5e30 - inf",
        "y[i] = 1/3·x[i] + 2/7 + 1e-12 + 2.5e30 - ∞",
        r"y_{i} = \frac{1}{3}\,x_{i} + \frac{2}{7} + 10^{-12} + 2.5 \cdot 10^{30} - \infty",
    ),
    ("y[i:3] = mean[k:K](i)", "y[i] = mean_k(i)", r"y_{i} = \operatorname*{mean}_{k}\left(i\right)"),
    (
        "x: M; y[i:M] = select(0 <= i + 1 < M, x[i+1], -inf)",
        "y[i] = select(0 ≤ i + 1 < M, x[i+1], -∞)",
        r"y_{i} = \begin{cases} x_{i + 1} & 0 \le i + 1 < M \\ -\infty & \text{otherwise} \end{cases}",
    ),
    ("a: (); b: (); c: (); y = a * b - c", "y = a·b - c", r"y = a\,b - c"),
    ("y[i] = -x[i] ** 2 * 3 ** (-x[i])", "y[i] = -x[i]²·3^(-x[i])", r"y_{i} = -x_{i}^{2} \cdot 3^{-x_{i}}"),
    ("y[i] = a[i] / (b[i] / c[i])", "y[i] = a[i]/(b[i]/c[i])", r"y_{i} = \frac{a_{i}}{\frac{b_{i}}{c_{i}}}"),
    ("y[i] = a[i] / b[i] / c[i]", "y[i] = a[i]/b[i]/c[i]", r"y_{i} = \frac{\frac{a_{i}}{b_{i}}}{c_{i}}"),
    ("y[i] = (a[i] ** 2) ** 3", "y[i] = (a[i]²)³", r"y_{i} = \left(a_{i}^{2}\right)^{3}"),
]


@pytest.mark.parametrize(("source", "in_unicode", "in_latex"), WRITTEN, ids=[row[0] for row in WRITTEN])
def test_what_was_written(source: str, in_unicode: str, in_latex: str) -> None:
    statement = read(source).statements[-1]
    assert equation(statement) == source.rsplit("; ", maxsplit=1)[-1]
    assert equation(statement, "unicode") == in_unicode
    assert equation(statement, "latex") == in_latex


@pytest.mark.parametrize("source", [row[0] for row in WRITTEN])
def test_the_notation_reads_back_the_same_nodes(source: str) -> None:
    program = read(source)
    assert read(program_text(program)) == program


def test_katex_and_mathjax_accept_all_of_it() -> None:
    equations = [equation(read(row[0]).output, "latex") for row in WRITTEN]
    names = [f"{name_text(name, 'latex')}_{{i}}^{{2}}" for name, _ in NAMES]
    assert latex_errors([*equations, *names, program_text(_example(), "latex")]) == []


NAMES = [
    ("x", "x"),
    ("input", r"\mathrm{input}"),
    ("dP", r"\mathrm{dP}"),
    ("dmu", r"\mathrm{dmu}"),
    ("mu", r"\mu"),
    ("μ", r"\mu"),
    ("λ", r"\lambda"),
    ("Sigma", r"\Sigma"),
    ("sigma2", r"{\sigma_{2}}"),
    ("W1", "{W_{1}}"),
    ("x₁", "{x_{1}}"),
    ("fc1", r"\mathrm{fc1}"),
    ("xhat", r"\hat{x}"),
    ("x_hat", r"\hat{x}"),
    ("muhat", r"\hat{\mu}"),
    ("x̂", r"\hat{x}"),
    ("ŷ", r"\hat{y}"),
    ("x'", "{x'}"),
    ("grad_out", r"\mathrm{grad\_out}"),
    ("_1_0", r"\mathrm{\_1\_0}"),
    ("权重", r"{\text{权重}}"),
    ("权重_w", r"{\text{权重}\_w}"),
    ("Δx", r"{\Delta x}"),
    ("größe", r"{\mathrm{gr}\text{öß}e}"),
    ("a%b", r"{a\%b}"),
    ("∂L", r"{\partial L}"),
]


@pytest.mark.parametrize(("name", "expected"), NAMES)
def test_names_in_latex(name: str, expected: str) -> None:
    assert name_text(name, "latex") == expected


def test_shapes() -> None:
    shape = (M, N * 2 + 1, as_affine(3), M * N)
    assert shape_text(shape) == "M (2*N+1) 3 (M*N)"
    assert shape_text(shape, "unicode") == "M×(2·N+1)×3×(M·N)"
    assert shape_text(shape, "latex") == r"M \times \left(2\,N + 1\right) \times 3 \times \left(M\,N\right)"
    assert [shape_text((), style) for style in STYLES] == ["()"] * 3


def _example() -> Program:
    ids = Input("ids", (M,), "int64")
    scale = Input("scale", (), "float32")
    table = Input("table", (K, N), "float64")
    body = mul(Read(table, (as_affine(Read(ids, (as_affine(i),))), as_affine(j))), Read(scale, ()))
    compute = Compute("out", (i, j), body)
    return program_of([Opaque("sorted", "sort", (compute,), compute.shape, "float64")])


def test_programs() -> None:
    program = _example()
    declarations, statements = program_text(program).splitlines()[:3], program_text(program).splitlines()[3:]
    assert sorted(declarations) == ["ids: M int64", "scale: () float32", "table: K N"]
    assert statements == ["out[i,j] = table[ids[i],j] * scale", "sorted = sort(out)"]
    assert program_text(program, "unicode").splitlines()[-2:] == [
        "out[i,j] = table[ids[i],j]·scale",
        "sorted = sort(out)",
    ]
    assert r"\mathrm{scale} &\in \mathbb{R}" in program_text(program, "latex")
    assert program_text(program, "latex").startswith(r"\begin{aligned}")
    assert text(program) == program_text(program)


def test_what_is_too_deep_or_too_long_is_refused() -> None:
    deep: Expr = x
    for _ in range(5000):
        deep = do("exp", deep)
    wide: Expr = x
    for _ in range(40):
        wide = add(mul(2, wide), do("exp", wide))
    for style in STYLES:
        with pytest.raises(BudgetError, match="deeper than 1,000 levels"):
            text(deep, style)
        with pytest.raises(BudgetError, match="characters"):
            text(wide, style)


def test_several_hundred_levels_are_printed() -> None:
    deep: Expr = x
    for _ in range(900):
        deep = do("exp", deep)
    assert text(deep, "unicode").startswith("exp(exp(")
