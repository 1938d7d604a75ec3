"""The commands and their options, and what becomes of errors."""

from __future__ import annotations

from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import typer

from covector.cli.check import CODES as CHECK_CODES
from covector.cli.check import check
from covector.cli.derive import Request, derivation_text
from covector.cli.files import guarded, source_text, write
from covector.cli.jacobian import CODES as JACOBIAN_CODES
from covector.cli.jacobian import jacobian
from covector.cli.mutants import CODES as MUTANTS_CODES
from covector.cli.mutants import mutants
from covector.cli.notes import CODES as NOTES_CODES
from covector.cli.notes import notes
from covector.cli.ops import operation_text, table_text
from covector.cli.tour import tour_text
from covector.cli.tour_picture import Curve, svg
from covector.errors import CovectorError

CODES = "Exit codes: 0 all is well; 2 the input is at fault; 3 a result failed its own check and is withheld."

app = typer.Typer(
    name="covector",
    help="Derive the gradients of tensor programs as a person writes them, and check them.",
    epilog=CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
)


class Format(StrEnum):
    """How a derivation is written."""

    text = "text"
    latex = "latex"
    markdown = "markdown"
    json = "json"
    html = "html"


class Plain(StrEnum):
    """How the table of operations is written."""

    text = "text"
    json = "json"


class Language(StrEnum):
    """The language of the words in a derivation."""

    en = "en"
    zh = "zh"


def main() -> None:
    """Run the command line: the console script ``covector``."""
    with guarded():
        app()


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"covector {_version()}")
        raise typer.Exit


def _version() -> str:
    try:
        return version("covector")
    except PackageNotFoundError:
        return "(not installed)"


@app.callback()
def _covector(
    show_version: bool = typer.Option(
        False, "--version", callback=_print_version, is_eager=True, help="Show the version and exit."
    ),
) -> None:
    pass


@app.command(epilog=CODES)
def derive(
    source: str | None = typer.Argument(
        None,
        help="The program, such as 'y[i] = sum[k](A[i,k] * x[k])'; with - or nothing, it is read from standard input.",
    ),
    file: Path | None = typer.Option(None, "--file", "-f", help="Read the program from a file."),
    wrt: list[str] = typer.Option(
        [], "--wrt", metavar="NAME", help="Differentiate by these inputs only; repeat it, or separate names by commas."
    ),
    shape: list[str] = typer.Option(
        [], "--shape", metavar="NAME:EXTENTS", help="The shape of an input, such as input:M,infs; may be repeated."
    ),
    style: Format = typer.Option(Format.text, "--format", help="How the derivation is written."),
    lang: Language = typer.Option(Language.en, "--lang", help="The language of its words."),
    numpy: bool = typer.Option(False, "--numpy", help="Print the forward and the gradients as NumPy source instead."),
    less: bool = typer.Option(False, "--less", help="Show results without the steps."),
    output: Path | None = typer.Option(None, "--output", "-o", help="Write to a file instead of standard output."),
) -> None:
    """Derive the gradient of the last statement by every input, step by step, and check it."""
    with guarded():
        if numpy and style is not Format.text:
            raise CovectorError("--numpy and --format exclude each other: the one is Python source, the other a page")
        request = Request(source_text(source, file), wrt, shape, style.value, lang.value, numpy, less, output is None)
        write(derivation_text(request), output)


app.command(epilog=JACOBIAN_CODES)(jacobian)
app.command(epilog=CHECK_CODES)(check)
app.command(epilog=NOTES_CODES)(notes)
app.command(epilog=MUTANTS_CODES)(mutants)


@app.command(epilog=CODES)
def ops(
    name: str | None = typer.Argument(None, help="The operation to show; without it, all are listed."),
    style: Plain = typer.Option(Plain.text, "--format", help="How the list or the record is written."),
    lang: Language = typer.Option(Language.en, "--lang", help="The language of the derivation."),
) -> None:
    """List the operations that covector knows, or show one: its element form and the derivation of its gradients."""
    with guarded():
        as_json = style is Plain.json
        write(table_text(as_json) if name is None else operation_text(name, as_json, lang.value), None)


@app.command(epilog=CODES)
def tour(
    lang: Language = typer.Option(Language.en, "--lang", help="The language of the derivations."),
    plot: Path | None = typer.Option(None, "--plot", help="Draw the losses of both trainings into an SVG file."),
) -> None:
    """See what covector does, in under a minute: derivations, an error, and two models that train."""
    with guarded():
        curves: list[Curve] = []
        for part in tour_text(lang.value, curves):
            write(part, None)
        if plot is not None:
            write(svg(curves), plot)
