"""What runs the code blocks of a page: it must find what it is there to find."""

from __future__ import annotations

import doctest
from pathlib import Path

import blocks
import pytest


def fenced(language: str, text: str) -> str:
    return f"```{language}\n{text}\n```\n"


def test_the_examples_in_its_own_text() -> None:
    assert doctest.testmod(blocks).failed == 0


def test_what_python_prints_stands_below_it() -> None:
    page = fenced("python", "x = 2") + "\n" + fenced("python", "print(x + 1)") + "\n" + fenced("text", "3")
    assert blocks.refreshed(page) == page
    assert blocks.refreshed(page.replace("\n3\n", "\n4\n")) == page
    assert blocks.refreshed(page.replace("```text\n3\n```", "```text\n```")) == page


def test_a_text_that_does_not_follow_directly_is_left_alone() -> None:
    page = fenced("python", "x = 2") + "\nIn words:\n\n" + fenced("text", "anything")
    assert blocks.refreshed(page) == page


def test_printing_without_a_place_to_print_to_is_an_error() -> None:
    with pytest.raises(blocks.BlockError, match=r"page, line 2: this prints"):
        blocks.refreshed(fenced("python", "print(1)"))


def test_an_error_names_its_line() -> None:
    page = "# Title\n\n" + fenced("python", "x = 1") + fenced("python", "y = 1/0")
    with pytest.raises(blocks.BlockError, match=r"notes\.md, line 7: ZeroDivisionError"):
        blocks.refreshed(page, "notes.md")


def test_commands_of_several_lines_and_exit_codes() -> None:
    commands = ['$ covector derive --less "y[i] = x[i]\nz[i] = 2*y[i]"', '$ covector derive "y[i]"', "$ echo $?"]
    page = fenced("console", "\n\n".join(commands))
    shown = blocks.refreshed(page)
    assert "z[i] = 2·y[i]" in shown
    assert "covector: " in shown
    assert shown.endswith("$ echo $?\n2\n```\n")
    assert blocks.refreshed(shown) == shown


@pytest.mark.parametrize("command", ["$ rm file", '$ covector derive "y[i]'])
def test_other_commands_are_refused(command: str) -> None:
    with pytest.raises(blocks.BlockError):
        blocks.refreshed(fenced("console", command))


def test_programs_must_derive() -> None:
    page = fenced("covector", "y[i] = x[i] ** 2")
    assert blocks.refreshed(page) == page
    with pytest.raises(blocks.BlockError, match="never closed"):
        blocks.refreshed(fenced("covector", "y[i] = x[i"))


def test_a_measured_error_may_differ_and_nothing_else() -> None:
    shown = "largest relative error 1.2e-12 (dual numbers: 0)"
    assert blocks.same(shown, shown.replace("1.2e-12", "9.9e-11"))
    assert not blocks.same(shown, shown.replace("largest", "smallest"))


def test_a_file_is_written_only_where_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "new" / "page.md"
    assert blocks.write_where_changed(path, "relative error 1e-9\n")
    assert not blocks.write_where_changed(path, "relative error 2e-9\n")
    assert blocks.write_where_changed(path, "other\n")
