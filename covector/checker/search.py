"""The smallest counterexample of a wrong claim: shapes first, then small whole numbers, then fewer of them.

A point counts only where the sides differ also a little beside it, so that no kink or tie is taken for a mistake.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from covector.checker.compare import Pair, Point
from covector.checker.points import RANGES, Extents, drawn, small_integers, small_shapes, work
from covector.checker.verdict import Counterexample
from covector.ir import Compute, Input
from covector.run.reference import Array

BATCH = 18
"""Points that are tried side by side at each shape."""

MOST_ENTRIES = 160
"""Entries of inputs beyond which a counterexample is not made smaller."""

_NEAR, _STEADY = 1e-6, 0.02
_ROUND = (0, 1, -1, 2, -2)
_SLOW, _BATCH_WORK = 40_000_000, 20_000_000


def counterexample(claimed: Compute, true: Compute) -> Counterexample | None:
    """The smallest inputs that were found at which two statements of one shape differ; None where none was.

    >>> from covector.frontend import read_program
    >>> program = read_program("y[i] = x[i] ** 2; z[i] = 2 * x[i]")
    >>> found = counterexample(program.statements[1], program.statements[0])
    >>> found.extents, found.inputs, found.claimed, found.true
    ({'I': 1}, {'x': [1]}, [2], [1])
    """
    pair, spent = Pair(claimed, true), 0
    for extents in small_shapes(pair.program):
        cost = work(pair.program, extents)
        batch = max(1, min(BATCH, _BATCH_WORK // max(cost, 1)))
        spent += batch * cost
        found = _at_shape(pair, extents, batch)
        if found is not None:
            return shown(pair, _shrunk(pair, found))
        if spent > _SLOW:
            break
    return None


def _at_shape(pair: Pair, extents: Extents, batch: int) -> Point | None:
    """A failing point of one shape: of small whole numbers where there is one."""
    small = small_integers(pair.program, extents, batch)
    candidates = [
        small,
        *(drawn(pair.program, extents, low, high, (9, n), min(batch, 3)) for n, (low, high) in enumerate(RANGES)),
    ]
    for arrays in candidates:
        for member in _failing(pair, extents, arrays):
            single = {given: array[member : member + 1] for given, array in arrays.items()}
            point = _failure(pair, extents, single)
            if point is not None:
                return point
    return None


def _failing(pair: Pair, extents: Extents, arrays: Mapping[Input, Array]) -> Iterator[int]:
    point = pair.point(extents, arrays)
    if point is not None:
        bad = _bad(point)
        yield from map(int, np.flatnonzero(bad.reshape(bad.shape[0], -1).any(axis=1)))


def _bad(point: Point) -> Array:
    """Where the sides differ, or only the true one is finite."""
    return np.asarray(point.differs | (point.counts & ~np.isfinite(point.claimed)))


def _failure(pair: Pair, extents: Extents, arrays: Mapping[Input, Array]) -> Point | None:
    """The point, where the sides differ there and on both sides of it in the same way."""
    point = pair.point(extents, arrays)
    if point is None or not (bad := _bad(point)).any():
        return None
    rng = np.random.default_rng(3)
    moved: dict[Input, Array] = {}
    for given, array in arrays.items():
        move = _NEAR * rng.uniform(0.1, 1, array.shape) if given.dtype.startswith("float") else np.zeros_like(array)
        moved[given] = np.concatenate([array + move, array - move])
    near = pair.point(extents, moved) if moved else point
    if near is None:
        return None
    with np.errstate(all="ignore"):
        gap, other = point.claimed - point.true, near.claimed - near.true
        steady = (np.abs(gap - other) <= _STEADY * np.abs(gap)) | (~np.isfinite(gap) & ~np.isfinite(other))
    return point if (steady.all(axis=0) & bad).any() else None


def _shrunk(pair: Pair, point: Point) -> Point:
    """The point with entries made 0, or else 1, -1 or 2, one after the other, as long as the sides still differ."""
    entries = [(given, at) for given, array in point.arrays.items() for at in np.ndindex(array.shape)]
    if len(entries) > MOST_ENTRIES:
        return point
    for given, at in entries:
        for value in _ROUND:
            array = point.arrays[given]
            if array[at] == value:
                break
            smaller = array.copy()
            smaller[at] = value
            found = _failure(pair, point.extents, {**point.arrays, given: smaller})
            if found is not None:
                point = found
                break
    return point


def shown(pair: Pair, point: Point) -> Counterexample:
    """A point as plain data: whole numbers where they are whole, and the first coordinates that differ."""
    bad = _bad(point)[0]
    where = tuple(int(n) for n in np.argwhere(bad)[0])
    inputs = {given.name: _plain(array[0]) for given, array in point.arrays.items()}
    return Counterexample(dict(point.extents), inputs, _plain(point.claimed[0]), _plain(point.true[0]), where)


def _plain(array: Array) -> Any:
    """An array as nested lists, its whole numbers as integers."""
    if array.ndim:
        return [_plain(part) for part in array]
    value = array.item()
    return int(value) if isinstance(value, float) and value.is_integer() else value
