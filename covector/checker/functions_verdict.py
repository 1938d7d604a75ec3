"""From a sweep to a verdict: what agrees and how far it was tried, or where, when and why it is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from covector.checker import locate
from covector.checker.functions_claim import Claim, Own
from covector.checker.functions_compare import Difference
from covector.checker.functions_examine import Examination, Report
from covector.checker.locate_derived import derived_cause
from covector.checker.locate_pattern import pattern
from covector.checker.verdict import Cause, Counterexample, Evidence, Verdict
from covector.errors import NotationError

MOST_SHOWN = 4096
"""Elements of an array beyond which a counterexample does not hold it."""


def judge(name: str, examination: Examination, claim: Claim, before: Verdict | None = None) -> Verdict:
    """The verdict on a claim at all probes of an examination."""
    report = examination.run(claim)
    evidence = _evidence(report, before)
    if report.failed:
        return wrong(name, examination, claim, report, evidence)
    if isinstance(claim, Own) and (other := examination.forward_difference(claim)) is not None:
        return Verdict("wrong", name, other.message, cause=Cause(other.cause, other.message), evidence=evidence)
    if not any(outcome.compared for outcome in report.outcomes):
        reason = next(iter(report.refused), "every coordinate was left out: " + "; ".join(evidence.skipped))
        raise NotationError(
            f"nothing could be compared: {reason}", hint="say where the inputs are drawn from: inputs=…"
        )
    settings = len(report.outcomes)
    message = f"agrees in {settings} settings, {evidence.points} numbers, largest relative error {evidence.error:.1e}"
    single = max((o.error for o in report.outcomes if o.point.probe.dtype != "float64"), default=None)
    message += "" if single is None else f" (float32: {single:.1e})"
    if evidence.skipped:
        message += "; left out: " + "; ".join(evidence.skipped)
    return Verdict("agrees", name, message, reading=claim.reading, evidence=evidence)


def _evidence(report: Report, before: Verdict | None) -> Evidence:
    shapes: dict[tuple[tuple[str, int], ...], dict[str, int]] = {}
    skipped: dict[str, int] = {}
    for outcome in report.outcomes:
        sizes = dict(outcome.point.probe.sizes)
        shapes[tuple(sizes.items())] = sizes
        for reason, count in outcome.skipped.items():
            skipped[reason] = skipped.get(reason, 0) + count
    notes = [f"{count} coordinates at {reason}" for reason, count in skipped.items()]
    for reason, probes in report.refused.items():
        where = next((f" ({p.describe()})" for p in probes if p.describe()), "")
        notes.append(f"{len(probes)} settings where {reason}{where}")
    if report.unfinished:
        notes.append(f"{report.unfinished} settings for want of time")
    points = sum(outcome.compared for outcome in report.outcomes) + (before.evidence.points if before else 0)
    error = max((o.error for o in report.outcomes if o.point.probe.dtype == "float64"), default=0.0)
    return Evidence(tuple(shapes.values()), points, error, tuple(notes))


def wrong(name: str, examination: Examination, claim: Claim, report: Report, evidence: Evidence) -> Verdict:
    """The verdict on a claim that failed: where, when and why, and the smallest counterexample."""
    differences = [d for outcome in report.failed for d in outcome.differences]
    main = _gravest(differences)
    when = locate.only(report, main.input)
    cause = _cause(main, differences, examination, when)
    also = {}
    for other in dict.fromkeys(d.input for d in differences if d.input != main.input):
        found = _gravest([d for d in differences if d.input == other])
        also[other] = _cause(found, differences, examination, locate.only(report, other)).name
    example = _counterexample(examination.shrunk(claim, main) if main.cause != "time limit" else main)
    message = _message(main, when, also)
    return Verdict(
        "wrong", name, message, reading=claim.reading, cause=cause, counterexample=example, evidence=evidence
    )


_GRAVITY = ("raises", "count", "mutates", "random", "missing", "array", "shape", "value", "nan", "slope", "dtype")


def _gravest(differences: Sequence[Difference]) -> Difference:
    """The difference that says most: the gravest kind, at the first point that is not trivial."""

    def order(d: Difference) -> tuple[int, bool, bool]:
        return _GRAVITY.index(d.kind), d.point.probe.rank == 0, d.kind == "value" and not locate.telling(d)

    return min(differences, key=order)


def _cause(main: Difference, differences: Sequence[Difference], examination: Examination, when: str) -> Cause:
    others = [d for d in differences if d.input == main.input and d is not main]
    found = locate.cause_of(main, others)
    vague = found is None or found.name in ("wrong mean", "extra term", "shape")
    if main.kind in ("value", "shape") and vague:
        found = derived_cause(main, others, examination.subject.forward) or found
    if found is None and main.kind == "value" and main.wrong is not None:
        where = pattern(main.wrong)
        found = Cause(f"wrong in {where.partition(',')[0]}", f"the gradient of {main.input} is wrong in {where}")
    if found is None:
        found = Cause(main.cause or _KINDS.get(main.kind, "wrong"), main.message)
    return Cause(when, f"{found.sentence}, {when}") if when and main.kind != "raises" else found


_KINDS = {
    "missing": "no gradient",
    "array": "no array",
    "dtype": "dtype",
    "nan": "not finite",
    "mutates": "changes its inputs",
    "random": "not deterministic",
    "slope": "wrong in some direction",
}


def _message(main: Difference, when: str, also: Mapping[str, str]) -> str:
    """What is wrong in one paragraph: the setting, the input, the coordinates, the numbers."""
    parts = []
    if main.kind == "value" and main.wrong is not None and main.claimed is not None:
        place = _worst(main)
        shape = "×".join(map(str, main.true.shape)) or "a number"
        parts.append(f"the gradient of {main.input} ({shape}) is wrong in {pattern(main.wrong)}")
        at = f"[{', '.join(map(str, place))}]" if place else ""
        parts.append(f"{main.input}{at} is claimed {main.claimed[place]:.6g} and truly {main.true[place]:.6g}")
        parts.append(f"largest relative error {main.error:.1e}")
    else:
        parts.append(main.message if main.kind != "slope" else f"the gradient of {main.input} is wrong {main.message}")
    if when:
        parts.append(when)
    if also:
        parts.append("also wrong: " + ", ".join(f"{name} ({cause})" for name, cause in also.items()))
    setting = main.point.probe.describe()
    return (f"at {setting}: " if setting else "at one point: ") + "; ".join(parts)


def _worst(d: Difference) -> tuple[int, ...]:
    """The coordinates of the largest difference."""
    assert d.wrong is not None
    assert d.claimed is not None
    off = np.where(d.wrong, np.abs(np.nan_to_num(d.claimed - d.true, nan=np.inf)), -1.0)
    return tuple(int(p) for p in np.unravel_index(int(np.argmax(off)), off.shape))


def _counterexample(d: Difference) -> Counterexample:
    where = _worst(d) if d.wrong is not None and d.wrong.any() else None
    inputs: dict[str, Any] = {name: _plain(array) for name, array in d.point.arrays.items()}
    for number, g in enumerate(d.point.cotangents):
        inputs["cotangent" if len(d.point.cotangents) == 1 else f"cotangent{number}"] = _plain(g)
    claimed: Any = None if d.claimed is None else _plain(d.claimed)
    true = _plain(d.true) if d.input in d.point.truth.gradients else None
    if d.kind == "shape" and d.claimed is not None:
        claimed, true = list(d.claimed.shape), list(d.true.shape)
    return Counterexample(dict(d.point.probe.sizes), inputs, claimed, true, where)


def _plain(array: Any) -> Any:
    """An array as nested lists, whole numbers as integers; one that is too large to print as a sentence."""
    array = np.asarray(array)
    if array.size > MOST_SHOWN:
        return f"an array of shape {array.shape}"
    return _whole(array.tolist())


def _whole(value: Any) -> Any:
    if isinstance(value, list):
        return [_whole(part) for part in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
