"""The examples run, and show what they are there to show."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SHOWN = {
    "attention": ["∂L/∂V = Pᵀ @ G", "def gradients(Q, K, V, G):", "along a random direction of K"],
    "broadcasting": ["z = x - y    ∂L/∂y = -G", "at non-singleton dimension 1"],
    "chinese": ["# 前向", "# 求导", "### 链式法则", "### 矩阵形式", r"G^{\top}\,\mathrm{input}"],
    "custom_layer": ["def gradients(signal, weight, slope, G):", "weight called and exported agree: True"],
    "derivatives": ["∂L/∂x[1,1] = dy[1,1]·w[1,1] + dy[1,2]·w[1,2] + dy[1,3]·w[1,3]", "∂L/∂w = x.T @ G"],
    "linear_channels": ["∂L/∂input = G @ weight    N×C_in", "∂L/∂weight = G.T @ input    C_out×C_in"],
    "linear_layer": ["q = i:  input[p,j]", "bias   agrees: True", "index i has two extents: M"],
    "regression": ["∂Loss/∂Y[i,j] = E[i,j]/n", "G  = [-1.5 -0.5]", "step 5: loss 0.0"],
    "softmax_cross_entropy": ["(softmax - onehot)/n, largest difference:"],
}


def test_every_example_is_here() -> None:
    assert sorted(SHOWN) == sorted(path.stem for path in EXAMPLES.glob("*.py"))


@pytest.mark.parametrize("name", sorted(SHOWN))
def test_the_example_runs(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
    shown = capsys.readouterr().out
    assert [part for part in SHOWN[name] if part not in shown] == []
    assert "False" not in shown


def test_the_loss_falls_with_the_derived_gradients(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(EXAMPLES / "regression.py"), run_name="__main__")
    lines = [line for line in capsys.readouterr().out.splitlines() if line.strip().startswith("step")]
    losses = [float(line.split()[-1]) for line in lines]
    assert len(losses) == 6
    assert losses == sorted(losses, reverse=True)
