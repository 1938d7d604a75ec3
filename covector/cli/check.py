"""``covector check``: claims in, verdicts out."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from covector.checker.formula import check_formula, declared
from covector.checker.mutants import mutation_report
from covector.checker.truth import Forward
from covector.checker.verdict import Verdict
from covector.cli.derive import declared as declared_shapes
from covector.cli.files import BAD_INPUT, guarded, source_text, write
from covector.cli.mutants import command_report, written
from covector.derivation.derivation import derive
from covector.errors import CovectorError
from covector.notation.element import Scope
from covector.notes.claim import check_latex, is_latex, program_or_latex

CODES = "Exit codes: 0 every claim is right; 1 a claim is wrong; 2 a claim is not understood, or the input is at fault."
WRONG = 1


class CheckFormat(StrEnum):
    """How verdicts are written."""

    text = "text"
    json = "json"
    html = "html"


@dataclass(frozen=True)
class CheckRequest:
    """What the command line asks for."""

    claims: str
    of: str | None
    shapes: Sequence[str]
    where: str | None
    cotangent: str | None
    style: str


def check(
    claim: str | None = typer.Argument(
        None,
        help="The claim, such as 'dweight = G.T @ input'; with - or nothing, one a line from standard input.",
    ),
    of: str | None = typer.Option(None, "--of", help="The forward that it is about: a program."),
    of_file: Path | None = typer.Option(None, "--of-file", help="Read the forward from a file."),
    file: Path | None = typer.Option(None, "--file", "-f", help="Read claims from a file, one a line."),
    shape: list[str] = typer.Option(
        [], "--shape", metavar="NAME:EXTENTS", help="The shape of an input, such as input:M,infs; may be repeated."
    ),
    where: str | None = typer.Option(
        None, "--where", help="A condition under which the claims are made, such as 'q = i'."
    ),
    cotangent: str | None = typer.Option(None, "--cotangent", metavar="NAME", help="What the claims call ∂L/∂output."),
    mutants: bool = typer.Option(
        False, "--mutants", help="Check no claim, but the check itself: mutants of the derived backward of --of."
    ),
    source: str | None = typer.Option(
        None, "--source", metavar="FILE:FUNCTION", help="With --mutants: a backward in Python, to be changed too."
    ),
    test: str | None = typer.Option(
        None, "--test", metavar="COMMAND", help="With --mutants: the command that tests it: 'pytest -q'."
    ),
    style: CheckFormat = typer.Option(CheckFormat.text, "--format", help="How the verdicts are written."),
    output: Path | None = typer.Option(None, "--output", "-o", help="Write to a file instead of standard output."),
) -> None:
    """Say whether formulas about a forward are right, and if one is not, why: the cause, the right form, an example."""
    with guarded():
        if of is not None and of_file is not None:
            raise CovectorError("the forward is given twice: with --of and with --of-file", hint="leave one out")
        forward = source_text(of, of_file) if of is not None or of_file is not None else None
        if mutants:
            raise typer.Exit(try_the_check(MutantsRequest(forward, shape, claim, source, test, style, output)))
        if source is not None or test is not None:
            raise CovectorError("--source and --test belong to --mutants", hint="covector check --mutants …")
        request = CheckRequest(source_text(claim, file), forward, shape, where, cotangent, style.value)
        verdicts = verdicts_of(request)
        write(verdicts_text(verdicts, style.value, output is None), output)
        raise typer.Exit(exit_code(verdicts))


@dataclass(frozen=True)
class MutantsRequest:
    """What the command line asks for with ``--mutants``."""

    of: str | None
    shapes: Sequence[str]
    claim: str | None
    source: str | None
    test: str | None
    style: CheckFormat
    output: Path | None


def try_the_check(request: MutantsRequest) -> int:
    """Write how many mutants of the backward of a forward the check catches, and how many the tests of a function."""
    if request.claim is not None:
        raise CovectorError("--mutants checks no claim", hint='covector check --mutants --of "y = x ** 2" --shape x:N')
    if request.style is CheckFormat.html:
        raise CovectorError("the report on mutants is text or JSON", hint="--format json")
    if request.of is None and request.source is None:
        hint = 'covector check --mutants --of "y = x ** 2" --shape x:N'
        raise CovectorError("--mutants needs a forward, or a function and its tests", hint=hint)
    own = command_report(request.source, request.test)
    ours = None
    if request.of is not None:
        ours = mutation_report({request.of.strip(): derive(request.of, shapes=declared_shapes(request.shapes))})
    return written([ours, own], request.style is CheckFormat.json, request.output)


def verdicts_of(request: CheckRequest) -> list[Verdict]:
    """A verdict for every line that holds a claim."""
    lines = list(claim_lines(request.claims))
    if not lines:
        raise CovectorError("no claim is given", hint='covector check "dx = 2 * x * G" --of "y = x ** 2" --shape x:N')
    shapes = declared_shapes(request.shapes)
    several = len(request.claims.strip().splitlines()) > 1
    judge = _judge(request, shapes)
    return [replace(judge(text), line=number if several else None) for number, text in lines]


def _judge(request: CheckRequest, shapes: Mapping[str, str]) -> Callable[[str], Verdict]:
    """What gives the verdict on one claim; the forward is read once for all of them."""
    options: dict[str, Any] = {"of": request.of, "shapes": shapes, "where": request.where}
    if request.of is None:
        scope: Scope | None = declared(shapes)
        forward = None
    else:
        scope, forward = None, forward_or_latex(request.of, shapes, request.cotangent, request.claims)

    def judge(text: str) -> Verdict:
        if is_latex(text) or (forward is None and request.of is not None):
            return check_latex(text, cotangent=request.cotangent, **options)
        return check_formula(text, forward, scope=scope, where=request.where)

    return judge


def forward_or_latex(of: str, shapes: Mapping[str, str], cotangent: str | None, claims: str) -> Forward | None:
    """The forward that a program is; None where it is written in LaTeX."""
    program = program_or_latex(of, shapes, claims)
    return None if program is None else Forward(program, cotangent)


def claim_lines(text: str) -> Iterator[tuple[int, str]]:
    """The claims of a text with their line numbers; a line goes on while a bracket is open, and ``#`` begins a comment.

    >>> list(claim_lines("# gradients\\ndx = G\\n\\ndy = sum(\\n  G)"))
    [(2, 'dx = G'), (4, 'dy = sum( G)')]
    """
    held, first = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        part = line.partition("#")[0].strip()
        if not part and not held:
            continue
        first = first if held else number
        held = f"{held} {part}".strip()
        if sum(map(held.count, "([（［")) <= sum(map(held.count, ")]）］")):
            yield first, held
            held = ""
    if held:
        yield first, held


def verdicts_text(verdicts: Sequence[Verdict], style: str, to_screen: bool = False) -> str:
    """Verdicts in one of the formats: JSON is an object for one claim and a list for several."""
    if style == "json":
        found = [verdict.json() for verdict in verdicts]
        return json.dumps(found[0] if len(found) == 1 else found, ensure_ascii=False, indent=2)
    if style == "html":
        return "\n".join(verdict.html() for verdict in verdicts)
    if not to_screen or not sys.stdout.isatty():
        return "\n".join(map(str, verdicts))
    console = Console(file=io.StringIO(), force_terminal=True, soft_wrap=True, highlight=False)
    for verdict in verdicts:
        console.print(verdict)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def exit_code(verdicts: Sequence[Verdict]) -> int:
    """1 where a claim is wrong, otherwise 2 where one is not understood, otherwise 0."""
    answers = {verdict.verdict for verdict in verdicts}
    return WRONG if "wrong" in answers else BAD_INPUT if "not understood" in answers else 0
