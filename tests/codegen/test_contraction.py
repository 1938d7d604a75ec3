"""Contraction kernels add up what NumPy adds up, for all shapes, orders of axes, dtypes and processors."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from covector.codegen.builder import Builder, Value
from covector.codegen.contraction import Epilogue, Place, specify
from covector.codegen.contraction_memory import load_masked
from covector.codegen.target import Target
from covector.ir import Index, Symbol, as_affine, floor_div
from tests.support.contraction import Array, Compiled, affine_product, aligned, build, contraction, here

DTYPES = ("float32", "float64")
TOLERANCE = {"float32": 2e-5, "float64": 1e-12}
ORDERS = list(itertools.product(("mk", "km"), ("kn", "nk"), ("mn", "nm")))
SIZES = [
    (5, 7, 3),
    (1, 33, 17),
    (33, 1, 100),
    (14, 32, 1),
    (65, 130, 500),
    (0, 3, 3),
    (3, 0, 3),
    (3, 3, 0),
    (32, 10, 64),
]


def random(shape: Any, dtype: str, seed: int = 0) -> Array:
    """An array of numbers around zero."""
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def surrounded(array: Array) -> Array:
    """A copy with NaN in the memory before and behind it, which nothing may read into a result."""
    size = array.size
    memory = np.full(size + 256, np.nan, array.dtype)
    memory[128 : 128 + size] = array.ravel()
    return memory[128 : 128 + size].reshape(array.shape)


def assert_close(found: Array, expected: Array, dtype: str) -> None:
    """Equal to within what rounding does to a sum."""
    scale = max(float(np.abs(expected).max(initial=0)), 1e-30)
    np.testing.assert_allclose(found / scale, expected / scale, rtol=0, atol=TOLERANCE[dtype])


def check(
    letters: str,
    extents: Mapping[str, int],
    dtype: str,
    stored: tuple[str, str, str] | None = None,
    target: Target | None = None,
    parts: int = 1,
    by_columns: bool = False,
    **options: bool,
) -> None:
    """Compare a contraction with einsum."""
    inputs, result = letters.split("->")
    orders = stored or (*inputs.split(","), result)
    left, right, start = (random([extents[x] for x in order], dtype, s) for s, order in enumerate(orders))
    compiled = build(contraction(letters, extents, dtype, stored, **options), target=target, by_columns=by_columns)
    expected = np.einsum(f"{orders[0]},{orders[1]}->{orders[2]}", left.astype("f8"), right.astype("f8"))
    expected = 0.5 * expected if options.get("scaled") else expected
    expected = start + expected if options.get("accumulate") else expected
    goal = surrounded(start if options.get("accumulate") else np.full_like(start, np.nan))
    scale = 0.5 if options.get("scaled") else None
    compiled(surrounded(left), surrounded(right), goal, scale=scale, parts=parts)
    assert_close(goal, expected, dtype)
    if goal.base is not None and goal.size:
        assert np.isnan(goal.base[:128]).all()
        assert np.isnan(goal.base[128 + goal.size :]).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("orders", ORDERS, ids="-".join)
def test_products_of_matrices_in_all_orders(orders: tuple[str, str, str], dtype: str) -> None:
    for m, n, k in SIZES:
        check("mk,kn->mn", {"m": m, "n": n, "k": k}, dtype, orders)


@settings(max_examples=25, deadline=None)
@given(
    st.tuples(*[st.integers(0, 80)] * 3), st.sampled_from(ORDERS), st.sampled_from(DTYPES), st.booleans(), st.booleans()
)
def test_products_of_any_size(
    sizes: tuple[int, int, int], orders: tuple[str, str, str], dtype: str, scaled: bool, accumulate: bool
) -> None:
    extents = dict(zip("mnk", sizes, strict=True))
    check("mk,kn->mn", extents, dtype, orders, scaled=scaled, accumulate=accumulate, parts=3)


@pytest.mark.parametrize("target", [Target(16), Target(32), Target(64, True)], ids=["128", "256", "512"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_width_of_vectors(target: Target, dtype: str) -> None:
    if target.vector_bytes > here().vector_bytes:
        pytest.skip("this processor has no such vectors")
    for orders in (("mk", "kn", "mn"), ("km", "nk", "mn"), ("mk", "nk", "nm")):
        check("mk,kn->mn", {"m": 37, "n": 43, "k": 50}, dtype, orders, target)
        check("mk,kn->mn", {"m": 3, "n": 5, "k": 400}, dtype, orders, target, accumulate=True, scaled=True)


@pytest.mark.parametrize(
    ("letters", "stored"),
    [
        ("bqd,bkd->bqk", None),
        ("bqd,bkd->bqk", ("qbd", "bdk", "kqb")),
        ("bqhd,bkhd->bhqk", None),
        ("bhqk,bkhd->bqhd", None),
        ("abk,kcd->adcb", None),
        ("abkl,lckd->abcd", None),
        ("abkl,lckd->dbca", None),
        ("k,k->", None),
        ("k,kn->n", None),
        ("mk,k->m", None),
        ("m,n->mn", None),
        ("bk,bk->b", None),
        ("abc,dcb->ad", None),
    ],
)
def test_batches_vectors_and_merged_axes(letters: str, stored: tuple[str, str, str] | None) -> None:
    sizes = (5, 18, 3, 9, 20, 33)
    extents = dict(zip(sorted(set(letters) - set(",->")), sizes, strict=False))
    for dtype in DTYPES:
        check(letters, extents, dtype, stored, parts=2)
        check(letters, {**extents, letters[0]: 1}, dtype, stored, accumulate=True)


@pytest.mark.parametrize("parts", [2, 3, 5])
def test_rows_that_threads_share_are_all_packed(parts: int) -> None:
    """A thread may begin in the midst of the rows of one outer index, and goes on with all rows of the next."""
    check("scpq,sypxq->cyx", {"s": 5, "c": 24, "p": 4, "q": 4, "y": 7, "x": 22}, "float32", parts=parts)


@pytest.mark.parametrize("k", [1023, 1024, 1025, 2500])
def test_a_long_sum_is_cut_into_blocks(k: int) -> None:
    check("mk,kn->mn", {"m": 20, "n": 40, "k": k}, "float32", scaled=True, accumulate=True)
    check("mk,kn->mn", {"m": 20, "n": 40, "k": k}, "float64", ("km", "nk", "nm"))


def test_more_columns_and_rows_than_a_block_has() -> None:
    check("mk,kn->mn", {"m": 500, "n": 3000, "k": 1030}, "float32", ("mk", "nk", "mn"), parts=2)


@pytest.mark.parametrize("columns", [16, 33, 48, 96, 130, 272])
@pytest.mark.parametrize("parts", [2, 3, 7, 19])
def test_threads_share_the_rows_of_a_panel(columns: int, parts: int) -> None:
    for rows, orders in ((50, ("km", "kn", "mn")), (129, ("mk", "nk", "mn"))):
        for by_columns in (False, True):
            extents = {"m": rows, "n": columns, "k": 20}
            check("mk,kn->mn", extents, "float32", orders, accumulate=True, parts=parts, by_columns=by_columns)


@pytest.mark.parametrize("known", ["", "m", "n", "k"])
@pytest.mark.parametrize("orders", [("mk", "kn", "mn"), ("km", "nk", "mn")], ids="-".join)
def test_extents_of_run_time(known: str, orders: tuple[str, str, str]) -> None:
    for sizes in ((5, 7, 3), (130, 50, 400), (1, 1, 1), (0, 2, 2), (2, 0, 2), (2, 2, 0)):
        extents = dict(zip("mnk", sizes, strict=True))
        forms = {x: as_affine(size if x in known else Symbol(x)) for x, size in extents.items()}
        compiled = build(contraction("mk,kn->mn", forms, "float32", orders))
        left, right = (random([extents[x] for x in order], "float32", s) for s, order in enumerate(orders[:2]))
        goal = np.full([extents[x] for x in orders[2]], np.nan, "float32")
        compiled(left, right, goal, parameters=extents, parts=2)
        expected = np.einsum(f"{orders[0]},{orders[1]}->{orders[2]}", left.astype("f8"), right.astype("f8"))
        assert_close(goal, expected, "float32")


def test_offsets_steps_and_the_index_of_a_loop_around() -> None:
    m, n, k, loop = (Index(name, as_affine(e)) for name, e in zip("mnki", (9, 21, 12, 4), strict=True))
    i, row, column, step = (as_affine(index) for index in (loop, m, n, k))
    positions = [[i, 2 * row + 1, step + 3], [step, 20 - column], [i, row, column]]
    shapes = [[as_affine(e) for e in shape] for shape in ((4, 20, 15), (12, 21), (4, 9, 21))]
    compiled = build(affine_product(positions, shapes, [], [m], [n], [k]))
    assert compiled.kernel.spec.parameters == (loop,)
    left, right = random((4, 20, 15), "float32"), random((12, 21), "float32", 1)
    goal = np.zeros((4, 9, 21), "float32")
    compiled(left, right, goal, parameters={"i": 2})
    assert_close(goal[2], left[2, 1:19:2, 3:] @ right[:, ::-1], "float32")
    assert not goal[[0, 1, 3]].any()


def test_storage_that_keeps_only_some_axes() -> None:
    product = contraction("bmk,bkn->bmn", {"b": 3, "m": 4, "n": 5, "k": 6})
    kept = replace(product, batch=())
    spec = specify(kept, {product.target: (1, 2)})
    assert spec is not None
    assert product.batch[0] in spec.parameters
    assert not any(product.batch[0] in group.indices for group in spec.outer)


def test_there_is_no_kernel_for_integers_mixed_dtypes_and_positions_that_are_not_affine() -> None:
    assert specify(contraction("mk,kn->mn", {"m": 2, "n": 2, "k": 2}, "int64")) is None
    mixed = contraction("mk,kn->mn", {"m": 2, "n": 2, "k": 2})
    other = contraction("mk,kn->mn", {"m": 2, "n": 2, "k": 2}, "float64")
    assert specify(replace(mixed, left=other.left)) is None
    m, n, k = mixed.rows[0], mixed.columns[0], mixed.inner[0]
    shapes = [[as_affine(2)] * 2] * 3
    row, column, step = (as_affine(index) for index in (m, n, k))
    floors = affine_product([[floor_div(m, 2), step], [step, column], [row, column]], shapes, [], [m], [n], [k])
    assert specify(floors) is None


# The epilogue.


def bias_relu(letter: str) -> Epilogue:
    """``max(result + bias, 0)``, with a bias for each value of an index: the one that counts lanes, or another."""

    def write(builder: Builder, value: Value, place: Place) -> Value:
        if place.lane is not None and place.lane.name == letter:
            bias = load_masked(builder, builder.offset("%bias", place.first, value.dtype), place.mask, value.dtype)
        else:
            at = next(p for index, p in place.positions.items() if getattr(index, "name", "") == letter)
            bias = builder.instruction(f"load float, ptr {builder.offset('%bias', at, value.dtype)}", value.dtype)
        total = value + bias
        return (total < 0).where(0, total)

    return Epilogue((("bias", "ptr"),), write)


@pytest.mark.parametrize("at", ["m", "n"])
@pytest.mark.parametrize(
    "orders", [("mk", "kn", "mn"), ("mk", "nk", "mn"), ("mk", "kn", "nm"), ("bmk", "nk", "mbn")], ids="-".join
)
def test_an_epilogue_is_applied_once_to_every_result(at: str, orders: tuple[str, str, str]) -> None:
    letters = "bmk,nk->bmn" if "b" in orders[0] else "mk,kn->mn"
    for (m, n, k), accumulate in itertools.product(
        [(20, 10, 200), (33, 70, 2100), (1, 1, 1), (4, 5, 0)], (False, True)
    ):
        extents = {"b": 3, "m": m, "n": n, "k": k}
        compiled = build(contraction(letters, extents, "float32", orders, accumulate=accumulate), bias_relu(at))
        left, right, start = (random([extents[x] for x in o], "float32", s) for s, o in enumerate(orders))
        bias = random(extents[at], "float32", 9)
        expected = np.einsum(f"{orders[0]},{orders[1]}->{orders[2]}", left.astype("f8"), right.astype("f8"))
        expected = expected + start * accumulate
        line = bias.reshape([-1 if letter == at else 1 for letter in orders[2]])
        expected = np.maximum(expected + line, 0)
        goal = start.copy()
        compiled(left, right, goal, surrounded(bias), parts=2)
        assert_close(goal, expected, "float32")


# Special values.


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("sizes", [(40, 50, 30), (3, 5, 200), (70, 70, 700)])
def test_nan_and_infinity_reach_what_depends_on_them_and_nothing_else(sizes: tuple[int, int, int], dtype: str) -> None:
    m, n, k = sizes
    compiled = build(contraction("mk,kn->mn", {"m": m, "n": n, "k": k}, dtype))
    left, right = np.abs(random((m, k), dtype)) + 1, np.abs(random((k, n), dtype, 1)) + 1
    left[1, 2], right[k - 1, n - 1] = np.nan, np.inf
    goal = compiled(left, right, np.zeros((m, n), dtype))
    with np.errstate(all="ignore"):
        expected = left @ right
    assert (np.isnan(goal) == np.isnan(expected)).all()
    assert (np.isinf(goal) == np.isinf(expected)).all()
    assert np.isnan(goal).sum() == n


def test_ranges_of_tiles_do_not_touch_each_other() -> None:
    compiled: Compiled = build(contraction("mk,kn->mn", {"m": 30, "n": 500, "k": 20}))
    tiles = compiled.tiles({})
    assert tiles > 4
    left, right = random((30, 20), "float32"), random((20, 500), "float32", 1)
    goal = np.full((30, 500), np.nan, "float32")
    scratch = aligned(compiled.kernel.scratch)
    pointers = [array.ctypes.data for array in (left, right, goal, scratch)]
    compiled.function(*pointers, 2, 2)
    assert np.isnan(goal).all()
    compiled.function(*pointers, 1, 2)
    written = ~np.isnan(goal)
    assert 0 < written.sum() <= -(-goal.size // tiles) + 30 * 64
    compiled.function(*pointers, 2, tiles)
    compiled.function(*pointers, 0, 1)
    assert_close(goal, left.astype("f8") @ right, "float32")


# Memory.


GUARDED = """
from tests.support.guarded import run
run()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="pages are protected as Linux does it")
def test_nothing_outside_the_tensors_is_touched() -> None:
    """A process of its own, in which the pages before and behind every tensor cannot be read."""
    done = subprocess.run(
        [sys.executable, "-c", GUARDED], check=False, capture_output=True, text=True, cwd=Path(__file__).parents[2]
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split()[-1] == "done"
