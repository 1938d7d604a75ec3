"""``python -m benchmarks.long_run``: ten thousand steps with changing batch sizes, define-by-run and under ``jit``.

Prints the memory of the process and the number of programs it has compiled as the steps go on. Both must level off: the
exit code is 1 where memory still grows, or programs are still compiled, in the second half.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import numpy as np

import covector as cv
from benchmarks.families.models import Model
from benchmarks.families.steps import covector_step
from covector.tensors import programs

SIZES = (64, 128, 10)
LARGEST = 96
REPORTS = 10
ALLOWED = 16e6
"""Bytes that the memory of the process may grow by in the second half."""
MOST = 16
"""Programs that a run may compile: for one size, for all sizes, and for batches of 1 or as large as a layer."""


@dataclass(frozen=True)
class Report:
    """How far the run was, and what the process had then."""

    step: int
    memory: float
    programs: int
    loss: float


def main() -> int:
    """Run both ways; the exit code is 1 where something grows."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.long_run", description=__doc__.partition("\n")[0])
    parser.add_argument("--steps", type=int, default=10_000)
    steps = parser.parse_args().steps
    failed = False
    for name, wrapped in (("define-by-run", lambda step: step), ("cv.jit", cv.jit)):
        print(f"{name}: {steps} steps of an MLP {'-'.join(map(str, SIZES))}, batches of 1 to {LARGEST}")
        reports = run(steps, wrapped)
        for report in reports:
            print(
                f"  step {report.step:6}  {report.memory / 1e6:6.1f} MB  {report.programs:3} programs compiled  "
                f"loss {report.loss:.4f}"
            )
        for complaint in grown(reports):
            failed = True
            print(f"  FAILED: {complaint}")
    print(f"{explained_last()}, as cv.explain says")
    return int(failed)


def explained_last() -> str:
    """The line of `cv.explain` that counts the programs of this process."""
    with redirect_stdout(StringIO()) as shown:
        cv.explain(cv.ones(2) + 1)
    return shown.getvalue().splitlines()[-1]


def run(steps: int, wrapped: Callable[..., Callable[..., cv.Tensor]], reports: int = REPORTS) -> list[Report]:
    """Train on random batches whose size changes with every step."""
    step, _ = covector_step(Model(SIZES, LARGEST))
    call = wrapped(step)
    generator = np.random.default_rng(0)
    batch, targets = Model(SIZES, LARGEST).data
    compiled_before = programs.compiled_count
    found = []
    for number in range(1, steps + 1):
        size = int(generator.integers(1, LARGEST + 1))
        loss = call(cv.tensor(batch[:size]), cv.tensor(targets[:size]))
        if number % max(1, steps // reports) == 0:
            found.append(Report(number, memory(), programs.compiled_count - compiled_before, loss.item()))
    return found


def grown(reports: list[Report]) -> list[str]:
    """What a run has too much of: memory that still grows in its second half, and programs.

    >>> grown([Report(1, 1e6, 1, 0.0), Report(2, 2e6, 3, 0.0), Report(3, 2e6, 3, 0.0), Report(4, 90e6, 99, 0.0)])
    ['memory grew by 88.0 MB in the second half', '99 programs were compiled, and 16 are enough']
    """
    half = reports[(len(reports) - 1) // 2 :]
    complaints = []
    if half[-1].memory - half[0].memory > ALLOWED:
        complaints.append(f"memory grew by {(half[-1].memory - half[0].memory) / 1e6:.1f} MB in the second half")
    if half[-1].programs > MOST:
        complaints.append(f"{half[-1].programs} programs were compiled, and {MOST} are enough")
    return complaints


def memory() -> float:
    """The bytes that the process holds now, or the most it has held where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return float(pages * os.sysconf("SC_PAGE_SIZE"))
    except (OSError, ValueError):
        return 1024.0 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    sys.exit(main())
