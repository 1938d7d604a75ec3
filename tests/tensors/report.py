"""``python -m tests.tensors.report N SEED``: run random tensor programs and print how they agree with PyTorch."""

from __future__ import annotations

import sys
import time

from tests.support.tensor_generator import Case, generate
from tests.tensors.agreement import Disagreement, Tally, check_case, check_special, forget

SPECIAL_EVERY = 5
"""One program in so many has NaN and infinities among its inputs."""


def check_seed(seed: int, tally: Tally) -> tuple[Case, str]:
    """The program of a seed, and what is wrong with it, or nothing."""
    special = seed % SPECIAL_EVERY == 0
    case = generate(seed, special)
    try:
        (check_special if special else check_case)(case, tally)
    except Disagreement as error:
        return case, str(error)
    return case, ""


def main(count: int, first: int) -> int:
    """Run programs and print the agreement; the number of disagreements."""
    tally, wrong, start = Tally(), 0, time.perf_counter()
    for seed in range(first, first + count):
        case, message = check_seed(seed, tally)
        if message:
            wrong += 1
            print(f"{message}\n{case}\n")
        if seed % 50 == 0:
            forget()
    print(f"{tally.programs} programs, {tally.comparisons} comparisons, {tally.numbers} numbers, {wrong} disagreements")
    print("worst error", ", ".join(f"{dtype} {error:.1e}" for dtype, error in tally.worst.items()))
    for way, times in sorted(tally.ways.items()):
        print(f"  {times:6} {way}")
    print(f"{time.perf_counter() - start:.0f} s")
    return wrong


if __name__ == "__main__":
    sys.exit(min(main(int(sys.argv[1]), int(sys.argv[2])), 1))
