"""``covector derive``: a program in, its derivation out, as text in one of the formats."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from covector.derivation.derivation import derive
from covector.derivation.html import render_html
from covector.derivation.json import render_json
from covector.derivation.latex import render_latex
from covector.derivation.markdown import render_markdown
from covector.derivation.record import Record
from covector.derivation.text import WIDTH, render_text
from covector.errors import CovectorError
from covector.notation.parse import parse_shape

_NARROWEST = 60


@dataclass(frozen=True)
class Request:
    """What the command line asks for; ``to_screen`` says that lines fit the terminal."""

    source: str
    wrt: Sequence[str]
    shapes: Sequence[str]
    style: str
    lang: str
    numpy: bool
    less: bool
    to_screen: bool


def derivation_text(request: Request) -> str:
    """The derivation that was asked for."""
    found = derive(request.source, wrt=wanted(request.wrt), shapes=declared(request.shapes))
    if request.numpy:
        return found.numpy()
    width = screen_width() if request.to_screen else WIDTH
    return _FORMATS[request.style](found.record, request.lang, request.less, width)


_FORMATS: Mapping[str, Callable[[Record, str, bool, int], str]] = {
    "text": render_text,
    "latex": lambda record, lang, less, _: render_latex(record, lang, less),
    "markdown": lambda record, lang, less, _: render_markdown(record, lang, less),
    "html": lambda record, lang, less, _: render_html(record, lang, less),
    "json": lambda record, _lang, _less, _: json.dumps(render_json(record), ensure_ascii=False, indent=2),
}


def wanted(names: Sequence[str]) -> tuple[str, ...] | None:
    """The names after ``--wrt``, each once; None where it was not given.

    >>> wanted(["weight,bias", "input"])
    ('weight', 'bias', 'input')
    """
    found = dict.fromkeys(part.strip() for name in names for part in name.split(",") if part.strip())
    if names and not found:
        raise CovectorError("--wrt names no input", hint="--wrt weight, or --wrt weight,bias")
    return tuple(found) or None


def declared(shapes: Sequence[str]) -> dict[str, str]:
    """The shapes after ``--shape``, by name.

    >>> declared(["input:M,infs"])
    {'input': 'M,infs'}
    """
    found: dict[str, str] = {}
    for shape in shapes:
        name = parse_shape(shape).name
        if name in found:
            raise CovectorError(f"--shape declares {name} twice", hint="declare each input once")
        found[name] = shape.partition(":")[2].strip()
    return found


def screen_width() -> int:
    """How wide a derivation may be: as the terminal, between sensible limits; where there is none, the usual width."""
    if not sys.stdout.isatty():
        return WIDTH
    return max(_NARROWEST, min(WIDTH, shutil.get_terminal_size((WIDTH, 24)).columns))
