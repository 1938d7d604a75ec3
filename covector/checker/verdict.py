"""The answer to a claim."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from rich.text import Text

from covector.checker import show
from covector.errors import CovectorError

Answer = Literal["proved", "agrees", "wrong", "not understood"]


class WrongError(CovectorError, AssertionError):
    """A claim that was checked and is wrong; raised by `Verdict.raise_if_wrong`."""


@dataclass(frozen=True)
class Counterexample:
    """The smallest inputs found at which a claim fails: shapes first, then whole numbers.

    ``claimed`` and ``true`` are what the two sides give there; ``where`` are the coordinates that differ (of the
    result), or None where the shapes differ already.
    """

    extents: Mapping[str, int]
    inputs: Mapping[str, Any]
    claimed: Any
    true: Any
    where: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Cause:
    """Why a claim is wrong: a short name (``transposed``, ``missing factor 1/n``) and one sentence about this claim."""

    name: str
    sentence: str


@dataclass(frozen=True)
class Evidence:
    """What the verdict rests on: at which shapes and points the sides were compared, and the relative error."""

    shapes: tuple[Mapping[str, int], ...] = ()
    points: int = 0
    error: float | None = None
    skipped: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """What was found about one claim.

    ``claim`` is as it was written; ``reading`` says how it was read where that was ambiguous, or that it is shorthand;
    ``suggestion`` is the right form, in the notation and with the names of the claim. A verdict is true where the claim
    was proved or agrees.
    """

    verdict: Answer
    claim: str
    message: str
    reading: str = ""
    cause: Cause | None = None
    suggestion: str | None = None
    counterexample: Counterexample | None = None
    evidence: Evidence = field(default_factory=Evidence)
    line: int | None = None
    column: int | None = None

    def __bool__(self) -> bool:
        return self.verdict in ("proved", "agrees")

    def __str__(self) -> str:
        return show.plain(self)

    def __rich__(self) -> Text:
        return show.rich_text(self)

    def _repr_html_(self) -> str:
        return show.html(self)

    def html(self) -> str:
        """The verdict as an HTML fragment."""
        return show.html(self)

    def json(self) -> dict[str, Any]:
        """The verdict as plain data, ready for JSON."""
        return show.data(self)

    def raise_if_wrong(self) -> Verdict:
        """The verdict itself; raises `WrongError` where it is not a true one, with everything that was found."""
        if not self:
            raise WrongError(str(self))
        return self
