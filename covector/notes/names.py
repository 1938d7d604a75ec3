"""Which names a run of letters writes: the known ones first, the longest first."""

from __future__ import annotations

from collections.abc import Collection

from covector.notes.vocabulary import WORDS

_MAX_RUN = 200


def segment(run: str, known: Collection[str], *, indices: bool = False, named: bool = False) -> list[tuple[str, ...]]:
    """The ways in which ``run`` can be read as names side by side, the likeliest first.

    ``indices`` says that it stands in a subscript, where letters are indices; ``named`` that it has a script or
    arguments of its own there.

    >>> segment("XW", {"X", "W"}), segment("weight", {"X"}), segment("df", set())
    ([('X', 'W')], [('weight',)], [('df',), ('d', 'f')])
    """
    letters = tuple(run)
    if len(run) == 1 or len(run) > _MAX_RUN or "_" in run:
        return [(run,)]
    cover = _cover(run, known)
    if run in known:
        return [(run,)]
    if indices:
        return _subscript(run, letters, cover, named)
    if run in WORDS and len(run) > 2:
        return [(run,)]
    if run in WORDS or (len(run) == 2 and run[0] == "d"):
        return [(run,), cover or letters]
    if cover is None:
        return [(run,)] if len(run) > 2 else [letters]
    if len(cover) < len(run) or len(run) == 2:
        return [cover]
    return [cover, (run,)] if len(run) == 3 else [(run,), cover]


def _subscript(run: str, letters: tuple[str, ...], cover: tuple[str, ...] | None, named: bool) -> list[tuple[str, ...]]:
    if cover is not None and len(cover) < len(run):
        return [cover]
    if named and (len(run) > 2 or run in WORDS):
        return [(run,)]
    if run in WORDS:
        return [(run,)] if len(run) > 2 else [letters]
    return [(run,)] if len(run) > 5 else [letters]


def _cover(run: str, known: Collection[str]) -> tuple[str, ...] | None:
    """``run`` cut into the fewest known names, or None where that cannot be; the longest first among equals."""
    longest = max((len(name) for name in known), default=0)
    best: list[tuple[str, ...] | None] = [None] * len(run) + [()]
    for start in range(len(run) - 1, -1, -1):
        for end in range(min(len(run), start + longest), start, -1):
            rest = best[end]
            if rest is not None and run[start:end] in known:
                here = best[start]
                if here is None or len(rest) + 1 < len(here):
                    best[start] = (run[start:end], *rest)
    return best[0]
