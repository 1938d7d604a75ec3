"""The long run: programs and memory level off, and it says where they do not."""

from __future__ import annotations

import doctest

import pytest

import covector as cv
from benchmarks import long_run
from benchmarks.long_run import Report, grown, run


def test_its_own_examples() -> None:
    assert doctest.testmod(long_run).failed == 0


@pytest.mark.parametrize("wrapped", [lambda step: step, cv.jit], ids=["define-by-run", "jit"])
def test_changing_batches_compile_a_bounded_number_of_programs(wrapped: object) -> None:
    reports = run(300, wrapped, reports=6)  # type: ignore[arg-type]
    assert reports[-1].programs <= long_run.MOST
    assert reports[-1].loss < reports[0].loss


def test_growth_is_told() -> None:
    flat = [Report(step, 1e8, 6, 0.1) for step in range(4)]
    assert grown(flat) == []
    assert grown([*flat[:3], Report(4, 2e8, 6, 0.1)]) == ["memory grew by 100.0 MB in the second half"]
    assert grown([*flat[:3], Report(4, 1e8, 17, 0.1)]) == ["17 programs were compiled, and 16 are enough"]
