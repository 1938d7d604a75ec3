"""Batches and splits: every row once, the same orders for the same seed, and threads that end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import chain
from typing import Any

import numpy as np
import pytest

import covector as cv
from covector import data
from covector.errors import CovectorError, ShapeError

X = np.arange(20).reshape(10, 2)
Y = np.arange(10.0)


def rows(found: data.Batches) -> list[list[int]]:
    return [y.tolist() for _, y in found]


def test_in_order() -> None:
    found = data.batches(X, Y, size=4)
    assert rows(found) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert (len(found), found.samples) == (3, 10)
    x, y = next(iter(found))
    assert (x.dtype, y.dtype, x.shape) == ("int64", "float64", (4, 2))
    assert isinstance(x, cv.Tensor)


def test_the_last_batch_may_be_dropped() -> None:
    found = data.batches(X, Y, size=4, drop_last=True)
    assert (rows(found), len(found)) == ([[0, 1, 2, 3], [4, 5, 6, 7]], 2)


@pytest.mark.parametrize("prefetch", [0, 1, 3])
def test_shuffled_each_epoch_in_another_order_and_with_a_seed_in_the_same_orders(prefetch: int) -> None:
    def epochs(seed: int) -> list[list[list[int]]]:
        found = data.batches(X, Y, size=4, shuffle=True, seed=seed, prefetch=prefetch)
        return [rows(found), rows(found)]

    first, second = epochs(3)
    assert sorted(chain(*first)) == sorted(chain(*second)) == list(range(10))
    assert first != second
    assert epochs(3) == [first, second]
    assert epochs(4) != [first, second]


def test_without_a_seed_of_their_own_the_orders_follow_the_default_generator() -> None:
    found = data.batches(X, Y, size=4, shuffle=True)
    cv.random.manual_seed(5)
    first, second = rows(found), rows(found)
    cv.random.manual_seed(5)
    assert [rows(found), rows(found)] == [first, second]
    assert first != second


def test_rows_stay_together() -> None:
    for x, y in data.batches(X, Y, size=3, shuffle=True, prefetch=2):
        np.testing.assert_array_equal(x.numpy()[:, 0], 2 * y.numpy())


def test_tensors_and_lists_are_taken() -> None:
    ((x, y),) = data.batches(cv.ones(3, 2), [1, 2, 3], size=8)
    assert (x.shape, y.tolist()) == ((3, 2), [1, 2, 3])


def test_a_batch_that_is_changed_leaves_the_arrays() -> None:
    array = np.ones(4)
    ((x,),) = data.batches(array, size=4)
    x.zero_()
    x[1] = 7.0
    assert x.tolist() == [0, 7, 0, 0]
    assert array.tolist() == [1, 1, 1, 1]


def threads() -> int:
    return sum(thread.name == "covector-batches" for thread in threading.enumerate())


def test_a_thread_ends_with_its_iterator() -> None:
    found = data.batches(np.zeros((1000, 2)), size=1, prefetch=2)
    iterator = iter(found)
    next(iterator)
    assert threads() == 1
    iterator.close()
    assert threads() == 0
    assert len(list(found)) == 1000
    assert threads() == 0


def test_an_error_of_the_thread_arrives() -> None:
    found = data.batches(X, Y, size=4, prefetch=1)
    found.arrays = (X, Y[:5].reshape(5, 1)[:, :, None], None)  # type: ignore[assignment]
    with pytest.raises(TypeError):
        list(found)
    assert threads() == 0


def test_split() -> None:
    (x, y), (z, w) = data.split(X, Y, test=0.3, seed=1)
    assert (x.shape, z.shape) == ((7, 2), (3, 2))
    assert sorted(y.tolist() + w.tolist()) == Y.tolist()
    np.testing.assert_array_equal(x.numpy()[:, 0], 2 * y.numpy())
    again = data.split(X, Y, test=0.3, seed=1)
    assert again[1][1].tolist() == w.tolist()
    assert data.split(X, Y, test=0.3, seed=2)[1][1].tolist() != w.tolist()


MISTAKES: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "nothing": (data.batches, ShapeError, "none is given"),
    "rows": (lambda: data.batches(X, Y[:3]), ShapeError, r"numbers of rows: \(10, 2\), \(3,\)"),
    "a number": (lambda: data.batches(3.0), ShapeError, "single number"),
    "size": (lambda: data.batches(X, size=0), CovectorError, "size is 0, and must be at least 1"),
    "prefetch": (lambda: data.batches(X, prefetch=-1), CovectorError, "prefetch is -1"),
    "share": (lambda: data.split(X, test=1.5), CovectorError, "leaves a part empty"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes_are_named(case: str) -> None:
    act, error, text = MISTAKES[case]
    with pytest.raises(error, match=text):
        act()
