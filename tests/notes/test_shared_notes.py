"""Every formula of five pages that people wrote: its tree is compared with a list that has been read."""

from __future__ import annotations

from pathlib import Path

import pytest

from covector.notes.read import Notes, read_page
from covector.notes.show import show

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "notes"
GOLDEN = Path(__file__).parent / "golden"
COUNTS = {"autograd": 45, "derivatives": 84, "linear": 65, "linear-channels": 34, "regression": 38}


def read(name: str) -> Notes:
    path = FOLDER / f"{name}.md"
    if not path.is_file():
        pytest.skip("the notes are not there: ../shared/notes")
    return read_page(path.read_text(encoding="utf-8"))


def listing(notes: Notes) -> str:
    lines = []
    for reading in notes.formulas:
        shown = show(reading.formula) if reading.formula is not None else f"NOT READ: {reading.error}"
        lines.append(f"{reading.snippet.line}:{reading.snippet.column}  {shown}")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("name", COUNTS)
def test_every_formula_is_read(name: str) -> None:
    notes = read(name)
    assert [reading.error for reading in notes.formulas if reading.error is not None] == []
    assert len(notes.formulas) == COUNTS[name]
    assert notes.page.faults == ()


@pytest.mark.parametrize("name", COUNTS)
def test_every_dollar_sign_belongs_to_a_formula(name: str) -> None:
    page = read(name).page
    rest = page.source
    for formula in reversed(page.formulas):
        assert formula.text.replace("\n", "").strip()[:8] in page.source[formula.start : formula.end].replace("\n", "")
        rest = rest[: formula.start] + rest[formula.end :]
    assert "$" not in rest


@pytest.mark.parametrize("name", COUNTS)
def test_the_trees_are_those_of_the_list(name: str) -> None:
    assert listing(read(name)) == (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")


def shapes(name: str) -> list[tuple[int, str, tuple[str, ...]]]:
    return [(item.line, item.name, item.shape) for item in read(name).declarations.shapes]


def test_the_shapes_of_linear() -> None:
    assert shapes("linear") == [
        (4, "input", ("M", "infs")),
        (6, "weight", ("outfs", "infs")),
        (8, "bias", ("outfs",)),
        (10, "linear", ("M", "outfs")),
        (141, "A", ("M", "K")),
        (143, "B", ("B", "N")),
    ]


def test_the_shapes_of_autograd() -> None:
    assert shapes("autograd") == [(5, "W", ("m", "n")), (5, "X", ("n", "p")), (5, "Y", ("m", "p"))]


def test_the_shapes_of_regression() -> None:
    found = shapes("regression")
    assert found[:3] == [(19, "X", ("1", "4")), (23, "W", ("1", "4")), (33, "X", ("2", "4"))]
    declarations = read("regression").declarations
    at_first, at_last = declarations.shape("X", 27), declarations.shape("X")
    assert at_first is not None
    assert at_last is not None
    assert (at_first.shape, at_last.shape) == (("1", "4"), ("2", "4"))


def test_the_values_of_derivatives() -> None:
    values = [(item.name, item.value, item.line) for item in read("derivatives").declarations.values]
    assert values == [("N", "1", 117), ("D", "2", 117), ("M", "3", 117)]


def test_conditions_stand_in_headings() -> None:
    reading = next(item for item in read("linear").formulas if item.snippet.line == 31)
    (heading,) = (heading for heading in reading.section if heading.line == 29)
    (condition,) = (item for item in read("linear").formulas if item.block == heading)
    assert condition.formula is not None
    assert show(condition.formula) == "p ≠ i"
