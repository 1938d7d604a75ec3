"""What is measured: rows, their contenders, the bars they are to clear, and the results."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

JIT = "covector jit"
EAGER = "covector"
TORCH = "PyTorch"
COMPILED = "torch.compile"
JAX = "jax.jit"
NUMPY = "NumPy"
OURS = (JIT, EAGER)
PEERS = (TORCH, COMPILED, JAX, NUMPY)

Sample = Callable[[], float]
"""One figure of one round: the seconds of a call, averaged over a block of calls, or the bytes of a process."""

Outcome = Mapping[str, np.ndarray]
"""What a contender computed, by name."""


class Unavailable(Exception):
    """A contender that cannot take part on this machine, and why."""


@dataclass(frozen=True)
class Contender:
    """One way to do the work of a row: a figure of it whenever one is wanted, and what it computed the first time."""

    sample: Sample
    outcome: Outcome = field(default_factory=dict)


@dataclass(frozen=True)
class Bar:
    """What a row is to reach: so many times the speed of the best of some peers, or a figure of its own to stay under.

    With ``mkl`` it holds only where products go through MKL, or where they do not.
    """

    subject: str
    factor: float | None = None
    against: tuple[str, ...] = PEERS
    under: float | None = None
    mkl: bool | None = None


@dataclass(frozen=True)
class Work:
    """The least that the work takes of the machine: floating-point operations of products, bytes read and written."""

    flops: float = 0.0
    bytes: float = 0.0


@dataclass(frozen=True)
class Row:
    """One line of the benchmark; contenders are made when the row is measured, and let go after it."""

    name: str
    title: str
    contenders: Mapping[str, Callable[[], Contender]]
    bars: tuple[Bar, ...] = ()
    work: Work = Work()
    expected: Callable[[], Outcome] | None = None
    tolerance: float = 1e-2
    unit: str = "s"
    rounds: int | None = None
    point: tuple[str, int] | None = None
    """Where the row lies on a curve: the name of the axis, and the place on it."""

    @property
    def family(self) -> str:
        """The first word of the name.

        >>> Row("step-mlp", "An MLP", {}).family
        'step'
        """
        return self.name.partition("-")[0]


@dataclass(frozen=True)
class Measured:
    """The figures of one contender, a round each."""

    figures: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle of the rounds."""
        return statistics.median(self.figures)

    @property
    def quartiles(self) -> tuple[float, float]:
        """Between these lies the middle half of the rounds."""
        if len(self.figures) == 1:
            return self.figures[0], self.figures[0]
        low, _, high = statistics.quantiles(self.figures, n=4, method="inclusive")
        return low, high


@dataclass(frozen=True)
class Verdict:
    """How a bar was met: what was found, in the bar's own terms, and against whom; None where nobody was there."""

    bar: Bar
    found: float | None
    rival: str | None = None

    @property
    def met(self) -> bool | None:
        """Whether the bar is cleared."""
        if self.found is None:
            return None
        if self.bar.under is not None:
            return self.found < self.bar.under
        return self.bar.factor is not None and self.found >= self.bar.factor


@dataclass(frozen=True)
class Result:
    """A row with its figures, those who could not take part and why, and those whose result was wrong."""

    row: Row
    measured: Mapping[str, Measured]
    missing: Mapping[str, str]
    wrong: Mapping[str, str]
    limit: float | None = None

    def best(self, names: tuple[str, ...] = PEERS) -> str | None:
        """The quickest of some contenders, of those that were there."""
        there = [name for name in names if name in self.measured]
        return min(there, key=lambda name: self.measured[name].median, default=None)

    def ratio(self, subject: str, names: tuple[str, ...] = PEERS) -> float | None:
        """How many times as fast as the best of them a contender is."""
        rival = self.best(names)
        if rival is None or subject not in self.measured:
            return None
        return self.measured[rival].median / self.measured[subject].median

    def verdict(self, bar: Bar) -> Verdict:
        """Whether the row clears a bar."""
        if bar.subject not in self.measured:
            return Verdict(bar, None)
        if bar.under is not None:
            return Verdict(bar, self.measured[bar.subject].median)
        return Verdict(bar, self.ratio(bar.subject, bar.against), self.best(bar.against))

    def data(self) -> dict[str, Any]:
        """The result as plain data."""
        verdicts = [self.verdict(bar) for bar in self.row.bars]
        return {
            "name": self.row.name,
            "title": self.row.title,
            "unit": self.row.unit,
            "limit": self.limit,
            "contenders": {
                name: {"median": found.median, "quartiles": list(found.quartiles), "figures": list(found.figures)}
                for name, found in self.measured.items()
            },
            "missing": dict(self.missing),
            "wrong": dict(self.wrong),
            "bars": [
                {
                    "subject": verdict.bar.subject,
                    "factor": verdict.bar.factor,
                    "against": list(verdict.bar.against) if verdict.bar.under is None else [],
                    "under": verdict.bar.under,
                    "mkl": verdict.bar.mkl,
                    "found": verdict.found,
                    "met": verdict.met,
                }
                for verdict in verdicts
            ],
        }
