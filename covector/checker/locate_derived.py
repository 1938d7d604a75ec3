"""The cause where the truth is derived: which mistake, made in its element form, gives what is claimed."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from covector.checker.functions_compare import Difference
from covector.checker.functions_guard import quiet
from covector.checker.functions_truth import DerivedForward, Forward, NumericForward
from covector.checker.locate import close
from covector.checker.mistakes import MISTAKES, Guess, Truth
from covector.checker.verdict import Cause
from covector.derivation.record import Record
from covector.errors import CovectorError
from covector.ir import Compute, check
from covector.ir.tensor import program_of
from covector.run.reference import evaluate

SECONDS = 4.0
"""How long mistakes are tried."""

POINTS = 3


def derived_cause(main: Difference, others: Sequence[Difference], forward: Forward) -> Cause | None:
    """The mistake in the derived gradient that gives the claimed one at this point and others; None where none does."""
    if main.claimed is None:
        return None
    record = _record(forward, main)
    if record is None or main.input not in record.gradients:
        return None
    ranks = [array.ndim for array in main.point.arrays.values()]
    alike = [d for d in others if d.kind == main.kind and [a.ndim for a in d.point.arrays.values()] == ranks]
    points = [main, *(d for d in alike if d.claimed is not None and d.point.probe.dtype == "float64")][:POINTS]
    start = time.monotonic()
    for guess in _guesses(record, main.input):
        if all(_explains(guess.statement, record, d) for d in points):
            return Cause(guess.name, f"the gradient of {main.input}: {guess.sentence}")
        if time.monotonic() - start > SECONDS:
            break
    return None


def _record(forward: Forward, main: Difference) -> Record | None:
    """The derivation of a forward; that of a function where it can be derived, and has the same value."""
    point = main.point
    if isinstance(forward, DerivedForward):
        return forward.derivation(point.arrays).record
    if not isinstance(forward, NumericForward) or forward.traced is None or len(point.outputs) != 1:
        return None
    try:
        with quiet():
            record = forward.traced.at_rank(point.probe.rank, point.arrays).record
            (value,) = forward.traced.outputs(point.arrays, point.probe.sizes)
    except Exception:  # a function of somebody else's, called with what it was not written for
        return None
    names = [given.name for given in record.program.inputs]
    return record if names == list(point.arrays) and close(value, point.outputs[0], point.probe) else None


def _guesses(record: Record, name: str) -> Iterator[Guess]:
    """The mistakes in the gradient as a person writes it, then in its statement."""
    gradient = record.gradients[name]
    tensors = (*record.program.inputs, *record.program.statements, *([record.seed] if record.seed else []))
    for statement in dict.fromkeys((gradient.whole, gradient.statement)):
        if statement is not None:
            for mistake in MISTAKES:
                yield from mistake(Truth(statement, tensors))


def _explains(statement: Compute, record: Record, d: Difference) -> bool:
    value = _value(statement, record, d)
    return value is not None and d.claimed is not None and close(value, d.claimed, d.point.probe)


def _value(statement: Compute, record: Record, d: Difference) -> NDArray[np.float64] | None:
    """What a statement gives at a point, or None where it has no value."""
    given = dict(d.point.arrays)
    if record.seed is not None:
        given[record.seed.name] = d.point.cotangents[0]
    inputs = (*record.program.inputs, *((record.seed,) if record.seed is not None else ()))
    try:
        with np.errstate(all="ignore"):
            value = evaluate(check(program_of((statement,), inputs)), given, d.point.probe.sizes)[
                statement.name
            ].astype(np.float64)
        return value if record.seed is not None else value * d.point.cotangents[0]
    except CovectorError:
        return None
