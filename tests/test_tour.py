"""The tour trains: its steps are those of the note, its figures are honest, its pictures show the losses."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from typer.testing import CliRunner

from covector.cli import tour_training
from covector.cli.app import app
from covector.cli.tour import STOPS, tour_text
from covector.cli.tour_picture import Curve, shown, svg, terminal


@pytest.fixture(scope="module")
def toured() -> tuple[str, list[Curve]]:
    curves: list[Curve] = []
    return "".join(tour_text("en", curves)), curves


def test_the_steps_are_those_of_the_note(toured: tuple[str, list[Curve]]) -> None:
    text, _ = toured
    assert "G  = E / n       = [-1.5, -0.5]" in text
    assert "∇W = Gᵀ X        = [-2.5, -3, -4, -6.5]" in text
    assert text.count("G, ∇W and ∇b are as backward() found them") == 2
    assert "∂Loss/∂W = Eᵀ @ X / n" in text


def test_a_gradient_that_differs_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tour_training, "_gradient", lambda parameter: parameter.grad.numpy() * 2)
    assert "NOT what backward() found" in tour_training.on_two_samples().text


def test_the_figures_are_those_of_the_trainings(toured: tuple[str, list[Curve]]) -> None:
    text, (diabetes, digits) = toured
    assert diabetes.losses[0] > 14000
    least = float(re.search(r"(\d+\.\d+) is the least", text)[1])  # type: ignore[index]
    assert least < diabetes.losses[-1] < 1.02 * least
    assert f"→ {diabetes.losses[-1]:.2f} in 200 steps" in text
    assert digits.losses[-1] < 0.1 < 1 < digits.losses[0]
    assert float(re.search(r"(\d+\.\d)% of 359 images", text)[1]) >= 97  # type: ignore[index]


def test_the_parts_are_numbered_after_the_derivations(toured: tuple[str, list[Curve]]) -> None:
    numbers = [int(number) for number in re.findall(r"^(\d+)\. ", toured[0], re.MULTILINE)]
    assert numbers == list(range(1, len(STOPS) + 5))


def test_both_losses_are_pictured(toured: tuple[str, list[Curve]]) -> None:
    text, curves = toured
    picture = text.partition("Both losses")[2].partition("Try next")[0]
    assert all(curve.title in picture for curve in curves)
    assert sum(0x2800 < ord(sign) <= 0x28FF for sign in picture) > 60
    assert max(map(len, picture.splitlines())) <= 100


def test_the_picture_is_written_as_svg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("covector.cli.tour.STOPS", ())
    result = CliRunner().invoke(app, ["tour", "--plot", str(tmp_path / "losses.svg")])
    assert result.exit_code == 0, result.output
    root = ET.fromstring((tmp_path / "losses.svg").read_text(encoding="utf-8"))
    lines = root.findall(".//{http://www.w3.org/2000/svg}polyline")
    assert [len(line.attrib["points"].split()) for line in lines] == [200, 25]


def test_a_falling_line_goes_down() -> None:
    lines = terminal([Curve("loss", "steps", [1000.0, 100.0, 10.0, 1.0])], columns=8, rows=4).splitlines()[1:5]
    starts = [np.flatnonzero([0x2800 < ord(sign) <= 0x28FF for sign in line])[0] for line in lines]
    assert starts == sorted(starts)
    assert starts[0] < starts[-1]


@pytest.mark.parametrize("losses", [[1.0], [2.0, 2.0], [1.0, 0.0], [0.0, 0.0]])
def test_curves_of_little_can_be_drawn(losses: list[float]) -> None:
    curve = Curve("a < b", "steps", losses)
    assert f"{len(losses)} steps" in terminal([curve])
    assert "a &lt; b" in svg([curve])


def test_losses_are_shown_in_few_digits() -> None:
    assert [shown(loss) for loss in (14537.2, 1.5, 0.00123, 0.0, 99.95)] == ["14500", "1.5", "0.00123", "0", "100"]
