"""Add, subtract and multiply, with every pair of shapes that a page of notes on broadcasting names.

Where an axis was repeated in the forward, the gradient sums over it: it has the shape of its input again.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

import covector as cv

PAIRS = [
    ((5, 7, 3), (5, 7, 3)),
    ((5, 3, 4, 1), (3, 1, 1)),
    ((5, 1, 4, 1), (3, 1, 1)),
    ((1,), (3, 1, 7)),
]
REFUSED = [((5, 2, 4, 1), (3, 1, 1)), ((0,), (2, 2))]


def main() -> None:
    """Print the gradients of each operation for each pair, and the errors of pairs that do not broadcast."""
    for shapes in PAIRS:
        print(f"x: {_shown(shapes[0])}, y: {_shown(shapes[1])}")
        for line in gradients(*shapes):
            print(f"  {line}")
    for first, second in REFUSED:
        try:
            cv.derive("z = x + y", x=first, y=second)
        except cv.CovectorError as error:
            print(f"x: {_shown(first)}, y: {_shown(second)}\n  {error.message}")


def gradients(first: tuple[int, ...], second: tuple[int, ...]) -> Iterator[str]:
    """One line for each gradient, once its shape has been looked at."""
    rng = np.random.default_rng(0)
    x, y, g = rng.normal(size=first), rng.normal(size=second), np.ones(np.broadcast_shapes(first, second))
    for sign in "+-*":
        derivation = cv.derive(f"z = x {sign} y", x=first, y=second)
        for name, shape in {"x": first, "y": second}.items():
            gradient = derivation[name]
            assert gradient(x, y, g).shape == shape
            yield f"z = x {sign} y    ∂L/∂{name} = {gradient.matrix or gradient.element}"


def _shown(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))


if __name__ == "__main__":
    main()
