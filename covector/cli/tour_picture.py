"""Loss curves as pictures: dots of Braille for the terminal, an SVG file for a page; nothing is needed to draw them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise, zip_longest
from math import floor, log10

COLUMNS, ROWS = 30, 8
"""Characters across and down one panel; a character of Braille is two dots wide and four high."""

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_BLANK = 0x2800
_COLOURS = ("#c2410c", "#0369a1", "#4d7c0f")


@dataclass(frozen=True)
class Curve:
    """A loss after each step or epoch: a title, what is counted along the axis, and the losses."""

    title: str
    unit: str
    losses: Sequence[float]


def terminal(curves: Sequence[Curve], columns: int = COLUMNS, rows: int = ROWS) -> str:
    """The curves as panels of text, side by side, with logarithmic heights.

    >>> print(terminal([Curve("loss", "steps", [8.0, 4.0, 2.0, 1.0])], columns=8, rows=2))
      loss
    8 ┤⠉⠒⠤⣀
    1 ┤    ⠉⠒⠤⣀
      └────────
       1     4 steps
    """
    panels = [_panel(curve, columns, rows) for curve in curves]
    widths = [max(map(len, panel)) for panel in panels]
    lines = [
        "    ".join(line.ljust(width) for line, width in zip(parts, widths, strict=True))
        for parts in zip_longest(*panels, fillvalue="")
    ]
    return "\n".join(line.rstrip() for line in lines)


def _panel(curve: Curve, columns: int, rows: int) -> list[str]:
    """One curve: its title, the rows of dots between their highest and lowest loss, and the axis."""
    high, low = max(curve.losses), min(curve.losses)
    labels = [shown(high), *[""] * (rows - 2), shown(low)]
    width = max(map(len, labels))
    pictured = zip(labels, _dots(curve.losses, columns, rows), strict=True)
    last = str(len(curve.losses))
    return [
        f"{'':{width}} {curve.title}",
        *(f"{label:>{width}} ┤{dots}" for label, dots in pictured),
        f"{'':{width}} └{'─' * columns}",
        f"{'':{width}}  1{last:>{columns - 2}} {curve.unit}",
    ]


def _dots(losses: Sequence[float], columns: int, rows: int) -> list[str]:
    """The curve in characters of Braille: neighbouring points are joined."""
    cells = [[_BLANK] * columns for _ in range(rows)]
    across, down = 2 * columns - 1, 4 * rows - 1
    heights = _heights(losses)
    points = [
        (round(across * place / max(1, len(heights) - 1)), round(down * (1 - height)))
        for place, height in enumerate(heights)
    ]
    for (left, start), (right, end) in pairwise(points):
        count = max(right - left, abs(end - start), 1)
        for step in range(count + 1):
            x, y = left + round((right - left) * step / count), start + round((end - start) * step / count)
            cells[y // 4][x // 2] |= _DOTS[y % 4][x % 2]
    return ["".join(chr(cell) if cell != _BLANK else " " for cell in row).rstrip() for row in cells]


def _heights(losses: Sequence[float]) -> list[float]:
    """Logarithms of the losses, from 0 at the lowest to 1 at the highest."""
    least = min((loss for loss in losses if loss > 0), default=1.0)
    logarithms = [log10(max(loss, least)) for loss in losses]
    low, high = min(logarithms), max(logarithms)
    return [(value - low) / (high - low) if high > low else 0.0 for value in logarithms]


def shown(loss: float) -> str:
    """A loss in few digits.

    >>> shown(0.012345), shown(2873.6), shown(0.0)
    ('0.0123', '2870', '0')
    """
    if loss == 0:
        return "0"
    digits = max(0, 2 - floor(log10(abs(loss))))
    return f"{float(f'{loss:.3g}'):.{digits}f}".rstrip("0").rstrip(".") if digits else f"{float(f'{loss:.3g}'):.0f}"


_PANEL, _GAP, _HEIGHT, _MARGIN = 380, 30, 260, 56


def svg(curves: Sequence[Curve]) -> str:
    """The curves as a picture of one panel each, with logarithmic heights, in dark and in light.

    >>> svg([Curve("loss", "steps", [2.0, 1.0])]).startswith("<svg ")
    True
    """
    width = len(curves) * (_PANEL + _GAP) + _GAP
    panels = "\n".join(
        _svg_panel(curve, _GAP + number * (_PANEL + _GAP), _COLOURS[number % len(_COLOURS)])
        for number, curve in enumerate(curves)
    )
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {_HEIGHT + 80}" width="{width}" role="img">
<title>{escape(" and ".join(curve.title for curve in curves))}</title>
<style>
  .page {{ fill: #ffffff }} text {{ fill: #334155; font: 13px system-ui, sans-serif }} .name {{ font-weight: 600 }}
  .axis {{ stroke: #94a3b8; fill: none }} .line {{ fill: none; stroke-width: 2; stroke-linejoin: round }}
  @media (prefers-color-scheme: dark) {{ .page {{ fill: #0f172a }} text {{ fill: #cbd5e1 }} }}
</style>
<rect class="page" width="100%" height="100%"/>
{panels}
</svg>
"""


def _svg_panel(curve: Curve, left: int, colour: str) -> str:
    """One panel: axes, the highest and lowest loss, the line."""
    start, end, top, bottom = left + _MARGIN, left + _PANEL, 48, 48 + _HEIGHT - 40
    heights = _heights(curve.losses)
    line = " ".join(
        f"{start + (end - start) * place / max(1, len(heights) - 1):.1f},{bottom - (bottom - top) * height:.1f}"
        for place, height in enumerate(heights)
    )
    return f"""\
<text class="name" x="{start}" y="28">{escape(curve.title)}</text>
<path class="axis" d="M{start} {top}V{bottom}H{end}"/>
<text x="{start - 8}" y="{top + 5}" text-anchor="end">{shown(max(curve.losses))}</text>
<text x="{start - 8}" y="{bottom}" text-anchor="end">{shown(min(curve.losses))}</text>
<text x="{start}" y="{bottom + 20}">1</text>
<text x="{end}" y="{bottom + 20}" text-anchor="end">{len(curve.losses)} {escape(curve.unit)}</text>
<polyline class="line" stroke="{colour}" points="{line}"/>"""
