"""Pictures of where a Jacobian is not zero: as SVG, as text, and with matplotlib where that is installed."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from covector.errors import CovectorError
from covector.jacobians.sparse import elements
from covector.run.reference import Array

if TYPE_CHECKING:
    from covector.jacobians.jacobian import Jacobian

FINEST = 160
"""Cells along the longer side of a picture; of a larger Jacobian each cell stands for several elements."""

WIDEST_TEXT = 64
"""Columns of the widest picture that is made of characters."""

SIDE = 480
"""The longer side of a picture, in pixels."""

MARGIN = 28
SHADES = 10
POSITIVE, NEGATIVE, LINE = "#1f5fbf", "#c2452d", "#8a8f98"


def pattern(jacobian: Jacobian, finest: int = FINEST) -> Array:
    """For each cell of the picture how large its elements are, with the sign of the largest, the largest of all as 1.

    A cell in which an element may be other than zero is not 0, even where the element happens to be.
    """
    rows, columns, values = elements(jacobian)
    sides = prod(jacobian.output_shape), prod(jacobian.input_shape)
    step = max(1, -(-max(sides) // finest))
    cells = np.zeros(tuple(-(-side // step) for side in sides))
    if step == 1:
        np.add.at(cells, (rows, columns), values)
    else:
        order = np.argsort(np.abs(values))
        cells[rows[order] // step, columns[order] // step] = values[order]
    largest = np.abs(cells).max(initial=0.0) or 1.0
    shown = cells / largest
    there = np.zeros(cells.shape, dtype=bool)
    there[rows // step, columns // step] = True
    return np.where(there & (np.abs(shown) < 0.2), np.where(shown < 0, -0.2, 0.2), shown)


def svg(jacobian: Jacobian) -> str:
    """The picture as SVG: rows are the output's elements in C order, columns the input's, blue above zero, red below.

    Lines part the entries of the first axis of each group.
    """
    cells = pattern(jacobian)
    height, width = cells.shape
    size = SIDE / max(height, width, 1)
    box = f'width="{width * size:.1f}" height="{height * size:.1f}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width * size + 2 * MARGIN:.0f} '
        f'{height * size + 2 * MARGIN:.0f}" font-family="sans-serif" font-size="12">',
        f'<g transform="translate({MARGIN},{MARGIN})">',
        f'<rect {box} fill="#ffffff"/>',
        *_squares(cells, size),
        *_lines(jacobian, height * size, width * size),
        f'<rect {box} fill="none" stroke="{LINE}"/>',
        f'<text x="0" y="-9" fill="{LINE}">{_caption(jacobian)}</text>',
        "</g></svg>",
    ]
    return "\n".join(parts) + "\n"


def _caption(jacobian: Jacobian) -> str:
    shapes = ["×".join(map(str, shape)) or "1" for shape in (jacobian.output_shape, jacobian.input_shape)]
    return f"{shapes[0]} by {shapes[1]}: {jacobian.structure}"


def _squares(cells: Array, size: float) -> Iterator[str]:
    """A path for each colour and shade, in units of a cell."""
    shades = np.rint(cells * SHADES).astype(int)
    for shade in np.unique(shades[shades != 0]):
        squares = "".join(f"M{column} {row}h1v1h-1z" for row, column in np.argwhere(shades == shade))
        colour, opacity = POSITIVE if shade > 0 else NEGATIVE, abs(int(shade)) / SHADES
        yield f'<path transform="scale({size:.4f})" fill="{colour}" fill-opacity="{opacity:g}" d="{squares}"/>'


def _lines(jacobian: Jacobian, height: float, width: float) -> Iterator[str]:
    """Lines between the entries of the first axes."""
    rows, columns = jacobian.output_shape, jacobian.input_shape
    style = f'stroke="{LINE}" stroke-width="0.6"'
    if len(rows) > 1 and rows[0] <= FINEST // 4:
        for place in range(1, rows[0]):
            y = height * place / rows[0]
            yield f'<line x1="0" y1="{y:.2f}" x2="{width:.2f}" y2="{y:.2f}" {style}/>'
    if len(columns) > 1 and columns[0] <= FINEST // 4:
        for place in range(1, columns[0]):
            x = width * place / columns[0]
            yield f'<line x1="{x:.2f}" y1="0" x2="{x:.2f}" y2="{height:.2f}" {style}/>'


def characters(jacobian: Jacobian) -> str:
    """The picture in characters: ``#`` where an element may be other than zero, ``·`` elsewhere."""
    cells = pattern(jacobian, WIDEST_TEXT)
    return "\n".join(" ".join("#" if cell else "·" for cell in row) for row in cells)


def plot(jacobian: Jacobian, axes: Any = None) -> Any:
    """The picture with matplotlib, on given axes or new ones; raises `CovectorError` where it is not installed."""
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        raise CovectorError("matplotlib is not installed", hint="J.svg() makes the picture without it") from None
    axes = axes if axes is not None else plt.figure(figsize=(5, 5)).gca()
    axes.imshow(pattern(jacobian), cmap="RdBu", vmin=-1, vmax=1, interpolation="nearest")
    axes.set_title(_caption(jacobian), fontsize=9)
    axes.set_xlabel("input")
    axes.set_ylabel("output")
    return axes
