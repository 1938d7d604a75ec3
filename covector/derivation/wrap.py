"""How wide text is on a terminal, and where a long formula may be broken."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right

_OPENING, _CLOSING = "([{⌊", ")]}⌋"
_OPERATORS = re.compile(r"(?<= )[-+=/@*≤<≠](?= )|·")
_WORDS = re.compile(r"(?<= )[^ ]|[\u3001-\u9fff\uff00-\uffef](?<![，。：；、）])")
_DEEPER = 20
"""How many columns further to the right a break must be for each level of parentheses that it stands in."""
_LEAST = 8


def cells(text: str) -> int:
    """How many columns of a terminal a text takes.

    >>> cells("δ(q,i)"), cells("求导"), cells("x̂")
    (6, 4, 1)
    """
    if text.isascii():
        return len(text)
    return sum(_width(character) for character in text)


def _width(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def padded(text: str, width: int) -> str:
    """A text filled up with spaces to a width.

    >>> padded("求导", 6) + "|"
    '求导  |'
    """
    return text + " " * (width - cells(text))


def wrapped(text: str, width: int, later: int | None = None, words: bool = False) -> list[str]:
    """A formula in lines of at most ``width`` columns (``later`` for those after the first), broken before operators.

    Of the operators that fit, one outside of parentheses is taken before one inside; a text without any is cut.
    With ``words``, lines are broken between words instead.

    >>> wrapped("a[i,j] + f(b - c) - d", 14)
    ['a[i,j]', '+ f(b - c) - d']
    """
    if cells(text) <= width:
        return [text]
    places = [match.start() for match in (_WORDS if words else _OPERATORS).finditer(text)]
    columns, depths = _measured(text)
    lines: list[str] = []
    start, following = 0, 0
    room = max(_LEAST, width)
    while columns[-1] - columns[start] > room:
        last = max(start + 1, bisect_right(columns, columns[start] + room) - 1)
        following = bisect_right(places, start, lo=following)
        fitting = places[following : bisect_right(places, last)]
        end = max(fitting, key=lambda place: columns[place] - _DEEPER * depths[place], default=last)
        lines.append(text[start:end].rstrip())
        start, room = end, max(_LEAST, width if later is None else later)
    return [*lines, text[start:]]


def _measured(text: str) -> tuple[list[int], list[int]]:
    """The column and the depth of parentheses at which each character begins, and at which the text ends."""
    columns, depths = [0], [0]
    for character in text:
        columns.append(columns[-1] + _width(character))
        depths.append(depths[-1] + (character in _OPENING) - (character in _CLOSING))
    return columns, depths
