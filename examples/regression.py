"""Linear regression on a batch of two: the loss, G, ∇W and ∇b, and a few steps of gradient descent with them.

First by hand: the derivation shows the gradients, and NumPy arrays are updated with them. Then the same with tensors:
`loss.backward()` and an optimiser, and nothing written down but the loss.
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
STEPS = 6
X = np.array([[1.0, 2.0, 3.0, 4.0], [2.0, 0.0, -1.0, 1.0]])
TARGET = np.array([[3.0], [1.0]])


def main() -> None:
    """Print the derivation, then the loss while W and b are updated, by hand and with tensors."""
    derivation = cv.derive(FORWARD, wrt=["Y", "W", "b"])
    print(derivation.text(less=True), end="\n\n")
    by_hand = with_the_derivation(derivation)
    with_tensors = with_autograd()
    difference = max(np.abs(first - second).max() for first, second in zip(by_hand, with_tensors, strict=True))
    print(f"\nW and b by hand and with tensors, largest difference: {difference:.0e}")


def with_the_derivation(derivation: cv.Derivation) -> tuple[np.ndarray, np.ndarray]:
    """Print G, the gradients and the steps; the weight and the bias at the end."""
    weight, bias = np.zeros((1, 4)), np.zeros(1)
    prediction = X @ weight.T + bias
    g = derivation["Y"](X, weight, bias, TARGET)
    print("G  =", g.ravel(), "   (Y - T)/n =", ((prediction - TARGET) / len(X)).ravel())
    print("∇W =", derivation["W"](X, weight, bias, TARGET).ravel(), "   Gᵀ X   =", (g.T @ X).ravel())
    print("∇b =", derivation["b"](X, weight, bias, TARGET), "   sum(G) =", g.sum(axis=0))

    print("\nW ← W - lr·∇W, b ← b - lr·∇b, with lr =", LEARNING_RATE)
    for step in range(STEPS):
        print(f"  step {step}: loss {derivation(X, weight, bias, TARGET):.6f}")
        slopes = derivation["W"](X, weight, bias, TARGET), derivation["b"](X, weight, bias, TARGET)
        weight, bias = weight - LEARNING_RATE * slopes[0], bias - LEARNING_RATE * slopes[1]
    return weight, bias


def with_autograd() -> tuple[np.ndarray, np.ndarray]:
    """The same steps with tensors: the loss is written once, its gradients come from `backward`."""
    x, target = cv.tensor(X), cv.tensor(TARGET)
    weight = cv.zeros((1, 4), dtype=cv.float64, requires_grad=True)
    bias = cv.zeros(1, dtype=cv.float64, requires_grad=True)
    optimizer = cv.optim.SGD([weight, bias], lr=LEARNING_RATE)

    print("\nThe same with tensors: loss.backward(), optimizer.step()")
    for step in range(STEPS):
        optimizer.zero_grad()
        error = x @ weight.T + bias - target
        loss = (error**2 / 2).sum() / len(x)
        loss.backward()
        if step == 0:
            print("  W.grad =", weight.grad.numpy().ravel(), "   b.grad =", bias.grad.numpy())
        optimizer.step()
        print(f"  step {step}: loss {loss.item():.6f}")
    return weight.detach().numpy(), bias.detach().numpy()


if __name__ == "__main__":
    main()
