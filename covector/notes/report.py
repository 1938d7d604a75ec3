"""Verdicts on pages as a table for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from covector.checker.show import STYLES
from covector.notes.annotate import reasons
from covector.notes.verdicts import Checked, PageVerdicts

_WIDEST = 70


def table(page: PageVerdicts, every: bool = False) -> RenderableType:
    """The formulas of a page with their verdicts; without ``every`` only those that claim something."""
    shown = Table(title=page.path or None, title_justify="left", show_lines=False, expand=False)
    shown.add_column("line", justify="right")
    shown.add_column("verdict", no_wrap=True)
    shown.add_column("formula")
    for found in page.formulas:
        if found.answer != "states" or every:
            shown.add_row(str(found.line), Text(found.answer, STYLES.get(found.answer, "dim")), _about(found))
    return Group(shown, Text(summary(page)))


def _about(found: Checked) -> Text:
    source = " ".join(found.source.split())
    text = Text(source if len(source) <= _WIDEST else source[: _WIDEST - 1] + "…")
    if found.says:
        text.append(f"\n{found.says}", "dim")
    for reason in reasons(found):
        text.append(f"\n{reason}", "green" if reason.startswith("right: ") else "dim")
    for verdict in found.verdicts:
        if verdict and verdict.reading:
            text.append(f"\nread: {verdict.reading}", "dim")
            break
    return text


def summary(page: PageVerdicts) -> str:
    """How many formulas have each answer."""
    counts = ", ".join(f"{number} {answer}" for answer, number in page.counts.items() if number)
    return f"{page.path or 'page'}: {len(page.formulas)} formulas: {counts or 'none'}"


def text(pages: Sequence[PageVerdicts], colour: bool, every: bool = False) -> str:
    """All pages as text."""
    console = Console(force_terminal=colour, no_color=not colour, width=110, highlight=False, record=False)
    with console.capture() as capture:
        for page in pages:
            console.print(table(page, every))
            for line, message in page.faults:
                console.print(Text(f"{page.path or 'page'}:{line}: {message}"))
            for run in page.code:
                console.print(Text(f"{page.path or 'page'}:{run.line}: code {'ran' if run.ok else 'failed'}"))
    return capture.get()
