"""Measuring: blocks of calls, taken in turns, after the results were compared."""

from __future__ import annotations

import gc
import glob
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from benchmarks.record import Contender, Measured, Outcome, Result, Row, Sample, Unavailable

PAUSE = 0.003
"""Seconds between two contenders: threads that wait for more work of their own have stopped spinning by then."""
MOST_CALLS = 20_000
WAITED = 0.03
"""The part of a block that this process may wait for a core before the block is taken again."""
TRIES = 6
PATIENCE = 10.0
"""How many blocks' time the tries may take together."""


@dataclass(frozen=True)
class Effort:
    """How much is measured: rounds over all contenders, and the seconds that one block of calls should take."""

    rounds: int
    block: float


FULL = Effort(rounds=25, block=0.02)
QUICK = Effort(rounds=7, block=0.008)


def timed(work: Callable[[], object], effort: Effort) -> Sample:
    """A sample of the seconds that a call takes; how many calls make a block is found at the first sample.

    A block in which the process had to wait for a core is taken again, a few times.
    """
    calls = 0

    def sample() -> float:
        nonlocal calls
        if calls == 0:
            calls = _calls(work, effort.block)
        found = []
        for _ in range(TRIES):
            work()
            waited, started = waiting(), time.perf_counter()
            for _ in range(calls):
                work()
            taken = time.perf_counter() - started
            found.append(taken / calls)
            if waiting() - waited < WAITED * taken:
                return found[-1]
            if sum(found) * calls > PATIENCE * effort.block:
                break
        return min(found)

    return sample


def waiting() -> float:
    """Seconds that the threads of this process have waited for a core so far, where the system counts them.

    Where others use the cores, libraries whose threads wait for each other are slowed by far more than their share.
    """
    waited = 0
    for thread in glob.glob("/proc/self/task/*/schedstat"):
        with suppress(OSError, IndexError), open(thread, encoding="ascii") as fields:
            waited += int(fields.read().split()[1])
    return waited * 1e-9


def _calls(work: Callable[[], object], block: float) -> int:
    """How many calls fill a block: doubled until they take a good part of it."""
    work()
    calls = 1
    while True:
        started = time.perf_counter()
        for _ in range(calls):
            work()
        taken = time.perf_counter() - started
        if taken > block / 4 or calls >= MOST_CALLS:
            return max(1, min(MOST_CALLS, round(calls * block / max(taken, 1e-9))))
        calls *= 2


def fresh(timed_lines: str, before: str = "", environment: Mapping[str, str] | None = None) -> Sample:
    """A sample of the seconds that statements take in a process of their own; those ``before`` are not timed."""
    script = "\n".join(
        ["import time", before, "started = time.perf_counter()", timed_lines, "print(time.perf_counter() - started)"]
    )
    return printed([sys.executable, "-c", script], environment)


def printed(command: list[str], environment: Mapping[str, str] | None = None) -> Sample:
    """A sample that is the last word which a command prints."""

    def sample() -> float:
        done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
        if done.returncode:
            raise RuntimeError((done.stderr.strip() or f"exit code {done.returncode}").splitlines()[-1])
        return float(done.stdout.split()[-1])

    return sample


def measure(row: Row, effort: Effort) -> Result:
    """Make the contenders of a row, compare what they compute, and time those that are right in turns."""
    ready: dict[str, Contender] = {}
    missing: dict[str, str] = {}
    wrong: dict[str, str] = {}
    expected = row.expected() if row.expected is not None else {}
    for name, make in row.contenders.items():
        try:
            contender = make()
        except Unavailable as reason:
            missing[name] = str(reason)
            continue
        except Exception as error:  # one contender that fails must not take the row with it
            wrong[name] = f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error) else ''}"
            continue
        difference = disagreement(contender.outcome, expected, row.tolerance)
        if difference is None:
            ready[name] = contender
        else:
            wrong[name] = difference
    rounds = effort.rounds if row.rounds is None else min(row.rounds, effort.rounds)
    return Result(row, _in_turns(ready, rounds), missing, wrong)


def _in_turns(contenders: Mapping[str, Contender], rounds: int) -> dict[str, Measured]:
    """Each round asks everybody for a sample, and begins with the next one, so that none always follows the same."""
    names = list(contenders)
    figures: dict[str, list[float]] = {name: [] for name in names}
    gc.collect()
    gc.freeze()
    for number in range(rounds if names else 0):
        gc.collect()
        gc.disable()
        try:
            for name in names[number % len(names) :] + names[: number % len(names)]:
                time.sleep(PAUSE)
                figures[name].append(contenders[name].sample())
        finally:
            gc.enable()
    gc.unfreeze()
    return {name: Measured(tuple(found)) for name, found in figures.items()}


def disagreement(found: Outcome, expected: Outcome, tolerance: float) -> str | None:
    """What differs by more than the tolerance, as a part of the norm of what is expected; None where nothing does.

    A norm, for a sum near the kink of a ReLU may fall on either side of it and change a few elements a little.

    >>> disagreement({"loss": np.array(1.0)}, {"loss": np.array(1.0001)}, 1e-3) is None
    True
    >>> disagreement({"loss": np.array(1.0)}, {"loss": np.array(2.0)}, 1e-3)
    'loss differs by 0.5 of its norm'
    """
    for name, value in expected.items():
        if name not in found:
            return f"{name} is missing"
        given = np.asarray(found[name], dtype=np.float64)
        if given.shape != value.shape:
            return f"{name} has shape {given.shape}, not {value.shape}"
        error = float(np.linalg.norm(given - value)) / (float(np.linalg.norm(value)) or 1.0)
        if not error <= tolerance:
            return f"{name} differs by {error:.2g} of its norm"
    return None
