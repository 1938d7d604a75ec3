"""Names that are written as squares: a page that says ``\\sigma^2 = …`` names the variance, not a number to be squared.

Where such a square is defined and its root is not, the square is read as one name, and the root as what it is the root
of.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from covector.notes.formula import Formula
from covector.notes.math import Indexed, Math, Name, Number, Power, rebuild

SQUARE = "^2"


def square_names(formulas: Sequence[Formula]) -> frozenset[str]:
    """The names whose squares a page defines, and which it does not define themselves."""
    squares: set[str] = set()
    plain: set[str] = set()
    for formula in formulas:
        for statement in formula.statements:
            if statement.continues or not statement.signs or statement.signs[0].symbol not in ("=", ":=", "≜", "≡"):
                continue
            left = statement.terms[0]
            root = _root(left)
            if root is not None:
                squares.add(root)
            base = left.base if isinstance(left, Indexed) else left
            if isinstance(base, Name):
                plain.add(base.name)
    return frozenset(squares - plain)


def with_squares(formula: Formula, names: frozenset[str]) -> Formula:
    """The formula with the squares of some names as names of their own."""

    def change(node: Math) -> Math:
        if isinstance(node, Power) and _root(node) in names:
            base = node.base
            if isinstance(base, Indexed) and isinstance(base.base, Name):
                return Indexed(node.span, replace(base.base, name=base.base.name + SQUARE), base.positions, base.upper)
            assert isinstance(base, Name)
            return replace(base, span=node.span, name=base.name + SQUARE)
        return rebuild(node, change)

    statements = tuple(replace(one, terms=tuple(map(change, one.terms))) for one in formula.statements)
    return replace(formula, statements=statements)


def _root(node: Math) -> str | None:
    """The name whose square a tree is."""
    if not (isinstance(node, Power) and isinstance(node.exponent, Number) and node.exponent.text == "2"):
        return None
    base = node.base.base if isinstance(node.base, Indexed) else node.base
    return base.name if isinstance(base, Name) else None
