"""Mutants: those of derived backwards are caught, and those of Python sources are made as people make mistakes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from covector.checker.mutants import mutation_report
from covector.checker.mutants_run import try_mutants
from covector.checker.mutants_source import broken, source_mutants
from covector.cli.app import app
from covector.errors import CovectorError, UnknownNameError
from covector.ops import OPERATIONS

QUICK = [name for name in OPERATIONS if not name.startswith(("lstm", "gru", "group_norm", "conv", "rnn"))]

SOURCE = '''"""A layer."""
import numpy as np


class Layer:
    def backward(self, x, w, g):
        dw = g.T @ x / len(x)
        return g @ w, dw, g.sum(axis=0)


def forward(x, w):
    return x @ w.T
'''

TESTS = """
import numpy as np
from layer import Layer

def test_shapes():
    x, w, g = np.ones((4, 3)), np.ones((2, 3)), np.ones((4, 2))
    dx, dw, db = Layer().backward(x, w, g)
    assert dx.shape == x.shape and dw.shape == w.shape and db.shape == (2,)
"""


@pytest.mark.parametrize("name", QUICK)
def test_the_check_catches_what_is_a_mistake(name: str) -> None:
    if name == "one_hot":
        return
    report = mutation_report([name], every=9)
    assert report.total > 0
    assert report.truths_accused == []
    assert report.missed == [], str(report)


def test_a_survivor_is_explained() -> None:
    report = mutation_report({"trace": "t = sum[i](a[i,i])"})
    assert report.rate == 1.0
    assert {s.why.partition(",")[0] for s in report.survivors} <= {"proved equal to the original"} | {
        s.why.partition(",")[0] for s in report.survivors if s.why.startswith("the same numbers")
    }
    assert any(survivor.name == "transposed" for survivor in report.survivors)
    assert report.json()["rate"] == 1.0
    assert "100.00% of the mistakes" in str(report)


def test_mutants_of_a_source() -> None:
    found = source_mutants(SOURCE, "Layer.backward")
    names = {mutant.name for mutant in found}
    assert {"transposed", "swapped operands", "missing division", "dropped sum", "wrong axis", "sign", "zero"} <= names
    assert {"mean for sum", "factor 2", "another value"} <= names
    assert len({mutant.source for mutant in found}) == len(found)
    for mutant in found:
        compile(mutant.source, "layer.py", "exec")
        assert mutant.source.startswith('"""A layer."""')
        assert mutant.source.endswith("return x @ w.T\n")
    assert "raise AssertionError" in broken(SOURCE, "Layer.backward")


def test_functions_that_are_not_there() -> None:
    with pytest.raises(UnknownNameError, match=r"did you mean 'Layer\.backward'"):
        source_mutants(SOURCE, "Layer.backwards")
    with pytest.raises(CovectorError, match="no Python"):
        source_mutants("def f(:", "f")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "layer.py").write_text(SOURCE, encoding="utf-8")
    (tmp_path / "test_layer.py").write_text(TESTS, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_tests_of_a_user(project: Path) -> None:
    command = f"{sys.executable} -c 'import test_layer; test_layer.test_shapes()'"
    report = try_mutants("layer.py:Layer.backward", command, timeout=30)
    survivors = {mutant.name for mutant in report.survivors}
    assert {"sign", "factor 2", "zero", "missing division"} <= survivors  # it looks at shapes alone
    assert "dropped sum" not in survivors
    assert 0 < report.rate < 1
    assert "survives: line 8: sign" in str(report)
    assert (project / "layer.py").read_text(encoding="utf-8") == SOURCE


def test_the_command(project: Path) -> None:
    run = CliRunner().invoke
    command = f"{sys.executable} -c 'import test_layer; test_layer.test_shapes()'"
    own = ["--source", "layer.py:Layer.backward", "--test", command]
    found = run(app, ["mutants", *own, "--limit", "3", "--format", "json"])
    assert found.exit_code == 1
    assert json.loads(found.stdout)["mutants"] == 3
    assert "100.00% of the mistakes" in run(app, ["mutants", "y[i] = x[i]**2"]).stdout
    assert run(app, ["mutants"]).exit_code == 2
    both = run(app, ["check", "--mutants", "--of", "y[i] = x[i]**2", *own])
    assert both.exit_code == 1
    assert "1 backward, " in both.stdout
    assert "caught by" in both.stdout


def test_tests_that_fail_or_look_away(project: Path) -> None:
    with pytest.raises(CovectorError, match="fail before anything is changed"):
        try_mutants("layer.py:forward", f"{sys.executable} -c 'raise SystemExit(1)'")
    with pytest.raises(CovectorError, match="pass though forward raises"):
        try_mutants("layer.py:forward", f"{sys.executable} -c pass")
    with pytest.raises(CovectorError, match="names no function"):
        try_mutants("layer.py", "true")
    with pytest.raises(CovectorError, match="cannot be run"):
        try_mutants("layer.py:forward", "no-such-command-anywhere")
