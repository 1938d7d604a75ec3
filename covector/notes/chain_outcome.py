"""What one reading of a formula gives, and for how long the formulas of a page are checked."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from covector.checker.verdict import Verdict
from covector.notes.verdicts import Answer

PAGE_SECONDS, PAGE_WALL_SECONDS = 15.0, 60.0
_ORDER: tuple[Answer, ...] = ("wrong", "not understood", "agrees", "proved")
_BAD = {"wrong": 2, "not understood": 3}


@dataclass
class Outcome:
    """What one reading of a formula gives."""

    verdicts: list[Verdict] = field(default_factory=list)
    says: list[str] = field(default_factory=list)

    def read_as(self, said: str) -> None:
        """Say with every verdict how the formula was read."""
        self.verdicts = [replace(v, reading="; ".join(p for p in (said, v.reading) if p)) for v in self.verdicts]

    @property
    def badness(self) -> int:
        """How bad it is: 0 where nothing is wrong."""
        return max((_BAD.get(verdict.verdict, 0) for verdict in self.verdicts), default=0)

    @property
    def answer(self) -> Answer:
        """The answer that counts for the formula."""
        found = {verdict.verdict for verdict in self.verdicts}
        for answer in _ORDER:
            if answer in found:
                return answer
        return "states"


def wall_seconds(formulas: int) -> float:
    """After how long, on however busy a machine, no further formula of a page is begun."""
    return min(PAGE_WALL_SECONDS, 10.0 + formulas / 2)
