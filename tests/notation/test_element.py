"""Elaboration of element form: every construct, the extents that are inferred, and the texts of errors."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from covector import errors, ir
from covector.errors import BoundsError, NotationError, UnknownNameError
from covector.ir import Affine, Apply, Compute, Index, Input, Literal, Read, Symbol, as_affine
from covector.notation import syntax
from covector.notation.element import Scope, declare, define, expression, scalar_expression
from covector.notation.parse import parse_expression, parse_program
from covector.ops import SCALARS
from covector.run.reference import evaluate

M, N = as_affine(Symbol("M")), as_affine(Symbol("N"))


def elaborated(source: str, scope: Scope | None = None) -> tuple[list[Compute], Scope]:
    scope, statements = scope or Scope(), []
    for node in parse_program(source).statements:
        if isinstance(node, syntax.Declaration):
            scope = declare(node, scope, source)[1]
        else:
            compute, scope = define(node, scope, source)
            statements.append(compute)
    ir.check(ir.Program(scope.inputs(), tuple(statements), tuple(statements[-1:])))
    return statements, scope


def body_of(source: str) -> str:
    return repr(elaborated(source)[0][-1].body)


def inputs_of(source: str) -> list[str]:
    return [repr(given) for given in elaborated(source)[1].inputs()]


# Element expressions


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x[i] + a + 2", "add(x[i], a, 2)"),
        ("x[i] - a - 2", "sub(sub(x[i], a), 2)"),
        ("x[i] * a / 2", "div(mul(x[i], a), 2)"),
        ("-x[i] ** 2", "neg(pow(x[i], 2))"),
        ("1 * x[i] + 0", "add(mul(1, x[i]), 0)"),
        ("0.1 * x[i] + 1e-5", "add(mul(1/10, x[i]), 1/100000)"),
        ("x[i] * inf", "mul(x[i], inf)"),
        ("x[i] * pi", "mul(x[i], pi())"),
        ("x[i] + i", "add(x[i], i)"),
        ("x[i] + i * M", "add(x[i], mul(i, M))"),
        ("x[i] + i // 2", "add(x[i], (i)//(2))"),
        ("x[i] + (i + 1) % 2", "add(x[i], (i+1)%(2))"),
        ("[i < 2] * x[i]", "mul([lt(i, 2)], x[i])"),
        ("[i >= 2] * x[i]", "mul([le(2, i)], x[i])"),
        ("[0 <= i < M] * x[i]", "mul([and(le(0, i), lt(i, M))], x[i])"),
        ("[i = 2 or not i != 1] * x[i]", "mul([or(eq(i, 2), not(ne(i, 1)))], x[i])"),
        ("[x[i] > 0] * x[i]", "mul([lt(0, x[i])], x[i])"),
        ("δ(i, 2) * x[i]", "mul([eq(i, 2)], x[i])"),
        ("delta(2*i, 2) * x[i]", "mul([eq(2*i, 2)], x[i])"),
        ("[i*i < 4] * x[i]", "mul([lt(mul(i, i), 4)], x[i])"),
        ("select(x[i] > 0, x[i], 0)", "select(lt(0, x[i]), x[i], 0)"),
        ("select(true, x[i], 0)", "select(True, x[i], 0)"),
        ("stop(exp(x[i]))", "stop(exp(x[i]))"),
        ("maximum(x[i], 0)", "maximum(x[i], 0)"),
        ("sum[k](z[i,k])", "sum[k](z[i, k])"),
        ("max[k](z[i,k]) + min[k](z[i,k])", "add(max[k](z[i, k]), min[k](z[i, k]))"),
        ("prod[k](z[i,k])", "prod[k](z[i, k])"),
        ("mean[k](z[i,k])", "div(sum[k](z[i, k]), K)"),
        ("mean[k,l](w[i,k,l])", "div(sum[k, l](w[i, k, l]), K*L)"),
        ("[any[k](z[i,k] > 0)] + [all[k](z[i,k] > 0)]", "add([any[k](lt(0, z[i, k]))], [all[k](lt(0, z[i, k]))])"),
        ("pad(x[i+1]) + x[i]", "add(x[i+1], x[i])"),
        ("pad(x[i+1], -inf) + x[i]", "add(select(and(le(0, i+1), lt(i+1, M)), x[i+1], neg(inf)), x[i])"),
        ("pad(x[i], 1)", "x[i]"),
        ("x[2**3*0 + i]", "x[i]"),
    ],
)
def test_expressions(text: str, expected: str) -> None:
    assert body_of(f"x: M; a: ()\ny[i] = {text}") == expected


def test_numbers_are_exact() -> None:
    body = elaborated("y[i:2] = 0.1")[0][0].body
    assert isinstance(body, Literal)
    assert body.value == Fraction(1, 10)
    true = elaborated("y[i:2] = true")[0][0].body
    assert isinstance(true, Literal)
    assert true.value is True


def test_sides_of_a_comparison_are_affine_where_both_are_integers() -> None:
    text = "ids: N int64; x: N\ny[n] = [ids[n] = n] + [ids[n] // 2 <= N - 1] + [x[n] <= n]"
    terms = elaborated(text)[0][0].body.arguments  # type: ignore[union-attr]
    sides = [term.condition.arguments for term in terms]
    assert [{isinstance(side, Affine) for side in pair} for pair in sides] == [{True}, {True}, {False, True}]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("y[i:3] = x[3 - i]", "x[-i+3]"),
        ("y[b:B, c:C] = x[b*C + c]", "x[C*b+c]"),
        ("y[o:N] = x[o // 2, o % 2]", "x[(o)//(2), (o)%(2)]"),
        ("y[n:N, d] = x[ids[n], d]", "x[ids[n], d]"),
        ("y[n:N, d] = x[ids[n] + 1, d]", "x[ids[n]+1, d]"),
        ("y[n:N] = x[ids[other[n]]]", "x[ids[other[n]]]"),
        ("y[n:N] = x[pad(ids[n - 1])]", "x[ids[n-1]]"),
    ],
)
def test_positions(text: str, expected: str) -> None:
    assert body_of(text) == expected


def test_names_are_looked_up_in_order() -> None:
    scope = Scope(parameters={"s": 2, "eps": 1e-5, "flag": True}, values={"x": Apply(SCALARS["pi"], ())})
    assert repr(elaborated("y[s] = s * z[s]", scope)[0][0]) == "y[s] = mul(s, z[s])"
    assert repr(elaborated("y[i] = z[s*i] + eps * v[i]", scope)[0][0].body) == "add(z[2*i], mul(1/100000, v[i]))"
    assert repr(elaborated("y[i] = select(flag, z[i], x)", scope)[0][0].body) == "select(True, z[i], pi())"
    assert body_of("n: () int64\ny[i] = x[i] * [i < n]") == "mul(x[i], [lt(i, n)])"


def test_equal_statements_are_the_same_node() -> None:
    assert elaborated("y[i] = sum[k](x[i,k])")[0][0] is elaborated("y[i]  =  sum[k]( x[i,k] )")[0][0]


# Extents


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            "linear[i,j] = sum[k](input[i,k] * weight[j,k]) + bias[j]",
            ["input: I K float64", "weight: J K float64", "bias: J float64"],
        ),
        ("e[n,d] = table[ids[n], d]", ["table: table_0 D float64", "ids: N int64"]),
        ("s[i,j] = x[i,j] / sum[k](x[i,k])", ["x: I J float64"]),
        ("s[i,j] = sum[d](x[i,d] * x[j,d])", ["x: I D float64"]),
        ("y[i,j] = x[i,1] * z[j] * x[j,0]", ["x: I x_1 float64", "z: I float64"]),
        ("c[o] = sum[p](x[2*o+p] * w[p])", ["x: x_0 float64", "w: P float64"]),
        ("y[k2] = x[k2]", ["x: K2 float64"]),
        ("y[i:5] = x[i]", ["x: 5 float64"]),
        ("y[i:2*P] = x[i]", ["x: 2*P float64"]),
        ("y[i] = x[i] * I", ["x: I_ float64", "I: () float64"]),
        ("y[i, I] = x[i] * z[I]", ["x: I float64", "z: I_ float64"]),
        ("z: N\ny[i] = z[i] * x[i]", ["z: N float64", "x: N float64"]),
        ("y[v:5, n] = [v = ids[n]]", ["ids: N int64"]),
        ("y[n] = select(mask[n], x[n], 0)", ["mask: N bool", "x: N float64"]),
        ("y[i] = lr * x[i]", ["lr: () float64", "x: I float64"]),
        ("y[i] = sum[k](x[i,k]); z[j] = sum[k](y[k] * w[j,k])", ["x: I K float64", "w: J I float64"]),
        ("y[i] = x[i]; z[i] = w[i]", ["x: I float64", "w: I float64"]),
        ("a: N\ny[i] = pad(a[i]) * pad(b[i])", ["a: N float64", "b: N float64"]),
    ],
)
def test_shapes_of_new_inputs(source: str, expected: list[str]) -> None:
    assert inputs_of(source) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x: N\ny[i] = x[i] - x[0]", "(N,)"),
        ("x: 9\ny[i] = sum[k:3](x[2*i + k])", "(4,)"),
        ("x: 9; w: 3\ny[i] = sum[k](x[2*i + k] * w[k])", "(4,)"),
        ("x: W; w: Q\ny[i] = sum[k](x[i + k] * w[k])", "(-Q+W+1,)"),
        ("x: N\ny[i] = x[i+2] - x[i+1]", "(N-2,)"),
        ("x: N\ny[i] = x[i+1] - x[i+2]", "(N-2,)"),
        ("x: N\ny[i] = x[2*i+1]", "((N)//(2),)"),
        ("x: N\ny[i:3] = x[i]", "(3,)"),
        ("x: M N\ny[i:M+N] = select(i < M, x[i,0], x[0,i-M])", "(M+N,)"),
        ("x: (2*M+1)\ny[i] = x[i]", "(2*M+1,)"),
    ],
)
def test_extents_of_results(source: str, expected: str) -> None:
    assert repr(elaborated(source)[0][-1].shape) == expected


@given(st.integers(1, 4), st.integers(0, 3), st.integers(1, 3), st.integers(1, 12))
def test_an_affine_read_takes_as_many_values_as_fit(stride: int, offset: int, width: int, length: int) -> None:
    fits = [y for y in range(40) if stride * y + offset + width - 1 < length]
    if fits:
        (statement,), _ = elaborated(f"x: {length}\ny[i] = sum[k:{width}](x[{stride}*i + k + {offset}])")
        assert statement.shape[0].constant == len(fits)


# Reads and bounds


@pytest.mark.parametrize(
    "source",
    [
        "y[i] = [i > 0] * x[i-1] + x[i]",
        "y[i] = x[i] + x[i-1] / 2 * [i > 0]",
        "y[i] = x[i] + [i > 0] * exp(sum[k](x[i-1] * w[k]))",
        "y[i] = select(i > 0, x[i-1], x[i])",
        "y[i] = x[i] * [i > 0 and x[i-1] > 0]",
        "y[i] = x[i] + pad(x[i-1])",
        "x: N\ny[i:K] = x[i]",
        "x: N\ny[i] = x[i] * x[3]",
        "y[n] = x[ids[n] - 5]",
        "x: N\ny[i:3] = x[i // N]",
    ],
)
def test_reads_that_are_guarded_or_cannot_be_decided(source: str) -> None:
    elaborated(source)


@given(st.integers(-3, 3), st.integers(-4, 8), st.integers(1, 5), st.integers(1, 8), st.booleans())
def test_bounds_are_exact_on_integers(c: int, offset: int, count: int, length: int, halved: bool) -> None:
    position = f"({c}*i + {offset}) // 2" if halved else f"{c}*i + {offset}"
    values = [(c * i + offset) // 2 if halved else c * i + offset for i in range(count)]
    source = f"x: {length}\ny[i:{count}] = x[{position}]"
    if all(0 <= value < length for value in values):
        elaborated(source)
    else:
        with pytest.raises(BoundsError):
            elaborated(source)


# Single expressions


def test_a_derivative_is_an_expression_in_scalars() -> None:
    (x,), found = scalar_expression("1 - tanh(x)**2", ("x",))
    assert repr(found) == "sub(1, pow(tanh(x), 2))"
    inner = Read(Input("z", (N,), "float64"), (as_affine(Index("i", N)),))
    assert repr(ir.substitute(found, {x: inner})) == "sub(1, pow(tanh(z[i]), 2))"
    assert scalar_expression("a / b", ("a", "b"))[0] == tuple(Read(Input(n, (), "float64"), ()) for n in "ab")
    with pytest.raises(UnknownNameError):
        scalar_expression("1 - tanh(y)", ("x",))


def test_the_derivatives_of_the_table_are_expressions() -> None:
    for function in SCALARS.values():
        for text in filter(None, function.derivatives):
            scalar_expression(text, function.parameters)


def test_an_expression_has_the_free_indices_that_it_is_given() -> None:
    text = "sum[j](δ(i,j) * f[j])"
    i = Index("i", N)
    found, scope = expression(parse_expression(text), text, Scope(), {"i": i})
    assert repr(found) == "sum[j](mul([eq(i, j)], f[j]))"
    assert repr(scope.inputs()) == "(f: J float64,)"
    read, _ = expression(parse_expression("f[i]"), "f[i]", scope, {"i": i})
    assert isinstance(read, Read)
    assert read.positions == (as_affine(i),)
    fresh = expression(parse_expression("f[i] + a"), "f[i] + a", None, {"i": i})[1]
    assert repr(fresh.inputs()) == "(f: N float64, a: () float64)"


def test_values_agree_with_numpy() -> None:
    rng = np.random.default_rng(1)
    arrays: Mapping[str, np.ndarray] = {"x": rng.normal(size=(5, 6)), "w": rng.normal(size=(2, 3))}
    source = "x: H W; w: P Q\ny[i:3,j:4] = mean[p,q](pad(x[2*i+p-1, j+q], 1) * w[p,q]) + i*x[i,0] - [j = i] * x[i,j]"
    statements, scope = elaborated(source)
    found = evaluate(ir.Program(scope.inputs(), tuple(statements), tuple(statements)), arrays)["y"]
    x, w = np.pad(arrays["x"], 1, constant_values=1.0), arrays["w"]
    for i, j in product(range(3), range(4)):
        expected = (x[2 * i : 2 * i + 2, j + 1 : j + 4] * w).mean() + i * arrays["x"][i, 0]
        assert found[i, j] == pytest.approx(expected - (i == j) * arrays["x"][i, j])


# What mistakes are told


def mistakes() -> list[tuple[str, str, str]]:
    """The programs of ``element_mistakes.txt``, each with the class and the whole text that its error must have."""
    text = Path(__file__).with_name("element_mistakes.txt").read_text(encoding="utf-8")
    pairs = [block.strip("\n").split("\n=>\n") for block in text.split("\n----\n")]
    return [(*program.split("\n", 1), error) for program, error in pairs]  # type: ignore[misc]


@pytest.mark.parametrize(("kind", "source", "expected"), mistakes(), ids=[source for _, source, _ in mistakes()])
def test_mistakes(kind: str, source: str, expected: str) -> None:
    with pytest.raises(getattr(errors, kind)) as found:
        elaborated(source)
    assert str(found.value) == expected


RELATIVES = ["weight weight2", "weight height", "loss dloss", "bias_h bias_x", "left left_in", "xs xz"]


@pytest.mark.parametrize("pair", RELATIVES)
def test_names_that_are_relatives_are_no_typos(pair: str) -> None:
    known, new = pair.split()
    elaborated(f"{known}: N\ny[i] = {known}[i] * {new}[i]")


@pytest.mark.parametrize("pair", ["weight weigth", "weights weight", "hidden hiden", "targets target"])
def test_near_misses_are_asked_about(pair: str) -> None:
    known, new = pair.split()
    with pytest.raises(UnknownNameError, match=f"did you mean '{known}'"):
        elaborated(f"{known}: N\ny[i] = {new}[i]")


def test_numbers_too_long_to_be_meant() -> None:
    for text in ("y[i:2] = 1e999999999", f"y[i:2] = {'9' * 5000}", f"y[i:2] = x[{'9' * 30}]"):
        with pytest.raises(NotationError, match=r"digits|int64|beyond 400"):
            elaborated(text)
