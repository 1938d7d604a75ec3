"""Linear regression on a batch of two: the loss, G, ∇W and ∇b, and a few steps of gradient descent with them.

The gradients are called on NumPy arrays; nothing else computes a derivative here.
"""

from __future__ import annotations

import numpy as np

import covector as cv

FORWARD = """
X: n 4; W: 1 4; b: 1; T: n 1
Y = X @ W.T + b
E = Y - T
Cost = sum(E ** 2 / 2)
Loss = Cost / n
"""
LEARNING_RATE = 0.02


def main() -> None:
    """Print the gradients, then the loss while W and b are updated with them."""
    derivation = cv.derive(FORWARD, wrt=["Y", "W", "b"])
    print(derivation.text(less=True), end="\n\n")

    x = np.array([[1.0, 2.0, 3.0, 4.0], [2.0, 0.0, -1.0, 1.0]])
    target = np.array([[3.0], [1.0]])
    weight, bias = np.zeros((1, 4)), np.zeros(1)
    prediction = x @ weight.T + bias
    g = derivation["Y"](x, weight, bias, target)
    print("G  =", g.ravel(), "   (Y - T)/n =", ((prediction - target) / len(x)).ravel())
    print("∇W =", derivation["W"](x, weight, bias, target).ravel(), "   Gᵀ X   =", (g.T @ x).ravel())
    print("∇b =", derivation["b"](x, weight, bias, target), "   sum(G) =", g.sum(axis=0))

    print("\nW ← W - lr·∇W, b ← b - lr·∇b, with lr =", LEARNING_RATE)
    for step in range(6):
        print(f"  step {step}: loss {derivation(x, weight, bias, target):.6f}")
        slopes = derivation["W"](x, weight, bias, target), derivation["b"](x, weight, bias, target)
        weight, bias = weight - LEARNING_RATE * slopes[0], bias - LEARNING_RATE * slopes[1]


if __name__ == "__main__":
    main()
