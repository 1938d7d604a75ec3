"""Markdown as people write notes in it, to blocks with their formulas. Every step takes linear time."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from covector.errors import NotationError
from covector.notes.page import Block, Code, Display, Fault, Heading, Page, Paragraph, Piece, Prose, Snippet
from covector.notes.region import Found, Line, Region, scan_region

MAX_CHARACTERS = 1_000_000

_REFUSED = re.compile("[\x00-\x08\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_QUOTE = re.compile(r"[ \t]{0,3}>(?:[ \t]{0,3}>){0,20} ?")
_FENCE = re.compile(r"[ \t]*(?:[-*+]|\d{1,3}[.)])?[ \t]*(`{3,}|~{3,})[ \t]*\{?\.?([\w+#-]{0,40})[^`\n]*$")
_HEADING = re.compile(r"[ \t]{0,3}(#{1,6})(?:[ \t]+|$|(?=[\u3400-\u9fff]))")
_UNDERLINE = re.compile(r"[ \t]{0,3}(=+|-{2,})[ \t]*$")


def read_markdown(text: str) -> Page:
    """The blocks of a page, in order, with every formula once.

    Raises `NotationError` where the text is too long, or is no text.

    >>> page = read_markdown("# Forward\\n\\n$Y = W X$, where\\n$$z = L(Y)$$\\n")
    >>> [(formula.text, formula.line, formula.column) for formula in page.formulas]
    [('Y = W X', 3, 2), ('z = L(Y)', 4, 3)]
    """
    _check(text)
    reader = _Reader(_lines(text))
    reader.read()
    return Page(text, tuple(reader.blocks), tuple(reader.faults))


def _check(text: str) -> None:
    if len(text) > MAX_CHARACTERS:
        raise NotationError(f"the page has {len(text):,} characters; the limit is {MAX_CHARACTERS:,}")
    refused = _REFUSED.search(text)
    if refused:
        line = text.count("\n", 0, refused.start()) + 1
        column = refused.start() - text.rfind("\n", 0, refused.start())
        message = (
            f"the page holds the character U+{ord(refused.group()):04X} in line {line}, column {column}: it is no text"
        )
        raise NotationError(message, hint="save the page as UTF-8")


def _lines(text: str) -> list[Line]:
    """The lines of a page, without the signs of block quotes."""
    found: list[Line] = []
    start = 0
    for number, raw in enumerate(text.split("\n"), 1):
        quote = _QUOTE.match(raw)
        skip = quote.end() if quote else 0
        if number == 1 and raw.startswith("\ufeff"):
            skip = max(skip, 1)
        depth = quote.group().count(">") if quote else 0
        content = raw[skip:].rstrip("\r")
        found.append(Line(content if content.strip() else "", number, skip + 1, start + skip, depth))
        start += len(raw) + 1
    return found


@dataclass(slots=True)
class _Reader:
    """The state of reading one page."""

    lines: list[Line]
    position: int = 0
    blocks: list[Block] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def read(self) -> None:
        """Read everything."""
        self._front_matter()
        first = self.position
        while self.position < len(self.lines):
            line = self.lines[self.position]
            fence = _FENCE.match(line.text)
            heading = None if fence else _HEADING.match(line.text)
            if not fence and not heading:
                self.position += 1
                continue
            self._region(first, self.position)
            if fence:
                self._fence(fence)
            elif heading:
                self._heading(heading)
            first = self.position
        self._region(first, len(self.lines))

    def _front_matter(self) -> None:
        """``---`` … ``---`` at the very start."""
        if not self.lines or self.lines[0].text.strip() != "---":
            return
        for k in range(1, min(len(self.lines), 200)):
            if self.lines[k].text.strip() == "---":
                text = "\n".join(line.text for line in self.lines[1:k])
                self.blocks.append(Code(1, k + 1, 0, "yaml", text))
                self.position = k + 1
                return

    def _fence(self, match: re.Match[str]) -> None:
        """A code fence, to its end."""
        first, marks, language = self.position, match.group(1), match.group(2).lower()
        close = re.compile(rf"[ \t]*{re.escape(marks[0])}{{{len(marks)},}}[ \t]*$")
        last = first + 1
        while last < len(self.lines) and not close.match(self.lines[last].text):
            last += 1
        inside = self.lines[first + 1 : last]
        opening = self.lines[first]
        if last == len(self.lines):
            self.faults.append(
                Fault("this code fence is never closed", opening.number, match.start(1) + opening.column)
            )
        self.position = min(last + 1, len(self.lines))
        end_line = self.lines[self.position - 1].number
        if language == "math" and inside:
            snippet = Region(inside).snippet(
                Found("math", 0, sum(len(line.text) + 1 for line in inside) - 1), "```math"
            )
            self.blocks.append(Display(opening.number, end_line, opening.quote, snippet))
            return
        text = "\n".join(line.text for line in inside)
        self.blocks.append(Code(opening.number, end_line, opening.quote, language, text))

    def _heading(self, match: re.Match[str]) -> None:
        line = self.lines[self.position]
        self.position += 1
        rest = line.without(match.end())
        pieces = self._pieces([rest])
        self.blocks.append(Heading(line.number, line.number, line.quote, len(match.group(1)), tuple(pieces)))

    def _pieces(self, lines: list[Line]) -> list[Piece]:
        region = Region(lines)
        found, faults = scan_region(region)
        self.faults += faults
        return [_piece(region, item) for item in found if item.kind != "break"]

    def _region(self, first: int, last: int) -> None:
        """The paragraphs and displays of the lines between two headings or fences."""
        if first >= last:
            return
        region = Region(self.lines[first:last])
        found, faults = scan_region(region)
        self.faults += faults
        waiting: list[Piece] = []
        for item in found:
            if item.kind == "display":
                self._paragraph(region, waiting)
                waiting = []
                snippet = region.snippet(item, item.delimiter)
                self.blocks.append(self._display(region, item, snippet))
            elif item.kind == "break":
                self._paragraph(region, waiting)
                waiting = []
            else:
                waiting.append(_piece(region, item))
        self._paragraph(region, waiting)

    def _display(self, region: Region, item: Found, snippet: Snippet) -> Display:
        first, last = region.line(item.start), region.line(max(item.start, item.end - 1))
        return Display(first.number, last.number, first.quote, snippet)

    def _paragraph(self, region: Region, pieces: list[Piece]) -> None:
        if not any(piece.text.strip() or isinstance(piece, Snippet) for piece in pieces):
            return
        first = pieces[0].line
        last = pieces[-1].line + pieces[-1].text.count("\n")
        quote = region.lines[first - region.lines[0].number].quote
        heading = _underlined(pieces)
        if heading:
            self.blocks.append(Heading(first, last, quote, heading, tuple(pieces)))
        else:
            self.blocks.append(Paragraph(first, last, quote, tuple(pieces)))


def _underlined(pieces: list[Piece]) -> int:
    """The level of a heading that is one line with ``===`` or ``---`` under it, otherwise 0."""
    last = pieces[-1].text
    if not isinstance(pieces[-1], Prose) or ("\n" not in last.strip("\n") and len(pieces) == 1):
        return 0
    line = last.rstrip("\n").rsplit("\n", 1)[-1]
    single = sum(piece.text.rstrip("\n").count("\n") for piece in pieces) == 1
    if not single or not _UNDERLINE.match(line):
        return 0
    return 1 if line.strip()[0] == "=" else 2


def _piece(region: Region, item: Found) -> Piece:
    if item.kind == "prose":
        return region.prose(item)
    return region.snippet(item, item.delimiter)
