"""`History`: the figures of each epoch of a training, which it can show and plot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from covector.errors import CovectorError

_STEM = "validation_"


class History:
    """What `fit` returns: for each epoch a dictionary of figures such as ``loss`` and ``validation_loss``.

    >>> from covector import data
    >>> history = data.History()
    >>> history.add({"loss": 2.0})
    >>> history.add({"loss": 0.5})
    >>> history["loss"], history.best("loss")
    ([2.0, 0.5], (1, 0.5))
    """

    def __init__(self) -> None:
        self.epochs: list[dict[str, float]] = []

    def add(self, figures: Mapping[str, float]) -> None:
        """Take note of the figures of one more epoch."""
        self.epochs.append(dict(figures))

    def names(self) -> list[str]:
        """The names of all figures, in the order in which they came."""
        return list(dict.fromkeys(name for epoch in self.epochs for name in epoch))

    def __getitem__(self, name: str) -> list[float]:
        """A figure of every epoch that has it; raises `CovectorError` where none has."""
        if name not in self.names():
            known = ", ".join(self.names()) or "none"
            raise CovectorError(f"the history has no figure {name!r}", hint=f"it has: {known}")
        return [epoch[name] for epoch in self.epochs if name in epoch]

    def __len__(self) -> int:
        """The number of epochs."""
        return len(self.epochs)

    def __iter__(self) -> Iterator[dict[str, float]]:
        return iter(self.epochs)

    def best(self, name: str, mode: str = "min") -> tuple[int, float]:
        """The epoch, from 0, in which a figure was least (``mode="max"``: largest), and the figure."""
        choose = min if mode == "min" else max
        return choose(enumerate(self[name]), key=lambda pair: pair[1])

    def plot(self, path: str | None = None, axes: Any = None) -> Any:
        """Draw each figure over the epochs, what was validated dashed; returns the axes, and with ``path`` saves them.

        Figures of the same name share a panel. Raises `CovectorError` where Matplotlib is not installed.
        """
        try:
            from matplotlib.figure import Figure
        except ImportError:
            hint = "python -m pip install matplotlib; history.epochs are the figures themselves"
            raise CovectorError("a history is plotted with Matplotlib, which is not installed", hint=hint) from None
        panels = list(dict.fromkeys(name.removeprefix(_STEM) for name in self.names()))
        if not panels:
            raise CovectorError("there is nothing to plot: the history has no epochs")
        if axes is None:
            figure = Figure(figsize=(5 * len(panels), 3.5), layout="constrained")
            axes = figure.subplots(1, len(panels), squeeze=False)[0]
        for panel, ax in zip(panels, [axes] if hasattr(axes, "plot") else axes, strict=False):
            self._draw(panel, ax)
        first = axes if hasattr(axes, "plot") else axes[0]
        if path is not None:
            first.figure.savefig(path)
        return axes

    def _draw(self, panel: str, ax: Any) -> None:
        for name, style in ((panel, "-"), (_STEM + panel, "--")):
            points = [(number + 1, epoch[name]) for number, epoch in enumerate(self.epochs) if name in epoch]
            if points:
                ax.plot(*zip(*points, strict=True), style, label=name.replace("_", " "))
        ax.set_xlabel("epoch")
        ax.set_title(panel.replace("_", " "))
        ax.legend()

    def __repr__(self) -> str:
        last = ", ".join(f"{name} {value:.4g}" for name, value in self.epochs[-1].items()) if self.epochs else "none"
        return f"<history of {len(self)} epochs; the last: {last}>"
