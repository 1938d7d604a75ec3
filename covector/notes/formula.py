"""What a formula says: statements, each a chain of relations."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from covector.notation.syntax import Span
from covector.notes.math import Choice, Math, rebuild, walk


@dataclass(frozen=True, slots=True)
class Sign:
    """A relation as it was written, ``=``, ``≠``, ``→``, … (``→≈`` for two in a row), with the label above it."""

    span: Span
    symbol: str
    label: Math | None = None


@dataclass(frozen=True, slots=True)
class Relation:
    """``left sign right``; ``left`` is None where the formula goes on from an earlier one."""

    span: Span
    symbol: str
    left: Math | None
    right: Math
    label: Math | None = None


@dataclass(frozen=True, slots=True)
class Statement:
    """``a = b = c``: terms and the relations between them.

    Where it ``continues``, the first sign comes before the first term. ``word`` is what stood before it, such as 'if'.
    """

    span: Span
    terms: tuple[Math, ...]
    signs: tuple[Sign, ...]
    continues: bool = False
    word: str = ""

    @property
    def relations(self) -> tuple[Relation, ...]:
        """Each relation with what stands on its two sides."""
        lefts: tuple[Math | None, ...] = (None, *self.terms) if self.continues else self.terms
        found = []
        for sign, left, right in zip(self.signs, lefts, lefts[1:], strict=False):
            assert right is not None
            start = left.span.start if left is not None else sign.span.start
            found.append(Relation(Span(start, right.span.end), sign.symbol, left, right, sign.label))
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Formula:
    """What one formula says: its statements, which may leave a choice between readings."""

    source: str
    statements: tuple[Statement, ...]

    @property
    def relations(self) -> tuple[Relation, ...]:
        """The relations of all statements."""
        return tuple(relation for statement in self.statements for relation in statement.relations)

    @property
    def continues(self) -> bool:
        """Whether the formula begins with a relation, and goes on from what came before it."""
        return bool(self.statements) and self.statements[0].continues

    @property
    def choices(self) -> tuple[Choice, ...]:
        """What is ambiguous, in order; one for each key."""
        found: dict[str, Choice] = {}
        for statement in self.statements:
            for term in statement.terms:
                for node in walk(term):
                    if isinstance(node, Choice):
                        found.setdefault(node.key, node)
        return tuple(found.values())

    def readings(self, limit: int = 64) -> Iterator[Formula]:
        """The formula without choices, at most ``limit`` times, the likeliest first."""
        choices = self.choices
        ranges = [range(min(len(found.options), 4)) for found in choices[:8]]
        picks = sorted(itertools.product(*ranges), key=lambda pick: (sum(pick), pick))
        for pick in picks[:limit]:
            settled = dict(zip((found.key for found in choices), pick, strict=False))
            yield self.settle(settled)

    def settle(self, picks: Mapping[str, int]) -> Formula:
        """The formula with the option ``picks[key]`` taken for each choice, the first where a key is not named."""

        def settled(node: Math) -> Math:
            while isinstance(node, Choice):
                node = node.options[min(picks.get(node.key, 0), len(node.options) - 1)]
            return rebuild(node, settled)

        statements = tuple(
            replace(statement, terms=tuple(settled(term) for term in statement.terms)) for statement in self.statements
        )
        return replace(self, statements=statements)
