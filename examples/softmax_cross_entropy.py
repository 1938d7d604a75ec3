"""Softmax and cross entropy: why the gradient with respect to the scores is (softmax - one-hot) / n."""

from __future__ import annotations

import numpy as np

import covector as cv

FORWARD = """
x: n C; target: n int64
p[i,c] = exp(x[i,c] - stop(max[k](x[i,k]))) / sum[l](exp(x[i,l] - stop(max[k](x[i,k]))))
loss = -mean[i](log(p[i,target[i]]))
"""


def main() -> None:
    """Print the derivation, and compare the gradient with the formula that people know."""
    derivation = cv.derive(FORWARD)
    print(f"{derivation}\n")
    rng = np.random.default_rng(0)
    x, target = rng.normal(size=(4, 3)), np.array([0, 2, 1, 1])
    p = np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)
    known = (p - np.eye(3)[target]) / len(x)
    print("(softmax - onehot)/n, largest difference:", f"{np.abs(derivation['x'](x, target) - known).max():.0e}")


if __name__ == "__main__":
    main()
