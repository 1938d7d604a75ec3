"""Short names for building expressions by hand."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from covector.ir import Apply, Bracket, Expr, Index, Input, Literal, Read, Reduce, Symbol, as_affine
from covector.ops import SCALARS

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
