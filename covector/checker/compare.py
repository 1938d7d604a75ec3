"""Deciding whether two statements are equal: their shapes, then numbers at generic points, then a proof.

Numbers come before the proof, for a proof is only worth looking for where the numbers agree. They are compared at
random points alone: at whole numbers kinks and ties abound, where two right formulas may differ.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np

from covector.calculus.canonical import same
from covector.calculus.rules import proved_equal
from covector.checker.points import BATCH, BUDGET, RANGES, Extents, drawn, fits, main_shapes, run, small_shapes, work
from covector.checker.truth import inlined
from covector.checker.verdict import Counterexample, Evidence
from covector.errors import CovectorError, ShapeError
from covector.ir import Compute, Expr, Input, Program, Tensor, as_affine, substitute, walk
from covector.ir.tensor import program_of
from covector.notation.print import shape_text
from covector.run.extents import evaluate_extent
from covector.run.reference import Array

RELATIVE = 1e-8
"""The largest difference that is rounding, relative to the largest element of both sides."""

ABSOLUTE = 1e-12
"""The same, relative to the largest number that goes into the sides."""

PROOF_LIMIT = 260
"""Nodes of both sides beyond which no proof is tried."""

Answer = Literal["proved", "agrees", "wrong"]


@dataclass(frozen=True)
class Finding:
    """What was found about two statements; ``shapes_differ`` says that their shapes do already."""

    answer: Answer
    evidence: Evidence = field(default_factory=Evidence)
    counterexample: Counterexample | None = None
    shapes_differ: bool = False


@dataclass(frozen=True)
class Point:
    """Inputs, with a batch axis, and what both sides are there; ``counts`` says where the true side is finite."""

    extents: Extents
    arrays: Mapping[Input, Array]
    values: Mapping[Tensor, Array]
    claimed: Array
    true: Array
    counts: Array

    @cached_property
    def tolerance(self) -> Array:
        """The largest difference that is rounding, for each member of the batch."""
        inside = [v for t, v in self.values.items() if v.dtype.kind == "f"]
        magnitude = max((_largest(v).max(initial=1.0) for v in inside), default=1.0)
        scale = np.maximum(_largest(self.claimed), _largest(self.true))
        return _fit(RELATIVE * scale + ABSOLUTE * magnitude, self.true)

    @cached_property
    def differs(self) -> Array:
        """Where the sides differ by more than rounding, and the claimed one is finite."""
        with np.errstate(invalid="ignore"):
            apart = np.asarray(np.abs(self.claimed - self.true) > self.tolerance)
        return np.asarray(apart & self.counts & np.isfinite(self.claimed))

    @property
    def error(self) -> float:
        """The largest difference, relative to the scale."""
        counted = self.counts & np.isfinite(self.claimed)
        scale = _fit(np.maximum(_largest(self.claimed), _largest(self.true)), self.true)
        with np.errstate(all="ignore"):
            relative = np.where(counted & (scale > 0), np.abs(self.claimed - self.true) / scale, 0.0)
        return float(relative.max(initial=0.0))


class Pair:
    """Two statements of one shape to compare, as one program."""

    def __init__(self, claimed: Compute, true: Compute) -> None:
        self.claimed, self.true = claimed, true
        self.program: Program = program_of((true, claimed))
        self.truth: Program = program_of((true,), self.program.inputs)

    def point(self, extents: Extents, arrays: Mapping[Input, Array]) -> Point | None:
        """Both sides at some inputs; None where the true side cannot be evaluated."""
        try:
            values = run(self.program, arrays, extents)
        except CovectorError:
            return None
        batch = max((array.shape[0] for array in arrays.values()), default=1)
        given, wanted = (_batched(values[side], batch) for side in (self.claimed, self.true))
        finite = np.asarray(np.isfinite(wanted))
        for statement in self.truth.statements:
            whole = np.isfinite(values[statement]).reshape(values[statement].shape[0], -1).all(axis=1)
            finite = finite & _fit(np.asarray(whole), wanted)
        return Point(extents, arrays, values, given, wanted, finite)

    def points(self) -> Iterator[Point]:
        """Generic points at several shapes; those at which the true side is finite somewhere."""
        spent = 0
        for number, extents in enumerate(main_shapes(self.program)):
            cost = BATCH * work(self.program, extents)
            for turn, (low, high) in enumerate(RANGES):
                if spent > BUDGET and (turn or spent > 4 * BUDGET):
                    break
                spent += cost
                point = self.point(extents, drawn(self.program, extents, low, high, (number, turn)))
                if point is not None and (point.counts.any() or not point.true.size):
                    yield point


def decide(claimed: Compute, true: Compute, earlier: Collection[Tensor] = ()) -> Finding:
    """Whether a claimed statement is equal to a true one, whatever their inputs are.

    Both read the same tensors; their indices may have other names. ``earlier`` are the statements of the forward. Where
    the shapes are the same there is no counterexample in what is found: `counterexample` looks for it.

    >>> from covector.frontend import read_program
    >>> program = read_program("y[i] = (x[i] + 1) ** 2; z[i] = x[i] ** 2 + 2 * x[i] + 1")
    >>> decide(program.statements[1], program.statements[0]).answer
    'proved'
    """
    if (apart := shapes_apart(claimed, true)) is not None:
        return Finding("wrong", counterexample=apart, shapes_differ=True)
    pair = Pair(claimed, true)
    points = list(pair.points())
    evidence = _evidence(points)
    if any(point.differs.any() for point in points) or _never_finite(points):
        return Finding("wrong", evidence)
    if proved(claimed, true, earlier):
        return Finding("proved", evidence)
    if not points:
        raise CovectorError("no point was found at which the true side is finite, so nothing can be compared")
    return Finding("agrees", evidence)


def shapes_apart(claimed: Compute, true: Compute) -> Counterexample | None:
    """The smallest sizes at which the shapes differ; None where they never do."""
    if claimed.shape == true.shape:
        return None
    program = program_of((true, claimed))
    for extents in small_shapes(program):
        if not fits(program, extents):
            continue
        found, wanted = (tuple(evaluate_extent(e, extents) for e in side.shape) for side in (claimed, true))
        if found != wanted:
            return Counterexample(extents, {}, found, wanted)
    if len(claimed.shape) != len(true.shape):
        raise ShapeError(f"{shape_text(claimed.shape)} and {shape_text(true.shape)} fit no sizes that were tried")
    return None


def proved(claimed: Compute, true: Compute, earlier: Collection[Tensor] = ()) -> bool:
    """Whether the rules prove that two statements of one shape are equal; what is too large is not proved.

    ``earlier`` are statements, those of a forward, that may stand as they are; then they are opened too.
    """
    renamed = {old: as_affine(new) for old, new in zip(claimed.indices, true.indices, strict=True) if old is not new}
    others = [statement for statement in program_of((true, claimed)).statements if statement not in (claimed, true)]
    for opened in ([statement for statement in others if statement not in earlier], others):
        left = inlined(claimed.body, opened, PROOF_LIMIT)
        right = inlined(true.body, opened, PROOF_LIMIT)
        if left is None or right is None:
            return False
        if _proved(substitute(left, renamed), right):
            return True
    return False


def _proved(left: Expr, right: Expr) -> bool:
    if same(left, right):
        return True
    if sum(1 for _ in walk(left)) + sum(1 for _ in walk(right)) > PROOF_LIMIT:
        return False
    try:
        return proved_equal(left, right)
    except (CovectorError, RecursionError, OverflowError, ZeroDivisionError):
        return False


def _evidence(points: list[Point]) -> Evidence:
    shapes = list({tuple(point.extents.items()): point.extents for point in points}.values())
    skipped = []
    if any((~np.isfinite(point.claimed) & point.counts).any() for point in points):
        skipped.append("points at which the claim is not finite")
    if any((~point.counts).any() for point in points):
        skipped.append("points at which the true side is not finite")
    number = sum(point.true.shape[0] for point in points)
    return Evidence(tuple(shapes), number, max((point.error for point in points), default=None), tuple(skipped))


def _never_finite(points: list[Point]) -> bool:
    """Whether the claim is nowhere a number where the true side is one."""
    counted = [point for point in points if point.counts.any()]
    return bool(counted) and not any((np.isfinite(point.claimed) & point.counts).any() for point in counted)


def _batched(value: Array, batch: int) -> Array:
    return np.broadcast_to(value, (batch, *value.shape[1:])).astype(np.float64)


def _largest(value: Array) -> Array:
    """The largest finite magnitude of each member of a batch."""
    flat = np.abs(value.reshape(value.shape[0], -1).astype(np.float64))
    return np.asarray(np.where(np.isfinite(flat), flat, 0.0).max(axis=1, initial=0.0))


def _fit(row: Array, like: Array) -> Array:
    """One number for each member of a batch, against an array with its axes."""
    wide = np.broadcast_to(row, (like.shape[0],)) if row.shape[0] == 1 else row
    return np.broadcast_to(wide.reshape(-1, *(1,) * (like.ndim - 1)), like.shape)
