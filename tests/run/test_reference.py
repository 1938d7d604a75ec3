"""The reference interpreter: against plain loops on random programs, and at the edges of what programs can say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from covector.errors import BoundsError, BudgetError, CovectorError, ShapeError, UnknownNameError
from covector.ir import Input, Opaque, Program, as_affine
from covector.run import reference
from covector.run.reference import evaluate, evaluate_batch
from tests.support import loops
from tests.support.generator import generate
from tests.support.programs import Arrays, arrays, program, symbols

PROGRAMS, CHUNK = 600, 50


def drawn(seed: int) -> tuple[Program, dict[str, int], Arrays]:
    """A generated program, sizes for its symbols, and arrays for its inputs, some with zeros or data beyond indices."""
    case = generate(seed, small=seed % 2 == 0)
    read = program(case.text)
    extents = {**dict.fromkeys(symbols(read), 2), **case.extents}
    given = arrays(read, extents, np.random.default_rng(seed), zeros=seed % 3 == 0, outside=seed % 5 == 0)
    return read, extents, given


def same(left: Mapping[str, Any], right: Mapping[str, Any], where: str = "") -> None:
    """Raise where two evaluations differ in values, shapes or dtypes."""
    assert list(left) == list(right)
    for name, value in left.items():
        assert value.dtype == right[name].dtype, f"{where}: {name}"
        assert value.shape == right[name].shape, f"{where}: {name}"
        np.testing.assert_allclose(value, right[name], rtol=1e-10, atol=1e-12, err_msg=f"{where}: {name}")


def value(text: str, extents: Mapping[str, int] | None = None, **inputs: Any) -> Any:
    """The value of the last statement of a program."""
    read = program(text)
    return evaluate(read, inputs, extents)[read.output.name]


# Against loops


@pytest.mark.parametrize("start", range(0, PROGRAMS, CHUNK))
def test_random_programs_agree_with_plain_loops(start: int) -> None:
    for seed in range(start, start + CHUNK):
        read, extents, given = drawn(seed)
        same(evaluate(read, given, extents), loops.evaluate(read, given, extents), f"seed {seed}\n{read!r}")


@pytest.mark.parametrize("limit", [1, 7])
def test_a_grid_in_slabs_gives_the_same(limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, "GRID_LIMIT", limit)
    for seed in range(1000, 1040):
        read, extents, given = drawn(seed)
        with monkeypatch.context() as whole:
            whole.setattr(reference, "GRID_LIMIT", 1 << 24)
            expected = evaluate(read, given, extents)
        same(evaluate(read, given, extents), expected, f"seed {seed}\n{read!r}")


def test_members_of_a_batch_are_evaluated_as_if_alone() -> None:
    for seed in range(2000, 2060):
        read, extents, given = drawn(seed)
        rng = np.random.default_rng(seed)
        members = [arrays(read, extents, rng) for _ in range(3)]
        shared = {name for name in given if rng.random() < 0.4}
        stacked = {n: given[n][None] if n in shared else np.stack([m[n] for m in members]) for n in given}
        together = evaluate_batch(read, stacked, extents)
        for place, member in enumerate(members):
            own = evaluate(read, {n: given[n] if n in shared else member[n] for n in given}, extents)
            alone = {n: v[min(place, v.shape[0] - 1)] for n, v in together.items()}
            same(alone, own, f"seed {seed}\n{read!r}")


# Extents 0 and 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("s = sum[i](x[i])", 0.0),
        ("s = prod[i](x[i])", 1.0),
        ("s = any[i](x[i] > 0)", False),
        ("s = all[i](x[i] > 0)", True),
        ("y[i] = 2 * x[i]", []),
        ("y[i,j:3] = x[i]", np.zeros((0, 3))),
        ("y[j:3] = sum[i](x[i])", [0.0, 0.0, 0.0]),
        ("x: N; y[j:3] = pad(x[j])", [0.0, 0.0, 0.0]),
        ("x: N; y[j:3] = pad(x[j], 7)", [7.0, 7.0, 7.0]),
        ("m[i] = max[k:2](x[i] + k)", []),
    ],
)
def test_an_empty_extent(text: str, expected: Any) -> None:
    found = value(text, x=np.zeros(0))
    np.testing.assert_array_equal(found, expected)
    assert found.shape == np.shape(expected)


@pytest.mark.parametrize("operation", ["max", "min"])
def test_an_extremum_of_nothing_is_refused(operation: str) -> None:
    with pytest.raises(ShapeError, match=f"{operation} over an empty extent has no value"):
        value(f"s = {operation}[i](x[i])", x=np.zeros(0))


def test_an_extent_of_one() -> None:
    assert value("s = sum[i,j](x[i,j] * y[j])", x=[[3.0]], y=[2.0]) == 6.0


def test_a_negative_extent_is_refused() -> None:
    with pytest.raises(ShapeError, match=re.escape("y would have the shape (-1,): an extent is negative")):
        value("x: N; y[i:(N-2)] = x[i+2]", x=np.zeros(1))


# Dtypes

INPUTS = {
    "f": np.array([0.5, 2.0, 3.0], np.float32),
    "d": np.array([0.5, 2.0, 3.0]),
    "n": np.array([1, 2, 3], np.int32),
    "l": np.array([2, 0, 1], np.int64),
    "b": np.array([True, False, True]),
}
DECLARED = "f: 3 float32; d: 3; n: 3 int32; l: 3 int64; b: 3 bool; "
wrong_dtype = pytest.mark.xfail(reason="the dtype of a floor is int64", strict=True)


@pytest.mark.parametrize(
    ("body", "dtype", "expected"),
    [
        ("f[i] + 1", "float32", [1.5, 3, 4]),
        ("f[i] * 0.5", "float32", [0.25, 1, 1.5]),
        ("f[i] + d[i]", "float64", [1, 4, 6]),
        ("f[i] + l[i]", "float32", [2.5, 2, 4]),
        ("n[i] + l[i]", "int64", [3, 2, 4]),
        ("n[i] * 2", "int32", [2, 4, 6]),
        ("n[i] * 0.5", "float64", [0.5, 1, 1.5]),
        ("n[i] / 2", "float64", [0.5, 1, 1.5]),
        ("exp(f[i])", "float32", np.exp([0.5, 2, 3])),
        ("sqrt(n[i] ** 2)", "float64", [1, 2, 3]),
        ("b[i] * f[i]", "float32", [0.5, 0, 3]),
        ("[f[i] > 1] * n[i]", "int32", [0, 2, 3]),
        ("[f[i] > 1] + 0", "int64", [0, 1, 1]),
        ("f[i] * i", "float32", [0, 2, 6]),
        ("f[i] * pi", "float32", np.pi * np.array([0.5, 2, 3])),
        ("select(b[i], f[i], 0)", "float32", [0.5, 0, 3]),
        ("select(b[i], f[i], d[i])", "float64", [0.5, 2, 3]),
        ("select(b[i], n[i], 0.5)", "float64", [1, 0.5, 3]),
        ("select(b[i], 1, 0)", "int64", [1, 0, 1]),
        ("f[l[i]]", "float32", [3, 0.5, 2]),
        ("l[i] % 2", "int64", [0, 0, 1]),
        ("stop(f[i])", "float32", [0.5, 2, 3]),
        ("relu(n[i] - 2)", "int32", [0, 0, 1]),
        ("abs(n[i] - 2)", "int32", [1, 0, 1]),
        ("n[i] ** 2", "int32", [1, 4, 9]),
        ("max[k](n[k]) + 0 * n[i]", "int32", [3, 3, 3]),
        ("mean[k](n[k]) + 0 * n[i]", "float64", [2, 2, 2]),
        ("b[i]", "bool", [True, False, True]),
        pytest.param("n[i] // 2", "int32", [0, 1, 1], marks=wrong_dtype),
        ("b[i] * 2", "int64", [2, 0, 2]),
        ("b[i] + 1", "int64", [2, 1, 2]),
        ("sum[k](b[k]) + [i < 0]", "int64", [2, 2, 2]),
        ("n[i] ** (-1)", "float64", [1, 1 / 2, 1 / 3]),
    ],
)
def test_dtypes(body: str, dtype: str, expected: Any) -> None:
    found = value(f"{DECLARED}y[i:3] = {body}", None, **INPUTS)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_inputs_are_taken_in_their_declared_dtype() -> None:
    found = value("x: 2 float32; y[i] = x[i]", x=[0.1, 0.2])
    np.testing.assert_array_equal(found, np.array([0.1, 0.2], np.float32))


# Reads and strong zeros


def test_reads_outside_the_bounds_are_zero() -> None:
    x = np.array([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(value("x: 3; y[i:5] = pad(x[i-1])", x=x), [0, 1, 2, 3, 0])
    np.testing.assert_array_equal(value("x: 3; y[i:3] = pad(x[2*i-2])", x=x), [0, 1, 3])
    np.testing.assert_array_equal(value("x: 3; y[i:3] = pad(x[1-i], -5)", x=x), [2, 1, -5])
    np.testing.assert_array_equal(value("y[i:3] = [i >= 1] * x[i-1]", x=x[:2]), [0, 1, 2])
    np.testing.assert_array_equal(value("x: 2 2; y[i:3] = pad(x[i-1,1-i])", x=x[:2] * np.ones((2, 1))), [0, 1, 0])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("y[i] = [x[i] > 0] * log(x[i])", [0, 0, np.log(2)]),
        ("y[i] = log(x[i]) * [x[i] > 0]", [0, 0, np.log(2)]),
        ("y[i] = [x[i] > 0] * [x[i] > 1] / x[i]", [np.nan, -0.0, 0.5]),
        ("y[i] = select(x[i] > 0, log(x[i]), 0)", [0, 0, np.log(2)]),
        ("y[i] = select(x[i] == 0, 1, sin(x[i])/x[i])", [1, np.sin(1), np.sin(2) / 2]),
        ("y[i] = [x[i] > 0] * inf * x[i]", [0, 0, np.inf]),
        ("y[i] = [x[i] >= 0] * (1/x[i])", [np.inf, 0, 0.5]),
        ("y[i] = 0 * (1/x[i])", [np.nan, 0, 0]),
    ],
)
def test_a_bracket_is_a_strong_zero(text: str, expected: Any) -> None:
    np.testing.assert_allclose(value(text, x=np.array([0.0, -1.0, 2.0])), expected)


def test_strong_zeros_in_sums_and_products() -> None:
    x = np.array([-1.0, 0.0, 4.0])
    assert value("s = sum[i]([x[i] > 0] * sqrt(x[i]))", x=x) == 2.0
    assert value("s = max[i](select(x[i] > 0, sqrt(x[i]), -3))", x=x) == 2.0
    assert value("s = prod[i](select(x[i] > 0, log(x[i]), 1))", x=x) == np.log(4.0)


# Data-dependent positions


def test_data_dependent_reads() -> None:
    table, ids = np.arange(6.0).reshape(3, 2), np.array([2, 0, 2])
    np.testing.assert_array_equal(value("y[n,d] = table[ids[n], d]", table=table, ids=ids), table[ids])
    found = value("x: 5; ids: 3 int64; y[n,p:2] = x[ids[n]+p]", x=np.arange(5.0), ids=ids)
    np.testing.assert_array_equal(found, [[2, 3], [0, 1], [2, 3]])


@pytest.mark.parametrize("bad", [-1, 3, 100])
def test_a_data_dependent_read_outside_the_bounds_is_an_error(bad: int) -> None:
    with pytest.raises(BoundsError) as caught:
        value("y[n] = x[ids[n]]", x=np.zeros(3), ids=np.array([0, bad]))
    assert caught.value.message == f"x[ids[n]]: position 0 is {bad}, outside 0 … 2"
    assert caught.value.hint == "x has 3 along axis 0"
    assert isinstance(caught.value, IndexError)


@pytest.mark.parametrize(
    "body",
    [
        "select(ids[n] >= 0, x[ids[n]], -1)",
        "[ids[n] >= 0] * x[ids[n]]",
        "sum[k:1]([ids[n] >= 0] * x[ids[n]])",
        "select(ids[n] < 0, 0, 2 * x[ids[n]])",
    ],
)
def test_a_data_dependent_read_that_does_not_count_may_lie_outside(body: str) -> None:
    found = value(f"ids: 3 int64; x: 4; y[n] = {body}", x=np.arange(4.0), ids=np.array([3, -100, 1]))
    assert found[0] in (3, 6)
    assert found[1] in (0, -1)


def test_the_whole_statement_counts_where_one_branch_reads_outside() -> None:
    with pytest.raises(BoundsError, match="is -100"):
        value("x: 4; y[n] = select(ids[n] > 2, x[ids[n]], x[ids[n]])", x=np.zeros(4), ids=np.array([3, -100]))


def test_a_read_is_refused_in_the_statement_that_makes_it() -> None:
    text = "x: 4; a[n] = select(ids[n] >= 0, x[ids[n]], 0); b[n] = x[ids[n]]"
    with pytest.raises(BoundsError, match=re.escape("x[ids[n]]: position 0 is -1, outside 0 … 3")):
        value(text, x=np.zeros(4), ids=np.array([-1]))


def test_a_read_refused_under_one_condition_though_it_counted_under_none_before() -> None:
    text = "x: 4; y[n] = select(ids[n] >= 0, x[ids[n]], 0) + select(ids[n] >= -1, x[ids[n]], 0)"
    with pytest.raises(BoundsError, match="is -1"):
        value(text, x=np.zeros(4), ids=np.array([2, -1]))


# What is refused


def test_a_tensor_beyond_the_budget_is_refused() -> None:
    with pytest.raises(
        BudgetError, match=re.escape("y has the shape (100000, 100000) and would need 74.5 GiB")
    ) as caught:
        value("x: N; y[i:N,j:N] = x[i] * x[j]", x=np.zeros(100_000))
    assert isinstance(caught.value, MemoryError)


def test_a_large_reduction_is_evaluated_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, "GRID_LIMIT", 1000)
    x = np.random.default_rng(0).normal(size=(40, 50))
    np.testing.assert_allclose(value("y[i,j:40] = sum[k](x[i,k] * x[j,k])", x=x), x @ x.T)


def test_a_missing_input_is_named() -> None:
    with pytest.raises(UnknownNameError, match="no array was given for the input 'weight'") as caught:
        value("y[i] = sum[k](weight[i,k] * x[k])", wieght=np.zeros((2, 3)), x=np.zeros(3))
    assert "weight" in str(caught.value)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((2, 3)), "y has 4 along axis 0, where J is 3"),
        (np.zeros(4), "x has the shape (4,), but I×J is wanted"),
        (np.zeros((2, 3, 4)), "x has the shape (2, 3, 4), but I×J is wanted"),
    ],
)
def test_a_misshaped_input_is_refused(x: Any, message: str) -> None:
    with pytest.raises(ShapeError, match=re.escape(message)):
        value("z[i] = sum[j](x[i,j] * y[j])", x=x, y=np.zeros(4))


def test_an_extent_with_arithmetic_must_fit() -> None:
    text = "x: N; y: (2*N+1); z[i] = x[i] * y[2*i]"
    np.testing.assert_array_equal(value(text, x=np.ones(2), y=np.arange(5.0)), [0, 2])
    with pytest.raises(ShapeError, match=re.escape("y has shape (4,), but 2*N+1 is (5,) here")):
        value(text, x=np.ones(2), y=np.arange(4.0))


def test_an_extent_that_no_input_determines_must_be_said() -> None:
    np.testing.assert_array_equal(value("x: 2; y[i:M] = sum[k](x[k]) * M", {"M": 3}, x=np.ones(2)), [6, 6, 6])
    with pytest.raises(ShapeError, match="the extent M is not known"):
        value("x: 2; y[i:M] = sum[k](x[k]) * M", x=np.ones(2))


def test_what_has_no_element_form_is_refused() -> None:
    x = Input("x", (as_affine(3),), "float64")
    result = Opaque("y", "sort", (x,), (as_affine(3),), "float64")
    with pytest.raises(CovectorError, match="y: the reference interpreter knows no function 'sort'"):
        evaluate(Program((x,), (result,), (result,)), {"x": np.zeros(3)})


def test_nothing_warns_and_infinities_are_as_the_standard_says() -> None:
    x = np.array([0.0, -1.0, 800.0, np.inf, np.nan])
    with np.errstate(all="raise"):
        found = value("y[i] = exp(x[i]) + 1/x[i] + log(x[i])", x=x)
    np.testing.assert_array_equal(found, [np.nan, np.nan, np.inf, np.inf, np.nan])
