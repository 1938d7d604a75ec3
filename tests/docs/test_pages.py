"""The README and the documentation say what is so: outputs, generated pages, links, tables."""

from __future__ import annotations

import re
from pathlib import Path

import generate
import pytest
from typer.main import get_command

from covector.cli.app import app
from covector.cli.check import WRONG
from covector.cli.files import BAD_INPUT, BROKEN_PIPE, INTERRUPTED, WITHHELD
from covector.notation import build, tokens
from covector.run import reference
from tests.support.katex import katex_errors
from tests.test_layers import LAYERS

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = sorted(generate.pages())
WRITTEN = [*generate.EXECUTED, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_the_page_is_current(path: Path) -> None:
    difference = generate.difference(path)
    assert not difference, f"{path.relative_to(ROOT)} is stale: run python docs/generate.py {path.stem}\n{difference}"


def test_no_page_is_left_over() -> None:
    assert generate.left_over() == []


def test_every_page_is_generated_or_executed() -> None:
    apart = {ROOT / "docs" / "benchmarks.md", ROOT / "docs" / "notes.md"}
    assert set((ROOT / "docs").rglob("*.md")) - set(PAGES) == apart


@pytest.mark.parametrize("path", sorted(set(WRITTEN) | {ROOT / "docs/operations/index.md"}), ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    prose = re.sub(r"```.*?```|`[^`\n]*`", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    links = re.findall(r"\]\(([^)#\s]+)\)", prose)
    broken = [link for link in links if "://" not in link and not (path.parent / link).exists()]
    assert broken == []


def test_katex_takes_every_formula() -> None:
    pages = "".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs").rglob("*.md")))
    formulas = re.findall(r"^\$\$\n(.*?)\n\$\$$", pages, re.DOTALL | re.MULTILINE)
    assert len(formulas) > 100
    assert katex_errors(formulas) == []


def test_the_readme_opens_with_three_sentences() -> None:
    opening = README.split("\n\n")[1]
    assert len(re.findall(r"[.!?](?:\s|$)", opening)) == 3


def test_the_readme_gives_the_two_commands() -> None:
    assert re.findall(r"```sh\n(.*?)\n```", README, re.DOTALL) == [
        "python -m pip install . && covector tour",
        'python -m pip install -e ".[test]" && python -m pytest',
    ]
    assert all(command in (ROOT / ".ci/run").read_text() for command in re.findall(r"```sh\n(.*?)\n```", README))


def test_the_readme_lists_the_rooms_in_order() -> None:
    house = README.partition("## The house")[2].partition("\n## ")[0]
    assert re.findall(r"^\| \[`(\w+)`\]", house, re.MULTILINE) == [room for layer in LAYERS for room in layer]


def test_the_readme_lists_the_options() -> None:
    options = {name for option in get_command(app).commands["derive"].params for name in option.opts}  # type: ignore[attr-defined]
    listed = set(re.findall(r"--[a-z]+", README.partition("## On the command line")[2].partition("\n## ")[0]))
    assert {name for name in options if name.startswith("--")} <= listed


def test_the_readme_lists_the_exit_codes() -> None:
    codes = README.partition("| exit code | |")[2].partition("\n\n")[0]
    rows = [row.split("|")[1].strip() for row in codes.strip().splitlines()[1:]]
    assert rows == ["0", str(WRONG), str(BAD_INPUT), str(WITHHELD), f"{INTERRUPTED}, {BROKEN_PIPE}"]


def test_the_notation_page_gives_the_limits() -> None:
    page = (ROOT / "docs/notation.md").read_text(encoding="utf-8")
    limits = [tokens.MAX_CHARACTERS, tokens.MAX_TOKENS, tokens.MAX_BRACKETS, tokens.MAX_DIGITS, tokens.MAX_NAME]
    shown = re.findall(r"^\| [a-z ,]+ \| ([\d,]+)", page.partition("## Limits")[2], re.MULTILINE)
    assert [int(number.replace(",", "")) for number in shown[:-1]] == limits
    assert tokens.MAX_BRACKETS == build.MAX_DEPTH
    assert tokens.MAX_DIGITS == tokens.MAX_EXPONENT
    assert f"{int(shown[-1])} GiB" == f"{reference.MEMORY_LIMIT >> 30} GiB"


def test_the_site_has_every_page() -> None:
    site = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    named = set(re.findall(r"[\w/-]+\.md", site))
    pages = {str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").glob("*.md")}
    assert pages <= named
    assert all((ROOT / "docs" / name).exists() for name in named)
