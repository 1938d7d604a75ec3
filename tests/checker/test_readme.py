"""What the README says of the commands that check: that they exist, and all of their options."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.main import get_command

from covector.cli.app import app

README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
COMMANDS = get_command(app).commands  # type: ignore[attr-defined]


def test_every_command_is_named() -> None:
    assert {name for name in COMMANDS if f"`covector {name}" not in README} == set()


@pytest.mark.parametrize("command", ["check", "notes", "mutants"])
def test_every_option_is_listed(command: str) -> None:
    table = README.partition(f"| option of `covector {command}` | |")[2].partition("\n\n")[0]
    listed = set(
        re.findall(r"--[a-z]+(?:-[a-z]+)*", "".join(row.split("|")[1] for row in table.splitlines() if "|" in row))
    )
    options = {name for option in COMMANDS[command].params for name in option.opts if name.startswith("--")}
    assert listed == options
