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
    "PyTorch": "#6d28d9",
    "torch.compile": "#a78bfa",
    "jax.jit": "#0369a1",
    "NumPy": "#64748b",
}


def draw(results: Sequence[Result], path: Path) -> None:
    """Write the picture; the suffix of the path says in which format."""
    try:
        import matplotlib as mpl

        mpl.use("agg")
        import matplotlib.pyplot as plt
    except ImportError:
        raise SystemExit("--plot needs matplotlib: python -m pip install matplotlib") from None
    raced = [result for result in results if result.row.point is None and _speeds(result)]
    axes_of_growth = list(dict.fromkeys(result.row.point[0] for result in results if result.row.point))
    panels = ([("race", raced)] if raced else []) + [
        (name, [result for result in results if result.row.point and result.row.point[0] == name])
        for name in axes_of_growth
    ]
    if not panels:
        raise SystemExit("--plot: none of these rows has anything to draw")
    heights = [0.9 + 0.42 * len(found) if name == "race" else 4.2 for name, found in panels]
    figure, axes = plt.subplots(
        len(panels), 1, figsize=(10, sum(heights)), height_ratios=heights, squeeze=False, layout="constrained"
    )
    for axis, (name, found) in zip(axes[:, 0], panels, strict=True):
        if name == "race":
            _race(axis, found)
        else:
            _growth(axis, name, found)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def _speeds(result: Result) -> dict[str, float]:
    """Each contender's speed as a multiple of the best peer's; empty where there is no peer."""
    best = result.best()
    if best is None or not any(name in result.measured for name in OURS):
        return {}
    reference = result.measured[best].median
    return {name: reference / found.median for name, found in result.measured.items() if name in COLOURS}


def _race(axis: Any, results: Sequence[Result]) -> None:
    """One line a row, one dot a contender; 1 is the best peer, the arrowhead its limit."""
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
    axis.set_yticks(range(len(results)), [result.row.title for result in reversed(results)], fontsize=8)
    axis.set_xscale("log")
    axis.axvline(1, color="#94a3b8", linewidth=0.8)
    axis.set_xlabel("speed, as a multiple of the best peer's (a bar marks the machine's limit)")
    shown = [name for name in COLOURS if any(name in _speeds(result) for result in results)]
    for name in shown:
        axis.scatter([], [], color=COLOURS[name], label=name)
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, 1.0 + 1.2 / (len(results) + 2)), ncols=len(shown), fontsize=8)
    _plain(axis)


def _growth(axis: Any, name: str, results: Sequence[Result]) -> None:
    """A curve for each contender, and the limit."""
    for contender, colour in COLOURS.items():
        points = [
            (result.row.point[1], result.measured[contender].median * 1e6)
            for result in results
            if result.row.point and contender in result.measured
        ]
        if points:
            axis.plot(*zip(*points, strict=True), color=colour, marker="o", markersize=3.5, label=contender)
    limits = [(result.row.point[1], result.limit * 1e6) for result in results if result.row.point and result.limit]
    if limits:
        axis.plot(*zip(*limits, strict=True), color="#334155", linestyle=":", label="limit")
    axis.set(xscale="log", yscale="log", xlabel=name, ylabel="µs a step")
    axis.set_xticks([result.row.point[1] for result in results if result.row.point])
    axis.get_xaxis().set_major_formatter("{x:g}")
    axis.minorticks_off()
    axis.legend(fontsize=8)
    _plain(axis)


def _plain(axis: Any) -> None:
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(axis="x", color="#f1f5f9")
    axis.set_axisbelow(True)
