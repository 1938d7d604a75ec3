"""The progress bar of a training."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from typing import Self

_PAUSE = 0.1  # seconds between two changes of what the bar says


class Bar:
    """A bar over all epochs, with the last figures beside it; silent where it is not wanted."""

    def __init__(self, epochs: int, batches: int | None, is_shown: bool) -> None:
        self.epochs, self.batches = epochs, batches
        text = TextColumn("{task.description}"), TextColumn("{task.fields[figures]}")
        parts = (text[0], BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn(), text[1])
        self._progress = Progress(*parts, disable=not is_shown)
        total = None if batches is None else epochs * batches
        self._task = self._progress.add_task("", total=total, figures="")
        self._told, self._epoch, self._done, self._shown = "", 0, 0, 0.0

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def begin(self, epoch: int) -> None:
        """Begin an epoch."""
        self._epoch = epoch
        self._update()

    def advance(self, means: Any) -> None:
        """A batch is done; ``means`` holds the figures of the epoch so far."""
        self._done += 1
        if time.monotonic() - self._shown > _PAUSE:
            self._told = f"loss {means.all()['loss']:.4g}"
            self._update()

    def end(self, figures: Mapping[str, float]) -> None:
        """An epoch is done, with these figures."""
        self._told = ", ".join(f"{name.replace('_', ' ')} {value:.4g}" for name, value in figures.items())
        self._update()

    def _update(self) -> None:
        self._shown = time.monotonic()
        description = f"epoch {self._epoch}/{self.epochs}"
        self._progress.update(self._task, description=description, completed=self._done, figures=self._told)
