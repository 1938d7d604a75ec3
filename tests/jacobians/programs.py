"""Programs whose Jacobians and Hessians have a structure that is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Known:
    """A program, what it is differentiated by, the shapes of its inputs, and what its Jacobian must be."""

    source: str
    wrt: str
    shapes: Mapping[str, tuple[int, ...]]
    structure: str
    nbytes: int | None = None

    def arrays(self, seed: int = 0) -> dict[str, np.ndarray]:
        """Normal numbers for every input; what is called ids are positions below 3."""
        rng = np.random.default_rng(seed)
        drawn = {name: rng.normal(size=shape) for name, shape in self.shapes.items()}
        return {name: rng.integers(0, 3, a.shape) if name == "ids" else a for name, a in drawn.items()}


JACOBIANS = (
    Known("y[i] = x[i]", "x", {"x": (5,)}, "identity", 0),
    Known("y[i,j] = -x[i,j] / 2", "x", {"x": (3, 4)}, "scalar", 0),
    Known("y[i] = tanh(x[i])", "x", {"x": (5,)}, "diagonal", 40),
    Known("y[i,j] = x[i,j] * w[j]", "x", {"x": (3, 4), "w": (4,)}, "diagonal", 32),
    Known("y[i,j] = x[j,i]", "x", {"x": (3, 4)}, "permutation", 0),
    Known("y[i,j] = x[j,i] * w[i,j]", "x", {"x": (3, 4), "w": (4, 3)}, "permutation", 96),
    Known("x: M N\ny = reshape(x, (-1,))", "x", {"x": (3, 4)}, "permutation", 0),
    Known("x: 3 4\ny = reshape(x, (6, 2))", "x", {"x": (3, 4)}, "permutation", 0),
    Known("x: N\ny[i:N] = x[N-1-i]", "x", {"x": (5,)}, "permutation", 0),
    Known("x: N\ny[i:N] = [i >= 2]*pad(x[i-2]) + [i < 2]*pad(x[i+N-2])", "x", {"x": (5,)}, "permutation", 0),
    Known("x: N\ny[i:N-1] = x[i+1] - x[i]", "x", {"x": (5,)}, "Toeplitz", 0),
    Known("x: N\ny[i:N-1] = x[i+1]*x[i]", "x", {"x": (5,)}, "banded", 40),
    Known("x: M N\ny[i:M-1, j] = x[i+1,j] - 2*x[i,j]", "x", {"x": (4, 3)}, "Toeplitz 3×4 ⊗ identity 3×3", 0),
    Known("x: N 3\ny[i,j:2] = x[i,j+1]", "x", {"x": (4, 3)}, "selection", 0),
    Known("ids: N int64\ny[n,d] = E[ids[n],d]", "E", {"E": (3, 2), "ids": (5,)}, "selection", 40),
    Known("y[i,j] = sum[k](x[i,k]*w[k,j])", "x", {"x": (3, 4), "w": (4, 2)}, "identity 3×3 ⊗ dense 2×4", 64),
    Known("y[i,j] = sum[k](x[i,k]*w[k,j])", "w", {"x": (3, 4), "w": (4, 2)}, "dense 3×4 ⊗ identity 2×2", 96),
    Known(
        "y[i,j] = sum[k,l](a[i,k]*x[k,l]*b[l,j])",
        "x",
        {"a": (3, 4), "x": (4, 5), "b": (5, 2)},
        "dense 3×4 ⊗ dense 2×5",
        176,
    ),
    Known(
        "y[i,j] = sum[k,l](a[i,k]*x[k,l]*b[l,j]) + sum[k,l](c[i,k]*x[k,l]*d[l,j])",
        "x",
        {"a": (3, 4), "x": (4, 5), "b": (5, 2), "c": (3, 4), "d": (5, 2)},
        "(dense 3×4 ⊗ dense 2×5) + (dense 3×4 ⊗ dense 2×5)",
        352,
    ),
    Known("y[i] = sum[j](x[i,j])", "x", {"x": (3, 4)}, "identity 3×3 ⊗ dense 1×4", 0),
    Known("y[i] = max[j](x[i,j])", "x", {"x": (3, 4)}, "block-diagonal", 96),
    Known("y[i] = sum[k](w[k]*x[i+k])", "x", {"x": (8,), "w": (3,)}, "Toeplitz", 24),
    Known("y[i] = sum[k](w[k]*x[i+k])", "w", {"x": (8,), "w": (3,)}, "Hankel", 64),
    Known("y[i] = sum[j]([j <= i] * x[j])", "x", {"x": (5,)}, "triangular", 0),
    Known("y[i] = sum[j]([j <= i] * [i <= j + 1] * w[j] * x[j])", "x", {"x": (5,), "w": (5,)}, "banded", 40),
    Known("y[i] = sum[k](u[i,k]*sum[j](v[k,j]*x[j]))", "x", {"u": (6, 2), "v": (2, 7), "x": (7,)}, "low rank (2)", 208),
    Known("y[i] = u[i] * sum[j](v[j]*x[j])", "x", {"u": (6,), "v": (7,), "x": (7,)}, "low rank (1)", 104),
    Known("x: M N\ny = softmax(x, axis=1)", "x", {"x": (3, 4)}, "diagonal + block-diagonal of low rank (1)", 96),
    Known(
        "y[i,j] = sqrt(1 + sum[k]((x[i,k] - x[j,k])**2))",
        "x",
        {"x": (3, 2)},
        "block-diagonal + block-diagonal",
        144,
    ),
    Known("y[i] = x[i]**2 + sum[j](a[i,j]*x[j])", "x", {"x": (4,), "a": (4, 4)}, "dense", 128),
    Known("y[i] = z[i] + 0*x[i]", "x", {"x": (4,), "z": (4,)}, "zero", 0),
    Known("y = sum[i](x[i]**2)", "x", {"x": (4,)}, "dense", 32),
    Known("y[i] = x**2 * w[i]", "x", {"x": (), "w": (4,)}, "dense", 32),
)

_FACTORISATION = "f = sum[i,j]((T[i,j] - sum[k](U[i,k]*V[j,k]))**2)"
_MASKED = "f = sum[i,j](M[i,j] * (T[i,j] - sum[k](U[i,k]*V[j,k]))**2)"
_LOGISTIC = "z[n] = sum[d](X[n,d]*w[d]); f = sum[n](log(1 + exp(-t[n]*z[n])))"
_LAYERS = "\n".join(f"h{n}[j] = maximum(sum[k](W{n}[j,k]*h{n - 1}[k]), 0)" for n in range(2, 10))
_NETWORK = f"""
h1[j] = maximum(sum[k](W1[j,k]*x[k]), 0)
{_LAYERS}
z[j] = sum[k](W10[j,k]*h9[k])
f = log(sum[j](exp(z[j]))) - sum[j](t[j]*z[j])
"""

HESSIANS = (
    Known("f = sum[i](x[i]**4)", "x", {"x": (5,)}, "diagonal", 40),
    Known("f = sum[i](log(1 + exp(x[i])))", "x", {"x": (5,)}, "diagonal", 40),
    Known(_FACTORISATION, "U", {"T": (9, 8), "U": (9, 2), "V": (8, 2)}, "identity 9×9 ⊗ dense 2×2", 32),
    Known(_MASKED, "U", {"M": (9, 8), "T": (9, 8), "U": (9, 3), "V": (8, 3)}, "block-diagonal", 648),
    Known(_LOGISTIC, "w", {"X": (9, 4), "w": (4,), "t": (9,)}, "dense", 128),
    Known(f"{_LOGISTIC} + sum[d](w[d]**2)", "w", {"X": (3, 30), "w": (30,), "t": (3,)}, "scalar + low rank (3)", 1440),
    Known("f = sum[n](exp(sum[d](X[n,d]*w[d])))", "w", {"X": (9, 4), "w": (4,)}, "dense", 128),
    Known("f = log(sum[i](exp(x[i])))", "x", {"x": (6,)}, "diagonal + low rank (1)", 48),
    Known(
        "f = sum[i,j](sum[k]((x[i,k]-x[j,k])**2))",
        "x",
        {"x": (6, 3)},
        "scalar + (low rank (1) 6×6 ⊗ identity 3×3)",
        8,
    ),
    Known("f = sum[i,j](sqrt(1 + sum[k]((x[i,k]-x[j,k])**2)))", "x", {"x": (7, 4)}, "", 4424),
    Known("f = sum[i,j](x[i]*A[i,j]*x[j])**2", "x", {"A": (4, 4), "x": (4,)}, "dense", 128),
    Known(_NETWORK, "W1", {"x": (6,), "t": (5,)} | {f"W{n}": (5, 5) for n in range(2, 11)} | {"W1": (5, 6)}, "", 248),
)
