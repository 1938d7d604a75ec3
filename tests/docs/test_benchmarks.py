"""The benchmark runs, prints a table, and writes every figure."""

from __future__ import annotations

import doctest
import json
import subprocess
import sys
from pathlib import Path

from benchmarks import measure
from benchmarks.measure import Result, Subject, Time, fresh
from benchmarks.subjects import subjects

ROOT = Path(__file__).resolve().parents[2]


def test_the_benchmark_runs(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks", "--only", "linear", "--repeats", "3", "--json", str(tmp_path / "f")]
    shown = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, encoding="utf-8").stdout
    assert "| deriving the linear layer | " in shown
    (result,) = json.loads((tmp_path / "f").read_text(encoding="utf-8"))["results"]
    assert result["name"] == "linear"
    assert result["bar"] == 0.020
    assert len(result["seconds"]) == 3
    assert sorted(result["seconds"])[1] == result["median"]


def test_its_own_examples() -> None:
    assert doctest.testmod(measure).failed == 0


def test_what_is_measured() -> None:
    bars = {subject.name: subject.bar for subject in subjects() if subject.bar is not None}
    assert bars == {"import": 0.150, "linear": 0.020, "attention": 0.300}
    names = {subject.name for subject in subjects()}
    assert {"softmax", "layer_norm", "conv2d", "lstm_cell", "table", "parse", "first-call"} <= names


def test_a_bar_is_reached_or_missed_by_the_median() -> None:
    subject = Subject("a", "a", lambda: Time(0.0, 0.0), bar=2.0)

    def result(*seconds: float) -> Result:
        return Result(subject, tuple(Time(wall, 0.5) for wall in seconds))

    assert result(1.0, 1.5, 9.0).reached is True
    assert result(1.0, 2.5, 9.0).reached is False
    assert result(1.0, 1.0, 4.0, 4.0).quartiles == (1.0, 4.0)
    assert result(3.0).quartiles == (3.0, 3.0)
    assert result(3.0).processor == 0.5
    assert Result(Subject("b", "b", subject.timer), (Time(1.0, 1.0),)).reached is None


def test_a_process_of_its_own_reports_its_time() -> None:
    found = fresh("time.sleep(0.05)")()
    assert 0.04 < found.wall < 5
    assert found.processor < found.wall
