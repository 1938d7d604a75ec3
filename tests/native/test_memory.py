"""Memory: aligned, used again when it is free, and refused where there is not enough."""

from __future__ import annotations

import gc
import os
import warnings

import numpy as np
import pytest

from covector.errors import BudgetError
from covector.native import memory
from covector.native.memory import LARGE, Blocks, address, aligned_bytes, aligned_empty, size_class


@pytest.mark.parametrize("size", [0, 1, 63, 64, 1000, LARGE - 1, LARGE, 10 * LARGE + 1])
def test_addresses_are_aligned(size: int) -> None:
    array = aligned_bytes(size)
    assert array.nbytes == size
    assert address(array) % 64 == 0
    array[:] = 7
    assert (array == 7).all()


@pytest.mark.parametrize("shape", [(), (0,), (3, 0), (2, 3, 4), (300, 400)])
@pytest.mark.parametrize("dtype", ["bool", "int32", "float32", "float64"])
def test_arrays_have_their_shape_and_dtype(shape: tuple[int, ...], dtype: str) -> None:
    array = aligned_empty(shape, dtype)
    assert (array.shape, array.dtype) == (shape, dtype)
    assert array.flags.c_contiguous
    assert array.flags.writeable


def test_a_large_block_is_used_again() -> None:
    first = aligned_empty((LARGE,), "float32")
    place = address(first)
    view = first[10:20]
    del first
    gc.collect()
    assert address(aligned_empty((LARGE,), "float32")) != place  # the view still holds it
    del view
    gc.collect()
    assert address(aligned_empty((LARGE,), "float32")) == place


def test_only_so_much_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "KEPT", 5 * LARGE)
    blocks = Blocks()
    for size in (2, 3, 1):
        blocks.give(blocks.take(size * LARGE))
    assert blocks.kept == LARGE
    assert sum(map(len, blocks.free.values())) == 1
    blocks.give(blocks.take(6 * LARGE))
    assert blocks.kept == 0


def test_size_classes_are_near() -> None:
    for size in (LARGE, LARGE + 1, 12345678, 1 << 30):
        assert size <= size_class(size) <= size * 1.125 + 4096


def test_what_does_not_fit_is_refused_with_the_figure() -> None:
    with pytest.raises(BudgetError, match=r"931\.3 GiB of memory are needed, and [\d.]+ GiB are available"):
        aligned_bytes(10**12)


def test_an_address_is_valid_even_of_nothing() -> None:
    assert address(np.empty(0)) > 4096


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no child processes of this kind here")
@pytest.mark.parametrize("size", [100, 1 << 20, 1 << 23])
def test_a_child_writes_to_its_own_memory(size: int) -> None:
    memory = aligned_bytes(size)
    memory[:] = 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        child = os.fork()
    if child == 0:
        memory[:] = 2
        os._exit(0)
    os.waitpid(child, 0)
    assert (memory == 1).all()
