"""How expressions look in each style, and that the notation reads back what it prints."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from covector.errors import BudgetError
from covector.ir import (
    Apply,
    Bracket,
    Compute,
    Expr,
    Index,
    Input,
    Literal,
    Opaque,
    Program,
    Read,
    Reduce,
    Select,
    Symbol,
    as_affine,
    floor_div,
    modulo,
)
from covector.ir.tensor import program_of
from covector.notation import element, syntax
from covector.notation.parse import parse_program
from covector.notation.print import STYLES, equation, name_text, program_text, shape_text, text
from covector.ops import SCALARS
from covector.run.reference import evaluate
from tests.support.katex import latex_errors

M, N, K = (as_affine(Symbol(name)) for name in "MNK")
i, q = (Index(name, M) for name in "iq")
j, p = (Index(name, N) for name in "jp")
k = Index("k", K)
y = Index("y", as_affine(8))
x = Read(Input("x", (M,), "float64"), (as_affine(i),))
t = Read(Input("t", (M,), "float64"), (as_affine(i),))
v = Read(Input("v", (N,), "float64"), (as_affine(j),))
w = Read(Input("w", (K,), "float64"), (as_affine(k),))
G = Read(Input("G", (N, M), "float64"), (as_affine(p), as_affine(q)))
FLAT = Input("flat", (as_affine(16),), "float64")
IDS = Input("ids", (M,), "int64")


def number(value: int | str | Fraction) -> Literal:
    return Literal(Fraction(value))


def do(name: str, *arguments: Expr | int | str) -> Expr:
    return Apply(SCALARS[name], tuple(number(a) if isinstance(a, (int, str)) else a for a in arguments))


def add(*arguments: Expr | int | str) -> Expr:
    return do("add", *arguments)


def mul(*arguments: Expr | int | str) -> Expr:
    return do("mul", *arguments)


def power(base: Expr, exponent: int | str) -> Expr:
    return do("pow", base, number(exponent))


def total(body: Expr, *indices: Index) -> Expr:
    return Reduce("sum", indices, body)


def holds(name: str, left: Any, right: Any) -> Bracket:
    return Bracket(Apply(SCALARS[name], (as_affine(left), as_affine(right))))


def read_statements(source: str) -> tuple[list[Compute], element.Scope]:
    """The statements of a program in element form."""
    scope, statements = element.Scope(), []
    for node in parse_program(source).statements:
        if isinstance(node, syntax.Declaration):
            _, scope = element.declare(node, scope, source)
        else:
            assert isinstance(node, syntax.Definition)
            statement, scope = element.define(node, scope, source)
            statements.append(statement)
    return statements, scope


def read_back(program: Program) -> Compute:
    """The last statement of a program, printed and read again."""
    return read_statements(program_text(program))[0][-1]


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
    ("y = a * b - c", "y = a·b - c", r"y = a\,b - c"),
    ("y[i] = -x[i] ** 2 * 3 ** (-x[i])", "y[i] = -x[i]²·3^(-x[i])", r"y_{i} = -x_{i}^{2} \cdot 3^{-x_{i}}"),
    ("y[i] = a[i] / (b[i] / c[i])", "y[i] = a[i]/(b[i]/c[i])", r"y_{i} = \frac{a_{i}}{\frac{b_{i}}{c_{i}}}"),
    ("y[i] = a[i] / b[i] / c[i]", "y[i] = a[i]/b[i]/c[i]", r"y_{i} = \frac{\frac{a_{i}}{b_{i}}}{c_{i}}"),
    ("y[i] = (a[i] ** 2) ** 3", "y[i] = (a[i]²)³", r"y_{i} = \left(a_{i}^{2}\right)^{3}"),
]


@pytest.mark.parametrize(("source", "in_unicode", "in_latex"), WRITTEN, ids=[row[0] for row in WRITTEN])
def test_what_was_written(source: str, in_unicode: str, in_latex: str) -> None:
    statement = read_statements(source)[0][-1]
    assert equation(statement) == source.rsplit("; ", maxsplit=1)[-1]
    assert equation(statement, "unicode") == in_unicode
    assert equation(statement, "latex") == in_latex


@pytest.mark.parametrize("source", [row[0] for row in WRITTEN])
def test_the_notation_reads_back_the_same_nodes(source: str) -> None:
    statements, scope = read_statements(source)
    declarations = [text(given) for given in scope.inputs()]
    again = read_statements("\n".join([*declarations, *map(equation, statements)]))[0]
    assert again == statements


# What the calculus makes: sums of products of powers, comparisons with 0, means as sums over counts.
DERIVED = [
    (add(x, mul(-1, t)), "x[i] - t[i]", "x[i] - t[i]", "x_{i} - t_{i}"),
    (add(mul(-1, x), mul(-2, t), -1), "-x[i] - 2 * t[i] - 1", "-x[i] - 2·t[i] - 1", r"-x_{i} - 2\,t_{i} - 1"),
    (mul(2, power(x, -1)), "2 / x[i]", "2/x[i]", r"\frac{2}{x_{i}}"),
    (mul(-1, x, power(t, -2)), "-x[i] / t[i] ** 2", "-x[i]/t[i]²", r"-\frac{x_{i}}{t_{i}^{2}}"),
    (power(x, -1), "1 / x[i]", "1/x[i]", r"\frac{1}{x_{i}}"),
    (power(x, "1/2"), "sqrt(x[i])", "sqrt(x[i])", r"\sqrt{x_{i}}"),
    (power(x, "-1/2"), "1 / sqrt(x[i])", "1/sqrt(x[i])", r"\frac{1}{\sqrt{x_{i}}}"),
    (power(x, "-3/2"), "1 / x[i] ** 1.5", "1/x[i]^(3/2)", r"\frac{1}{x_{i}^{3/2}}"),
    (power(x, "1/3"), "x[i] ** (1 / 3)", "x[i]^(1/3)", "x_{i}^{1/3}"),
    (power(add(x, t), 2), "(x[i] + t[i]) ** 2", "(x[i] + t[i])²", r"\left(x_{i} + t_{i}\right)^{2}"),
    (power(x, 4), "x[i] ** 4", "x[i]^4", "x_{i}^{4}"),
    (mul("1/2", x), "x[i] / 2", "x[i]/2", r"\frac{x_{i}}{2}"),
    (mul("-3/2", x), "-3 / 2 * x[i]", "-3/2·x[i]", r"-\frac{3}{2}\,x_{i}"),
    (mul("2/3", x), "2 / 3 * x[i]", "2/3·x[i]", r"\frac{2}{3}\,x_{i}"),
    (mul("0.01", x), "0.01 * x[i]", "0.01·x[i]", r"0.01\,x_{i}"),
    (number("44715/1000000"), "0.044715", "0.044715", "0.044715"),
    (number("-1/3"), "-1 / 3", "-1/3", r"-\frac{1}{3}"),
    (number("0.0001"), "0.0001", "0.0001", "0.0001"),
    (Literal(True), "true", "true", r"\mathrm{true}"),
    (Literal(float("-inf")), "-inf", "-∞", r"-\infty"),
    (mul(2, number(3), x), "2 * 3 * x[i]", "2·3·x[i]", r"2 \cdot 3\,x_{i}"),
    (
        mul(2, power(M, -1), add(x, mul(-1, t))),
        "2 / M * (x[i] - t[i])",
        "2/M·(x[i] - t[i])",
        r"\frac{2}{M}\,\left(x_{i} - t_{i}\right)",
    ),
    (
        mul(2, power(M * 2 + 1, -1), add(x, mul(-1, t))),
        "2 / (2 * M + 1) * (x[i] - t[i])",
        "2/(2·M+1)·(x[i] - t[i])",
        r"\frac{2}{2\,M + 1}\,\left(x_{i} - t_{i}\right)",
    ),
    (
        mul(power(x, -1), power(N, -1), add(t, -1)),
        "(t[i] - 1) / (x[i] * N)",
        "(t[i] - 1) / (x[i]·N)",
        r"\frac{t_{i} - 1}{x_{i}\,N}",
    ),
    (mul(power(K, -1), total(w, k)), "mean[k](w[k])", "mean_k(w[k])", r"\operatorname*{mean}_{k}\left(w_{k}\right)"),
    (
        mul(x, power(K, -1), total(mul(w, 2), k)),
        "x[i] * mean[k](w[k] * 2)",
        "x[i]·mean_k(w[k]·2)",
        r"x_{i}\,\operatorname*{mean}_{k}\left(w_{k} \cdot 2\right)",
    ),
    (
        mul(2, power(N, -1), power(M, -1), total(mul(x, v), i, j)),
        "2 * mean[i,j](x[i] * v[j])",
        "2·mean_{i,j}(x[i]·v[j])",
        r"2\,\operatorname*{mean}_{i,j}\left(x_{i}\,v_{j}\right)",
    ),
    (
        mul("1/8", total(Read(FLAT, (as_affine(y),)), y)),
        "mean[y:8](flat[y])",
        "mean_y(flat[y])",
        r"\operatorname*{mean}_{y}\left(\mathrm{flat}_{y}\right)",
    ),
    (
        mul("1/4", total(Read(FLAT, (as_affine(y),)), y)),
        "sum[y:8](flat[y]) / 4",
        "(Σ_y flat[y]) / 4",
        r"\frac{\sum_{y} \mathrm{flat}_{y}}{4}",
    ),
    (
        mul(power(N, -1), total(w, k)),
        "sum[k](w[k]) / N",
        "(Σ_k w[k]) / N",
        r"\frac{\sum_{k} w_{k}}{N}",
    ),
    (mul(holds("eq", q - as_affine(i), 0), G), "[q = i] * G[p,q]", "δ(q,i)·G[p,q]", r"\delta_{q,i}\,G_{p,q}"),
    (holds("eq", 2 * as_affine(y) + p - 1 - j, 0), "[2 * y + p - 1 = j]", "δ(2·y+p-1,j)", r"\delta_{2\,y + p - 1,j}"),
    (holds("eq", as_affine(i) - 3, 0), "[i = 3]", "δ(i,3)", r"\delta_{i,3}"),
    (holds("eq", as_affine(i) - q - 1, 0), "[i = q + 1]", "δ(i,q+1)", r"\delta_{i,q + 1}"),
    (holds("le", 0, as_affine(j) - i), "[i <= j]", "[i ≤ j]", r"[\,i \le j\,]"),
    (holds("le", 0, as_affine(j) - i - 1), "[i < j]", "[i < j]", r"[\,i < j\,]"),
    (holds("le", 0, as_affine(j) - i - 3), "[i + 3 <= j]", "[i + 3 ≤ j]", r"[\,i + 3 \le j\,]"),
    (holds("le", 0, as_affine(j) - i + 2), "[i <= j + 2]", "[i ≤ j + 2]", r"[\,i \le j + 2\,]"),
    (holds("le", 0, 3 - as_affine(i)), "[i <= 3]", "[i ≤ 3]", r"[\,i \le 3\,]"),
    (holds("le", 0, M - i - 1), "[i < M]", "[i < M]", r"[\,i < M\,]"),
    (holds("le", 0, as_affine(i) - 3), "[3 <= i]", "[3 ≤ i]", r"[\,3 \le i\,]"),
    (holds("le", 0, as_affine(i) + p - 1), "[0 <= i + p - 1]", "[0 ≤ i + p - 1]", r"[\,0 \le i + p - 1\,]"),
    (holds("ne", as_affine(i) - q, 0), "[i != q]", "[i ≠ q]", r"[\,i \ne q\,]"),
    (
        mul(holds("le", 0, as_affine(i) + p - 1), holds("le", 0, M - i - p), x),
        "[0 <= i + p - 1 < M] * x[i]",
        "[0 ≤ i + p - 1 < M]·x[i]",
        r"[\,0 \le i + p - 1 < M\,]\,x_{i}",
    ),
    (
        mul(holds("le", 0, M - i - p), holds("le", 0, as_affine(i) + p - 1), x),
        "[0 <= i + p - 1 < M] * x[i]",
        "[0 ≤ i + p - 1 < M]·x[i]",
        r"[\,0 \le i + p - 1 < M\,]\,x_{i}",
    ),
    (
        Bracket(do("and", holds("le", 0, as_affine(y) - 2).condition, holds("le", 0, 6 - as_affine(y)).condition)),
        "[0 <= y - 2 < 5]",
        "[0 ≤ y - 2 < 5]",
        r"[\,0 \le y - 2 < 5\,]",
    ),
    (
        Bracket(do("eq", as_affine(j), as_affine(Read(IDS, (as_affine(i),))))),
        "[j = ids[i]]",
        "[j = ids[i]]",
        r"[\,j = \mathrm{ids}_{i}\,]",
    ),
    (
        total(total(mul(G, holds("eq", as_affine(q) - i, 0)), q), p),
        "sum[p](sum[q](G[p,q] * [q = i]))",
        "Σ_p Σ_q G[p,q]·δ(q,i)",
        r"\sum_{p} \sum_{q} G_{p,q}\,\delta_{q,i}",
    ),
    (
        mul(2, Bracket(do("ne", x, 0)), t, power(x, -1)),
        "[x[i] != 0] * (2 * t[i] / x[i])",
        "[x[i] ≠ 0]·2·t[i]/x[i]",
        r"[\,x_{i} \ne 0\,]\,\frac{2\,t_{i}}{x_{i}}",
    ),
    (
        mul(-50000, t, power(add(1, mul(100000, x)), -1)),
        "-t[i] / (2 * (1e-5 + x[i]))",
        "-t[i] / (2·(1e-5 + x[i]))",
        r"-\frac{t_{i}}{2\,\left(10^{-5} + x_{i}\right)}",
    ),
    (
        power(mul("1e-5", add(1, mul(100000, x))), "-1/2"),
        "1 / sqrt(1e-5 + x[i])",
        "1 / sqrt(1e-5 + x[i])",
        r"\frac{1}{\sqrt{10^{-5} + x_{i}}}",
    ),
    (
        mul("1/200000", power(number(2), "1/2"), power(do("pi"), "-1/2"), x, add(200000, mul(8943, power(x, 2)))),
        "sqrt(2 / pi) * x[i] * (1 + 0.044715 * x[i] ** 2)",
        "sqrt(2/π)·x[i]·(1 + 0.044715·x[i]²)",
        r"\sqrt{\frac{2}{\pi}}\,x_{i}\,\left(1 + 0.044715\,x_{i}^{2}\right)",
    ),
    (mul(100, add(x, "0.01")), "100 * (x[i] + 0.01)", "100·(x[i] + 0.01)", r"100\,\left(x_{i} + 0.01\right)"),
    (total(add(w, x), k), "sum[k](w[k] + x[i])", "Σ_k (w[k] + x[i])", r"\sum_{k} \left(w_{k} + x_{i}\right)"),
    (mul(total(w, k), x), "sum[k](w[k]) * x[i]", "(Σ_k w[k])·x[i]", r"\left(\sum_{k} w_{k}\right)\,x_{i}"),
    (mul(x, total(w, k)), "x[i] * sum[k](w[k])", "x[i]·Σ_k w[k]", r"x_{i}\,\sum_{k} w_{k}"),
    (power(total(w, k), 2), "sum[k](w[k]) ** 2", "(Σ_k w[k])²", r"\left(\sum_{k} w_{k}\right)^{2}"),
    (Read(FLAT, (as_affine(y) - 1,)), "pad(flat[y-1])", "flat[y-1]", r"\mathrm{flat}_{y - 1}"),
    (
        mul(holds("le", 1, as_affine(y)), Read(FLAT, (as_affine(y) - 1,))),
        "[1 <= y] * flat[y-1]",
        "[1 ≤ y]·flat[y-1]",
        r"[\,1 \le y\,]\,\mathrm{flat}_{y - 1}",
    ),
    (
        mul(holds("le", as_affine(y), 3), Read(FLAT, (as_affine(y) - 1,))),
        "[y <= 3] * pad(flat[y-1])",
        "[y ≤ 3]·flat[y-1]",
        r"[\,y \le 3\,]\,\mathrm{flat}_{y - 1}",
    ),
    (
        Read(FLAT, (floor_div(as_affine(y) + 1, 2) + modulo(as_affine(y), 3),)),
        "flat[(y+1)//2+y%3]",
        "flat[⌊(y+1)/2⌋+y mod 3]",
        r"\mathrm{flat}_{\lfloor \left(y + 1\right) / 2 \rfloor + y \bmod 3}",
    ),
    (
        add(x, Select(holds("lt", i, 2).condition, t, number(0))),
        "x[i] + select(i < 2, t[i], 0)",
        "x[i] + select(i < 2, t[i], 0)",
        r"x_{i} + \left(\begin{cases} t_{i} & i < 2 \\ 0 & \text{otherwise} \end{cases}\right)",
    ),
    (mul(M * N, x), "(M * N) * x[i]", "M·N·x[i]", r"M\,N\,x_{i}"),
    (3 - as_affine(i), "3 - i", "3 - i", "3 - i"),
    (as_affine(i) * -1 - 1, "-i - 1", "-i - 1", "-i - 1"),
]


@pytest.mark.parametrize(("expr", "plain", "in_unicode", "in_latex"), DERIVED, ids=[row[1] for row in DERIVED])
def test_what_the_calculus_makes(expr: Expr, plain: str, in_unicode: str, in_latex: str) -> None:
    assert [text(expr, style) for style in STYLES] == [plain, in_unicode, in_latex]


def test_katex_and_mathjax_accept_all_of_it() -> None:
    equations = [equation(read_statements(row[0])[0][-1], "latex") for row in WRITTEN]
    program, everything = _example(), [text(row[0], "latex") for row in DERIVED]
    names = [f"{name_text(name, 'latex')}_{{i}}^{{2}}" for name, _ in NAMES]
    assert latex_errors([*equations, *everything, *names, program_text(program, "latex")]) == []


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


INPUTS = [x.tensor, v.tensor, w.tensor, FLAT]
ARRAYS = {
    "x": np.array([0.7, -1.3, 2.1]),
    "v": np.array([1.1, 0.4, -0.6, 3.0]),
    "w": np.array([-0.5, 1.9]),
    "flat": np.linspace(-1.0, 2.0, 16),
}
FORMS = [as_affine(i), i + as_affine(1), 2 * as_affine(i) + j - 1, as_affine(j) - i, 3 - as_affine(j), M - i - 1]
FORMS += [modulo(as_affine(i) + j, 2), floor_div(as_affine(j) + 3, 2)]
VALUES = [*map(number, (0, 1, 2, -3, "1/2", "-1/3", "0.01", "44715/1000000", "2/7", 10**12, "1e-9")), x, v]


def _leaves() -> st.SearchStrategy[Expr]:
    forms = st.sampled_from(FORMS)
    comparisons = st.sampled_from(("eq", "ne", "lt", "le"))
    sides = st.one_of(
        st.tuples(forms, st.just(as_affine(0))), st.tuples(st.just(as_affine(0)), forms), st.tuples(forms, forms)
    )
    return st.one_of(
        st.sampled_from(VALUES),
        forms,
        forms.map(lambda form: Read(FLAT, (form,))),
        st.builds(lambda name, pair: holds(name, *pair), comparisons, sides),
    )


def _grown(depth: int) -> st.SearchStrategy[Expr]:
    """Expressions with at most this many levels, each level with a bound index of its own name."""
    if depth == 0:
        return _leaves()
    below = _grown(depth - 1)
    bound = Index(f"k{depth}", K)
    inner = Read(w.tensor, (as_affine(bound),))
    several = st.lists(below, min_size=2, max_size=4)
    condition = st.one_of(
        st.builds(lambda a, b: do("lt", a, b), below, below),
        st.builds(lambda a, b: do("and", do("le", 0, a), do("le", a, b)), below, below),
        st.builds(lambda a, b: do("not", do("or", do("eq", a, 0), do("lt", b, a))), below, below),
    )
    reduced = st.builds(
        lambda name, body, first: Reduce(name, (bound,), mul(inner, body) if first else add(body, inner)),
        st.sampled_from(("sum", "prod", "max", "min")),
        below,
        st.booleans(),
    )
    return st.one_of(
        below,
        several.map(lambda parts: add(*parts)),
        several.map(lambda parts: mul(*parts)),
        several.map(lambda parts: mul(-1, *parts)),
        st.builds(do, st.sampled_from(("sub", "div", "pow", "maximum")), below, below),
        st.builds(do, st.sampled_from(("neg", "exp", "sqrt", "tanh", "stop")), below),
        st.builds(power, below, st.sampled_from(("2", "3", "-1", "1/2", "-1/2", "-3/2", "1/3"))),
        st.builds(lambda a, b, e: mul(a, power(b, e)), below, below, st.sampled_from(("-1", "-2", "-1/2"))),
        reduced,
        reduced.map(lambda body: mul(power(K, -1), body)),
        st.builds(Select, condition, below, below),
        condition.map(Bracket),
    )


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(_grown(3))
def test_what_is_printed_is_read_back_with_the_same_values(expr: Expr) -> None:
    program = program_of([Compute("out", (i, j), expr)], INPUTS)
    back = read_back(program)
    settled = back
    for _ in range(4):  # 1/2·(1/2·x) becomes x/2/2 one step at a time
        settled = read_back(program_of([settled], INPUTS))
    assert read_back(program_of([settled], INPUTS)) is settled
    if program.output.dtype != "float64":
        return  # a statement of whole numbers is rounded to them at the end, which hides what it is compared for
    with np.errstate(all="ignore"):
        wanted, found = (
            evaluate(program_of([statement], INPUTS), ARRAYS)["out"] for statement in (program.outputs[0], settled)
        )
    finite = np.isfinite(wanted) & np.isfinite(found) & (np.abs(wanted) < 1e9)
    np.testing.assert_allclose(found[finite], wanted[finite], rtol=1e-7, atol=1e-7)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(_grown(3))
def test_every_style_prints_whatever_is_built(expr: Expr) -> None:
    in_latex = text(expr, "latex")
    assert in_latex.count("{") == in_latex.count("}")
    assert in_latex.count(r"\left") == in_latex.count(r"\right")
    in_unicode = text(expr, "unicode")
    assert in_unicode.count("(") == in_unicode.count(")")


def test_katex_accepts_what_is_built() -> None:
    found: list[str] = []

    @settings(max_examples=150, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(_grown(3))
    def collect(expr: Expr) -> None:
        found.append(text(expr, "latex"))

    collect()
    assert latex_errors(found) == []
