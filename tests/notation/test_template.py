"""Operations of the table become statements: forms are chosen, leading axes broadcast, extents are solved."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from covector import ir
from covector.errors import CovectorError, ShapeError
from covector.ir import Input, as_affine
from covector.notation import syntax
from covector.notation.element import Scope, broadcast, declare, instantiate
from covector.notation.parse import parse_program
from covector.ops import OPERATIONS, Operation
from covector.run.reference import evaluate


def inputs(example: str) -> dict[str, Input]:
    scope = Scope()
    for node in parse_program(example).statements:
        assert isinstance(node, syntax.Declaration)
        scope = declare(node, scope, example)[1]
    return {given.name: given for given in scope.inputs()}


def operation_of(*forms: str, arguments: tuple[str, ...] = ("x", "y"), **rest: object) -> Operation:
    name = re.findall(r"(?m)^\s*(\w+)[^=\n]*=", forms[0])[-1]
    return Operation(name, arguments, forms, "", "", "", **rest)  # type: ignore[arg-type]


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=lambda operation: operation.name)
def test_every_operation_of_the_table_is_elaborated(operation: Operation) -> None:
    given = inputs(operation.example)
    statements = instantiate(operation, given, operation.sample)
    ir.check(ir.Program(tuple(given.values()), tuple(statements), (statements[-1],)))
    assert statements[-1].name == operation.name


@pytest.mark.parametrize(
    ("name", "example", "expected"),
    [
        ("add", "x: 5 1 4 1; y: 3 1 1", "add[i, j, k, l] = add(x[i, 0, k, l], y[j, 0, l])"),
        ("add", "x: (); y: ()", "add = add(x, y)"),
        ("add", "x: M; y: ()", "add[i] = add(x[i], y)"),
        ("matmul", "a: B 1 M K; b: H K N", "matmul[n, h, i, j] = sum[k](mul(a[n, 0, i, k], b[h, k, j]))"),
        ("matmul", "a: K; b: K", "matmul = sum[k](mul(a[k], b[k]))"),
        ("linear", "input: B T K; weight: 3 K", "linear[b, i, j] = sum[k](mul(input[b, i, k], weight[j, k]))"),
        ("linear", "input: K; weight: 3 K", "linear[j] = sum[k](mul(input[k], weight[j, k]))"),
        ("embedding", "ids: B T int64; table: V D", "embedding[i, j, d] = table[ids[i, j], d]"),
        ("diag", "a: N", "diag[i, j] = mul([eq(i, j)], a[i])"),
        ("diag", "a: N N", "diag[i] = a[i, i]"),
        ("cumsum", "x: B N", "cumsum[b, i] = sum[j](mul([le(j, i)], x[b, j]))"),
    ],
)
def test_forms_are_chosen_and_broadcast(name: str, example: str, expected: str) -> None:
    assert repr(instantiate(OPERATIONS[name], inputs(example))[-1]) == expected


def test_statements_of_an_operation_are_named_after_its_result() -> None:
    given = inputs("x: B T D; weight: D; bias: D")
    statements = instantiate(OPERATIONS["layer_norm"], given, {"eps": 1}, name="h")
    assert [repr(statement).partition(" =")[0] for statement in statements] == [
        "h_mu[b, i]",
        "h_sigma[b, i]",
        "h_xhat[b, i, j]",
        "h[b, i, j]",
    ]
    assert repr(statements[-1].body) == "add(mul(h_xhat[b, i, j], weight[j]), bias[j])"


def test_another_axis_takes_the_place_of_the_last() -> None:
    x = inputs("x: A B C")
    (statement,) = instantiate(OPERATIONS["cumsum"], x, axis=1)
    assert repr(statement) == "cumsum[h, i, b] = sum[j](mul([le(j, i)], x[h, j, b]))"
    found = [instantiate(OPERATIONS["logsumexp"], x, axis=axis)[-1].shape for axis in (0, -2, 2)]
    assert repr(found) == "[(B, C), (A, C), (A, B)]"


def test_declared_extents_are_solved() -> None:
    twice = operation_of("x: ... (2*F)\nfirst[..., f:F] = x[..., f]", arguments=("x",))
    assert repr(instantiate(twice, inputs("x: 5 8"))[0].shape) == "(5, 4)"
    assert repr(instantiate(twice, inputs("x: (2*M)"))[0].shape) == "(M,)"
    convolved = instantiate(OPERATIONS["conv2d"], inputs("image: 2 3 8 9; weight: 4 3 3 3"), {"stride": 2})
    assert repr(convolved[0].shape) == "(2, 4, 3, 4)"


SHAPES = st.lists(st.integers(1, 3), max_size=4).map(tuple)


@given(st.lists(SHAPES, min_size=1, max_size=3))
def test_extents_broadcast_as_numpy(shapes: list[tuple[int, ...]]) -> None:
    named = [(name, tuple(map(as_affine, shape))) for name, shape in zip("abc", shapes, strict=False)]
    try:
        expected = np.broadcast_shapes(*shapes)
    except ValueError:
        with pytest.raises(ShapeError, match="must match the size of tensor"):
            broadcast(named)
    else:
        assert tuple(extent.constant for extent in broadcast(named)) == expected


@given(SHAPES, SHAPES)
def test_broadcast_values_are_numpys(left: tuple[int, ...], right: tuple[int, ...]) -> None:
    try:
        np.broadcast_shapes(left, right)
    except ValueError:
        return
    rng = np.random.default_rng(0)
    arrays = {"x": rng.normal(size=left), "y": rng.normal(size=right)}
    given = {name: Input(name, tuple(map(as_affine, array.shape)), "float64") for name, array in arrays.items()}
    (statement,) = instantiate(OPERATIONS["sub"], given)
    found = evaluate(ir.Program(tuple(given.values()), (statement,), (statement,)), arrays)["sub"]
    np.testing.assert_array_equal(found, arrays["x"] - arrays["y"])


CALLS = [
    (
        "linear",
        "input: M 4; weight: 3 5",
        {},
        "linear: index k has two extents: 4, axis 1 of input (M×4), and 5, axis 1 of weight (3×5)\n  column 51:\n"
        "    linear[..., j] = sum[k](input[..., k] * weight[j, k])\n"
        "                                                      ^\n  hint: the shapes must agree there",
    ),
    (
        "linear",
        "input: M 4; weight: 3 4 5",
        {},
        "linear: weight has 3 axes (3×4×5), and it must have 2\n"
        "  hint: it is linear[..., j] = sum[k](input[..., k] * weight[j, k])",
    ),
    (
        "linear",
        "input: M 4; bias: 3",
        {},
        "linear(input, bias): no form of linear takes these arguments\n"
        "  hint: linear(input, weight, bias) or linear(input, weight)",
    ),
    (
        "add",
        "x: 5 2 4 1; y: 3 1 1",
        {},
        "add: The size of tensor x (2) must match the size of tensor y (3) at non-singleton dimension 1\n"
        "  hint: axes are aligned from the last one; an axis of extent 1 is repeated",
    ),
    ("layer_norm", "x: M N", {"ep": 1}, "layer_norm has no parameter 'ep'\n  hint: did you mean 'eps'?"),
]


@pytest.mark.parametrize(("name", "example", "parameters", "expected"), CALLS, ids=[f"{n} {e}" for n, e, _, _ in CALLS])
def test_mistakes_in_calls(name: str, example: str, parameters: dict[str, int], expected: str) -> None:
    with pytest.raises(CovectorError) as found:
        instantiate(OPERATIONS[name], inputs(example), parameters)
    assert str(found.value) == expected


def test_an_axis_out_of_range_is_said_as_pytorch_says_it() -> None:
    with pytest.raises(ShapeError) as found:
        instantiate(OPERATIONS["softmax"], inputs("x: A B C"), axis=5)
    expected = "softmax: Dimension out of range (expected to be in range of [-3, 2], but got 5)"
    assert str(found.value) == expected
    with pytest.raises(ShapeError, match="linear takes no axis"):
        instantiate(OPERATIONS["linear"], inputs("input: M K; weight: 3 K"), axis=0)


def test_a_declared_shape_that_does_not_fit() -> None:
    square = operation_of("x: N N\ntrace = sum[i](x[i, i])", arguments=("x",))
    with pytest.raises(ShapeError) as found:
        instantiate(square, inputs("x: 3 4"))
    assert str(found.value) == (
        "trace: x has shape 3×4, expected N×N with N = 3\n  line 1, column 1:\n    x: N N\n    ^^^^^^"
    )
