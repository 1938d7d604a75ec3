"""One forward of the corpus: what is true of it, and mistakes with their causes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Example:
    """One forward: its text, the shapes of its inputs, what is true of it, and mistakes with their causes."""

    name: str
    of: str
    shapes: dict[str, str]
    true: tuple[str, ...]
    wrong: tuple[tuple[str, str], ...]
