"""The pytest plugin, run in sessions of its own."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points

import pytest

pytest_plugins = ["pytester"]
# Where covector is installed, pytest loads the plugin by itself, and loading it twice is an error.
INSTALLED = bool(entry_points(group="pytest11", name="covector"))
PLUGIN = (*(() if INSTALLED else ("-p", "covector.checker.pytest_plugin")), "-p", "no:cacheprovider")

TESTS = """
import numpy as np
import pytest

LINEAR = "y[m,o] = sum[i](x[m,i]*w[o,i]) + b[o]"
SHAPES = {"x": "M I", "w": "O I", "b": "O"}

def backward(x, w, b, G):
    return G @ w, G.T @ x, G.sum(0)

def without_sum(x, w, b, G):
    return G @ w, G.T @ x, G

def test_right(check_gradient):
    assert check_gradient(backward, of=LINEAR, inputs=SHAPES).verdict == "agrees"

def test_wrong(check_gradient):
    check_gradient(without_sum, of=LINEAR, inputs=SHAPES)

@pytest.mark.gradient(of=LINEAR, inputs=SHAPES)
def test_returned():
    return backward

@pytest.mark.gradient(of="y[i] = x[i]**2", inputs={"x": "N"})
def backward_of_square(x, grad_output):
    return 2 * x * grad_output

@pytest.mark.gradient(of="y[i] = x[i]**3", inputs={"x": "N"})
def backward_of_cube(x, grad_output):
    return 2 * x**2 * grad_output

@pytest.mark.gradient(of="y[i] = x[i]**2", inputs={"x": "N"}, backward=lambda x, g: 2 * x * g)
def test_named():
    pass
"""


def test_the_fixture_and_the_marker(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(TESTS)
    result = pytester.runpytest_inprocess(*PLUGIN, "--strict-markers", "-v", "--junitxml=out.xml")
    result.assert_outcomes(passed=4, failed=2)
    result.stdout.fnmatch_lines(
        [
            "*wrong: without_sum*",
            "*missing sum over the batch: the gradient of b lacks the sum over axis 0*",
            "*wrong: backward_of_cube*",
        ],
        consecutive=False,
    )
    xml = (pytester.path / "out.xml").read_text(encoding="utf-8")
    assert '<property name="covector_cause" value="missing sum over the batch"' in xml
    assert '<property name="covector_verdict" value="agrees"' in xml


def test_it_works_in_parallel(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(TESTS)
    result = pytester.runpytest_inprocess(*PLUGIN, "-n", "2", "-q")
    result.assert_outcomes(passed=4, failed=2)


def test_nothing_heavy_is_imported_before_a_gradient_is_checked() -> None:
    script = (
        "import sys, covector.checker.pytest_plugin; print([m for m in ('numpy', 'torch', 'jax') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
