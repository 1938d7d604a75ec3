"""A copy of a page with its verdicts: in Markdown, and in HTML."""

from __future__ import annotations

from html import escape

from covector.checker.show import COLOURS, lines
from covector.notes.verdicts import Checked, PageVerdicts

_MARKS = {"proved": "✓", "agrees": "≈", "wrong": "✗", "not understood": "?", "states": "·"}
_STATES = "#656d76"
_MOST = 600


def markdown(page: PageVerdicts) -> str:
    """The page, with the verdict after each formula that claims something, and below it what is wrong."""
    pieces, place = [], 0
    for found in page.formulas:
        pieces.append(page.source[place : found.end])
        place = found.end
        if found.answer == "states":
            continue
        pieces.append(f" <sup>{_MARKS[found.answer]} {found.answer}</sup>")
        if found.answer in ("wrong", "not understood"):
            pieces.append(_aside(found))
    pieces.append(page.source[place:])
    return "".join(pieces)


def _aside(found: Checked) -> str:
    """What is wrong, beside the formula: on one line, so that it breaks no table, list or quote."""
    return f" <small>{escape('; '.join(reasons(found)))}</small>"


def reasons(found: Checked) -> list[str]:
    """What is to be said of a formula that is not right."""
    said: list[str] = []
    for verdict in found.verdicts:
        if verdict:
            continue
        if verdict.cause is not None:
            said.append(f"{verdict.cause.name}: {verdict.cause.sentence}")
        if verdict.suggestion:
            said.append(f"right: {' '.join(verdict.suggestion.split())[:_MOST]}")
        said += [f"at {shown}" for label, shown in lines(verdict) if label == "at"]
        if verdict.cause is None or verdict.message not in verdict.cause.sentence:
            said.append(verdict.message[:_MOST])
    return list(dict.fromkeys(said))


def html(page: PageVerdicts) -> str:
    """The page as HTML: its text as it is, each formula in the colour of its verdict."""
    pieces, place = [], 0
    for found in page.formulas:
        pieces.append(escape(page.source[place : found.start]))
        pieces.append(_formula(page, found))
        place = found.end
    pieces.append(escape(page.source[place:]))
    title = escape(page.path or "notes")
    counts = ", ".join(f"{number} {answer}" for answer, number in page.counts.items() if number)
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>\n<body>'
        f"<p>{title}: {escape(counts)}</p>\n"
        f'<pre style="white-space:pre-wrap">{"".join(pieces)}</pre></body></html>\n'
    )


def _formula(page: PageVerdicts, found: Checked) -> str:
    colour = COLOURS.get(found.answer, _STATES)
    source = escape(page.source[found.start : found.end])
    shown = f'<span data-verdict="{found.answer}" style="color:{colour}">{source}</span>'
    if found.answer in ("wrong", "not understood"):
        shown += f' <small style="color:{colour}">{escape("; ".join(reasons(found)))}</small>'
    return shown
