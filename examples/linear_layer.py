"""The linear layer, derived as in a page of notes: element form, cases, chain rule, matrix form.

The page has a slip: it writes `bias[i]` in the forward, where the bias belongs to the output feature, `bias[j]`, and
its gradient of the bias sums over features instead of rows. At the end, the shapes tell the two apart.
"""

from __future__ import annotations

import numpy as np

import covector as cv

SHAPES = {"input": "M infs", "weight": "outfs infs", "bias": "outfs"}


def main() -> None:
    """Print the derivation, compare it with NumPy, and look at the slip."""
    derivation = cv.derive("linear[i,j] = sum[k](input[i,k] * weight[j,k]) + bias[j]", shapes=SHAPES)
    print(f"{derivation}\n")

    print("By hand, for a batch of 5:")
    rng = np.random.default_rng(0)
    x, w, b, g = (rng.normal(size=shape) for shape in [(5, 3), (2, 3), (2,), (5, 2)])
    for name, by_hand in {"input": g @ w, "weight": g.T @ x, "bias": g.sum(axis=0)}.items():
        print(f"  {name:6} agrees: {np.allclose(derivation[name](x, w, b, g), by_hand)}")

    print("\nWith the slip of the page, bias[i]:")
    try:
        cv.derive("linear[i,j] = sum[k](input[i,k] * weight[j,k]) + bias[i]", shapes=SHAPES)
    except cv.CovectorError as error:
        print(error)


if __name__ == "__main__":
    main()
