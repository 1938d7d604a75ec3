"""``covector notes``: pages in, a verdict for every formula out."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path

import typer

from covector.cli.files import BAD_INPUT, guarded, write
from covector.errors import CovectorError
from covector.notes.annotate import html, markdown
from covector.notes.check import check_notes
from covector.notes.report import text
from covector.notes.verdicts import PageVerdicts

CODES = "Exit codes: 0 nothing is wrong; 1 a formula is wrong, or code failed; 2 a file cannot be read."
WRONG = 1


class NotesFormat(StrEnum):
    """How the verdicts are written."""

    text = "text"
    markdown = "markdown"
    html = "html"
    json = "json"


def notes(
    files: list[Path] = typer.Argument(..., metavar="FILE...", help="Pages of notes in Markdown."),
    style: NotesFormat = typer.Option(
        NotesFormat.text, "--format", help="A table, an annotated copy (markdown, html), or JSON."
    ),
    every: bool = typer.Option(False, "--all", help="Show definitions, declarations and names in the table too."),
    run_code: bool = typer.Option(
        False, "--run-code", help="Run the Python code fences, each in a process of its own with a time limit."
    ),
    output: Path | None = typer.Option(None, "--output", "-o", help="Write to a file instead of standard output."),
) -> None:
    """Check every formula of pages of notes: which are right, which are wrong and why, which are not understood."""
    with guarded():
        pages, unread = [], False
        for file in files:
            try:
                pages.append(check_notes(file, run_code=run_code))
            except CovectorError as error:
                unread = True
                print(f"covector: {error.render()}", file=sys.stderr)
        if pages:
            write(notes_text(pages, style.value, every, output is None), output)
        if unread:
            raise typer.Exit(BAD_INPUT)
        if not all(pages):
            raise typer.Exit(WRONG)


def notes_text(pages: Sequence[PageVerdicts], style: str, every: bool = False, to_screen: bool = False) -> str:
    """The pages in one of the formats."""
    if style == "json":
        return json.dumps([page.json() for page in pages], ensure_ascii=False, indent=2)
    if style == "html":
        return "\n".join(map(html, pages))
    if style == "markdown":
        return "\n".join(map(markdown, pages))
    return text(pages, to_screen and sys.stdout.isatty(), every).rstrip("\n")
