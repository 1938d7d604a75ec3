"""A program as the words that the entry of machine code reads: which functions it calls, and what each is given."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence

from covector.codegen.emit import Launch
from covector.codegen.entry import FORKED, GUARDED, HEAD
from covector.ir import Affine
from covector.native.objects import Linked
from covector.run.extents import evaluate_extent
from covector.schedule.work import THREADED

SHORT = THREADED // 2
"""The work from which on a program lets other Python threads run meanwhile: which takes a tenth of a microsecond."""

Words = ctypes.Array[ctypes.c_int64]


class Calls:
    """The calls of a program; ``words`` are what does not change from one run to the next, and places for the rest."""

    def __init__(self, launches: Sequence[Launch], linked: Sequence[Linked]) -> None:
        self.linked = tuple(linked)
        self.words = [0, 0, 0, 0, len(launches)]
        assert len(self.words) == HEAD
        self.most_words = max((len(launch.words) for launch in launches), default=0) or 1
        self._work = tuple(launch.work for launch in launches)
        self._threads: list[tuple[int, Affine]] = []
        """Where a number of threads goes, and the work that they are for."""
        self._offsets: dict[Affine, list[int]] = {}
        """The offsets that extents change, and where they go."""
        for launch, code in zip(launches, linked, strict=True):
            if launch.forked or launch.follows:
                self._threads.append((len(self.words) + 2, launch.work))
            self.words += [code.address, FORKED * launch.forked | GUARDED * launch.guarded, 1, len(launch.words)]
            for word in launch.words:
                if not word.offset.is_constant:
                    self._offsets.setdefault(word.offset, []).append(len(self.words) + 1)
                self.words += [word.slot, word.offset.constant]

    def is_short(self, extents: Mapping[str, int]) -> bool:
        """Whether the program takes a few microseconds at most at these extents, and one thread."""
        return sum(evaluate_extent(work, extents) for work in self._work) < SHORT

    def fit(self, words: Words, extents: Mapping[str, int], pool: int, threads: int) -> None:
        """Complete the words of a program for these extents and this pool of threads."""
        words[3] = pool
        for place, work in self._threads:
            words[place] = threads if evaluate_extent(work, extents) >= THREADED else 1
        for offset, places in self._offsets.items():
            value = evaluate_extent(offset, extents)
            for place in places:
                words[place] = value
