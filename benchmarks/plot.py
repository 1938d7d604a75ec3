"""The results as a picture: speed beside the best peer, and the curves of growth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.record import OURS, Result

COLOURS = {
    "covector jit": "#c2410c",
    "covector jit, any batch": "#7c2d12",
    "covector": "#fb923c",
    "covector dense": "#fdba74",
    "PyTorch": "#6d28d9",
    "torch.compile": "#a78bfa",
    "jax.jit": "#0369a1",
    "NumPy": "#64748b",
}

UNITS = {"s": (1e6, "µs"), "B": (1e-6, "MB")}
"""By what figures of growth are multiplied, and what they are then."""

MOST_BESIDE = 3
"""Curves beside each other."""


def draw(results: Sequence[Result], path: Path) -> None:
    """Write the picture; the suffix of the path says in which format."""
    try:
        import matplotlib as mpl

        mpl.use("agg")
        import matplotlib.pyplot as plt
    except ImportError:
        raise SystemExit("--plot needs matplotlib: python -m pip install matplotlib") from None
    raced = [result for result in results if result.row.unit == "s" and result.row.point is None and _speeds(result)]
    curves: dict[str, list[Result]] = {}
    for result in results:
        if result.row.point is not None:
            curves.setdefault(result.row.point[0], []).append(result)
    lines = -(-len(curves) // MOST_BESIDE)
    heights = [height for height, wanted in ((1.3 + 0.3 * len(raced), raced), (0.8 + 3.7 * lines, curves)) if wanted]
    if not heights:
        raise SystemExit("--plot: none of these rows has anything to draw")
    figure = plt.figure(figsize=(12, sum(heights)), layout="constrained")
    parts = iter(figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0])
    if raced:
        _race(next(parts), raced)
    if curves:
        part = next(parts)
        wide = -(-len(curves) // lines)
        axes = part.subplots(lines, wide, squeeze=False).ravel()
        for axis, (name, found) in zip(axes, curves.items(), strict=False):
            _growth(axis, name, found)
        for axis in axes[len(curves) :]:
            axis.remove()
        _legend(part)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def _speeds(result: Result) -> dict[str, float]:
    """Each contender's speed as a multiple of the best peer's; empty where there is no peer."""
    best = result.best()
    if best is None or not any(name in result.measured for name in OURS):
        return {}
    reference = result.measured[best].median
    return {name: reference / found.median for name, found in result.measured.items() if name in COLOURS}


def _race(part: Any, results: Sequence[Result]) -> None:
    """One line a row, one dot a contender; 1 is the best peer, the bar the machine's limit."""
    axis = part.subplots()
    for place, result in enumerate(reversed(results)):
        speeds = _speeds(result)
        axis.plot([min(speeds.values()), max(speeds.values())], [place, place], color="#e2e8f0", zorder=1)
        for name, speed in speeds.items():
            axis.scatter(
                speed, place, color=COLOURS[name], s=70 if name in OURS else 36, zorder=3 if name in OURS else 2
            )
        best = result.best()
        if result.limit is not None and best is not None:
            axis.scatter(result.measured[best].median / result.limit, place, marker="|", color="#334155", s=120)
    titles = [result.row.title.replace(" forward and backward", "").partition(", in a new")[0] for result in results]
    axis.set_yticks(range(len(results)), titles[::-1], fontsize=9)
    axis.set_ylim(-0.7, len(results) - 0.3)
    axis.set_xscale("log")
    axis.get_xaxis().set_major_formatter("{x:g}×")
    axis.axvline(1, color="#94a3b8", linewidth=0.8, zorder=0)
    axis.set_xlabel("speed beside the best peer (a bar marks the machine's limit)")
    for name, colour in COLOURS.items():
        if any(name in _speeds(result) for result in results):
            axis.scatter([], [], color=colour, label=name)
    _plain(axis)
    _legend(part)


def _growth(axis: Any, name: str, results: Sequence[Result]) -> None:
    """A curve for each contender, and the limit."""
    scale, unit = UNITS[results[0].row.unit]
    for contender, colour in COLOURS.items():
        points = [
            (result.row.point[1], result.measured[contender].median * scale)
            for result in results
            if result.row.point and contender in result.measured
        ]
        if points:
            axis.plot(*zip(*points, strict=True), color=colour, marker="o", markersize=3.5, label=contender)
    limits = [(result.row.point[1], result.limit * scale) for result in results if result.row.point and result.limit]
    if limits:
        axis.plot(*zip(*limits, strict=True), color="#334155", linestyle=":", label="limit")
    axis.set(xscale="log", yscale="log", xlabel=name, ylabel=unit)
    axis.set_xticks([result.row.point[1] for result in results if result.row.point])
    axis.get_xaxis().set_major_formatter("{x:g}")
    axis.minorticks_off()
    _plain(axis)


def _legend(part: Any) -> None:
    """Every name once, above everything."""
    handles, names = part.axes[0].get_legend_handles_labels()
    part.legend(handles, names, loc="outside upper center", ncols=len(names), fontsize=9, frameon=False)


def _plain(axis: Any) -> None:
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(axis="x", color="#f1f5f9")
    axis.set_axisbelow(True)
