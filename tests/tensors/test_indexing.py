"""Indexing and assignment against NumPy and PyTorch, with random keys."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import covector as cv
from covector.errors import GradientError, ShapeError
from tests.tensors.compare import assert_agree, random_array

KEYS: list[Any] = [
    0,
    -1,
    (1, 2),
    (slice(None), 1),
    slice(1, 3),
    slice(None, None, 2),
    slice(None, None, -1),
    (slice(3, 0, -2), slice(None), -1),
    (..., 1),
    (0, ..., slice(1, None)),
    None,
    (slice(None), None, 1),
    (None, 1, None),
    [0, 2, 2],
    ([0, 1], [1, 2]),
    (slice(None), [2, 0]),
    (slice(1, 3), slice(None), [0, 1]),
    ([0, 1], slice(None), [1, 0]),
    (1, [0, 2]),
    ([[0, 1], [2, 3]], 1),
    np.array([True, False, True, True]),
    (slice(None), np.array([True, False, True])),
    np.arange(24).reshape(4, 3, 2) % 3 == 0,
    (slice(2, 2),),
    [],
]


@pytest.mark.parametrize("key", KEYS, ids=repr)
def test_parts(key: Any) -> None:
    x = random_array((4, 3, 2))
    part = x[key] if not isinstance(key, list) else x[np.array(key, dtype=int)]
    assert np.array_equal(cv.tensor(x)[key].numpy(), part), "at hand"
    assert np.array_equal((cv.tensor(x) * 1)[key].numpy(), part), "pending"
    leaf = cv.tensor(x, requires_grad=True)
    (leaf[key] * 3).sum().backward()
    counted = np.zeros_like(x)
    np.add.at(counted, np.array(key, dtype=int) if isinstance(key, list) else key, 3)
    assert leaf.grad is not None
    assert np.array_equal(leaf.grad.numpy(), counted), "gradient"


@st.composite
def keys(draw: st.DrawFn) -> Any:
    parts: list[Any] = []
    for extent in (5, 4, 3)[: draw(st.integers(1, 3))]:
        bound = st.none() | st.integers(-7, 7)
        step = st.none() | st.sampled_from([-3, -2, -1, 1, 2, 3])
        parts.append(
            draw(st.integers(-extent, extent - 1) | st.builds(slice, bound, bound, step) | st.just(slice(None)))
        )
    if draw(st.booleans()):
        parts.insert(draw(st.integers(0, len(parts))), None)
    return tuple(parts)


@settings(max_examples=60, deadline=None)
@given(keys())
def test_any_basic_key(key: Any) -> None:
    x = random_array((5, 4, 3))
    assert np.array_equal((cv.tensor(x) * 1)[key].numpy(), x[key])


@settings(max_examples=40, deadline=None)
@given(keys())
def test_any_basic_assignment(key: Any) -> None:
    key = tuple(part for part in key if part is not None)
    x, value = random_array((5, 4, 3)), random_array(np.zeros((5, 4, 3))[key].shape, seed=3)
    changed = cv.tensor(x)
    changed[key] = value
    x[key] = value
    assert np.array_equal(changed.numpy(), x)


ASSIGNMENTS: list[tuple[Any, Any]] = [
    (1, 5.0),
    ((slice(None), 0), [1.0, 2.0, 3.0, 4.0]),
    (slice(None, None, -2), 2.5),
    ([0, 2], 7.0),
    ([3, 3, 0], np.arange(3.0)[:, None]),
    (np.array([True, False, False, True]), -1.0),
    ((slice(1, 3), [0, 2]), [[1.0, 2.0], [3.0, 4.0]]),
    (..., 0.0),
]


@pytest.mark.parametrize(("key", "value"), ASSIGNMENTS, ids=repr)
def test_assignment(key: Any, value: Any) -> None:
    x = random_array((4, 3))
    changed, before = cv.tensor(x), cv.tensor(x)
    held = changed.detach()
    changed[key] = value
    wanted = x.copy()
    wanted[key] = value
    assert np.array_equal(changed.numpy(), wanted)
    assert np.array_equal(held.numpy(), before.numpy()), "another tensor saw the change"


def test_gradients_through_assignment() -> None:
    def ours(x: Any, v: Any) -> Any:
        y = x * 2
        y[1:, ::2] = v
        y[[0, 0], [1, 3]] = v[0] * 3
        return y

    def theirs(x: Any, v: Any) -> Any:
        y = x * 2
        y[1:, ::2] = v
        y[[0, 0], [1, 3]] = v[0] * 3
        return y

    assert_agree(ours, theirs, [random_array((3, 4)), random_array((2,), seed=1)])


def test_positions_that_are_computed() -> None:
    x = random_array((4, 5))
    best = cv.tensor(x).argmax(1)
    rows = cv.arange(4)
    assert np.array_equal(cv.tensor(x)[rows, best].numpy(), x.max(1))
    assert np.array_equal((cv.tensor(x) * 1)[cv.tensor(x) > 0].numpy(), x[x > 0])


def test_sorting() -> None:
    x = random_array((3, 6))
    assert_agree(lambda x: cv.sort(x).values, lambda x: torch.sort(x).values, [x])
    assert_agree(lambda x: cv.sort(x, axis=0, descending=True).values, lambda x: torch.sort(x, 0, True).values, [x])
    assert_agree(lambda x: cv.topk(x, 2).values, lambda x: torch.topk(x, 2).values, [x])
    assert_agree(lambda x: cv.argsort(x, axis=0), lambda x: torch.argsort(x, 0), [x])
    assert_agree(lambda x: cv.topk(x, 2, largest=False).indices, lambda x: torch.topk(x, 2, largest=False).indices, [x])


ERRORS: list[tuple[Any, str]] = [
    (5, "index 5 is out of bounds for dimension 0 with size 4"),
    ((0, -4), "index -4 is out of bounds for dimension 1 with size 3"),
    ((0, 0, 0), "too many indices for tensor of dimension 2"),
    ((..., ...), "an index can only have a single ellipsis"),
    ([0, 9], "index 9 is out of bounds for dimension 0 with size 4"),
    (np.array([0.5]), "tensors used as indices must be int"),
    (np.array([True, False]), "The shape of the mask"),
    ("a", "only integers, slices"),
]


@pytest.mark.parametrize(("key", "words"), ERRORS, ids=repr)
def test_keys_that_do_not_fit(key: Any, words: str) -> None:
    x = cv.tensor(random_array((4, 3))) * 1
    with pytest.raises(IndexError, match=words):
        x[key]


def test_positions_are_checked_when_they_are_known() -> None:
    x, at = cv.tensor(random_array((4, 3))) * 1, cv.tensor([1, 3]) * 2
    with pytest.raises(IndexError):
        x[at].numpy()


def test_assignments_that_cannot_be() -> None:
    x = cv.zeros(3, requires_grad=True)
    with pytest.raises(GradientError, match="a leaf Variable that requires grad is being used in an in-place"):
        x[0] = 1
    with pytest.raises(ShapeError, match="cannot be broadcast to indexing result"):
        cv.zeros(4, 3)[0] = cv.zeros(2)
    with cv.no_grad():
        x[0] = 1
    assert x.tolist() == [1, 0, 0]
    assert x.requires_grad
