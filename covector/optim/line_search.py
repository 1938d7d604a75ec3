"""A line search for the strong Wolfe conditions: less loss than the slope promises a share of, and a flatter slope."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_ENOUGH_LESS = 1e-4  # the share of the decrease that the first slope promises
_FLAT_ENOUGH = 0.9  # the share of the first slope that may be left
_SHORTEST = 1e-9  # an interval that moves no parameter by more is not divided further


@dataclass(frozen=True)
class Point:
    """The loss and its gradient somewhere."""

    loss: float
    gradient: NDArray[Any]


@dataclass(frozen=True)
class _Trial:
    """A point at some length along a direction, and the slope of the loss there."""

    length: float
    point: Point
    slope: float


def strong_wolfe(
    at: Callable[[float], Point], direction: NDArray[Any], start: Point, length: float, evaluations: int
) -> tuple[Point, float, int]:
    """A point along a direction that meets the conditions, the length of the step to it, and the evaluations used.

    ``at`` evaluates a length, ``length`` is the first that is tried. Where ``evaluations`` are not enough, the best
    point found.
    """

    def trial(length: float) -> _Trial:
        point = at(length)
        return _Trial(length, point, float(point.gradient @ direction))

    first = _Trial(0.0, start, float(start.gradient @ direction))
    low, high, used, is_done = _bracket(trial, first, length, evaluations)
    if not is_done:
        widest = float(np.abs(direction).max(initial=0.0))
        low, used = _zoom(trial, first, (low, high), widest, used, evaluations)
    return low.point, low.length, used


def _bracket(
    trial: Callable[[float], _Trial], first: _Trial, length: float, evaluations: int
) -> tuple[_Trial, _Trial, int, bool]:
    """Two lengths between which the conditions are met, the better first, or one that meets them."""
    before, here = first, trial(length)
    used = 1
    while used <= evaluations:
        is_higher = used > 2 and here.point.loss >= before.point.loss
        if not _is_less(first, here) or is_higher:
            return *_by_loss(before, here), used, False
        if abs(here.slope) <= -_FLAT_ENOUGH * first.slope:
            return here, here, used, True
        if here.slope >= 0:
            return *_by_loss(before, here), used, False
        bounds = (here.length + 0.01 * (here.length - before.length), here.length * 10)
        before, here = here, trial(_cubic(before, here, bounds))
        used += 1
    return *_by_loss(first, here), used, False


def _zoom(
    trial: Callable[[float], _Trial],
    first: _Trial,
    bracket: tuple[_Trial, _Trial],
    widest: float,
    used: int,
    evaluations: int,
) -> tuple[_Trial, int]:
    """The bracket narrowed to a point that meets the conditions."""
    low, high = bracket
    is_stuck = False
    while used <= evaluations and abs(high.length - low.length) * widest >= _SHORTEST:
        ends = sorted((low.length, high.length))
        length, is_stuck = _inside(_cubic(*bracket, tuple(ends)), ends, is_stuck)
        here = trial(length)
        used += 1
        if not _is_less(first, here) or here.point.loss >= low.point.loss:
            low, high = _by_loss(low, here)
        else:
            if abs(here.slope) <= -_FLAT_ENOUGH * first.slope:
                return here, used
            if here.slope * (high.length - low.length) >= 0:
                high = low
            low = here
        bracket = (low, high)
    return low, used


def _inside(length: float, ends: list[float], is_stuck: bool) -> tuple[float, bool]:
    """A length that is not always at an end of the interval, and whether this one was close to it."""
    least, most = ends
    margin = 0.1 * (most - least)
    if min(most - length, length - least) >= margin:
        return length, False
    if not is_stuck and least < length < most:
        return length, True
    return (most - margin if abs(length - most) < abs(length - least) else least + margin), False


def _is_less(first: _Trial, here: _Trial) -> bool:
    return here.point.loss <= first.point.loss + _ENOUGH_LESS * here.length * first.slope


def _by_loss(one: _Trial, other: _Trial) -> tuple[_Trial, _Trial]:
    """Two points, the one of less loss first."""
    return (one, other) if one.point.loss <= other.point.loss else (other, one)


def _cubic(one: _Trial, other: _Trial, bounds: tuple[float, ...]) -> float:
    """Where the cubic through two points with their slopes is least, within bounds."""
    a, b = (one, other) if one.length <= other.length else (other, one)
    d1 = a.slope + b.slope - 3 * (a.point.loss - b.point.loss) / (a.length - b.length)
    square = d1 * d1 - a.slope * b.slope
    d2 = math.sqrt(square) if square >= 0 else math.nan
    bend = b.slope - a.slope + 2 * d2
    place = b.length - (b.length - a.length) * ((b.slope + d2 - d1) / bend) if bend else math.nan
    return (bounds[0] + bounds[1]) / 2 if math.isnan(place) else min(max(place, bounds[0]), bounds[1])
