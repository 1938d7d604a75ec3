"""Conditions: letters that are the same or differ, as headings and words before a formula say."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from covector.notes import math as m
from covector.notes.chain_claims import Conditions
from covector.notes.context import Context
from covector.notes.formula import Statement
from covector.notes.page import Heading, Paragraph, Prose
from covector.notes.read import Reading
from covector.notes.translate_letters import index_name

if TYPE_CHECKING:
    from covector.notes.chain_outcome import Outcome

_WHEN = re.compile(r"(?:当|若|如果|when|where|if|for|case|unless)\s*$", re.IGNORECASE)


class ConditionReader:
    """The part of a walk over a page that is about conditions."""

    context: Context
    reading: Reading
    section: tuple[int, ...]
    by_heading: dict[int, Conditions]
    local: Conditions | None

    def is_condition(self, statement: Statement) -> bool:
        """Whether an equality is between letters, in a heading or after 'when'."""
        letters = all(self.is_letter(term) for term in statement.terms)
        if not letters or statement.continues:
            return False
        return isinstance(self.reading.block, Heading) or self.after_when()

    def is_letter(self, term: m.Math) -> bool:
        """Whether a term can be an index."""
        if isinstance(term, m.Name):
            return term.name not in self.context.defined and term.name not in self.context.values
        return isinstance(term, m.Indexed) and not any(isinstance(n, m.Number) for n in m.walk(term))

    def after_when(self) -> bool:
        """Whether the words before the formula make it a condition."""
        block = self.reading.block
        if not isinstance(block, Paragraph):
            return False
        words = ""
        for piece in block.pieces:
            if piece is self.reading.snippet:
                return _WHEN.search(words) is not None
            words = piece.text if isinstance(piece, Prose) else ""
        return False

    def condition(self, statement: Statement, outcome: Outcome) -> None:
        """Letters that are the same or differ, in what follows."""
        left, right = (index_name(term) for term in statement.terms[:2])
        pair = ((left, right),)
        same = statement.signs[0].symbol == "="
        found = Conditions(same=pair) if same else Conditions(unequal=pair)
        block = self.reading.block
        if isinstance(block, Heading):
            self.by_heading[block.line] = found
        else:
            self.local = found
        outcome.says.append(f"a condition: {left} {'=' if same else '≠'} {right}")

    def conditions(self) -> Conditions:
        """What holds here, by the headings and the words before."""
        found = [self.by_heading[line] for line in self.section if line in self.by_heading]
        if self.local is not None and not isinstance(self.reading.block, Heading):
            found.append(self.local)
        return Conditions(tuple(p for c in found for p in c.same), tuple(p for c in found for p in c.unequal))
