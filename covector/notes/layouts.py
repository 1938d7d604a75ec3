"""Which layout a page has derivatives of vectors in: that of the numerator or that of the denominator."""

from __future__ import annotations

import re

from covector.notes.page import Heading, Paragraph, Prose
from covector.notes.read import Notes, Reading

NUMERATOR = re.compile(r"numerator[ -]layout|jacobian (?:formulation|layout)|分子布局", re.IGNORECASE)
DENOMINATOR = re.compile(r"denominator[ -]layout|hessian (?:formulation|layout)|分母布局", re.IGNORECASE)


class Layouts:
    """The layouts of a page: the headings above a formula are asked first, the nearest of them before the others."""

    def __init__(self, notes: Notes) -> None:
        blocks = [block for block in notes.page.blocks if isinstance(block, (Heading, Paragraph))]
        self.whole = _named(" ".join(map(_words, blocks)))

    def at(self, reading: Reading) -> str:
        """*numerator*, *denominator*, or '' where the page says neither for a formula."""
        found = (_named(_words(heading)) for heading in reversed(reading.section))
        return next((layout for layout in found if layout), self.whole)


def _words(block: Heading | Paragraph) -> str:
    return " ".join(piece.text for piece in block.pieces if isinstance(piece, Prose))


def _named(words: str) -> str:
    """The one layout that some words name."""
    found = [name for name, said in (("numerator", NUMERATOR), ("denominator", DENOMINATOR)) if said.search(words)]
    return found[0] if len(found) == 1 else ""
