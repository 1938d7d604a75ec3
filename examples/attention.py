"""Scaled dot-product attention: the backward that a kernel needs, derived, and written out as NumPy."""

from __future__ import annotations

import numpy as np

import covector as cv


def main() -> None:
    """Print the gradients and the NumPy source, and compare with a difference along a random direction."""
    derivation = cv.derive("O = attention(Q, K, V)", Q="N D", K="M D", V="M E")
    print(derivation.text(less=True), derivation.numpy(), sep="\n\n")

    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=shape) for shape in [(5, 4), (6, 4), (6, 3)]]
    g, step = rng.normal(size=(5, 3)), 1e-6
    for place, name in enumerate("QKV"):
        direction = rng.normal(size=arrays[place].shape)
        before, moved, after = arrays[:place], arrays[place], arrays[place + 1 :]
        ahead, behind = (derivation(*before, moved + sign * step * direction, *after) for sign in (1, -1))
        slope = ((ahead - behind) * g).sum() / (2 * step)
        derived = (derivation[name](*arrays, g) * direction).sum()
        print(f"along a random direction of {name}: {derived:+.6f} derived, {slope:+.6f} measured")


if __name__ == "__main__":
    main()
