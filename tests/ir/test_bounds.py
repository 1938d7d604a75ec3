"""What is proved about integer expressions is what every value of the indices says."""

from __future__ import annotations

import pytest

from covector.ir import Index, Symbol, as_affine, floor_div
from covector.ir.bounds import nonnegative, within


@pytest.mark.parametrize("low", range(-3, 8))
@pytest.mark.parametrize("steps", [(1, 2), (-1, 3), (2, -2), (-1, -1), (0, 1)])
def test_forms_in_indices(low: int, steps: tuple[int, int]) -> None:
    first, second = Index("first", as_affine(4)), Index("second", as_affine(3))
    form = steps[0] * as_affine(first) + steps[1] * as_affine(second) + low
    least = min(steps[0] * i + steps[1] * j + low for i in range(4) for j in range(3))
    assert nonnegative(form) == (least >= 0)


def test_symbols_are_at_least_one() -> None:
    size = Symbol("N")
    index = Index("i", as_affine(size))
    assert nonnegative(as_affine(size) - 1)
    assert not nonnegative(as_affine(size) - 2)
    assert nonnegative(as_affine(size) - 1 - index)
    assert not nonnegative(as_affine(size) - 2 - index)
    assert nonnegative(as_affine(size) * index + index)


def test_quotients_may_be_negative() -> None:
    index = Index("i", as_affine(4))
    assert not nonnegative(floor_div(as_affine(index) - 5, 2))
    assert nonnegative(floor_div(as_affine(index), 2))


def test_an_index_is_within_its_extent_and_no_smaller_one() -> None:
    size = as_affine(Symbol("N"))
    index = Index("i", size)
    assert within(as_affine(index), size)
    assert within(as_affine(index), size + 1)
    assert not within(as_affine(index), size - 1)
    assert not within(as_affine(index) + 1, size)
    assert within(as_affine(2), as_affine(3))
    assert not within(as_affine(3), as_affine(3))
