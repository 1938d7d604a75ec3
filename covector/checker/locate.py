"""When a gradient is wrong and why: the settings that matter, and the likely cause."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from covector.checker.functions_compare import Difference, Point
from covector.checker.functions_examine import Report
from covector.checker.probes import Probe
from covector.checker.verdict import Cause

Array = NDArray[Any]
Mask = NDArray[np.bool_]

CLOSE = {"float64": 1e-6, "float32": 1e-3}
MOST_POINTS = 4


def close(one: Array, other: Array, probe: Probe, known: Mask | None = None) -> bool:
    """Whether two gradients are the same, where the truth is known."""
    if one.shape != other.shape:
        return False
    if known is not None and known.shape == one.shape:
        one, other = one[known], other[known]
    scale = max(float(np.abs(one).max(initial=0.0)), float(np.abs(other).max(initial=0.0)))
    return bool(np.isfinite(one).all() and np.abs(one - other).max(initial=0.0) <= CLOSE[probe.dtype] * scale)


# When


def only(report: Report, name: str) -> str:
    """The settings to which the failures of one input are confined, in words; empty where they fail throughout.

    An input that fails nowhere else than for float32, for rank 3, where an extent is 1 … is said to.
    """
    failing = [o.point.probe for o in report.outcomes if any(d.input == name for d in o.differences)]
    passing = [o.point.probe for o in report.outcomes if all(d.input != name for d in o.differences)]
    if not passing or not failing:
        return ""
    tests = (_only_dtype, _only_layout, _only_rank, _only_size)
    return next((words for test in tests if (words := test(failing, passing, report))), "")


def _only_dtype(failing: Sequence[Probe], passing: Sequence[Probe], report: Report) -> str:
    dtypes = {probe.dtype for probe in failing}
    others = any(probe.dtype not in dtypes for probe in passing)
    return f"only for {dtypes.pop()}" if len(dtypes) == 1 and others and "float64" not in dtypes else ""


def _only_layout(failing: Sequence[Probe], passing: Sequence[Probe], report: Report) -> str:
    layouts = {probe.layout for probe in failing}
    if "contiguous" in layouts:
        return ""
    return "only for inputs that are not contiguous" + (f" ({layouts.pop()})" if len(layouts) == 1 else "")


def _only_rank(failing: Sequence[Probe], passing: Sequence[Probe], report: Report) -> str:
    ranks = {probe.rank for probe in failing}
    others = {probe.rank for probe in passing} - ranks
    if others and len(ranks) == 1:
        return f"only for rank {_rank(report, ranks.pop())}"
    return f"for every rank but {_rank(report, others.pop())}" if len(others) == 1 else ""


def _rank(report: Report, axes: int) -> int:
    """The largest rank of an input where ``...`` stands for so many axes."""
    point = next(o.point for o in report.outcomes if o.point.probe.rank == axes)
    return max((array.ndim for array in point.arrays.values()), default=axes)


def _only_size(failing: Sequence[Probe], passing: Sequence[Probe], report: Report) -> str:
    names = [name for name in failing[0].sizes if all(name in p.sizes for p in (*failing, *passing))]
    for size in (0, 1):
        for name in names:
            if all(p.sizes[name] == size for p in failing) and any(p.sizes[name] != size for p in passing):
                return f"only where {name} is {size}"
    for name in names:
        least = min(p.sizes[name] for p in failing)
        if least > 2 and all(p.sizes[name] < least for p in passing):
            return f"only where {name} is {least} or more"
    for one, other in combinations(names, 2):
        if all(p.sizes[one] == p.sizes[other] for p in failing) and any(
            p.sizes[one] != p.sizes[other] for p in passing
        ):
            return f"only where {one} = {other}"
    return ""


# Why


def cause_of(main: Difference, others: Sequence[Difference]) -> Cause | None:
    """The likely cause of a difference; ``others``, of the same input at other points, must agree with it."""
    if main.kind == "shape":
        return _shape_cause(main)
    if main.kind != "value" or main.claimed is None:
        return None
    points = [main, *(d for d in others if d.kind == "value" and d.claimed is not None and telling(d))][:MOST_POINTS]
    for test in (_zero, _factor, _transposed, _swapped, _summed, _moved, _offset):
        if (found := test(points)) is not None:
            return found
    return None


def telling(difference: Difference) -> bool:
    """Whether a point has a gradient that tells transforms apart."""
    return bool(np.count_nonzero(difference.true) > 1) and difference.point.probe.dtype == "float64"


def _known(d: Difference) -> Mask:
    return d.point.truth.gradients[d.input].known


def _all_close(points: Sequence[Difference], make: Callable[[Difference], Array | None]) -> bool:
    """Whether what is made at every point is what is claimed there."""
    for d in points:
        made = make(d)
        assert d.claimed is not None
        if made is None or not close(np.asarray(made), d.claimed, d.point.probe, _known(d)):
            return False
    return True


def _zero(points: Sequence[Difference]) -> Cause | None:
    if all(d.claimed is not None and not d.claimed.any() for d in points):
        return Cause("zero", f"the gradient of {points[0].input} is zero everywhere")
    return None


def _factor(points: Sequence[Difference]) -> Cause | None:
    ratios = [_ratio(d) for d in points]
    if any(ratio is None for ratio in ratios):
        return None
    known = [ratio for ratio in ratios if ratio is not None]
    name = points[0].input
    if all(abs(ratio - known[0]) <= 1e-4 * abs(known[0]) for ratio in known):
        extent = _extent_factor(points, known) if len({tuple(_extents(d.point).items()) for d in points}) > 1 else None
        if extent is None:
            return _constant(name, known[0], points)
        return extent
    return _extent_factor(points, known)


def _constant(name: str, ratio: float, points: Sequence[Difference]) -> Cause:
    if abs(ratio + 1) < 1e-4:
        return Cause("sign", f"the gradient of {name} has the wrong sign")
    text = _number(ratio)
    extents = {label: size for label, size in _extents(points[0].point).items() if size > 1}
    same = [
        label for label, size in extents.items() if abs(abs(ratio) - size) < 1e-3 or abs(abs(ratio) * size - 1) < 1e-3
    ]
    hint = f" (here {' and '.join(same)} = {extents[same[0]]})" if same and len(points) == 1 else ""
    return Cause(f"factor {text}", f"every entry of the gradient of {name} is {text} times what is true{hint}")


def _extent_factor(points: Sequence[Difference], ratios: Sequence[float]) -> Cause | None:
    """A factor that is an extent, or a product of two, or one over it."""
    tables = [_extents(d.point) for d in points]
    labels = [label for label in tables[0] if all(label in table for table in tables)]
    for chosen in [*combinations(labels, 1), *combinations(labels, 2)]:
        sizes = [float(np.prod([table[label] for label in chosen])) for table in tables]
        text, name = "·".join(chosen), points[0].input
        if all(abs(r - s) <= 1e-4 * s for r, s in zip(ratios, sizes, strict=True)):
            return Cause(
                f"missing factor 1/{text}", f"the gradient of {name} is {text} times what is true: 1/{text} is missing"
            )
        if all(abs(r * s - 1) <= 1e-4 for r, s in zip(ratios, sizes, strict=True)):
            return Cause(
                f"extra factor 1/{text}", f"the gradient of {name} is what is true over {text}: a mean for a sum"
            )
    return None


def _extents(point: Point) -> dict[str, int]:
    """The symbols of a point with their sizes; where there are none, the axes of its inputs."""
    if point.probe.sizes:
        return dict(point.probe.sizes)
    axes = {f"{n}.shape[{axis}]": size for n, a in point.arrays.items() for axis, size in enumerate(a.shape)}
    return {**axes, **{f"{n}.size": a.size for n, a in point.arrays.items() if a.ndim > 1}}


def _ratio(d: Difference) -> float | None:
    """The factor between the claimed and the true gradient, where there is one."""
    assert d.claimed is not None
    true, claimed = d.true[_known(d)], d.claimed[_known(d)]
    square = float(np.sum(true * true))
    if square == 0:
        return None
    ratio = float(np.sum(true * claimed)) / square
    return ratio if ratio and close(ratio * true, claimed, d.point.probe) else None


def _number(value: float) -> str:
    for bottom in range(1, 13):
        top = value * bottom
        if abs(top - round(top)) < 1e-4 * abs(top) and round(top):
            return f"{round(top)}/{bottom}" if bottom > 1 else f"{round(top)}"
    return f"{value:.4g}"


def _transposed(points: Sequence[Difference]) -> Cause | None:
    for one, other in combinations(range(points[0].true.ndim), 2):
        if all(d.true.ndim > other and d.true.shape[one] > 1 for d in points) and _all_close(
            points,
            lambda d, a=one, b=other: np.swapaxes(d.true, a, b),  # type: ignore[misc]
        ):
            return Cause("transposed", f"the gradient of {points[0].input} is transposed (axes {one} and {other})")
    return None


def _swapped(points: Sequence[Difference]) -> Cause | None:
    for other in points[0].point.truth.gradients:
        if other != points[0].input and _all_close(points, lambda d, o=other: d.point.truth.gradients[o].value):  # type: ignore[misc]
            return Cause("swapped", f"what is given for {points[0].input} is the gradient of {other}")
    return None


def _summed(points: Sequence[Difference]) -> Cause | None:
    """A sum or a mean too many, over one axis or all."""
    name = points[0].input
    axes = [(axis,) for axis in range(points[0].true.ndim)] + [tuple(range(points[0].true.ndim))]
    for axis in axes:
        where = f"axis {axis[0]}" if len(axis) == 1 else "all axes"
        for word, reduce in (("sum", np.sum), ("mean", np.mean)):
            if all(len(axis) <= d.true.ndim for d in points) and _all_close(
                points,
                lambda d, f=reduce, a=axis: np.broadcast_to(f(d.true, axis=a, keepdims=True), d.true.shape),  # type: ignore[misc]
            ):
                return Cause(f"extra {word}", f"the gradient of {name} is its {word} over {where}, everywhere the same")
    return None


def _moved(points: Sequence[Difference]) -> Cause | None:
    name = points[0].input
    for axis in range(points[0].true.ndim):
        long = [d for d in points if d.true.ndim > axis and d.true.shape[axis] > 2]
        if not long:
            continue
        if _all_close(points, lambda d, a=axis: np.flip(d.true, a) if d.true.ndim > a else None):  # type: ignore[misc]
            return Cause("reversed", f"the gradient of {name} is reversed along axis {axis}")
        for step in (1, -1):
            if all(_shifted(d, step, axis) for d in long):
                return Cause("shifted by one", f"the gradient of {name} is shifted by one along axis {axis}")
    return None


def _shifted(d: Difference, step: int, axis: int) -> bool:
    assert d.claimed is not None
    size = d.true.shape[axis]
    here, there = np.arange(1, size), np.arange(size - 1)
    one = np.take(d.claimed, here if step == 1 else there, axis)
    other = np.take(d.true, there if step == 1 else here, axis)
    return bool(other.any()) and close(one, other, d.point.probe)


def _offset(points: Sequence[Difference]) -> Cause | None:
    """What is added to the true gradient: a cotangent, an input, or something that is the same along an axis."""
    name = points[0].input
    for label, value in _candidates(points[0].point):
        for factor, words in ((1.0, "is added"), (-1.0, "is subtracted")):
            if (
                all(
                    _has(d, label) and close(np.asarray(d.claimed) - d.true, factor * _value(d, label), d.point.probe)
                    for d in points
                )
                and value.any()
            ):
                return Cause("extra term", f"{label} {words} to the gradient of {name}")
    for axis in range(points[0].true.ndim):
        if all(d.true.ndim > axis and d.true.shape[axis] > 1 for d in points) and all(
            _same_along(d, axis) for d in points
        ):
            sentence = (
                f"the gradient of {name} is off by something that is the same along axis {axis}: a sum or mean over it"
            )
            return Cause("wrong mean", f"{sentence} is missing, extra or stale")
    return None


def _same_along(d: Difference, axis: int) -> bool:
    off = np.asarray(d.claimed) - d.true
    return close(off, np.broadcast_to(off.mean(axis, keepdims=True), off.shape), d.point.probe)


def _candidates(point: Point) -> Iterator[tuple[str, Array]]:
    yield from ((f"the input {n}", a) for n, a in point.arrays.items() if a.dtype.kind == "f")
    if len(point.cotangents) == 1:
        yield "the cotangent", point.cotangents[0]


def _value(d: Difference, label: str) -> Array:
    return dict(_candidates(d.point))[label]


def _has(d: Difference, label: str) -> bool:
    return _value(d, label).shape == d.true.shape


def _shape_cause(d: Difference) -> Cause:
    assert d.claimed is not None
    claimed, true, name = d.claimed, d.true, d.input
    if claimed.ndim == true.ndim and claimed.shape == true.shape[::-1] and close(claimed.T, true, d.point.probe):
        return Cause("transposed", f"the gradient of {name} is transposed: {claimed.shape} for {true.shape}")
    if claimed.size == true.size and close(claimed.reshape(true.shape), true, d.point.probe):
        return Cause("axes of extent 1", f"the gradient of {name} is {claimed.shape} where {true.shape} is wanted")
    for axes, summed in _reductions(claimed, true.shape):
        where = _axes_words(axes)
        if close(summed, true, d.point.probe):
            sentence = (
                f"the gradient of {name} lacks the sum over {where}: its shape {claimed.shape} is not {true.shape}"
            )
            return Cause("missing sum over the batch" if 0 in axes else "missing sum", sentence)
    for axes, summed in _reductions(true, claimed.shape):
        if close(summed, claimed, d.point.probe):
            return Cause(
                "extra sum", f"the gradient of {name} is summed over {_axes_words(axes)}, which it must not be"
            )
    return Cause("shape", f"the gradient of {name} has the shape {claimed.shape}, and {name} has {true.shape}")


def _axes_words(axes: Sequence[int]) -> str:
    words = " and ".join(f"axis {axis}" for axis in axes)
    return words + (", the batch" if tuple(axes) == (0,) else "")


def _reductions(array: Array, shape: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], Array]]:
    """Sums over axes that have a shape, with the axes."""
    for count in range(1, array.ndim + 1):
        for axes in combinations(range(array.ndim), count):
            for keep in (False, True):
                summed = np.asarray(array.sum(axis=axes, keepdims=keep))
                if summed.shape == shape:
                    yield axes, summed
