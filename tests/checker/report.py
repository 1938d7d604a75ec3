"""How good the check of functions is: ``python -m tests.checker.report [mutants|truths] [name …]``.

``mutants`` makes mutants of the derived backward of every operation of the table, and prints how many are caught and
which survive; ``truths`` checks true functions at random shapes and seeds, and prints which are accused.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

from covector.checker.mutants import MutationReport, mutation_report
from covector.ops import OPERATIONS
from tests.checker.truths import TRUTHS, check_truth

SEEDS = 16


def mutants(names: Sequence[str]) -> int:
    """The mutants of operations; the exit status says whether 99 in 100 mistakes are caught and no truth is accused."""
    whole, start = MutationReport(), time.monotonic()
    for name in names or OPERATIONS:
        found = mutation_report([name])
        for counter, part in ((whole.made, found.made), (whole.caught, found.caught)):
            counter.update(part)
        whole.subjects += found.subjects
        whole.survivors += found.survivors
        whole.truths_accused += found.truths_accused
        print(
            f"{name:<34} {found.total:>5} {len(found.missed):>4} missed {time.monotonic() - start:>7.0f} s", flush=True
        )
    print(whole)
    print("true backwards accused:", ", ".join(whole.truths_accused) or "none")
    return 0 if whole.rate >= 0.99 and not whole.truths_accused else 1


def truths(names: Sequence[str]) -> int:
    """True functions with many seeds; the exit status says whether none is accused."""
    accused, count = [], 0
    for name in names or TRUTHS:
        for seed in range(SEEDS):
            verdict = check_truth(name, seed)
            count += 1
            if not verdict:
                accused.append(f"{name} (seed {seed}): {verdict.message}")
                print(accused[-1], flush=True)
        print(f"{name:<34} {verdict.message[:90]}", flush=True)
    print(f"{count} checks of {len(names or TRUTHS)} true functions, {len(accused)} accused")
    return 1 if accused else 0


def main(arguments: Sequence[str]) -> int:
    """Run one of the two, or both."""
    what, names = (arguments[0], arguments[1:]) if arguments else ("both", ())
    status = mutants(names) if what in ("mutants", "both") else 0
    return (truths(names) if what in ("truths", "both") else 0) or status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
