"""What is found about the formulas of a page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from covector.checker.verdict import Verdict

Answer = Literal["proved", "agrees", "wrong", "not understood", "states"]
ANSWERS: tuple[Answer, ...] = ("proved", "agrees", "wrong", "not understood", "states")


@dataclass(frozen=True)
class Checked:
    """A formula of a page and what became of it.

    ``answer`` is that of a verdict, or *states* where there is nothing to be right or wrong: a definition, a
    declaration, a condition, the name of something; ``says`` then says as what it was taken. ``start`` and ``end`` are
    places in the page.
    """

    source: str
    line: int
    column: int
    start: int
    end: int
    answer: Answer
    says: str = ""
    verdicts: tuple[Verdict, ...] = ()

    @property
    def verdict(self) -> Verdict | None:
        """The verdict that counts: the first that is not right, or the weakest."""
        order = ("wrong", "not understood", "agrees", "proved")
        return next((v for name in order for v in self.verdicts if v.verdict == name), None)

    def json(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "line": self.line, "column": self.column, "formula": self.source, "answer": self.answer,
            "says": self.says, "verdicts": [verdict.json() for verdict in self.verdicts],
        }  # fmt: skip


@dataclass(frozen=True)
class CodeRun:
    """What became of a code fence that was run."""

    line: int
    ok: bool
    output: str


@dataclass(frozen=True)
class PageVerdicts:
    """Every formula of a page with its verdict, in order. It is true where nothing is wrong."""

    path: str
    source: str
    formulas: tuple[Checked, ...]
    faults: tuple[tuple[int, str], ...] = ()
    code: tuple[CodeRun, ...] = ()

    def __bool__(self) -> bool:
        return not self.wrong and all(run.ok for run in self.code)

    @property
    def wrong(self) -> tuple[Checked, ...]:
        """The formulas that are wrong."""
        return tuple(found for found in self.formulas if found.answer == "wrong")

    @property
    def counts(self) -> Mapping[str, int]:
        """How many formulas have each answer."""
        found = Counter(one.answer for one in self.formulas)
        return {answer: found[answer] for answer in ANSWERS}

    def at(self, line: int) -> tuple[Checked, ...]:
        """The formulas that begin on a line."""
        return tuple(found for found in self.formulas if found.line == line)

    def json(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "path": self.path, "counts": dict(self.counts), "formulas": [one.json() for one in self.formulas],
            "faults": [{"line": line, "message": message} for line, message in self.faults],
            "code": [{"line": run.line, "ok": run.ok, "output": run.output} for run in self.code],
        }  # fmt: skip

    def __str__(self) -> str:
        return "\n".join(listing(one) for one in self.formulas)


def listing(found: Checked) -> str:
    """One formula and what was found, as text."""
    head = f"{found.line}:{found.column} {found.answer}: {' '.join(found.source.split())}"
    lines = [head, *([f"    {found.says}"] if found.says else [])]
    for verdict in found.verdicts:
        if verdict.verdict == "proved" and not verdict.reading:
            continue
        shown = [part for part in str(verdict).splitlines()[1:] if part.strip()]
        lines += [f"    {verdict.verdict}: {' '.join(verdict.claim.split())}", *(f"    {part}" for part in shown)]
    return "\n".join(lines)
