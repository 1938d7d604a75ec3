"""Claimed gradients beside the true ones: shapes and dtypes exactly, numbers by their scale and conditioning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from covector.checker.frameworks import Framework
from covector.checker.functions_truth import Line, Slopes, Truth
from covector.checker.probes import Probe

Array = NDArray[Any]
Arrays = Mapping[str, Array]

RELATIVE = {"float64": 1e-6, "float32": 2e-3}
"""How far a number may be off, as a part of itself."""

OF_LARGEST = {"float64": 1e-9, "float32": 1e-4}
"""How far it may be off, as a part of the largest of the same gradient."""

ROUNDINGS = 2048
CONDITION = 64
"""Times the change of the gradient when its inputs are rounded that is let pass."""

CONFIRMED = 48
"""Coordinates that are looked at again where a derived gradient and the claimed one differ: there may be a kink."""


@dataclass(frozen=True)
class Point:
    """Arrays and cotangents at which a function is tried, in float64, with the outputs and the truth there."""

    probe: Probe
    arrays: Arrays
    cotangents: tuple[Array, ...]
    outputs: tuple[Array, ...]
    truth: Truth


@dataclass(frozen=True)
class Difference:
    """What is wrong with the gradient of one input at one point.

    ``kind`` is missing, array, shape, dtype, nan, value, slope, count, raises, mutates, random or forward; ``wrong``
    marks the coordinates where numbers differ; ``error`` is relative to the largest of the true gradient.
    """

    input: str
    kind: str
    point: Point
    message: str = ""
    claimed: Array | None = None
    wrong: NDArray[np.bool_] | None = None
    error: float = np.inf
    cause: str = ""

    @property
    def true(self) -> Array:
        """The true gradient."""
        return self.point.truth.gradients[self.input].value


@dataclass
class Outcome:
    """What came of one point: the differences, how many numbers were compared, and the largest error let pass."""

    point: Point
    differences: list[Difference] = field(default_factory=list)
    compared: int = 0
    error: float = 0.0
    skipped: dict[str, int] = field(default_factory=dict)


def compare(
    name: str, value: Any, point: Point, framework: Framework, exact_dtype: bool, none_is_zero: bool
) -> Difference | Array:
    """A claimed gradient as an array of the right shape and dtype, or what is wrong with it."""
    array = point.arrays[name]
    if value is None:
        if none_is_zero and not np.any(point.truth.gradients[name].value):
            return np.zeros(array.shape)
        return Difference(name, "missing", point, f"there is no gradient for {name}: it is None or left out")
    try:
        claimed = framework.plain(value)
    except (TypeError, ValueError) as error:
        return Difference(name, "array", point, f"the gradient of {name} is no array: {error}")
    if claimed.shape != array.shape:
        message = f"the gradient of {name} has the shape {claimed.shape}, and {name} has {array.shape}"
        return Difference(name, "shape", point, message, claimed)
    if claimed.dtype.kind == "c":
        return Difference(name, "dtype", point, f"the gradient of {name} is complex", claimed)
    if exact_dtype and claimed.dtype != np.dtype(point.probe.dtype):
        message = f"the gradient of {name} is {claimed.dtype}, and {name} is {point.probe.dtype}"
        return Difference(name, "dtype", point, message, claimed)
    return claimed.astype(np.float64)


def measure(
    name: str, claimed: Array, point: Point, slack: float = 0.0, usual: float = 0.0
) -> tuple[Difference | None, float, int]:
    """A difference in numbers (None where there is none), the relative error, and how many numbers were compared.

    ``usual`` is the size that this gradient has elsewhere: where it cancels here, rounding is of that size.
    """
    truth = point.truth.gradients[name]
    count = int(truth.known.sum()) + len(truth.directions)
    true = np.where(truth.known, truth.value, 0.0)
    bad = truth.known & ~np.isfinite(claimed)
    if bad.any():
        message = f"the gradient of {name} is not finite where the true one is"
        return Difference(name, "nan", point, message, claimed, bad), np.inf, count
    off = np.where(truth.known, np.abs(claimed - true), 0.0)
    allowed = _allowed(name, truth, point) + slack + OF_LARGEST[point.probe.dtype] * usual
    scale = max(_scale(truth, claimed), usual) or 1.0
    wrong = off > allowed
    error = float(off.max(initial=0.0)) / scale
    if wrong.any():
        return Difference(name, "value", point, "", claimed, wrong, error), error, count
    for direction, slope, uncertain in truth.directions:
        along = float(np.sum(direction * np.where(np.isfinite(claimed), claimed, 0.0)))
        size = float(np.sqrt(np.sum(np.square(claimed)))) + abs(slope)
        if abs(along - slope) > RELATIVE[point.probe.dtype] * size + 10 * uncertain + slack * direction.size**0.5:
            message = "along a random direction, though the coordinates that were compared agree"
            return Difference(name, "slope", point, message, claimed, wrong, abs(along - slope) / size), error, count
    return None, error, count


def _scale(truth: Slopes, claimed: Array) -> float:
    largest = float(np.abs(truth.value[truth.known]).max(initial=0.0))
    return largest if largest > 0 else float(np.abs(claimed).max(initial=0.0))


def _allowed(name: str, truth: Slopes, point: Point) -> Array:
    """How far each coordinate may be off."""
    dtype = point.probe.dtype
    largest = float(np.abs(truth.value[truth.known]).max(initial=0.0))
    allowed: Array = RELATIVE[dtype] * np.abs(truth.value) + OF_LARGEST[dtype] * largest + 10 * truth.error
    return allowed + ROUNDINGS * float(np.finfo(dtype).eps) * _natural(name, point)


def _natural(name: str, point: Point) -> float:
    """The size that a gradient has by its dimension, |G|·|y| / |x|: what cancels is rounded at this scale."""
    array = point.arrays[name]
    size = float(np.sqrt(np.mean(np.square(array)))) if array.size else 1.0
    total = 0.0
    for g, y in zip(point.cotangents, point.outputs, strict=True):
        largest = float(np.abs(g).max(initial=0.0)) * float(np.abs(y).max(initial=0.0))
        total = max(total, largest * float(np.sqrt(max(y.size, 1))))
    return total / (size if size > 0 else 1.0)


def without_kinks(difference: Difference, line: Line) -> Difference | None:
    """The difference without the coordinates at which the forward has a kink; None where nothing else differs."""
    assert difference.wrong is not None
    places = np.flatnonzero(difference.wrong)
    rng = np.random.default_rng(len(places))
    looked = places if len(places) <= CONFIRMED else rng.choice(places, CONFIRMED, replace=False)
    kinks = [place for place in looked if line.slope(_unit(difference.wrong.shape, int(place)))[2] == "kinks or ties"]
    wrong = difference.wrong.copy()
    wrong.reshape(-1)[kinks] = False
    difference.point.truth.gradients[difference.input].known.reshape(-1)[kinks] = False
    if not wrong.any() or len(kinks) == len(looked):
        return None
    return replace(difference, wrong=wrong)


def _unit(shape: tuple[int, ...], place: int) -> Array:
    unit = np.zeros(shape)
    unit.reshape(-1)[place] = 1.0
    return unit


def rounded(arrays: Arrays, dtype: str, rng: np.random.Generator) -> dict[str, Array]:
    """Arrays a rounding further: what no computation in that dtype can tell apart."""
    eps = float(np.finfo(dtype).eps)
    return {
        name: array * (1 + eps * rng.uniform(-1, 1, array.shape)) if array.dtype.kind == "f" else array
        for name, array in arrays.items()
    }


def largest_change(before: Arrays, after: Arrays, names: Sequence[str]) -> dict[str, float]:
    """How much each of several gradients changed, times what is let pass."""
    return {n: CONDITION * float(np.abs(after[n] - before[n]).max(initial=0.0)) for n in names}
