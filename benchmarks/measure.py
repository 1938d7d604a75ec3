"""Measuring: repeats after warm-ups, and what is said about them."""

from __future__ import annotations

import gc
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

WARM_UPS = 2
REPEATS = 10


@dataclass(frozen=True)
class Time:
    """What one run took: seconds on the clock, and seconds of the processor, which other programs do not add to."""

    wall: float
    processor: float


Timer = Callable[[], Time]
"""Does the work once, and says what that took."""


@dataclass(frozen=True)
class Subject:
    """What is measured; ``bar`` is the time in seconds that it should stay under, where one was set."""

    name: str
    what: str
    timer: Timer
    bar: float | None = None


@dataclass(frozen=True)
class Result:
    """What every repeat took, in order."""

    subject: Subject
    times: tuple[Time, ...]

    @property
    def seconds(self) -> list[float]:
        """The seconds on the clock."""
        return [time.wall for time in self.times]

    @property
    def median(self) -> float:
        """The middle of the repeats."""
        return statistics.median(self.seconds)

    @property
    def processor(self) -> float:
        """The middle of the repeats in processor time."""
        return statistics.median(time.processor for time in self.times)

    @property
    def quartiles(self) -> tuple[float, float]:
        """Between these lies the middle half of the repeats."""
        if len(self.times) == 1:
            return self.seconds[0], self.seconds[0]
        low, _, high = statistics.quantiles(self.seconds, n=4, method="inclusive")
        return low, high

    @property
    def reached(self) -> bool | None:
        """Whether the median stays under the bar; None where there is none."""
        return None if self.subject.bar is None else self.median < self.subject.bar

    def data(self) -> dict[str, Any]:
        """The result as plain data."""
        return {
            "name": self.subject.name,
            "what": self.subject.what,
            "median": self.median,
            "quartiles": list(self.quartiles),
            "processor": self.processor,
            "bar": self.subject.bar,
            "reached": self.reached,
            "seconds": self.seconds,
        }


def measure(subject: Subject, repeats: int = REPEATS) -> Result:
    """Time a subject, after warm-ups whose times are dropped."""
    for _ in range(WARM_UPS):
        subject.timer()
    return Result(subject, tuple(subject.timer() for _ in range(repeats)))


def here(work: Callable[[], object]) -> Timer:
    """A timer of work in this process, with the garbage collected before and not during it."""

    def timer() -> Time:
        gc.collect()
        gc.disable()
        try:
            wall, processor = time.perf_counter(), time.process_time()
            work()
            return Time(time.perf_counter() - wall, time.process_time() - processor)
        finally:
            gc.enable()

    return timer


def fresh(timed: str, before: str = "") -> Timer:
    """A timer of statements in a process of their own, in which the statements ``before`` are not timed."""
    lines = [
        f"import time; {before}",
        "wall, processor = time.perf_counter(), time.process_time()",
        timed,
        "print(time.perf_counter() - wall, time.process_time() - processor)",
    ]

    def timer() -> Time:
        command = [sys.executable, "-c", "\n".join(lines)]
        wall, processor = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-2:]
        return Time(float(wall), float(processor))

    return timer


def table(results: list[Result]) -> str:
    """The results as Markdown."""
    rows = ["| | median | middle half | processor | bar | |", "|---|---:|---:|---:|---:|---|"]
    for result in results:
        low, high = result.quartiles
        bar = "" if result.subject.bar is None else _shown(result.subject.bar)
        verdict = {None: "", True: "reached", False: "missed"}[result.reached]
        span = f"{_shown(low)} – {_shown(high)}"
        times = f"{_shown(result.median)} | {span} | {_shown(result.processor)}"
        rows.append(f"| {result.subject.what} | {times} | {bar} | {verdict} |")
    return "\n".join(rows)


def _shown(seconds: float) -> str:
    """A time with three digits.

    >>> _shown(0.01234), _shown(2.5), _shown(0.15)
    ('12.3 ms', '2.5 s', '150 ms')
    """
    return f"{seconds:.3g} s" if seconds >= 1 else f"{seconds * 1000:.3g} ms"
