"""The examples run, and show what they are there to show."""

from __future__ import annotations

import re
import runpy
import sys
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
    "digits_cnn": ["6090 weights", "epoch  1  loss", "test accuracy"],
    "digits_mlp": ["1438 images, 2 epochs", "test accuracy", "loaded again"],
    "newton": ["step  6  largest gradient", "Newton  9 steps", "L-BFGS"],
    "oscillator": ["step    1  squared residual", "largest error of u on [0, 3]"],
    "regression": ["∂Loss/∂Y[i,j] = E[i,j]/n", "G  = [-1.5 -0.5]", "step 5: loss 0.0", "largest difference:"],
    "softmax_cross_entropy": ["(softmax - onehot)/n, largest difference:"],
    "transformer": ["characters, 11 different ones", "step    3  loss"],
}
SHORT = {
    "digits_cnn": ["--epochs", "1"],
    "digits_mlp": ["--epochs", "2"],
    "oscillator": ["--steps", "20"],
    "transformer": ["TEXT", "--steps", "3", "--write", "5"],
}
"""Arguments with which an example takes less than a second or two; TEXT stands for a file."""
TEXT = "a cat sat on the mat. " * 20


def test_every_example_is_here() -> None:
    assert sorted(SHOWN) == sorted(path.stem for path in EXAMPLES.glob("*.py"))


@pytest.mark.parametrize("name", sorted(SHOWN))
def test_the_example_runs(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "text").write_text(TEXT, encoding="utf-8")
    arguments = [argument.replace("TEXT", str(tmp_path / "text")) for argument in SHORT.get(name, [])]
    monkeypatch.setattr(sys, "argv", [f"{name}.py", *arguments])
    runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
    shown = capsys.readouterr().out
    assert [part for part in SHOWN[name] if part not in shown] == []
    assert "False" not in shown


def test_the_loss_falls_with_the_derived_gradients_and_with_those_of_backward(
    capsys: pytest.CaptureFixture[str],
) -> None:
    runpy.run_path(str(EXAMPLES / "regression.py"), run_name="__main__")
    losses = [float(loss) for loss in re.findall(r"step \d: loss ([\d.]+)", capsys.readouterr().out)]
    assert len(losses) == 12
    assert losses[:6] == losses[6:] == sorted(losses[:6], reverse=True)


def test_the_examples_that_train_learn(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["digits_mlp.py", "--epochs", "12"])
    runpy.run_path(str(EXAMPLES / "digits_mlp.py"), run_name="__main__")
    accuracies = [float(share) for share in re.findall(r"(\d+\.\d)%$", capsys.readouterr().out, re.MULTILINE)]
    assert len(accuracies) == 2
    assert accuracies[0] == accuracies[1] > 95
