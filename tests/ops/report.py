"""What the table's operations were compared with, and how well they agree: ``python -m tests.ops.report [name …]``.

For each operation the number of shapes, and the largest relative error of its value, of its first and of its second
derivatives, against PyTorch or JAX in float64.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from covector.errors import nearest
from covector.ops import OPERATIONS, SCALARS
from tests.ops import comparisons
from tests.ops.comparisons import TOLERANCE, Subject
from tests.ops.oracles import ORACLES, SCALAR_ORACLES


@dataclass(frozen=True)
class Row:
    """One operation: how many shapes, and all relative errors; ``None`` for derivatives that it does not have."""

    name: str
    family: str
    oracle: str
    shapes: int
    values: Sequence[float]
    firsts: Sequence[float] | None
    seconds: Sequence[float] | None

    @property
    def errors(self) -> list[float]:
        """Every error, one a comparison."""
        return [*self.values, *(self.firsts or ()), *(self.seconds or ())]

    @property
    def agrees(self) -> bool:
        """Whether every comparison is within the tolerance."""
        return all(error <= TOLERANCE for error in self.errors)


def row(name: str) -> Row:
    """An operation or a scalar function compared in all its settings."""
    found = comparisons.subjects(name)
    family = OPERATIONS[name].family if name in OPERATIONS else "scalar functions"
    values = [subject.value_error() for subject in found]
    firsts = seconds = None
    if name in set(comparisons.differentiable()):
        firsts = _all(subject.first_errors() for subject in found)
        seconds = _all(subject.second_errors() for subject in comparisons.first_of_each_program(name))
    return Row(name, family, _oracle(found), len(found), values, firsts, seconds)


def names() -> list[str]:
    """Everything in the table that has an oracle here, operations before scalar functions."""
    functions = [name for name, function in SCALARS.items() if function.parameters and name in SCALAR_ORACLES]
    return list(dict.fromkeys([*(name for name in OPERATIONS if name in ORACLES), *functions]))


def main(wanted: Sequence[str] = ()) -> int:
    """Print the table; the exit status says whether everything agrees."""
    known = names()
    for name in wanted:
        if name not in known:
            close = nearest(name, known)
            print(f"no operation {name!r} with an oracle" + (f"; did you mean {close!r}?" if close else ""))
            return 2
    line = "{:<33} {:<17} {:<6} {:>6} {:>9} {:>9} {:>9}"
    print(line.format("operation", "family", "oracle", "shapes", "value", "first", "second"))
    rows = []
    for name in wanted or known:
        rows.append(one := row(name))
        cells = [_largest(errors) for errors in (one.values, one.firsts, one.seconds)]
        print(line.format(one.name, one.family, one.oracle, one.shapes, *cells) + ("" if one.agrees else "  differs"))
    count = sum(len(one.errors) for one in rows)
    bad = [one.name for one in rows if not one.agrees]
    verdict = f"{len(bad)} differ: {', '.join(bad)}" if bad else "all agree"
    print(f"{len(rows)} operations, {count} comparisons, {verdict}")
    return 1 if bad else 0


def _all(errors: Iterable[dict[str, float]]) -> list[float]:
    return [error for found in errors for error in found.values()]


def _largest(errors: Sequence[float] | None) -> str:
    return "-" if errors is None else f"{max(errors, default=0):.1e}"


def _oracle(found: Sequence[Subject]) -> str:
    return found[0].oracle.framework


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
