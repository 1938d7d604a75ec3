"""Formulas among prose: the delimiters that people use, and which of them are none."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field

from covector.notes.page import Fault, Prose, Snippet
from covector.notes.vocabulary import LAYOUTS

_INTEREST = re.compile(
    r"\\\\[\[(]|\\[\[(]|\\begin\{[a-z]{1,14}\*?\}|\\.|\$\$|\$`|\$|`+|<!--|<(?:pre|script|style|code)\b|\n(?=\n)",
    re.DOTALL,
)
_BEGIN = re.compile(r"\\begin\{([a-z]+)(\*?)\}")
_CLOSERS = {"\\[": "\\]", "\\(": "\\)", "\\\\[": "\\\\]", "\\\\(": "\\\\)", "$`": "`$", "<!--": "-->"}
_SENTENCE = re.compile(r"\d[\d,.]*[ \t\u4e00-\u9fff]+[A-Za-z\u4e00-\u9fff]{2,}")
_MATHEMATICAL = re.compile(r"[\\^_=]")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a page: its text from ``column`` on, which is ``page[start:]``."""

    text: str
    number: int
    column: int
    start: int
    quote: int

    def without(self, length: int) -> Line:
        """The line without its first characters."""
        return Line(self.text[length:], self.number, self.column + length, self.start + length, self.quote)


@dataclass(frozen=True, slots=True)
class Found:
    """``text[start:end]`` of a region: *prose*, *inline*, *display* or *break*.

    ``before`` and ``after`` are the lengths of its delimiters.
    """

    kind: str
    start: int
    end: int
    before: int = 0
    after: int = 0
    delimiter: str = ""


@dataclass(slots=True)
class Region:
    """Some lines as one text, with the way back to the page."""

    lines: list[Line]
    text: str = ""
    starts: list[int] = field(default_factory=list)
    blanks: list[int] = field(default_factory=list)
    ticks: dict[int, list[int]] | None = None
    nexts: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.text = "\n".join(line.text for line in self.lines)
        place = 0
        for line in self.lines:
            self.starts.append(place)
            if not line.text:
                self.blanks.append(place)
            place += len(line.text) + 1

    def line(self, offset: int) -> Line:
        """The line that holds ``offset``."""
        return self.lines[bisect_right(self.starts, offset) - 1]

    def absolute(self, offset: int) -> int:
        """Where ``offset`` is in the page."""
        k = bisect_right(self.starts, offset) - 1
        return self.lines[k].start + offset - self.starts[k]

    def place(self, offset: int) -> tuple[int, int]:
        """Line and column of ``offset``."""
        k = bisect_right(self.starts, offset) - 1
        return self.lines[k].number, self.lines[k].column + offset - self.starts[k]

    def prose(self, item: Found) -> Prose:
        """The words that ``item`` found."""
        text = self.text[item.start : item.end]
        return Prose(text, *self.place(item.start), self.absolute(item.start), self.absolute(item.end))

    def snippet(self, item: Found, delimiter: str) -> Snippet:
        """The formula that ``item`` found."""
        start, end = item.start + item.before, item.end - item.after
        first, last = bisect_right(self.starts, start) - 1, bisect_right(self.starts, end) - 1
        lines = [(0, *self.place(start))]
        for k in range(first + 1, last + 1):
            lines.append((self.starts[k] - start, self.lines[k].number, self.lines[k].column))
        span = (self.absolute(item.start), self.absolute(item.end))
        display = item.kind != "inline"
        return Snippet(self.text[start:end], *lines[0][1:], *span, display, delimiter, tuple(lines))

    def next(self, mark: str, offset: int) -> int:
        """Where ``mark`` comes next, or -1; what was found is kept, so that all searches together take linear time."""
        known = self.nexts.get(mark)
        if known is None or (known != -1 and known < offset):
            known = self.nexts[mark] = self.text.find(mark, offset)
        return known

    def unescaped(self, mark: str, offset: int) -> int:
        """Where ``mark`` comes next without a backslash that takes its meaning, or -1."""
        found = self.next(mark, offset)
        while found != -1 and self._escaped(found):
            found = self.next(mark, found + 1)
        return found

    def _escaped(self, offset: int) -> bool:
        first = offset
        while first > 0 and self.text[first - 1] == "\\":
            first -= 1
        return (offset - first) % 2 == 1

    def blank(self, offset: int) -> int:
        """Where the paragraph ends that holds ``offset``."""
        k = bisect_left(self.blanks, offset)
        return self.blanks[k] if k < len(self.blanks) else len(self.text)

    def tick(self, length: int, offset: int) -> int:
        """Where a run of exactly ``length`` backticks comes next, or -1."""
        if self.ticks is None:
            self.ticks = {}
            for match in re.finditer("`+", self.text):
                self.ticks.setdefault(len(match.group()), []).append(match.start())
        places = self.ticks.get(length, [])
        k = bisect_left(places, offset)
        return places[k] if k < len(places) else -1


def scan_region(region: Region) -> tuple[list[Found], list[Fault]]:
    """The prose, the formulas and the breaks between paragraphs, in order, and what is wrong with the delimiters."""
    found: list[Found] = []
    faults: list[Fault] = []
    prose = position = 0
    while True:
        match = _INTEREST.search(region.text, position)
        if match is None:
            break
        item, fault, position = _read(region, match)
        if fault is not None:
            faults.append(fault)
        if item is not None:
            _add_prose(region, found, prose, match.start())
            found.append(item)
            prose = item.end
    _add_prose(region, found, prose, len(region.text))
    return found, faults


def _add_prose(region: Region, found: list[Found], start: int, end: int) -> None:
    """Add the words between two items; a paragraph does not begin with an empty line."""
    if not found or found[-1].kind != "inline":
        while start < end and region.text[start] == "\n":
            start += 1
    if start < end:
        found.append(Found("prose", start, end))


Result = tuple[Found | None, Fault | None, int]


def _read(region: Region, match: re.Match[str]) -> Result:
    """What begins at ``match``: an item or nothing, perhaps a fault, and where to go on."""
    mark, start, end = match.group(), match.start(), match.end()
    if mark == "\n":
        return Found("break", start, end), None, end
    if mark[0] == "`":
        close = region.tick(len(mark), end)
        inside = close != -1 and close < region.blank(end)
        return None, None, close + len(mark) if inside else end
    if mark == "<!--" or mark[0] == "<":
        close = region.next(_CLOSERS.get(mark, f"</{mark[1:]}>"), end)
        return None, None, close if close != -1 else end
    if mark.startswith("\\begin"):
        return _environment(region, mark, start, end)
    if mark[0] == "\\" and mark not in _CLOSERS:
        return None, None, end
    if mark == "$":
        return _dollar(region, start, end)
    return _pair(region, mark, start, end)


def _pair(region: Region, mark: str, start: int, end: int) -> Result:
    """A formula between ``mark`` and what closes it."""
    closer = _CLOSERS.get(mark, mark)
    close = region.unescaped(closer, end) if mark == "$$" else region.next(closer, end)
    inline = mark in ("\\(", "\\\\(", "$`")
    if close == -1 or (inline and close > region.blank(end)):
        if mark == "$`":
            return _dollar(region, start, start + 1)
        fault = None if mark.startswith("\\\\") else _fault(region, start, f"this '{mark}' is never closed")
        return None, fault, end
    last = close + len(closer)
    if not region.text[end:close].strip():
        return None, _fault(region, start, "this formula is empty"), last
    kind = "inline" if inline else "display"
    return Found(kind, start, last, len(mark), len(closer), mark), None, last


def _environment(region: Region, mark: str, start: int, end: int) -> Result:
    """``\\begin{align}`` that stands in the page without dollar signs."""
    match = _BEGIN.match(mark)
    if match is None or match.group(1) not in LAYOUTS:
        return None, None, end
    closer = mark.replace("begin", "end")
    close = region.next(closer, end)
    if close == -1:
        return None, _fault(region, start, f"this '{mark}' is never closed"), end
    last = close + len(closer)
    return Found("display", start, last, delimiter=mark), None, last


def _dollar(region: Region, start: int, end: int) -> Result:
    """``$…$`` in one paragraph, unless it is money."""
    close = region.unescaped("$", end)
    money = region.text[end : end + 1].isdigit()
    if close == -1 or close > region.blank(end):
        return None, None if money else _fault(region, start, "this '$' has no partner in its paragraph"), end
    inside = region.text[end:close]
    if money and _SENTENCE.match(inside) and not _MATHEMATICAL.search(inside):
        return None, None, end
    if not inside.strip():
        return None, _fault(region, start, "this formula is empty"), close + 1
    return Found("inline", start, close + 1, 1, 1, "$"), None, close + 1


def _fault(region: Region, start: int, message: str) -> Fault:
    return Fault(message, *region.place(start))
