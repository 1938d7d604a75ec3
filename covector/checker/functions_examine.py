"""The sweep: a claimed backward at every probe, each point with its truth, within a limit of time."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from covector.checker.functions_claim import Claim
from covector.checker.functions_compare import (
    Difference,
    Outcome,
    Point,
    compare,
    largest_change,
    measure,
    rounded,
    without_kinks,
)
from covector.checker.functions_guard import TimeLimitError, limited, quiet, short
from covector.checker.functions_inputs import Inputs
from covector.checker.functions_signature import Misreturn
from covector.checker.functions_truth import DerivedForward, Forward, Line
from covector.checker.probes import Probe, draw_cotangent, plan
from covector.errors import CovectorError

Array = NDArray[Any]

ATTEMPTS = 3
FORWARD_TOLERANCE = 1e-6
LATER = 128
"""Coordinates of a gradient that are compared by differences after the first probe."""

BUDGET = 60.0
"""Seconds after which no further probe is begun."""


class Unusable(Exception):
    """The forward cannot be used at a probe, or at all."""


@dataclass(frozen=True)
class Options:
    """How thorough a check is; ``time_limit`` are the seconds that one call may take, None for no limit."""

    dtypes: tuple[str, ...] = ("float64", "float32")
    limit: int = 4096
    seed: int = 0
    time_limit: float | None = None
    layouts: tuple[str, ...] | None = None
    first_only: bool = False


@dataclass
class Subject:
    """What is examined: inputs, the forward that knows the truth, and the wanted gradients."""

    inputs: Inputs
    wanted: tuple[str, ...]
    forward: Forward
    fixed_cotangent: bool = False
    dtype_kept: bool | None = None


@dataclass
class Report:
    """Everything that a sweep found; ``refused`` says at which probes the forward has no value, and why."""

    outcomes: list[Outcome] = field(default_factory=list)
    refused: dict[str, list[Probe]] = field(default_factory=dict)
    unfinished: int = 0

    @property
    def failed(self) -> list[Outcome]:
        """The outcomes with differences."""
        return [outcome for outcome in self.outcomes if outcome.differences]


class Examination:
    """A subject at its points, which are made once and serve any number of claims."""

    def __init__(self, subject: Subject, options: Options, layouts: Sequence[str]) -> None:
        self.subject, self.options = subject, options
        self.probes = plan(subject.inputs, options.dtypes, options.layouts or layouts, options.seed)
        self._points: dict[int, Point | str] = {}
        self._sizes: dict[str, float] = {}
        self._drawn: dict[tuple[Any, ...], Point] = {}

    def run(self, claim: Claim) -> Report:
        """The claim at every probe; at the first that fails only, where that was asked for."""
        report, start = Report(), time.monotonic()
        self._refuse_random()
        for number, probe in enumerate(self.probes):
            if time.monotonic() - start > BUDGET:
                report.unfinished = len(self.probes) - number
                break
            point = self.point(number)
            if isinstance(point, str):
                report.refused.setdefault(point, []).append(probe)
                continue
            try:
                report.outcomes.append(self.judge(claim, point, first=not report.outcomes))
            except Unusable as error:
                report.refused.setdefault(str(error), []).append(probe)
            if report.failed and self.options.first_only:
                break
        return report

    def _refuse_random(self) -> None:
        """Raises `CovectorError` where the forward gives other values when it is called again."""
        first = next((p for n in range(len(self.probes)) if not isinstance(p := self.point(n), str)), None)
        if first is None or self.subject.forward.derived:
            return
        with quiet():
            again = self.subject.forward.outputs(first.arrays, first.probe.sizes)
        for one, other in zip(first.outputs, again, strict=True):
            if one.shape != other.shape or not np.allclose(one, other, rtol=1e-9, atol=1e-12):
                hint = "seed it inside, or switch dropout off: module.eval()"
                raise CovectorError("the forward gives other values when it is called again", hint=hint)

    def point(self, number: int) -> Point | str:
        """The point of a probe, or why there is none."""
        if number not in self._points:
            try:
                self._points[number] = self.draw(self.probes[number])
            except Unusable as error:
                self._points[number] = str(error)
        return self._points[number]

    def draw(self, probe: Probe, whole: bool = False) -> Point:
        """Arrays at which the forward is finite, and the truth there; raises `Unusable`.

        Probes that differ in the layout alone share them.
        """
        key = (tuple(probe.sizes.items()), probe.rank, probe.dtype, probe.cotangent, probe.seed, whole)
        if key not in self._drawn:
            self._drawn[key] = self._draw(probe, whole)
        return replace(self._drawn[key], probe=probe)

    def _draw(self, probe: Probe, whole: bool) -> Point:
        reason = ""
        for attempt in range(ATTEMPTS):
            rng = np.random.default_rng([probe.seed, attempt])
            try:
                arrays = self._arrays(probe, rng, attempt, whole)
                with quiet(), limited(self.options.time_limit):
                    outputs = tuple(self.subject.forward.outputs(arrays, probe.sizes))
            except TimeLimitError:
                raise Unusable(f"the forward takes longer than {self.options.time_limit} s") from None
            except Exception as error:
                reason = f"the forward raises {type(error).__name__}: {short(error)}"
                continue
            if all(np.isfinite(value).all() for value in outputs):
                return self._with_truth(probe, arrays, outputs, rng, whole)
            reason = "the forward is not finite"
        raise Unusable(reason)

    def _arrays(self, probe: Probe, rng: np.random.Generator, attempt: int, whole: bool) -> dict[str, Array]:
        inputs = self.subject.inputs
        if whole:
            arrays = inputs.draw_whole_numbers(probe.sizes, probe.rank, rng)
        else:
            moved = probe.seed % 1000 != 0
            arrays = inputs.draw(probe.sizes, probe.rank, rng, attempt, moved)
        if isinstance(self.subject.forward, DerivedForward):
            self.subject.forward.at_rank(probe.rank, arrays)
        kept = {name: value.astype(probe.dtype) if value.dtype.kind == "f" else value for name, value in arrays.items()}
        return {n: v.astype(np.float64) if v.dtype.kind == "f" else v for n, v in kept.items()}

    def _with_truth(
        self, probe: Probe, arrays: dict[str, Array], outputs: tuple[Array, ...], rng: np.random.Generator, whole: bool
    ) -> Point:
        kind = "whole" if whole else probe.cotangent
        drawn = (np.ones(()) if self.subject.fixed_cotangent else draw_cotangent(o.shape, kind, rng) for o in outputs)
        cotangents = tuple(np.asarray(g).astype(probe.dtype).astype(np.float64) for g in drawn)
        try:
            with quiet():
                truth = self.subject.forward.truth(
                    arrays, probe.sizes, cotangents, self.subject.wanted, self._limit(probe)
                )
        except Exception as error:
            raise Unusable(f"the forward raises {type(error).__name__} nearby: {short(error)}") from None
        return Point(probe, arrays, cotangents, outputs, truth)

    def _limit(self, probe: Probe) -> int:
        """The coordinates that are compared of each gradient: most of them at the first probe."""
        return self.options.limit if probe.seed % 1000 == 0 else min(self.options.limit, LATER)

    def judge(self, claim: Claim, point: Point, first: bool = False) -> Outcome:
        """What is wrong with the claim at one point."""
        outcome = Outcome(point, skipped=dict(point.truth.skipped))
        found = self._called(claim, point, first)
        if isinstance(found, list):
            outcome.differences = found
            return outcome
        for name in self.subject.wanted:
            exact = self._keeps_dtype(claim, point)
            claimed = compare(name, found[name], point, claim.framework, exact, claim.none_is_zero)
            if isinstance(claimed, Difference):
                outcome.differences.append(claimed)
                continue
            difference, error, count = measure(name, claimed, point, 0.0, self._usual(name, point))
            if difference is not None and difference.kind in ("value", "slope"):
                difference, error = self._confirmed(claim, difference, error, outcome)
            if difference is not None:
                outcome.differences.append(difference)
            outcome.compared += count
            outcome.error = max(outcome.error, error if difference is None else 0.0)
        return outcome

    def _called(self, claim: Claim, point: Point, first: bool) -> dict[str, Any] | list[Difference]:
        """What the claim returns, or that it raises, changes its inputs or is not the same twice."""
        wanted = self.subject.wanted
        try:
            found, changed = self.call(claim, point)
            again = self.call(claim, point)[0] if first else found
        except Misreturn as error:
            names = error.inputs or wanted[:1]
            return [Difference(name, "count", point, error.message, cause=error.cause) for name in names]
        except TimeLimitError:
            message = f"the backward takes longer than {self.options.time_limit} s"
            return [Difference(wanted[0], "raises", point, message, cause="time limit")]
        except Exception as error:
            if 0 in point.probe.sizes.values() or any(array.size == 0 for array in point.arrays.values()):
                raise Unusable(f"the backward raises {type(error).__name__} where an extent is 0") from None
            at = ", ".join(f"{name} {array.shape}" for name, array in point.arrays.items())
            message = f"the backward raises {type(error).__name__} for {at}: {short(error)}"
            return [Difference(wanted[0], "raises", point, message, cause=f"raises {type(error).__name__}")]
        if changed:
            return [Difference(changed[0], "mutates", point, f"the backward changes {', '.join(changed)} in place")]
        for name in wanted if first else ():
            if not _same(claim, found[name], again[name]):
                return [Difference(name, "random", point, f"the gradient of {name} is another when computed twice")]
        return found

    def call(
        self, claim: Claim, point: Point, dtype: str | None = None, arrays: Mapping[str, Array] | None = None
    ) -> tuple[dict[str, Any], list[str]]:
        """What the claim returns at a point, and the names of the arrays that it changed."""
        probe, framework = point.probe, claim.framework
        dtype = dtype or probe.dtype
        given = {n: v.astype(dtype) if v.dtype.kind == "f" else v for n, v in (arrays or point.arrays).items()}
        with framework.precision(), quiet():
            native = {name: framework.native(value.copy(), probe.layout) for name, value in given.items()}
            seeds = [framework.native(g.astype(dtype), probe.layout) for g in point.cotangents]
            with limited(self.options.time_limit):
                found = claim.gradients(native, seeds, arrays or point.arrays, probe.sizes)
            changed = [n for n in given if not np.array_equal(framework.plain(native[n]), given[n], equal_nan=True)]
            pairs = zip(seeds, point.cotangents, strict=True)
            moved = any(not np.array_equal(framework.plain(seed), g.astype(dtype)) for seed, g in pairs)
        return found, [*changed, *(["the cotangent"] if moved else [])]

    def _keeps_dtype(self, claim: Claim, point: Point) -> bool:
        """Whether a gradient must have the dtype of its input: where the forward of float32 is float32."""
        if point.probe.dtype == "float64":
            return claim.framework.name != "jax"
        if self.subject.dtype_kept is None:
            with claim.framework.precision(), quiet():
                arrays = {n: v.astype("float32") if v.dtype.kind == "f" else v for n, v in point.arrays.items()}
                values = claim.values({n: claim.framework.native(v) for n, v in arrays.items()})
                kept = values is None or all(claim.framework.plain(v).dtype == np.float32 for v in values)
            self.subject.dtype_kept = kept
        return self.subject.dtype_kept

    def _confirmed(
        self, claim: Claim, difference: Difference, error: float, outcome: Outcome
    ) -> tuple[Difference | None, float]:
        """A difference looked at again: with the conditioning of the point, and without the kinks of the forward."""
        assert difference.claimed is not None
        point, name = difference.point, difference.input
        slack = self._conditioning(claim, point)
        again, error, _ = measure(name, difference.claimed, point, slack.get(name, 0.0), self._usual(name, point))
        if again is None or again.kind != "value" or not self.subject.forward.derived:
            return again, error
        line = Line(
            lambda arrays: self.subject.forward.outputs(arrays, point.probe.sizes), point.arrays, name, point.cotangents
        )
        with quiet():
            left = without_kinks(again, line)
        if left is None:
            count = 0 if again.wrong is None else int(again.wrong.sum())
            outcome.skipped["kinks or ties"] = outcome.skipped.get("kinks or ties", 0) + count
            outcome.compared -= count
            return None, 0.0
        return left, error

    def _usual(self, name: str, point: Point) -> float:
        """The size of a gradient at the first point."""
        if name not in self._sizes:
            first = next((p for n in range(len(self.probes)) if not isinstance(p := self.point(n), str)), point)
            slopes = first.truth.gradients[name]
            self._sizes[name] = float(np.abs(slopes.value[slopes.known]).max(initial=0.0))
        return self._sizes[name]

    def _conditioning(self, claim: Claim, point: Point) -> dict[str, float]:
        """How much the gradients change when the inputs are rounded."""
        wanted, dtype = self.subject.wanted, point.probe.dtype
        near = rounded(point.arrays, dtype, np.random.default_rng(7))
        try:
            with quiet():
                if dtype == "float64" and not self.subject.forward.derived:
                    return {}
                if dtype == "float64":
                    moved = self.subject.forward.truth(
                        near, point.probe.sizes, point.cotangents, wanted, self.options.limit
                    )
                    before = {n: point.truth.gradients[n].value for n in wanted}
                    return largest_change(before, {n: moved.gradients[n].value for n in wanted}, wanted)
                one = self._plain(claim, self.call(claim, point, "float64")[0])
                other = self._plain(claim, self.call(claim, point, "float64", near)[0])
                return largest_change(one, other, wanted)
        except Exception:
            return {}

    def _plain(self, claim: Claim, found: Mapping[str, Any]) -> dict[str, Array]:
        return {n: claim.framework.plain(found[n]).astype(np.float64) for n in self.subject.wanted}

    def forward_difference(self, claim: Claim) -> Difference | None:
        """Where the claim's own forward has another value than the forward that it is checked against."""
        for number in range(len(self.probes)):
            point = self.point(number)
            if isinstance(point, str):
                continue
            try:
                with claim.framework.precision(), quiet():
                    native = {n: claim.framework.native(v.copy()) for n, v in point.arrays.items()}
                    values = claim.values(native)
            except Exception:
                return None
            if values is None:
                return None
            value, true = claim.framework.plain(values[0]), point.outputs[0]
            scale = float(np.abs(true).max(initial=0.0)) or 1.0
            if value.shape != true.shape or np.abs(value - true).max(initial=0.0) > FORWARD_TOLERANCE * scale:
                message = (
                    f"its own forward is not that it is checked against, at {point.probe.describe() or 'this point'}"
                )
                return Difference(self.subject.wanted[0], "forward", point, message, cause="another forward")
            return None
        return None

    def shrunk(self, claim: Claim, failing: Difference) -> Difference:
        """The same failure at the smallest sizes found, with small whole numbers where those fail too."""
        probe = failing.point.probe
        if not self.subject.inputs.sized:
            return failing
        for sizes in _smaller(probe.sizes):
            for whole, seed in ((True, 0), (True, 1), (False, 0)):
                try:
                    small = replace(probe, sizes=sizes, cotangent="random", seed=9000 + seed)
                    outcome = self.judge(claim, self.draw(small, whole))
                except Unusable:
                    continue
                for found in outcome.differences:
                    if found.input == failing.input and found.kind == failing.kind:
                        return found
        return failing


def _smaller(sizes: Mapping[str, int]) -> Iterator[dict[str, int]]:
    """Sizes of at most 3 that are not larger, those with the fewest elements first."""
    names = list(sizes)
    if len(names) > 8:
        yield {name: min(2, size) for name, size in sizes.items()}
        return
    ranges = [[size] if size == 0 else list(range(1, min(size, 3) + 1)) for size in sizes.values()]
    grid = np.array(np.meshgrid(*ranges, indexing="ij")).reshape(len(names), -1).T if names else np.zeros((1, 0), int)
    ordered = sorted(grid.tolist(), key=lambda row: (sum(row), row))
    yield from (dict(zip(names, row, strict=True)) for row in ordered[:40])


def _same(claim: Claim, one: Any, other: Any) -> bool:
    """Whether two results are equal up to the order in which a library may add."""
    try:
        left, right = claim.framework.plain(one), claim.framework.plain(other)
    except (TypeError, ValueError):
        return True
    if left.shape != right.shape:
        return False
    return bool(np.allclose(left, right, rtol=1e-6, atol=1e-12, equal_nan=True))
