"""A matrix product small enough to write every entry down: y = x w with N = 1, D = 2, M = 3.

First each entry of ∂L/∂x and ∂L/∂w as a sum of products, then the rule that they all follow.
"""

from __future__ import annotations

import numpy as np

import covector as cv


def main() -> None:
    """Print the entries, then the matrix forms."""
    derivation = cv.derive("y[n,m] = sum[d](x[n,d] * w[d,m])", x="1 2", w="2 3")
    x, w, dy = np.array([[1.0, 2.0]]), np.array([[3.0, 4.0, 5.0], [6.0, 7.0, 8.0]]), np.array([[0.1, 0.2, 0.3]])
    dx, dw = derivation["x"](x, w, dy), derivation["w"](x, w, dy)

    print(f"y  = {derivation(x, w)}")
    for d in range(2):
        terms = " + ".join(f"dy[1,{m + 1}]·w[{d + 1},{m + 1}]" for m in range(3))
        numbers = " + ".join(f"{dy[0, m]}·{w[d, m]:g}" for m in range(3))
        print(f"∂L/∂x[1,{d + 1}] = {terms} = {numbers} = {dx[0, d]:.1f}")
    for d in range(2):
        for m in range(3):
            print(f"∂L/∂w[{d + 1},{m + 1}] = x[1,{d + 1}]·dy[1,{m + 1}] = {x[0, d]:g}·{dy[0, m]} = {dw[d, m]:.1f}")

    print("\nAnd in general:")
    for name in ("x", "w"):
        print(f"∂L/∂{name} = {derivation[name].matrix}    {derivation[name].shape}")


if __name__ == "__main__":
    main()
