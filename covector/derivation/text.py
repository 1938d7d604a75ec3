"""A derivation for the terminal: labels in the margin, aligned lines, reasons and shapes in a column on the right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from covector.derivation.layout import Block, Cases, Declarations, Equation, Formula, Inline, Section, Sentence, lay_out
from covector.derivation.record import Record
from covector.derivation.words import Words
from covector.derivation.wrap import cells, padded, wrapped

WIDTH = 110
_WIDEST_MARGIN = 14
_WIDEST_BODY = 78
_WIDEST_REASON = 36
"""A longer reason may stand on a line of its own, and so takes no room from the formulas."""


@dataclass(frozen=True)
class _Row:
    """One line: what stands in the margin, the formula, and what stands on the right of it."""

    label: str
    body: str
    trail: str = ""
    hanging: int = 0
    """How far continuation lines are indented."""
    words: bool = False


def render_text(record: Record, lang: str = "en", less: bool = False, width: int = WIDTH) -> str:
    """The derivation as text in Unicode, in lines of at most ``width`` columns where formulas can be broken."""
    page = lay_out(record, "unicode", lang, less)
    sections = [list(_section(section, page.words)) for section in page.sections]
    margin = 2 + max(cells(row.label) for rows in sections for row in rows if cells(row.label) <= _WIDEST_MARGIN)
    column = _column([row for rows in sections for row in rows], width - margin)
    return "\n\n".join("\n".join(_lines(rows, margin, column, width)) for rows in sections)


def _section(section: Section, words: Words) -> Iterator[_Row]:
    """The rows of a section; its name stands in the margin of the first."""
    label = section.margin
    for block in section.blocks:
        for row in _rows(block, words):
            yield replace(row, label=label or row.label)
            label = ""


def _rows(block: Block, words: Words) -> Iterator[_Row]:
    if isinstance(block, Equation):
        yield from _equation(block, words)
    elif isinstance(block, Cases):
        yield from _cases(block)
    elif isinstance(block, Sentence):
        yield _Row(_label(block.phrase, words), _plain(block.parts), hanging=2, words=True)
    else:
        assert isinstance(block, Declarations)  # the terminal shows shapes beside the formulas


def _label(phrase: str, words: Words) -> str:
    return f"  {words(phrase.removesuffix(':') + ':')}" if phrase else ""


def _plain(parts: Inline) -> str:
    return "".join(part.text if isinstance(part, Formula) else part for part in parts)


def _equation(block: Equation, words: Words) -> Iterator[_Row]:
    label, lines = _label(block.phrase, words), list(block.lines)
    trail = [words("reason", reason=line.reason) if line.reason else "" for line in lines]
    if trail and block.shape:
        trail[-1] = f"{block.shape}  {trail[-1]}".rstrip()
    if block.apart or not lines:
        yield _Row(label, block.left)
    else:
        yield _Row(label, f"{block.left} = {lines.pop(0).right}", trail.pop(0), 4)
    for line, reason in zip(lines, trail, strict=True):
        yield _Row("", f"  = {line.right}", reason, 6)


def _cases(block: Cases) -> Iterator[_Row]:
    conditions = [f"  {_plain(condition)}:" for condition, _ in block.rows]
    width = 2 + max((cells(condition) for condition in conditions if cells(condition) <= 30), default=0)
    for condition, (_, value) in zip(conditions, block.rows, strict=True):
        yield _Row("", padded(condition, max(width, cells(condition) + 2)) + value, "", width)


def _column(rows: Sequence[_Row], width: int) -> int:
    """Where what stands on the right begins: two columns after the longest formula that is not too long."""
    trails = [row for row in rows if row.trail]
    widest = max((cells(row.trail) for row in trails), default=0)
    most = max(20, min(_WIDEST_BODY, width - min(widest, _WIDEST_REASON) - 2))
    return 2 + max((found for row in trails if (found := cells(row.body)) <= most), default=most)


def _lines(rows: Sequence[_Row], margin: int, column: int, width: int) -> Iterator[str]:
    for row in rows:
        label = padded(row.label, margin)
        if cells(row.label) > margin - 1:
            yield row.label
            label = " " * margin
        body = width - margin
        pieces = wrapped(row.body, body, body - row.hanging, row.words)
        pieces = [pieces[0], *(" " * row.hanging + piece for piece in pieces[1:])]
        if row.trail:
            last = padded(pieces[-1], max(column, cells(pieces[-1]) + 2)) + row.trail
            if cells(last) <= body:
                pieces[-1] = last
            else:
                indent = max(row.hanging, min(column, body - cells(row.trail)))
                pieces += [" " * indent + piece for piece in wrapped(row.trail, body - indent, words=True)]
        yield (label + pieces[0]).rstrip()
        yield from ((" " * margin + piece).rstrip() for piece in pieces[1:])
