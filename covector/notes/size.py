"""The limit on what a formula with all its readings may grow to."""

from __future__ import annotations

from covector.errors import NotationError
from covector.notes.math import Math, children

MAX_NODES = 50_000


def check_size(trees: list[Math], source: str) -> None:
    """Refuse trees whose nodes, those of every reading counted, are too many. Raises `NotationError`."""
    sizes: dict[int, int] = {}
    total = sum(_size(tree, sizes) for tree in trees)
    if total > MAX_NODES:
        message = "the formula can be read in too many ways"
        raise NotationError(
            message, source=source, span=(0, len(source)), hint="write names with known letters, or shorter formulas"
        )


def _size(tree: Math, sizes: dict[int, int]) -> int:
    """How many nodes a walk over all readings meets."""
    known = sizes.get(id(tree))
    if known is None:
        known = 1 + sum(_size(child, sizes) for child in children(tree))
        sizes[id(tree)] = known
    return known
