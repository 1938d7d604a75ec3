"""Plans written by hand become code that does what they say, with vectors of any width and any number of threads."""

from __future__ import annotations

import re
from fractions import Fraction

import numpy as np
import pytest

from covector.codegen.emit import emit
from covector.codegen.layout import joined
from covector.codegen.target import PORTABLE, Target
from covector.ir import (
    Affine,
    Apply,
    Bracket,
    Expr,
    Index,
    Input,
    Literal,
    Select,
    Symbol,
    as_affine,
    floor_div,
    modulo,
)
from covector.native import jit
from covector.ops import SCALARS
from covector.schedule.plan import Accumulate, Assign, Loop, Product, Storage

from .plans import at, plan_of, run_plan, tensor

N = Symbol("N")
SIZES = (0, 1, 3, 16, 17, 100)
REGISTER = Storage("register", ())
targets = pytest.mark.parametrize("target", [None, PORTABLE, Target(32)], ids=["host", "portable", "32 bytes"])


def number(value: float) -> Literal:
    return Literal(Fraction(value)) if np.isfinite(value) else Literal(float(value))


def do(name: str, *arguments: Expr | Index | int) -> Apply:
    lifted = [number(a) if isinstance(a, int) else as_affine(a) if isinstance(a, Index) else a for a in arguments]
    return Apply(SCALARS[name], tuple(lifted))


@targets
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64"])
def test_one_loop(dtype: str, target: Target | None) -> None:
    i = Index("i", as_affine(N))
    x, y = Input("x", (i.extent,), dtype), tensor("y", i, dtype=dtype)
    plan = plan_of([x], [y], [Loop(i, (Assign(y, (as_affine(i),), do("mul", at(x, i), 3)),))], symbols=[N])
    for size in SIZES:
        given = np.arange(size).astype(dtype)
        (found,), error = run_plan(plan, [given], {"N": size}, target)
        np.testing.assert_array_equal(found, 3 * given)
        assert error == 0


@targets
@pytest.mark.parametrize(
    ("operation", "start", "numpy"), [("sum", 0, np.sum), ("max", -np.inf, np.max), ("min", np.inf, np.min)]
)
def test_a_reduction_in_a_register(operation: str, start: float, numpy: object, target: Target | None) -> None:
    i, j = Index("i", as_affine(5)), Index("j", as_affine(N))
    x, r, y = (
        Input("x", (i.extent, j.extent), "float32"),
        tensor("r", i, dtype="float32"),
        tensor("y", i, dtype="float32"),
    )
    row = (as_affine(i),)
    body = (
        Assign(r, row, number(start)),
        Loop(j, (Accumulate(r, row, operation, at(x, i, j)),)),
        Assign(y, row, do("neg", at(r, i))),
    )
    plan = plan_of([x], [y], [Loop(i, body)], {r: REGISTER}, [N])
    for size in SIZES[1:]:
        given = np.random.default_rng(0).integers(-50, 50, (5, size)).astype(np.float32)
        (found,), _ = run_plan(plan, [given], {"N": size}, target)
        np.testing.assert_array_equal(found, -numpy(given, axis=1))  # type: ignore[operator]


@targets
@pytest.mark.parametrize("operation", ["max", "min"])
def test_a_nan_anywhere_is_the_largest_and_the_smallest(operation: str, target: Target | None) -> None:
    i, j = Index("i", as_affine(N)), Index("j", as_affine(N))
    x, r = Input("x", (i.extent, j.extent), "float32"), tensor("r", i, dtype="float32")
    row = (as_affine(i),)
    start = number(-np.inf if operation == "max" else np.inf)
    loop = Loop(i, (Assign(r, row, start), Loop(j, (Accumulate(r, row, operation, at(x, i, j)),))))
    given = np.random.default_rng(0).normal(size=(150, 150)).astype(np.float32)
    given[np.arange(149), np.arange(149)] = np.nan
    (found,), _ = run_plan(plan_of([x], [r], [loop], symbols=[N]), [given], {"N": 150}, target)
    np.testing.assert_array_equal(found, getattr(np, operation)(given, axis=1))


def test_a_divisor_of_a_row_is_inverted_before_the_row() -> None:
    i, j = Index("i", as_affine(N)), Index("j", as_affine(N))
    x, s, y = Input("x", (i.extent, j.extent), "float32"), Input("s", (i.extent,), "float32"), tensor("y", i, j)
    value = do("div", at(x, i, j), at(s, i))
    body = Loop(j, (Assign(y, (as_affine(i), as_affine(j)), value),))
    text = emit(plan_of([x, s], [y], [Loop(i, (body,))], symbols=[N]), Target(64)).text
    blocks = re.split(r"^\S+:$", text, flags=re.MULTILINE)
    assert any("fdiv" in block for block in blocks)
    assert not any("fdiv" in block and re.search(r"store|llvm.masked.store", block) for block in blocks)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_what_threads_accumulate_together(threads: int) -> None:
    i, j = Index("i", as_affine(N)), Index("j", as_affine(37))
    x = Input("x", (i.extent, j.extent), "float64")
    columns, total, largest = tensor("columns", j), tensor("total"), tensor("largest")
    start = [Loop(j, (Assign(columns, (as_affine(j),), number(0)),)), Assign(total, (), number(0))]
    body = (
        Loop(j, (Accumulate(columns, (as_affine(j),), "sum", at(x, i, j)), Accumulate(total, (), "sum", at(x, i, j)))),
        Accumulate(largest, (), "max", at(x, i, 3)),
    )
    steps = [*start, Assign(largest, (), number(-np.inf)), Loop(i, body, True, (columns, total, largest))]
    plan = plan_of([x], [columns, total, largest], steps, symbols=[N])
    for size in (1, 2, 3, 500):
        given = np.random.default_rng(0).standard_normal((size, 37))
        (found, whole, most), _ = run_plan(plan, [given], {"N": size}, threads=threads)
        np.testing.assert_allclose(found, given.sum(0), rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(whole, given.sum(), rtol=1e-12, atol=1e-12)
        assert most == given[:, 3].max()


@targets
def test_a_running_sum_is_not_shared_by_lanes(target: Target | None) -> None:
    i = Index("i", as_affine(40))
    x, s, y = Input("x", (i.extent,), "float64"), tensor("s"), tensor("y", i)
    body = (Accumulate(s, (), "sum", at(x, i)), Assign(y, (as_affine(i),), at(s)))
    plan = plan_of([x], [y], [Assign(s, (), number(0)), Loop(i, body)], {s: REGISTER})
    given = np.arange(40.0)
    np.testing.assert_array_equal(run_plan(plan, [given], target=target)[0][0], np.cumsum(given))


@targets
def test_an_iteration_may_read_what_an_earlier_one_wrote(target: Target | None) -> None:
    i = Index("i", as_affine(40))
    y = tensor("y", i)
    before = Select(do("lt", 0, i), at(y, as_affine(i) - 1), number(1))
    plan = plan_of([], [y], [Loop(i, (Assign(y, (as_affine(i),), do("add", before, i)),))])
    np.testing.assert_array_equal(run_plan(plan, [], target=target)[0][0], 1 + np.cumsum(np.arange(40)))


@targets
def test_a_scatter_adds_what_meets(target: Target | None) -> None:
    i, v = Index("i", as_affine(60)), Index("v", as_affine(4))
    x, ids, y = Input("x", (i.extent,), "float64"), Input("ids", (i.extent,), "int64"), tensor("y", v)
    steps = [
        Loop(v, (Assign(y, (as_affine(v),), number(0)),)),
        Loop(i, (Accumulate(y, (as_affine(at(ids, i)),), "sum", at(x, i)),)),
    ]
    given, places = np.arange(60.0), np.random.default_rng(0).integers(-2, 6, 60)
    expected = np.zeros(4)
    inside = (places >= 0) & (places < 4)
    np.add.at(expected, places[inside], given[inside])
    np.testing.assert_array_equal(
        run_plan(plan_of([x, ids], [y], steps), [given, places], target=target)[0][0], expected
    )


@targets
@pytest.mark.parametrize("shift", [-20, -3, 0, 5])
@pytest.mark.parametrize("stride", [1, -1, 2])
def test_reads_are_zero_outside(shift: int, stride: int, target: Target | None) -> None:
    i = Index("i", as_affine(50))
    x, y = Input("x", (as_affine(40),), "float32"), tensor("y", i, dtype="float32")
    plan = plan_of([x], [y], [Loop(i, (Assign(y, (as_affine(i),), at(x, as_affine(i) * stride + shift)),))])
    given = np.arange(1, 41).astype(np.float32)
    places = np.arange(50) * stride + shift
    expected = np.where((places >= 0) & (places < 40), given[places.clip(0, 39)], 0)
    np.testing.assert_array_equal(run_plan(plan, [given], target=target)[0][0], expected)


@targets
def test_a_bracket_is_a_strong_zero(target: Target | None) -> None:
    i = Index("i", as_affine(20))
    x, y = Input("x", (i.extent,), "float64"), tensor("y", i)
    value = do("mul", Bracket(do("lt", 0, at(x, i))), do("log", at(x, i)))
    plan = plan_of([x], [y], [Loop(i, (Assign(y, (as_affine(i),), value),))])
    given = np.array([-1.0, 0.0, np.nan, np.inf, 1.0] * 4)
    np.testing.assert_array_equal(run_plan(plan, [given], target=target)[0][0], [0, 0, 0, np.inf, 0] * 4)


@pytest.mark.parametrize("derived", [False, True])
def test_data_outside_sets_the_error_word_of_what_a_user_wrote(derived: bool) -> None:
    i = Index("i", as_affine(30))
    x, ids = Input("x", (as_affine(4),), "float64"), Input("ids", (i.extent,), "int64")
    y = tensor("y", i, dtype="float64" if derived else "")
    plan = plan_of([x, ids], [y], [Loop(i, (Assign(y, (as_affine(i),), at(x, as_affine(at(ids, i)))),))])
    places = np.zeros(30, np.int64)
    assert run_plan(plan, [np.ones(4), places])[1] == 0
    places[29] = 4
    (found,), error = run_plan(plan, [np.ones(4), places])
    assert error == (0 if derived else 1)
    assert found[29] == 0


def test_an_output_in_the_place_of_an_input() -> None:
    i = Index("i", as_affine(33))
    x, y = Input("x", (i.extent,), "float64"), tensor("y", i)
    backward = at(x, 32 - as_affine(i))
    steps = [Loop(i, (Assign(y, (as_affine(i),), do("add", at(x, i), backward)),))]
    given = np.arange(33.0)
    expected = given.copy()
    for place in range(33):
        expected[place] = expected[place] + expected[32 - place]
    (found,), _ = run_plan(plan_of([x], [y], steps, in_place={y: x}), [given])
    assert found is given
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("place", ["arena", "thread"])
def test_rows_in_the_memory_of_a_thread_or_a_call(place: str, threads: int) -> None:
    i, j = Index("i", as_affine(300)), Index("j", as_affine(21))
    x, row, y = Input("x", (i.extent, j.extent), "float32"), tensor("row", i, j, dtype="float32"), tensor("y", i, j)
    every = (as_affine(i), as_affine(j))
    body = (
        Loop(j, (Assign(row, every, do("mul", at(x, i, j), 2)),)),
        Loop(j, (Assign(y, every, do("add", at(row, i, 20 - as_affine(j)), 1)),)),
    )
    kept = {row: Storage(place, (1,) if place == "thread" else (0, 1), 0, as_affine(0))}  # type: ignore[arg-type]
    plan = plan_of([x], [y], [Loop(i, body, parallel=True)], kept, arena=4 * 300 * 21 + 64, thread=128)
    given = np.arange(6300).reshape(300, 21).astype(np.float32)
    np.testing.assert_array_equal(run_plan(plan, [given], threads=threads)[0][0], 2.0 * given[:, ::-1] + 1)


@pytest.mark.parametrize("size", [3, 40])
def test_a_product(size: int) -> None:
    i, j, k = (Index(name, as_affine(size)) for name in "ijk")
    x, w = (Input(name, (i.extent, k.extent), "float64") for name in "xw")
    y = tensor("y", i, j)
    product = Product(y, (as_affine(i), as_affine(j)), (), (i,), (j,), (k,), at(x, i, k), at(w, j, k), number(2))
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((size, size)), rng.standard_normal((size, size))
    np.testing.assert_allclose(run_plan(plan_of([x, w], [y], [product]), [a, b])[0][0], 2 * a @ b.T, rtol=1e-10)


def test_positions_of_a_reshape_cancel() -> None:
    f = Index("f", as_affine(N) * 6)
    assert joined(floor_div(f, 6) * 6 + modulo(f, 6)) is as_affine(f)
    assert joined(floor_div(f, 6) * 5 + modulo(f, 6)) is not as_affine(f)
    i = Index("i", as_affine(40))
    x, y = Input("x", (as_affine(5), as_affine(8)), "float64"), tensor("y", i)
    read = at(x, floor_div(i, 8), as_affine(i) - floor_div(i, 8) * 8)
    plan = plan_of([x], [y], [Loop(i, (Assign(y, (as_affine(i),), read),))])
    given = np.arange(40.0).reshape(5, 8)
    np.testing.assert_array_equal(run_plan(plan, [given])[0][0], given.ravel())
    assert "icmp ult" not in emit(plan).text


@pytest.mark.skipif(jit.host().target.vector_bytes != 64, reason="this processor has shorter vectors")
@pytest.mark.parametrize("name", ["exp", "tanh", "log", "erf", "sigmoid"])
def test_a_loop_is_wide_vectors_without_calls(name: str) -> None:
    i = Index("i", as_affine(4096))
    x, y = Input("x", (i.extent,), "float32"), tensor("y", i, dtype="float32")
    plan = plan_of([x], [y], [Loop(i, (Assign(y, (as_affine(i),), do(name, at(x, i))),))])
    (unit,) = emit(plan, jit.host().target).units
    listing = jit.assembly(unit.text)
    assert "%zmm" in listing
    assert not re.search(r"\bcall", listing)


def test_extents_are_read_from_the_table() -> None:
    form: Affine = floor_div(as_affine(N) * 3 + 1, 2)
    i = Index("i", form)
    y = tensor("y", i)
    plan = plan_of([], [y], [Loop(i, (Assign(y, (as_affine(i),), do("add", i, form)),))], symbols=[N])
    np.testing.assert_array_equal(run_plan(plan, [], {"N": 5})[0][0], np.arange(8) + 8.0)
