"""A layer of one's own, in no library: a strided, dilated convolution whose output is clipped softly below zero.

The forward is one line of element form and one of a select; the backward is derived, checked, called and exported.
"""

from __future__ import annotations

import numpy as np

import covector as cv

FORWARD = """
signal: C W
weight: O C 3
z[o, x:(W-1)//2+1] = sum[c,p](pad(signal[c, 2*x + 2*p - 2]) * weight[o,c,p])
y[o, x] = select(z[o,x] > 0, z[o,x], slope * (exp(z[o,x]) - 1))
"""


def main() -> None:
    """Print the derivation and the NumPy source, and run both on the same arrays."""
    derivation = cv.derive(FORWARD)
    source = derivation.numpy()
    print(derivation, source, sep="\n\n")

    rng = np.random.default_rng(0)
    signal, weight, slope = rng.normal(size=(2, 9)), rng.normal(size=(3, 2, 3)), np.array(0.5)
    g = rng.normal(size=(3, 5))
    exported: dict[str, object] = {}
    exec(source, exported)
    results = exported["gradients"](signal, weight, slope, g)  # type: ignore[operator]
    for name, result in zip(derivation, results, strict=True):
        called = derivation[name](signal, weight, slope, g)
        print(f"{name:6} called and exported agree: {np.allclose(called, result)}")


if __name__ == "__main__":
    main()
