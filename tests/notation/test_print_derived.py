"""How the calculus's normal form is printed in each style."""

from __future__ import annotations

import pytest

from covector.ir import Bracket, Expr, Literal, Read, Select, as_affine, floor_div, modulo
from covector.notation.print import STYLES, text
from tests.support.build import (
    FLAT,
    IDS,
    G,
    K,
    M,
    N,
    add,
    do,
    holds,
    i,
    j,
    k,
    mul,
    number,
    p,
    power,
    q,
    t,
    total,
    v,
    w,
    x,
    y,
)
from tests.support.katex import latex_errors

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
    assert latex_errors([text(row[0], "latex") for row in DERIVED]) == []
