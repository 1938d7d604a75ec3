"""Verdicts as text, as rich text, as HTML and as plain data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from html import escape
from typing import TYPE_CHECKING, Any

from rich.text import Text

if TYPE_CHECKING:
    from covector.checker.verdict import Counterexample, Verdict

STYLES = {"proved": "bold green", "agrees": "green", "wrong": "bold red", "not understood": "bold yellow"}
COLOURS = {"proved": "#1a7f37", "agrees": "#2da44e", "wrong": "#cf222e", "not understood": "#9a6700"}

_LABEL = 12
_MOST_CHARACTERS = 400


def lines(verdict: Verdict) -> Iterator[tuple[str, str]]:
    """What there is to say beside the claim: pairs of a label and a text."""
    if verdict.reading:
        yield "read", verdict.reading
    if verdict.verdict == "not understood":
        at = f"column {verdict.column}: " if verdict.column is not None else ""
        yield "", at + verdict.message
        return
    if verdict.verdict != "wrong":
        yield "", verdict.message
        for reason in verdict.evidence.skipped:
            yield "skipped", reason
        return
    if verdict.cause is not None:
        yield "cause", _cause(verdict.cause.name, verdict.cause.sentence)
    if verdict.suggestion is not None:
        yield "right", verdict.suggestion
    found = verdict.counterexample
    if found is not None and found.where is not None:
        yield "at", _place(found)
        yield "", _shortened(verdict.message.partition(": ")[2] or verdict.message)
    elif verdict.cause is None or verdict.message != verdict.cause.sentence:
        yield "", verdict.message


def plain(verdict: Verdict) -> str:
    """A verdict as text."""
    head = f"{_where(verdict)}{verdict.verdict}: {verdict.claim.strip()}"
    return "\n".join([head, *(f"  {label:<{_LABEL}}{shown}" for label, shown in lines(verdict))])


def rich_text(verdict: Verdict) -> Text:
    """A verdict as text in colours, for a terminal."""
    found = Text(_where(verdict))
    found.append(verdict.verdict, STYLES[verdict.verdict])
    found.append(f": {verdict.claim.strip()}")
    for label, shown in lines(verdict):
        found.append(f"\n  {label:<{_LABEL}}", "dim")
        found.append(shown, "green" if label == "right" else "")
    return found


def html(verdict: Verdict) -> str:
    """A verdict as an HTML fragment."""
    colour = COLOURS[verdict.verdict]
    rows = "".join(
        f'<tr><td style="color:#656d76;text-align:left;vertical-align:top">{escape(label)}</td>'
        f'<td style="text-align:left">{escape(shown)}</td></tr>'
        for label, shown in lines(verdict)
    )
    return (
        f'<div class="covector-verdict" data-verdict="{escape(verdict.verdict)}" '
        f'style="border-left:3px solid {colour};padding-left:8px">'
        f'<b style="color:{colour}">{escape(verdict.verdict)}</b> <code>{escape(verdict.claim.strip())}</code>'
        f"<table>{rows}</table></div>"
    )


def data(verdict: Verdict) -> dict[str, Any]:
    """A verdict as plain data, ready for JSON."""
    found: dict[str, Any] = _jsonable(asdict(verdict))
    return found


def size_sentence(found: Counterexample) -> str:
    """That the shapes differ: ``at M = 1, N = 2 the shape is (2, 1), and (1, 2) is wanted``."""
    sizes = ", ".join(f"{name} = {size}" for name, size in found.extents.items())
    at = f"at {sizes} " if sizes else ""
    return f"{at}the shape is {_shape(found.claimed)}, and {_shape(found.true)} is wanted"


def point_sentence(found: Counterexample, name: str) -> str:
    """What both sides are at the first coordinates that differ."""
    where = found.where or ()
    true, claimed = _at(found.true, where), _at(found.claimed, where)
    place = f"[{','.join(map(str, where))}]" if where and "[" not in name else ""
    subject = f"{name}{place}" if "[" not in name else f"{name} at ({', '.join(map(str, where))})"
    return f"{_sizes(found)}: {subject} is {true}, and the claim gives {claimed}"


def _sizes(found: Counterexample) -> str:
    sizes = ", ".join(f"{name} = {size}" for name, size in found.extents.items())
    return f"at {sizes}" if sizes else "at one point"


def _place(found: Counterexample) -> str:
    """The sizes and the inputs of a counterexample."""
    sizes = ", ".join(f"{name} = {size}" for name, size in found.extents.items())
    inputs = ", ".join(f"{name} = {_value(value)}" for name, value in found.inputs.items())
    return _shortened(": ".join(part for part in (sizes, inputs) if part))


def _at(value: Any, where: tuple[int, ...]) -> str:
    for number in where:
        value = value[number]
    return _value(value)


def _value(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _shape(shape: Any) -> str:
    return "(" + ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "") + ")"


def _cause(name: str, sentence: str) -> str:
    return sentence if sentence.startswith(name) else f"{name}: {sentence}"


def _where(verdict: Verdict) -> str:
    return f"line {verdict.line}: " if verdict.line is not None else ""


def _shortened(shown: str) -> str:
    return shown if len(shown) <= _MOST_CHARACTERS else shown[: _MOST_CHARACTERS - 1] + "…"


def _jsonable(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _jsonable(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_jsonable(part) for part in value]
    if isinstance(value, float) and (value != value or abs(value) == float("inf")):
        return str(value)
    return value
