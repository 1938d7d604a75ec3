"""The harness of the benchmarks: turns, verdicts, wrong results, and what is printed of them."""

from __future__ import annotations

import doctest
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import limits, measure, options, plot, record, report, session, threads
from benchmarks.limits import Limits
from benchmarks.measure import Effort, disagreement, fresh, timed
from benchmarks.record import Bar, Contender, Measured, Result, Row, Unavailable, Work

ONCE = Effort(rounds=4, block=0.0)


def row(*bars: Bar, **contenders: Callable[[], Contender]) -> Row:
    names = {"jit": record.JIT, "eager": record.EAGER, "torch": record.TORCH, "numpy": record.NUMPY}
    found = {names[name]: make for name, make in contenders.items()}
    return Row("step-a", "a step", found, bars, expected=lambda: {"loss": np.array(1.0)})


def steady(figure: float, loss: float = 1.0) -> Callable[[], Contender]:
    return lambda: Contender(lambda: figure, {"loss": np.array(loss)})


@pytest.mark.parametrize(
    "module", [limits, measure, options, record, report, session, threads], ids=lambda m: m.__name__
)
def test_the_examples_in_its_own_text(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]


def test_contenders_take_turns_and_each_is_first_once() -> None:
    order: list[str] = []

    def noting(name: str) -> Callable[[], Contender]:
        def sample() -> float:
            order.append(name)
            return 1.0

        return lambda: Contender(sample, {"loss": np.array(1.0)})

    found = measure.measure(row(jit=noting("a"), torch=noting("b"), numpy=noting("c")), Effort(3, 0.0))
    assert order == ["a", "b", "c", "b", "c", "a", "c", "a", "b"]
    assert found.measured["NumPy"].figures == (1.0, 1.0, 1.0)


def test_a_wrong_result_is_not_timed() -> None:
    found = measure.measure(row(jit=steady(1.0, loss=2.0), torch=steady(2.0)), ONCE)
    assert found.wrong == {"covector jit": "loss differs by 1 of its norm"}
    assert list(found.measured) == ["PyTorch"]
    assert "covector jit  FAILED: loss differs" in report.block(found, "own")


def test_what_cannot_take_part_and_what_fails_are_told_apart() -> None:
    def absent() -> Contender:
        raise Unavailable("PyTorch is not installed")

    def broken() -> Contender:
        raise ValueError("shapes differ\nand more")

    found = measure.measure(row(jit=steady(1.0), torch=absent, numpy=broken), ONCE)
    assert found.missing == {"PyTorch": "PyTorch is not installed"}
    assert found.wrong == {"NumPy": "ValueError: shapes differ"}


@pytest.mark.parametrize(
    ("found", "says"),
    [
        ({}, "loss is missing"),
        ({"loss": np.zeros(2)}, "loss has shape (2,), not ()"),
        ({"loss": np.array(np.nan)}, "loss differs by nan of its norm"),
        ({"loss": np.array(1.001)}, None),
    ],
)
def test_results_are_compared(found: dict[str, np.ndarray], says: str | None) -> None:
    assert disagreement(found, {"loss": np.array(1.0)}, 0.01) == says


def test_a_bar_is_met_against_the_best_of_its_rivals() -> None:
    fast = Bar(record.JIT, 1.5)
    against_torch = Bar(record.JIT, 3.0, (record.TORCH,))
    absent = Bar(record.EAGER, 2.0)
    under = Bar(record.JIT, under=0.5)
    measured = {"covector jit": Measured((1.0,)), "PyTorch": Measured((4.0,)), "NumPy": Measured((1.4,))}
    result = Result(row(fast, against_torch, absent, under), measured, {}, {})
    verdicts = [result.verdict(bar) for bar in result.row.bars]
    assert [verdict.met for verdict in verdicts] == [False, True, None, False]
    assert [verdict.rival for verdict in verdicts] == ["NumPy", "PyTorch", None, None]
    assert verdicts[0].found == pytest.approx(1.4)


def test_a_bar_for_mkl_is_shown_with_mkl() -> None:
    bars = (Bar(record.JIT, 1.5, mkl=True), Bar(record.JIT, 1.2, mkl=False))
    result = Result(row(*bars), {"covector jit": Measured((1.0,)), "NumPy": Measured((1.3,))}, {}, {})
    assert "1.2 × the best peer without MKL: 1.30 × NumPy, met" in report.block(result, "openblas")
    assert "1.5 × the best peer with MKL: 1.30 × NumPy, missed" in report.block(result, "mkl")


def test_quartiles_hold_the_middle_half() -> None:
    assert Measured((1.0, 1.0, 4.0, 4.0)).quartiles == (1.0, 4.0)
    assert Measured((3.0,)).quartiles == (3.0, 3.0)


def test_a_limit_is_what_takes_longest() -> None:
    machine = Limits(peak=100.0, bandwidth={10: 20.0, 1000: 10.0})
    assert machine.seconds(Work(flops=300.0, bytes=10.0)) == 3.0
    assert machine.seconds(Work(flops=1.0, bytes=8.0)) == pytest.approx(0.4)
    assert machine.seconds(Work(bytes=50_000.0)) == 5000.0
    assert machine.seconds(Work()) is None


def test_time_is_measured_here_and_in_a_process_of_its_own() -> None:
    assert 0.004 < timed(lambda: time.sleep(0.005), ONCE)() < 0.5
    assert 0.04 < fresh("time.sleep(0.05)")() < 5
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        fresh("1 / 0")()


def test_tables_and_figures(tmp_path: Path) -> None:
    bar = Bar(record.JIT, 1.5)
    measured = {"covector jit": Measured((1e-3, 2e-3, 3e-3)), "PyTorch": Measured((4e-3,))}
    result = Result(row(bar, jit=steady(1), torch=steady(1), numpy=steady(1)), measured, {"NumPy": "gone"}, {}, 1e-3)
    text = report.markdown([result], "a machine", Limits(5e9, {2**20: 1e9}), "own")
    assert "| a step | 1.5 × the best peer | 2.00 × PyTorch | met |" in text
    assert "| a step | 2 ms (1.5 ms – 2.5 ms) | 4 ms (4 ms – 4 ms) | – | 1 ms | 2.00 × | 50% |" in text
    assert "products 5 GFLOP/s" in text
    (found,) = json.loads(json.dumps(report.data([result], "a machine", None, {"threads": 2})))["rows"]
    assert found["contenders"]["covector jit"]["median"] == 2e-3
    assert found["bars"][0]["met"] is True


def test_contenders_can_be_left_out() -> None:
    found = session.without(row(jit=steady(1.0), torch=steady(1.0)), ["PyTorch"])
    assert list(found.contenders) == ["covector jit"]


def test_everybody_gets_the_same_threads() -> None:
    one = threads.environment(1)
    assert one["OMP_NUM_THREADS"] == one["OPENBLAS_NUM_THREADS"] == one["NPROC"] == "1"
    assert "--xla_cpu_multi_thread_eigen=false" in one["XLA_FLAGS"]
    assert "eigen" not in threads.environment(2)["XLA_FLAGS"]


def test_results_are_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    measured = {name: Measured((seconds,)) for name, seconds in (("covector jit", 1e-3), ("PyTorch", 2e-3))}
    raced = Result(row(), measured, {}, {}, 5e-4)
    points = [Result(replace(row(), point=("batch", place)), measured, {}, {}) for place in (1, 16)]
    plot.draw([raced, *points], tmp_path / "all.svg")
    drawn = (tmp_path / "all.svg").read_text(encoding="utf-8")
    assert drawn.startswith("<?xml")
    with pytest.raises(SystemExit, match="none of these rows"):
        plot.draw([], tmp_path / "none.svg")
