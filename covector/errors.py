"""Errors: each shows the user's own expression, points at the place, and says what to do.

Every error that covector raises on purpose is a `CovectorError`; the subclasses are also the built-in exception that a
caller would expect (`ValueError`, `TypeError`, …).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class CovectorError(Exception):
    """The base of all errors of covector.

    ``message`` is one sentence; ``source`` and ``span`` (start and end, in characters) show where it is; ``hint`` says
    what would work.
    """

    def __init__(
        self,
        message: str,
        *,
        source: str | None = None,
        span: tuple[int, int] | None = None,
        hint: str | None = None,
    ) -> None:
        self.message, self.source, self.span, self.hint = message, source, span, hint
        super().__init__(self.render())

    @property
    def line(self) -> int | None:
        """The line of the source at fault, from 1."""
        if self.source is None or self.span is None:
            return None
        return self.source.count("\n", 0, self.span[0]) + 1

    @property
    def column(self) -> int | None:
        """The column at fault, from 1."""
        if self.source is None or self.span is None:
            return None
        return self.span[0] - (self.source.rfind("\n", 0, self.span[0]) + 1) + 1

    def render(self) -> str:
        """The message, the line at fault with a caret under it, and the hint."""
        lines = [self.message]
        if self.source is not None and self.span is not None:
            lines += _excerpt(self.source, self.span, self.line or 1, self.column or 1)
        if self.hint:
            lines.append(f"  hint: {self.hint}")
        return "\n".join(lines)


class NotationError(CovectorError, ValueError):
    """The text is not in the notation, or says something that cannot be."""


class ShapeError(CovectorError, ValueError):
    """Shapes or extents that do not fit."""


class DtypeError(CovectorError, TypeError):
    """A dtype that an operation does not take, such as an integer tensor asked for its gradient."""


class UnknownNameError(NotationError):
    """A name that is not known where it stands."""


class IRError(CovectorError):
    """A program that breaks a rule of the IR: a bug of covector, or of whoever built the nodes by hand."""


class BoundsError(CovectorError, IndexError):
    """A read outside the bounds of a tensor."""


class BudgetError(CovectorError, MemoryError):
    """Something that would not fit, refused before it is tried."""


class StateError(CovectorError, RuntimeError):
    """Saved weights that do not fit the module or the optimiser that loads them, or a file that holds none."""


class GradientError(CovectorError, RuntimeError):
    """A gradient that cannot be: of what needs none, of several numbers at once, or of what is no longer known."""


class JitError(CovectorError, TypeError):
    """A traced function does what cannot be part of one program, or a tensor of it is used outside."""


class TransformError(CovectorError, TypeError, ValueError):
    """A transform that does not fit its function, or arguments, axes or directions that do not fit the transform."""


class VerificationError(CovectorError):
    """A derived result that did not pass its own check and is withheld."""


_WIDTH = 100


def _excerpt(source: str, span: tuple[int, int], line: int, column: int) -> list[str]:
    """The line at fault, cut to a window around the column, and carets below."""
    text = source.split("\n")[line - 1].replace("\t", " ")
    first = max(0, column - 1 - _WIDTH // 2) if len(text) > _WIDTH else 0
    window = text[first : first + _WIDTH]
    if first:
        window = "…" + window[1:]
    if first + _WIDTH < len(text):
        window = window[:-1] + "…"
    start = column - 1 - first
    carets = max(1, min(span[1] - span[0], len(window) - start))
    where = f"  line {line}, column {column}" if "\n" in source.strip() else f"  column {column}"
    return [f"{where}:", "    " + window, "    " + " " * start + "^" * carets]


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name closest to ``name``, or None where none is close.

    >>> nearest("exq", ["exp", "log"])
    'exp'
    """
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return close[0] if close else None
