"""Hessians: as dense arrays, and compressed to the size of their information, which the peers do not have.

The problems are those of Laue, Mitterreiter and Giesen, Computing Higher Order Derivatives of Matrix and Tensor
Expressions (2018): factorisation of a matrix, logistic regression, the first layer of a network of ten; and the sum of
pairwise distances and the logarithm of a sum of exponentials. Single precision, as everywhere here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np

import covector as cv
from benchmarks import peers
from benchmarks.measure import Effort, timed
from benchmarks.record import EAGER, JAX, TORCH, Bar, Contender, Row

DENSE = "covector dense"
COMPRESSED = EAGER
LAYERS, WIDTH = 10, 24


@dataclass(frozen=True)
class Problem:
    """A function of its first argument and of data, in the notation and for a peer; its Hessian by hand."""

    name: str
    title: str
    source: str
    function: Callable[..., Any]
    by_hand: Callable[..., np.ndarray]
    shapes: Mapping[str, tuple[int, ...]]
    dense: float
    compressed: float

    @cached_property
    def arrays(self) -> dict[str, np.ndarray]:
        """The argument, then the data."""
        generator = np.random.default_rng(0)
        drawn = {name: generator.normal(size=shape) for name, shape in self.shapes.items()}
        return {name: (a / np.sqrt(max(a.shape[-1:], default=1))).astype(np.float32) for name, a in drawn.items()}

    @property
    def wrt(self) -> str:
        """The argument."""
        return next(iter(self.shapes))

    def hessian(self) -> Callable[..., Any]:
        """What gives the Hessian at arrays, in single precision as the peers."""
        declared = {name: f"{' '.join(map(str, shape))} float32" for name, shape in self.shapes.items()}
        return cv.hessian(self.source, wrt=self.wrt, shapes=declared)

    def expected(self) -> dict[str, np.ndarray]:
        """The Hessian in float64."""
        return {"hessian": self.by_hand(**{name: array.astype(np.float64) for name, array in self.arrays.items()})}


def factorisation(library: Any, U: Any, T: Any, V: Any) -> Any:
    """The squared distance of T from U Vᵀ."""
    return ((T - U @ V.T) ** 2).sum()


def factorisation_by_hand(U: np.ndarray, T: np.ndarray, V: np.ndarray) -> np.ndarray:
    """2 · identity ⊗ VᵀV."""
    return 2 * np.einsum("pi,qj->pqij", np.eye(len(U)), V.T @ V)


def logistic(library: Any, w: Any, X: Any, t: Any) -> Any:
    """Logistic regression with labels of either sign."""
    return library.log1p(library.exp(-t * (X @ w))).sum()


def logistic_by_hand(w: np.ndarray, X: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Xᵀ D X."""
    odds = np.exp(-t * (X @ w))
    return (X * (t**2 * odds / (1 + odds) ** 2)[:, None]).T @ X


def exponentials(library: Any, x: Any, A: Any) -> Any:
    """The logarithm of the sum of exponentials of A x."""
    return library.log(library.exp(A @ x).sum())


def exponentials_by_hand(x: np.ndarray, A: np.ndarray) -> np.ndarray:
    """Aᵀ (diag p - p pᵀ) A."""
    p = np.exp(A @ x)
    p /= p.sum()
    return (A * p[:, None]).T @ A - np.outer(A.T @ p, A.T @ p)


def distances(library: Any, x: Any) -> Any:
    """The sum of the distances of all pairs, smoothed where two points meet."""
    apart = x[:, None, :] - x[None, :, :]
    return library.sqrt((apart**2).sum(-1) + 1).sum()


def distances_by_hand(x: np.ndarray) -> np.ndarray:
    """Blocks for pairs of points, whose rows sum to zero."""
    apart = x[:, None, :] - x[None, :, :]
    length = np.sqrt((apart**2).sum(-1) + 1)
    blocks = np.einsum("pi,qj->piqj", 1 / length, np.eye(x.shape[1]))
    blocks -= np.einsum("piq,pij->piqj", apart / length[..., None] ** 3, apart)
    found = -2 * blocks.transpose(0, 2, 1, 3)
    for point in range(len(x)):
        found[point, :, point] += 2 * blocks[point].sum(0)
    return found


def network(library: Any, W: Any, x: Any, t: Any, rest: Any) -> Any:
    """The cross entropy of a network of ten layers as a function of the first."""
    h = library.where(W @ x > 0, W @ x, 0.0 * (W @ x))
    for layer in range(LAYERS - 2):
        z = rest[layer] @ h
        h = library.where(z > 0, z, 0.0 * z)
    z = rest[LAYERS - 2] @ h
    return library.log(library.exp(z).sum()) - (t * z).sum()


def network_by_hand(W: np.ndarray, x: np.ndarray, t: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """M ⊗ x xᵀ, M the Hessian by what the first layer gives."""
    h, slope = np.maximum(W @ x, 0), np.diag((W @ x > 0).astype(float))
    for layer in range(LAYERS - 2):
        z = rest[layer] @ h
        h, slope = np.maximum(z, 0), (rest[layer] * (z > 0)[:, None]) @ slope
    slope = rest[-1] @ slope
    p = np.exp(rest[-1] @ h)
    p /= p.sum()
    inner = slope.T @ (np.diag(p) - np.outer(p, p)) @ slope
    return np.einsum("pi,q,j->pqij", inner, x, x)


_LAYER = "\n".join(f"h{n}[j] = maximum(sum[k](rest[{n - 2},j,k]*h{n - 1}[k]), 0)" for n in range(2, LAYERS))
PROBLEMS = (
    Problem(
        "factorisation",
        "‖T - UVᵀ‖² by U, 200×200 of rank 5",
        "f = sum[i,j]((T[i,j] - sum[k](U[i,k]*V[j,k]))**2)",
        factorisation,
        factorisation_by_hand,
        {"U": (200, 5), "T": (200, 200), "V": (200, 5)},
        500,
        1000,
    ),
    Problem(
        "distances",
        "pairwise distances of 60 points in 5 dimensions",
        "f = sum[i,j](sqrt(sum[k]((x[i,k] - x[j,k])**2) + 1))",
        distances,
        distances_by_hand,
        {"x": (60, 5)},
        50,
        50,
    ),
    Problem(
        "logistic",
        "logistic regression, 1000 samples, 200 weights",
        "z[n] = sum[d](X[n,d]*w[d]); f = sum[n](log(1 + exp(-t[n]*z[n])))",
        logistic,
        logistic_by_hand,
        {"w": (200,), "X": (1000, 200), "t": (1000,)},
        2,
        2,
    ),
    Problem(
        "exponentials",
        "log Σ exp(A x), A 1000×200",
        "z[n] = sum[d](A[n,d]*x[d]); f = log(sum[n](exp(z[n])))",
        exponentials,
        exponentials_by_hand,
        {"x": (200,), "A": (1000, 200)},
        1.5,
        1.5,
    ),
    Problem(
        "network",
        f"ten layers of {WIDTH} with ReLU by the first, cross entropy",
        "h1[j] = maximum(sum[k](W[j,k]*x[k]), 0)\n"
        f"{_LAYER}\nz[j] = sum[k](rest[{LAYERS - 2},j,k]*h{LAYERS - 1}[k])\n"
        "f = log(sum[j](exp(z[j]))) - sum[j](t[j]*z[j])",
        network,
        network_by_hand,
        {"W": (WIDTH, WIDTH), "x": (WIDTH,), "t": (WIDTH,), "rest": (LAYERS - 1, WIDTH, WIDTH)},
        2,
        2,
    ),
)


def rows(effort: Effort) -> list[Row]:
    """A row for each problem."""
    found = []
    for problem in PROBLEMS:
        makers = {COMPRESSED: compressed, DENSE: dense, TORCH: torch, JAX: jax}
        found.append(
            Row(
                f"hessian-{problem.name}",
                f"Hessian of {problem.title}",
                {name: partial(make, problem, effort) for name, make in makers.items()},
                (Bar(DENSE, problem.dense, (JAX,)), Bar(COMPRESSED, problem.compressed, (JAX,))),
                expected=problem.expected,
                rounds=9,
            )
        )
    return found


def compressed(problem: Problem, effort: Effort) -> Contender:
    """The stored factors, which is all that products, systems and determinants need."""
    hessian = problem.hessian()
    found = hessian(**problem.arrays)
    small = np.prod(found.shape) <= 2_000_000
    return Contender(timed(lambda: hessian(**problem.arrays), effort), {"hessian": found.dense()} if small else {})


def dense(problem: Problem, effort: Effort) -> Contender:
    """The dense array."""
    hessian = problem.hessian()
    return Contender(
        timed(lambda: hessian(**problem.arrays).dense(), effort), {"hessian": hessian(**problem.arrays).dense()}
    )


def torch(problem: Problem, effort: Effort) -> Contender:
    """``torch.func.hessian``: forward over reverse, vectorised."""
    library = peers.torch()
    given = [library.from_numpy(array) for array in problem.arrays.values()]
    hessian = library.func.hessian(partial(problem.function, library))
    return Contender(timed(lambda: hessian(*given), effort), {"hessian": hessian(*given).numpy()})


def jax(problem: Problem, effort: Effort) -> Contender:
    """``jax.hessian`` under jax.jit."""
    library = peers.jax()
    given = [library.numpy.asarray(array) for array in problem.arrays.values()]
    hessian = library.jit(library.hessian(partial(problem.function, library.numpy)))
    work = lambda: library.block_until_ready(hessian(*given))  # noqa: E731
    return Contender(timed(work, effort), {"hessian": np.asarray(work())})
