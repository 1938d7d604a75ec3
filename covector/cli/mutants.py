"""``covector mutants``: how many mistakes the check catches, and how many the tests of a user."""

from __future__ import annotations

import json
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import Progress

from covector.checker.mutants import MutationReport, mutation_report
from covector.checker.mutants_run import CommandReport, try_mutants
from covector.cli.files import guarded, write
from covector.errors import CovectorError
from covector.ops import OPERATIONS

CODES = "Exit codes: 0 every mistake is caught; 1 a mistake survives; 2 the input is at fault."
SURVIVES = 1


class MutantsFormat(StrEnum):
    """How a report is written."""

    text = "text"
    json = "json"


def mutants(
    forward: list[str] = typer.Argument(
        None, help="Forwards whose derived backward is changed: programs, or names of operations."
    ),
    source: str | None = typer.Option(
        None, "--source", metavar="FILE:FUNCTION", help="A backward in Python whose tests are tried instead."
    ),
    test: str | None = typer.Option(None, "--test", metavar="COMMAND", help="The command that tests it: 'pytest -q'."),
    timeout: float = typer.Option(60.0, "--timeout", help="Seconds after which a run of the command is ended."),
    limit: int | None = typer.Option(None, "--limit", help="The most mutants of a function that are tried."),
    style: MutantsFormat = typer.Option(MutantsFormat.text, "--format", help="How the report is written."),
) -> None:
    """Make mutants of a true backward, and say how many the check catches, or the tests of your own."""
    with guarded():
        own = command_report(source, test, timeout, limit)
        if own is None and not forward:
            hint = "covector mutants softmax, or covector mutants 'y[i] = x[i]**2'"
            raise CovectorError("no forward is given", hint=hint)
        ours = mutation_report(_subjects(forward)) if forward else None
        raise typer.Exit(written([ours, own], style is MutantsFormat.json, None))


def written(reports: Sequence[MutationReport | CommandReport | None], as_json: bool, output: Path | None) -> int:
    """Write those of the reports that there are; the exit code."""
    found = [report for report in reports if report is not None]
    if as_json:
        data = [report.json() for report in found]
        shown = json.dumps(data[0] if len(data) == 1 else data, ensure_ascii=False, indent=2)
    else:
        shown = "\n\n".join(map(str, found))
    write(shown, output)
    return SURVIVES if any(report.missed for report in found) else 0


def command_report(
    source: str | None, command: str | None, timeout: float = 60.0, limit: int | None = None
) -> CommandReport | None:
    """The report on the tests of a function, with progress on standard error; None where there is no such function."""
    if source is None and command is None:
        return None
    if source is None or command is None:
        raise CovectorError("--source and --test belong together", hint="--source model.py:backward --test pytest")
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("mutants", total=None)
        return try_mutants(
            source,
            command,
            timeout=timeout,
            limit=limit,
            progress=lambda done, total: progress.update(task, completed=done, total=total),
        )


def _subjects(forward: Sequence[str]) -> list[str] | dict[str, str]:
    """The forwards by name: operations of the table, or programs."""
    if all(name in OPERATIONS for name in forward):
        return list(forward)
    return {text: text for text in forward}
