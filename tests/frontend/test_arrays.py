"""Symbolic arrays: operators, functions and broadcasting are those of NumPy, and statements read as a person's."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from covector.errors import ShapeError
from covector.frontend import functions
from covector.frontend.arrays import Array
from covector.frontend.functions import NAMESPACE
from covector.frontend.lazy import weight
from covector.ops import SCALARS
from tests.frontend.values import arrays_named, program_of_function, sample, samples, value_of

f = functions
MATRICES = ((2, 3), (2, 3))

OPERATORS: dict[str, tuple[Callable[..., Any], tuple[tuple[int, ...], ...]]] = {
    "add": (lambda x, y: x + y, MATRICES),
    "sub": (lambda x, y: x - y, MATRICES),
    "mul": (lambda x, y: x * y, MATRICES),
    "div": (lambda x, y: x / y, MATRICES),
    "pow": (lambda x, y: x**y, MATRICES),
    "neg": (lambda x: -x, ((3,),)),
    "pos": (lambda x: +x, ((3,),)),
    "abs": (lambda x: abs(x - 1), ((3,),)),
    "numbers on the right": (lambda x: (x + 2) * 0.5 - 1 / 3, ((3,),)),
    "numbers on the left": (lambda x: 2 - (1 + 3 * x) / (4 / x) + 2**x, ((3,),)),
    "numpy numbers": (lambda x: np.float64(2) * x + np.int64(3) - x * np.float32(0.5), ((3,),)),
    "eq": (lambda x, y: x == x + 0 * y, MATRICES),
    "ne": (lambda x, y: x != y, MATRICES),
    "lt": (lambda x, y: x < y, MATRICES),
    "le": (lambda x, y: x <= y, MATRICES),
    "gt": (lambda x, y: x > y, MATRICES),
    "ge": (lambda x, y: x >= y, MATRICES),
    "gt number": (lambda x: x > 1, ((5,),)),
    "and": (lambda x, y: (x > 1) & (y > 1), MATRICES),
    "or": (lambda x, y: (x > 1) | (y > 1), MATRICES),
    "not": (lambda x: ~(x > 1), ((5,),)),
    "a bool as a number": (lambda x: (x > 1) * x + (x < 1), ((5,),)),
    "T": (lambda x: x.T, ((2, 3),)),
    "mT": (lambda x: x.mT, ((4, 2, 3),)),
    "T of a vector": (lambda x: x.T, ((3,),)),
    "broadcast": (lambda x, y, z: x + y * z, ((4, 1, 3), (2, 1), (3,))),
    "broadcast both": (lambda x, y: x * y, ((4, 1), (1, 3))),
    "broadcast a scalar": (lambda x, y: x - y, ((), (2, 3))),
    "broadcast with its transpose": (lambda x: x - x.T, ((4, 1),)),
    "matrix matrix": (lambda x, y: x @ y, ((2, 3), (3, 4))),
    "matrix vector": (lambda x, y: x @ y, ((2, 3), (3,))),
    "vector matrix": (lambda x, y: x @ y, ((3,), (3, 4))),
    "vector vector": (lambda x, y: x @ y, ((3,), (3,))),
    "batch batch": (lambda x, y: x @ y, ((5, 2, 3), (5, 3, 4))),
    "batch matrix": (lambda x, y: x @ y, ((5, 2, 3), (3, 4))),
    "matrix batch": (lambda x, y: x @ y, ((2, 3), (5, 3, 4))),
    "batch vector": (lambda x, y: x @ y, ((5, 2, 3), (3,))),
    "vector batch": (lambda x, y: x @ y, ((3,), (5, 3, 4))),
    "batches that broadcast": (lambda x, y: x @ y, ((5, 1, 2, 3), (6, 3, 4))),
    "a chain": (lambda x, y: x @ y @ x @ y @ x, ((2, 3), (3, 2))),
    "a product of sums": (lambda x, y: (x + x) @ (y * 2 - y).T, ((2, 3), (4, 3))),
    "a product of a mean": (lambda x, y: np.mean(x, axis=1) @ y, ((3, 2), (3, 4))),
    "a product with itself": (lambda x: x @ x.T @ x, ((2, 3),)),
    "an array used twice": (lambda x, y: (x @ y) * (x @ y).T, ((2, 3), (3, 2))),
}


@pytest.mark.parametrize("symbolic", [True, False])
@pytest.mark.parametrize("name", OPERATORS)
def test_operators_have_the_values_of_numpy(name: str, symbolic: bool) -> None:
    function, shapes = OPERATORS[name]
    arrays = samples(shapes)
    transposed = name == "mT"
    expected = np.swapaxes(arrays[0], -1, -2) if transposed else function(*arrays)
    np.testing.assert_allclose(value_of(function, arrays, symbolic), expected, rtol=1e-12)


REDUCTIONS = ("sum", "prod", "max", "min", "mean", "any", "all")


@pytest.mark.parametrize("axis", [None, 0, 1, -1, (0, 2), (2, 0), (0, 1, 2), ()])
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("name", REDUCTIONS)
def test_reductions_have_the_values_of_numpy(name: str, axis: Any, keepdims: bool) -> None:
    array = np.round(sample(2, 3, 4) - 0.5)
    array[0, 1] = 0
    result = value_of(lambda x: NAMESPACE[name](x, axis=axis, keepdims=keepdims), [array])
    expected = getattr(np, name)(array, axis=axis, keepdims=keepdims)
    if axis == () and name in ("any", "all"):
        expected = array != 0
    assert result.shape == expected.shape
    np.testing.assert_allclose(result, expected, rtol=1e-12)


@pytest.mark.parametrize("axis", [None, 0, 1, (0, 1)])
@pytest.mark.parametrize("correction", [0, 1])
def test_variance_and_standard_deviation(axis: Any, correction: int) -> None:
    array = sample(4, 5)
    for name in ("var", "std"):
        result = value_of(lambda x: NAMESPACE[name](x, axis, correction), [array])  # noqa: B023
        np.testing.assert_allclose(result, getattr(np, name)(array, axis, ddof=correction), rtol=1e-10)


def test_conditions_are_counted_by_sums() -> None:
    array = sample(3, 4)
    assert value_of(lambda x: f.sum(x > 1), [array]) == np.sum(array > 1)
    assert value_of(lambda x: f.mean(x > 1), [array]) == np.mean(array > 1)


FUNCTIONS: dict[str, tuple[Callable[..., Any], Callable[..., Any], tuple[tuple[int, ...], ...]]] = {
    "norm": (f.norm, np.linalg.norm, ((2, 3),)),
    "norm of rows": (
        lambda x: f.norm(x, axis=1, keepdims=True),
        lambda x: np.linalg.norm(x, axis=1, keepdims=True),
        ((2, 3),),
    ),
    "matmul": (f.matmul, np.matmul, ((2, 3), (3, 4))),
    "where": (lambda x, y: f.where(x > y, x, 2), lambda x, y: np.where(x > y, x, 2), ((2, 3), (3,))),
    "where of a number": (lambda x, y: f.where(x, y, 0), lambda x, y: np.where(x, y, 0), MATRICES),
    "select": (lambda x: f.select(x > 1, 1, x), lambda x: np.where(x > 1, 1, x), ((2, 3),)),
    "square": (f.square, np.square, ((3,),)),
    "greater": (f.greater, np.greater, MATRICES),
    "greater_equal": (f.greater_equal, np.greater_equal, MATRICES),
    "transpose": (f.transpose, np.transpose, ((2, 3),)),
    "transpose axes": (lambda x: f.transpose(x, (1, 2, 0)), lambda x: np.transpose(x, (1, 2, 0)), ((2, 3, 4),)),
    "expand_dims": (lambda x: f.expand_dims(x, 1), lambda x: np.expand_dims(x, 1), ((2, 3),)),
    "expand_dims twice": (lambda x: f.expand_dims(x, (0, -1)), lambda x: np.expand_dims(x, (0, -1)), ((2, 3),)),
    "squeeze": (f.squeeze, np.squeeze, ((1, 3, 1),)),
    "squeeze an axis": (lambda x: f.squeeze(x, 0), lambda x: np.squeeze(x, 0), ((1, 3, 1),)),
    "trace": (NAMESPACE["trace"], np.trace, ((3, 3),)),
    "outer": (NAMESPACE["outer"], np.outer, ((2,), (3,))),
    "dot": (NAMESPACE["dot"], np.dot, ((3,), (3,))),
    "diag": (NAMESPACE["diag"], np.diag, ((3,),)),
    "diag of a matrix": (NAMESPACE["diag"], np.diag, ((3, 3),)),
    "maximum": (lambda x: NAMESPACE["maximum"](x, 1), lambda x: np.maximum(x, 1), ((3,),)),
    "methods": (lambda x: x.exp().sum(axis=0).log(), lambda x: np.log(np.exp(x).sum(axis=0)), ((2, 3),)),
    "stop": (NAMESPACE["stop"], lambda x: x, ((2, 3),)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_have_the_values_of_numpy(name: str) -> None:
    function, oracle, shapes = FUNCTIONS[name]
    arrays = samples(shapes)
    result = value_of(function, arrays)
    assert result.shape == np.shape(oracle(*arrays))
    np.testing.assert_allclose(result, oracle(*arrays), rtol=1e-12)


@pytest.mark.parametrize("name", [name for name in SCALARS if name in NAMESPACE])
def test_scalar_functions_broadcast(name: str) -> None:
    function = SCALARS[name]
    arrays = samples([(2, 1), (3,)][: len(function.parameters)])
    if name in ("asin", "acos", "atanh"):
        arrays = [array - 0.6 for array in arrays]
    if name == "acosh":
        arrays = [array + 1 for array in arrays]
    result = value_of(NAMESPACE[name], arrays)
    np.testing.assert_allclose(result, function.numeric(*arrays), rtol=1e-12)


EINSUMS = {
    "ij,jk->ik": ((2, 3), (3, 4)),
    "ij,jk": ((2, 3), (3, 4)),
    "ij,kj->ki": ((2, 3), (4, 3)),
    "ba": ((2, 3),),
    "ii->i": ((3, 3),),
    "ii": ((3, 3),),
    "iij->j": ((3, 3, 2),),
    "i,j->ij": ((2,), (3,)),
    "i,i": ((3,), (3,)),
    "i,i->": ((3,), (3,)),
    "ij->": ((2, 3),),
    "ij,j,i->": ((2, 3), (3,), (2,)),
    "...ij,...jk->...ik": ((5, 2, 3), (4, 1, 3, 2)),
    "...ij,jk": ((5, 2, 3), (3, 2)),
    "i...,j->...ij": ((2, 3), (4,)),
    "i...j->j...": ((2, 3, 4, 5),),
    "bhid,bhjd->bhij": ((2, 3, 4, 5), (2, 3, 4, 5)),
    " i j , j k -> i k ": ((2, 3), (3, 4)),
}


@pytest.mark.parametrize("equation", EINSUMS)
def test_einsum_has_the_values_of_numpy(equation: str) -> None:
    arrays = samples(EINSUMS[equation])
    result = value_of(lambda *operands: f.einsum(equation, *operands), arrays)
    np.testing.assert_allclose(result, np.einsum(equation, *arrays), rtol=1e-12)


RESHAPES = [
    ((2, 3), (6,)),
    ((6,), (2, 3)),
    ((6,), (-1, 2)),
    ((2, 3, 4), (6, 4)),
    ((2, 3, 4), (2, -1)),
    ((4, 6), (3, 8)),
    ((2, 3, 4), (4, 3, 2)),
    ((2, 3), (1, 2, 1, 3, 1)),
    ((1, 2, 1, 3), (2, 3)),
    ((1,), ()),
    ((), (1, 1)),
    ((2, 6, 5), (2, 3, 2, 5)),
    ((2, 3), (3, 2)),
]


@pytest.mark.parametrize(("old", "new"), RESHAPES)
def test_reshape_has_the_values_of_numpy(old: tuple[int, ...], new: tuple[int, ...]) -> None:
    array = sample(*old)
    np.testing.assert_array_equal(value_of(lambda x: f.reshape(x, new), [array], symbolic=False), array.reshape(new))
    np.testing.assert_array_equal(value_of(lambda x: x.reshape(new), [array], symbolic=False), array.reshape(new))


def test_reshape_by_symbols() -> None:
    array = sample(2, 3, 4)
    flat = value_of(lambda x: f.reshape(x, (x.shape[0] * x.shape[1], x.shape[2])), [array])
    np.testing.assert_array_equal(flat, array.reshape(6, 4))
    np.testing.assert_array_equal(value_of(lambda x: f.reshape(x, -1), [array]), array.reshape(-1))
    back = program_of_function(lambda x: x.reshape(-1, x.shape[2]).reshape(x.shape), [array])
    assert repr(back.output) == "result[i, j, k] = x[i, j, k]"


shapes_of_two = st.lists(st.integers(1, 3), max_size=4).map(tuple)


@given(shapes_of_two, shapes_of_two, st.booleans())
def test_broadcasting_is_that_of_numpy(left: tuple[int, ...], right: tuple[int, ...], symbolic: bool) -> None:
    arrays = samples([left, right])
    try:
        expected = np.broadcast_shapes(left, right)
    except ValueError:
        with pytest.raises(
            ShapeError, match=r"The size of tensor a \(.*\) must match the size of tensor b \(.*\) at non-si"
        ):
            program_of_function(lambda x, y: x + y, arrays, symbolic)
        return
    result = value_of(lambda x, y: x + y, arrays, symbolic)
    assert result.shape == expected
    np.testing.assert_array_equal(result, arrays[0] + arrays[1])


@given(shapes_of_two, shapes_of_two)
def test_matmul_is_that_of_numpy(left: tuple[int, ...], right: tuple[int, ...]) -> None:
    arrays = samples([left, right])
    try:
        expected = arrays[0] @ arrays[1]
    except ValueError:
        with pytest.raises(ShapeError):
            program_of_function(lambda x, y: x @ y, arrays)
        return
    np.testing.assert_allclose(value_of(lambda x, y: x @ y, arrays), expected, rtol=1e-12)


def test_shape_and_dtype() -> None:
    x, y = arrays_named(x="M 3", y="M N")
    assert repr(x.shape) == "(M, 3)"
    assert x.shape[0] == y.shape[0]
    assert x.shape[0] != y.shape[1]
    assert x.shape[0] != 3
    assert {x.shape[0]: 1}[y.shape[0]] == 1
    assert (x.ndim, x.dtype, repr(x.size), repr(x)) == (2, "float64", "3*M", "<symbolic array M×3 float64>")
    assert (x > 0).dtype == "bool"
    assert f.sum(x > 0).dtype == "int64"
    assert repr((2 * x.shape[0] + 1 - y.shape[1], x.shape[0] // 2, x.shape[0] % 2, x.shape[0] - x.shape[0])) == (
        "(2*M-N+1, (M)//(2), (M)%(2), 0)"
    )


def test_extents_are_numbers_in_expressions() -> None:
    array = sample(2, 3)
    result = value_of(lambda x: x / x.shape[0] + x.shape[1] ** 0.5 * (1 / x.shape[1]), [array])
    np.testing.assert_allclose(result, array / 2 + 3**0.5 / 3)


def test_numbers_are_exact() -> None:
    program = program_of_function(lambda x: x * 0.1 + Fraction(1, 3), [sample(3)])
    assert repr(program.output) == "result[i] = add(mul(x[i], 1/10), 1/3)"


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (lambda x: x * x + x + 1, "result[i, j] = add(mul(x[i, j], x[i, j]), x[i, j], 1)"),
        (lambda x: f.mean(x, axis=0), "result[i] = div(sum[j](x[j, i]), N2)"),
        (lambda x: f.sum((x @ x.T) ** 2), "result = sum[i, j](pow(sum[k](mul(x[i, k], x[j, k])), 2))"),
        (
            lambda x: f.sum(x - f.max(x, axis=1, keepdims=True)) * f.max(x, axis=1),
            "result[i] = mul(sum[j, k](sub(x[j, k], max[l](x[j, l]))), max[j](x[i, j]))",
        ),
        (lambda x: f.einsum("ba->ab", x), "result[a, b] = x[b, a]"),
        (lambda x: 2 * x @ x.T, "result[i, j] = sum[k](mul(2, x[i, k], x[j, k]))"),
    ],
)
def test_statements_are_written_as_by_a_person(function: Callable[..., Any], text: str) -> None:
    assert repr(program_of_function(function, [sample(2, 3)]).output) == text


def test_no_index_has_the_name_of_a_tensor_or_an_extent() -> None:
    i, n = arrays_named(i="j k", n="k")
    product = i @ n
    statement = i.trace.state("l", product.indices, product.body)
    assert repr(statement) == "l[m] = sum[p](mul(i[m, p], n[p]))"


def test_what_would_grow_without_bound_becomes_statements() -> None:
    def function(x: Array) -> Array:
        for _ in range(40):
            x = x * x + x
        return x

    program = program_of_function(function, [sample(3) / 100])
    assert max(weight(statement.body) for statement in program.statements) < 250  # type: ignore[union-attr]
    assert len(program.statements) > 5
