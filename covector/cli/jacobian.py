"""``covector jacobian``: a program in, its Jacobian out: element form, cases, structure, products, sizes, picture."""

from __future__ import annotations

import json
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

import typer

from covector.cli.derive import declared, wanted
from covector.cli.files import guarded, source_text, write
from covector.derivation.formulas import Formulas
from covector.errors import CovectorError
from covector.jacobians.describe import Description, describe
from covector.jacobians.picture import characters, svg
from covector.notation.print import text

CODES = "Exit codes: 0 all is well; 2 the input is at fault."

LARGEST_PICTURE = 32
"""Rows and columns of the largest picture that is printed in characters."""


class Style(StrEnum):
    """How a Jacobian is written."""

    text = "text"
    latex = "latex"
    json = "json"


def jacobian(
    source: str | None = typer.Argument(
        None, help="The program, such as 'y[i] = exp(x[i])'; with - or nothing, it is read from standard input."
    ),
    file: Path | None = typer.Option(None, "--file", "-f", help="Read the program from a file."),
    wrt: list[str] = typer.Option([], "--wrt", metavar="NAME", help="By these inputs only; may be repeated."),
    shape: list[str] = typer.Option(
        [], "--shape", metavar="NAME:EXTENTS", help="The shape of an input, such as input:M,infs; may be repeated."
    ),
    size: list[str] = typer.Option(
        [], "--size", metavar="NAME=NUMBER", help="The value of an extent, such as M=1000; may be repeated."
    ),
    hessian: bool = typer.Option(False, "--hessian", help="The Hessian of a program with one number as its output."),
    style: Style = typer.Option(Style.text, "--format", help="How it is written."),
    picture: Path | None = typer.Option(None, "--picture", metavar="FILE.svg", help="Draw where it is not zero."),
    output: Path | None = typer.Option(None, "--output", "-o", help="Write to a file instead of standard output."),
) -> None:
    """Show the Jacobian of the last statement: element form with cases, structure, products, and what it takes."""
    with guarded():
        given = source_text(source, file)
        names, extents = wanted(wrt), _extents(size)
        found = [
            one
            for name in names or (None,)
            for one in describe(given, name, hessian=hessian, shapes=declared(shape), extents=extents)
        ]
        if picture is not None:
            _draw(found, picture)
        write(_WRITTEN[style](found), output)


def _extents(given: list[str]) -> dict[str, int]:
    """The values after ``--size``.

    >>> _extents(["M=3,N=4"])
    {'M': 3, 'N': 4}
    """
    found: dict[str, int] = {}
    for part in (part.strip() for one in given for part in one.split(",")):
        name, _, value = part.partition("=")
        if not name.strip().isidentifier() or not value.strip().isdecimal() or int(value) < 1:
            raise CovectorError(f"--size takes a name and a number of at least 1, not {part!r}", hint="--size M=1000")
        found[name.strip()] = int(value)
    return found


def _draw(found: list[Description], path: Path) -> None:
    if len(found) > 1:
        names = ", ".join(one.wrt.name for one in found)
        raise CovectorError(f"one picture is of one Jacobian, and there are {len(found)}: by {names}", hint="--wrt x")
    example = found[0].example()
    if example is None:
        raise CovectorError("no arrays were found at which everything is finite, so there is nothing to draw")
    write(svg(example), path)


def _text(found: list[Description]) -> str:
    return "\n\n".join("\n".join(_lines(one)) for one in found)


def _lines(found: Description) -> Iterator[str]:
    formulas = Formulas("unicode", "L")
    yield f"{found.name} = {text(found.expr, 'unicode')}"
    if found.cases:
        conditions = [formulas.condition(case) for case in found.cases]
        values = [text(case.value, "unicode") for case in found.cases]
        width = max(map(len, values))
        for value, condition in zip(values, conditions, strict=True):
            yield f"    {value:{width}}   where {condition}"
    yield f"  structure  {found.structure}"
    for left, right in found.products():
        yield f"  {left:9}  {right}"
    dense, stored = found.sizes()
    yield f"  dense      {dense}"
    yield f"  stored     {stored}"
    yield from _picture(found)


def _picture(found: Description) -> Iterator[str]:
    example = found.example()
    if example is None or example.structure.kind == "zero":
        return
    lines = characters(example).splitlines()
    if len(lines) <= LARGEST_PICTURE and max(map(len, lines)) <= 2 * LARGEST_PICTURE:
        sizes = ["×".join(map(str, shape)) or "1" for shape in (example.output_shape, example.input_shape)]
        yield f"  picture    {sizes[0]} by {sizes[1]}"
        yield from (f"    {line}" for line in lines)


def _json(found: list[Description]) -> str:
    return json.dumps([_data(one) for one in found], ensure_ascii=False, indent=2)


def _data(found: Description) -> dict[str, object]:
    formulas = Formulas("unicode", "L")
    dense, stored = found.sizes()
    return {
        "wrt": found.wrt.name,
        "entry": found.name,
        "element": text(found.expr),
        "latex": found.latex,
        "cases": [{"where": formulas.condition(case), "value": text(case.value)} for case in found.cases],
        "structure": str(found.structure),
        "products": dict(found.products()),
        "dense": dense,
        "stored": stored,
    }


_WRITTEN = {
    Style.text: _text,
    Style.latex: lambda found: "\n".join(one.latex for one in found),
    Style.json: _json,
}
