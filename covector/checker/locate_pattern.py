"""The coordinates at which a gradient is wrong, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


def pattern(wrong: Mask) -> str:
    """The coordinates that are wrong, in words.

    >>> pattern(np.eye(4, dtype=bool))
    'the diagonal'
    >>> pattern(np.arange(12).reshape(3, 4) == 6)
    'one entry, [1, 2]'
    """
    count = int(wrong.sum())
    if count == wrong.size:
        return "every entry" if count > 1 else "its only entry"
    if count == 1:
        place = ", ".join(map(str, np.argwhere(wrong)[0].tolist()))
        return f"one entry, [{place}]"
    found = _slice(wrong) or _triangle(wrong) or _each(wrong) or _block(wrong)
    return found or f"{count} of {wrong.size} entries"


def _slice(wrong: Mask) -> str | None:
    """One row, one column, or one position along another axis."""
    for axis in range(wrong.ndim if wrong.ndim > 1 else 0):
        others = tuple(a for a in range(wrong.ndim) if a != axis)
        filled = wrong.mean(axis=others)
        (places,) = np.nonzero(filled)
        if len(places) == 1 and filled[places[0]] > 0.75:
            return _slice_words(int(places[0]), axis, wrong.shape)
    if wrong.ndim == 1:
        (places,) = np.nonzero(wrong)
        if len(places) > 1 and places[-1] - places[0] + 1 == len(places):
            return f"entries {places[0]} to {places[-1]}"
    return None


def _slice_words(place: int, axis: int, shape: tuple[int, ...]) -> str:
    what = {0: "row", 1: "column"}[axis] if len(shape) == 2 else f"position along axis {axis}"
    if axis == 0 and len(shape) > 2:
        what = "batch element"
    if shape[axis] > 1 and place in (0, shape[axis] - 1):
        return f"the {'first' if place == 0 else 'last'} {what} ({place} of axis {axis})"
    return f"{what} {place}" if len(shape) == 2 else f"{what} {place} (of axis {axis})"


def _triangle(wrong: Mask) -> str | None:
    if wrong.ndim != 2 or min(wrong.shape) < 2:
        return None
    rows, columns = np.indices(wrong.shape)
    shapes: Mapping[str, Any] = {
        "the diagonal": rows == columns,
        "everything off the diagonal": rows != columns,
        "the entries above the diagonal": columns > rows,
        "the entries below the diagonal": columns < rows,
        "the first and the last column": (columns == 0) | (columns == wrong.shape[1] - 1),
        "the border": (columns == 0) | (columns == wrong.shape[1] - 1) | (rows == 0) | (rows == wrong.shape[0] - 1),
    }
    return next((words for words, mask in shapes.items() if np.array_equal(mask, wrong)), None)


def _each(wrong: Mask) -> str | None:
    if wrong.ndim == 2 and min(wrong.shape) > 1:
        if np.all(wrong.sum(axis=1) == 1):
            return "one entry in each row"
        if np.all(wrong.sum(axis=0) == 1):
            return "one entry in each column"
        full = np.asarray(wrong.all(axis=1))
        if np.array_equal(wrong, np.broadcast_to(full[:, None], wrong.shape)):
            return f"rows {', '.join(map(str, np.flatnonzero(full).tolist()[:6]))}"
    return None


def _block(wrong: Mask) -> str | None:
    places = np.argwhere(wrong)
    low, high = places.min(axis=0), places.max(axis=0) + 1
    box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    if wrong[box].all() and wrong[box].size > 1:
        return "the block [" + ", ".join(f"{s.start}:{s.stop}" for s in box) + "]"
    return None
