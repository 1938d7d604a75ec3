"""Symmetric contractions: the tiles above the diagonal and their mirror images are what all tiles would be."""

import itertools
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from covector.codegen.builder import Builder, Value
from covector.codegen.contraction import Epilogue, Place, specify
from covector.codegen.contraction_symmetric import is_worth_mirroring
from covector.codegen.target import Target
from covector.ir import Affine, Symbol, as_affine
from tests.codegen.test_contraction import DTYPES, assert_close, random, surrounded
from tests.support.contraction import build, contraction, here

ORDERS = {"transposed": ("ki", "kj", "ij"), "rows": ("ik", "jk", "ij"), "written across": ("ki", "kj", "ji")}
SIZES = [(65, 40), (97, 33), (129, 1), (130, 1100), (200, 64), (1050, 20), (1100, 130)]
TARGETS = [Target(16), Target(32), Target(64, True)]


def check(
    n: int,
    k: int,
    dtype: str,
    orders: tuple[str, str, str] = ORDERS["transposed"],
    *,
    known: bool = True,
    target: Target | None = None,
    parts: int = 1,
    scaled: bool = False,
    batch: int = 0,
) -> None:
    """Compare the product of an array with itself with what NumPy says."""
    orders = tuple(("b" if batch else "") + order for order in orders)  # type: ignore[assignment]
    sizes: Mapping[str, int | Affine] = {"i": n, "j": n, "k": k, **({"b": batch} if batch else {})}
    if not known:
        sizes = {**sizes, "i": as_affine(Symbol("N")), "j": as_affine(Symbol("N")), "k": as_affine(Symbol("K"))}
    product = contraction(f"{orders[0]},{orders[1]}->{orders[2]}", sizes, dtype, orders, scaled=scaled)
    product = replace(product, symmetric=True)
    spec = specify(product)
    assert spec is not None
    assert spec.symmetric
    compiled = build(product, target=target)
    extents = {"b": batch, "i": n, "k": k}
    array = random([extents[letter] for letter in orders[0]], dtype)
    wide = array.astype("f8")
    expected = np.einsum(f"{orders[0]},{orders[0].replace('i', 'j')}->{orders[2]}", wide, wide) * (0.5 if scaled else 1)
    goal = surrounded(np.full(expected.shape, np.nan, dtype))
    given = surrounded(array)
    values = {"N": n, "K": k}
    compiled(given, given, goal, scale=0.5 if scaled else None, parameters=values, parts=parts)
    assert_close(goal, expected, dtype)
    np.testing.assert_array_equal(goal, goal.swapaxes(-1, -2))
    if goal.base is not None and goal.size:
        assert np.isnan(goal.base[:128]).all()
        assert np.isnan(goal.base[128 + goal.size :]).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("orders", ORDERS.values(), ids=ORDERS.keys())
def test_sizes_known_and_unknown(orders: tuple[str, str, str], dtype: str) -> None:
    for (n, k), known in itertools.product(SIZES, (True, False)):
        check(n, k, dtype, orders, known=known)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 150), st.integers(0, 40), st.integers(1, 7), st.sampled_from(DTYPES), st.booleans())
def test_any_size_in_any_number_of_parts(n: int, k: int, parts: int, dtype: str, scaled: bool) -> None:
    check(n, k, dtype, known=False, parts=parts, scaled=scaled)


@pytest.mark.parametrize("target", TARGETS, ids=["128", "256", "512"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_width_of_vectors(target: Target, dtype: str) -> None:
    if target.vector_bytes > here().vector_bytes:
        pytest.skip("this processor has no such vectors")
    for orders in ORDERS.values():
        check(101, 50, dtype, orders, target=target, parts=2)
        check(67, 30, dtype, orders, target=target, known=False)


def test_batches() -> None:
    for parts in (1, 2, 5):
        check(70, 30, "float32", batch=3, parts=parts)
        check(33, 30, "float64", batch=4, parts=parts, known=False)


def test_small_ones_and_short_sums_are_computed_whole() -> None:
    for n, k, worth in ((500, 64, True), (20, 64, False), (500, 4, False)):
        product = contraction("ki,kj->ij", {"i": n, "j": n, "k": k}, "float32")
        spec = specify(replace(product, symmetric=True))
        assert spec is not None
        assert is_worth_mirroring(spec, Target(64)) == worth


def test_an_epilogue_sees_both_sides_of_the_diagonal() -> None:
    rows, columns = 101, 40
    product = replace(contraction("ki,kj->ij", {"i": rows, "j": rows, "k": columns}, "float32"), symmetric=True)
    (row,) = product.rows

    def write(builder: Builder, value: Value, place: Place) -> Value:
        number = place.positions[row]
        added = number if isinstance(number, Value) else builder.constant(number, "int64")
        return value + builder.widen(added.convert("float32"), value.width)

    compiled = build(product, Epilogue((), write))
    array = random((columns, rows), "float32")
    goal = np.full((rows, rows), np.nan, "float32")
    compiled(array, array, goal, parts=2)
    assert_close(goal, array.T.astype("f8") @ array + np.arange(rows)[:, None], "float32")
