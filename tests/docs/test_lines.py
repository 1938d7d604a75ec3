"""Every line that a derivation shows is equal to the line above it, case by case too.

The check of a derivation compares its results. Here the lines between are evaluated: the entry of the Jacobian at all
indices, the cases, each of which holds where its deltas say, and the chain rule.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice, pairwise

import numpy as np
import pytest

import covector as cv
from covector.calculus.build import add, mul
from covector.cli.ops import example_source
from covector.derivation.record import Case, Path, Record
from covector.derivation.sample import Sample, samples
from covector.frontend import read_program
from covector.ir import Apply, Bracket, Compute, Expr, Index, Program, is_float
from covector.ops import OPERATIONS, SCALARS
from covector.run.reference import evaluate_batch

PROGRAMS = [
    "y[i,j] = x[i] * x[j]",
    "y[i] = x[i,i] ** 2",
    "y[i] = x[3*i] ** 2",
    "y[i] = x[i+2] ** 2",
    "x: (2*N); y[i:N] = x[2*i] * x[2*i+1]",
    "x: N; w: 3; y[i:(N-1)//2+1] = sum[p](pad(x[2*i+p-1]) * w[p])",
    "x: N; y[i:2*N] = x[i//2] ** 2",
    "x: N; y[i:2*N] = x[i%N] ** 2",
    "x: B O; y[p:B*O] = x[p//O, p%O] ** 2",
    "y[n,d] = table[ids[n], d] ** 2",
    "y[n] = x[n, t[n]] ** 2",
    "y[n] = x[a[n]] * x[b[n]]",
    "y[i,j,k] = x[i,j] * x[j,k] * x[i,k]",
    "y[i] = select(x[i] > 0, sqrt(x[i]), x[i] ** 2)",
    "y[i] = x[i] * sum[j](x[j] * x[j])",
    "y = max[i](x[i]) ** 2",
    "y = prod[i](x[i])",
]
EXAMPLES = [example_source(operation) for operation in OPERATIONS.values()]
DERIVABLE = [s for s in EXAMPLES if any(is_float(given.dtype) for given in read_program(s).inputs)]


@pytest.mark.parametrize("source", PROGRAMS)
def test_each_line_is_equal_to_the_line_above(source: str) -> None:
    assert compared(cv.derive(source).record, shapes=3)


@pytest.mark.parametrize("source", DERIVABLE, ids=lambda source: source.splitlines()[-1].partition(" ")[0])
def test_each_line_of_an_operation_is_equal_to_the_line_above(source: str) -> None:
    assert compared(cv.derive(source).record, shapes=1)


def compared(record: Record, shapes: int) -> bool:
    """Compare the lines, at one point for each of some shapes; False where there is nothing to compare."""
    found = False
    for sample in islice(first_points(record), shapes):
        for name, lines in shown(record):
            values = evaluated(record, lines, sample)
            for number, (above, below) in enumerate(pairwise(values)):
                found = True
                np.testing.assert_allclose(below, above, rtol=1e-8, atol=1e-8, err_msg=f"{name}, line {number + 1}")
    return found


def first_points(record: Record) -> Iterator[Sample]:
    """One point for each of several shapes."""
    for points in samples(record.program, record.seed, 1):
        yield from points


def shown(record: Record) -> Iterator[tuple[str, list[Compute]]]:
    """The lines of each equation, as statements."""
    for name, gradient in {**record.intermediate, **record.gradients}.items():
        for path in gradient.paths:
            entry = [step.expr for step in path.entry if step.of is None] + together(path)
            yield f"∂{path.statement.name}/∂{name}", statements(entry, (*path.outputs, *path.at))
            yield f"chain rule for {name}", statements([step.expr for step in path.chain], path.at)


def together(path: Path) -> list[Expr]:
    """The cases as one expression, each behind the conditions under which it holds."""
    return [add(*(mul(*conditions(case), case.value) for case in path.cases))] if path.cases else []


def conditions(case: Case) -> list[Expr]:
    return [*case.equal, *(Bracket(Apply(SCALARS["not"], (bracket.condition,))) for bracket in case.unequal)]


def statements(lines: Sequence[Expr], indices: tuple[Index, ...]) -> list[Compute]:
    return [Compute(f"line {number}", indices, line, "float64") for number, line in enumerate(lines)]


def evaluated(record: Record, lines: list[Compute], sample: Sample) -> list[np.ndarray]:
    """The value of each line at one point."""
    if not lines:
        return []
    derived = record.gradient_program
    program = Program(derived.inputs, (*derived.statements, *lines), tuple(lines))
    values = evaluate_batch(program, sample.arrays, sample.extents)
    return [values[line.name] for line in lines]
