"""What a page of Markdown holds: blocks in order, every piece with its place."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field

_MARKUP = re.compile(r"<[^<>]{0,200}>|&[a-z]{2,8};|[\s>*+\-.,:;!?()，。：；、！？（）]|\d+[.)]")


@dataclass(frozen=True, slots=True)
class Piece:
    """Part of a page: its text, and ``page[start:end]`` with what delimits it; lines and columns count from 1."""

    text: str
    line: int
    column: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Prose(Piece):
    """Words between formulas."""


@dataclass(frozen=True, slots=True)
class Snippet(Piece):
    """A formula as it was written, without its delimiters.

    ``display`` says that it stands for itself; ``delimiter`` opened it. ``lines`` are, for each of its lines, the
    offset in ``text``, the line and the column at which it begins.
    """

    display: bool = False
    delimiter: str = "$"
    lines: tuple[tuple[int, int, int], ...] = ()

    def place(self, offset: int) -> tuple[int, int]:
        """Line and column, in the page, of the character at ``offset`` of ``text``."""
        k = bisect_right([first for first, _, _ in self.lines], offset) - 1
        first, line, column = self.lines[max(0, k)]
        return line, column + offset - first


@dataclass(frozen=True, slots=True)
class Block:
    """Some lines of a page. ``quote`` is how deep it stands in block quotes."""

    line: int
    end_line: int
    quote: int


@dataclass(frozen=True, slots=True)
class Heading(Block):
    """``## text with $formulas$``."""

    level: int
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Paragraph(Block):
    """Prose with formulas in it."""

    pieces: tuple[Piece, ...]

    @property
    def bare(self) -> bool:
        """Whether nothing but formulas stands here, tags and punctuation aside."""
        return not any(_MARKUP.sub("", piece.text) for piece in self.pieces if isinstance(piece, Prose))


@dataclass(frozen=True, slots=True)
class Display(Block):
    """One formula that stands for itself."""

    formula: Snippet


@dataclass(frozen=True, slots=True)
class Code(Block):
    """A code fence; ``language`` is '' where it says none. ``text`` is what stands between the fences."""

    language: str
    text: str


@dataclass(frozen=True, slots=True)
class Fault:
    """Something about the page that the reader must know, such as a ``$`` without a partner."""

    message: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Page:
    """A page, block by block."""

    source: str
    blocks: tuple[Block, ...]
    faults: tuple[Fault, ...] = field(default=())

    @property
    def formulas(self) -> tuple[Snippet, ...]:
        """Every formula of the page, in order."""
        return tuple(snippet for block in self.blocks for snippet in snippets(block))


def snippets(block: Block) -> tuple[Snippet, ...]:
    """The formulas of one block, in order."""
    if isinstance(block, Display):
        return (block.formula,)
    if isinstance(block, (Heading, Paragraph)):
        return tuple(piece for piece in block.pieces if isinstance(piece, Snippet))
    return ()
