"""How time and memory of Hessians grow with the number of parameters, and derivatives far beyond what is held dense.

The curves are a diagonal, a Kronecker product, and a diagonal with something of low rank. Memory is what making the
Hessian once adds to the peak of a new process, in which a small one was made before.

``python -m benchmarks.families.hessian_growth NAME LARGE`` prints that figure for one contender.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from mmap import PAGESIZE
from pathlib import Path
from typing import Any

import numpy as np

import covector as cv
from benchmarks import peers
from benchmarks.families.child import peak
from benchmarks.families.hessians import COMPRESSED, DENSE, Problem, compressed, dense, factorisation, jax, torch
from benchmarks.measure import Effort, printed, timed
from benchmarks.record import JAX, TORCH, Bar, Contender, Row, Unavailable

SIZES = (100, 1_000, 10_000, 100_000, 1_000_000)
LARGEST_DENSE = 10_000
"""Parameters of the largest Hessian of which a dense array is made."""

LARGEST = {
    (DENSE, "diagonal"): LARGEST_DENSE,
    (DENSE, "kronecker"): LARGEST_DENSE,
    (DENSE, "lowrank"): LARGEST_DENSE,
    (JAX, "diagonal"): LARGEST_DENSE,
    (JAX, "kronecker"): 1_000,
    (JAX, "lowrank"): LARGEST_DENSE,
    (TORCH, "diagonal"): 1_000,
    (TORCH, "kronecker"): 1_000,
    (TORCH, "lowrank"): 1_000,
}
"""Parameters of the largest Hessian that each makes: the peers need several times the dense array on the way, and for
the Kronecker product a tangent of all residuals for each parameter.
"""

GIB = float(1 << 30)
ONCE = Effort(rounds=1, block=0.0)
WARM = 10
"""Calls of a small derivative before the memory of a large one: the small one has then been compiled."""


@dataclass(frozen=True)
class Large:
    """A derivative that no peer can hold: what it is, what makes it, and its arguments by shape."""

    title: str
    derivative: Callable[[], Callable[..., Any]]
    shapes: Mapping[str, tuple[int, ...]]
    elements: int

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """The arguments, in single precision."""
        generator = np.random.default_rng(0)
        return {name: generator.normal(size=shape).astype(np.float32) for name, shape in self.shapes.items()}


_FACTORISATION = "T: I J float32\nU: I K float32\nV: J K float32\nf = sum[i,j]((T[i,j] - sum[k](U[i,k]*V[j,k]))**2)"
_MATRICES = {"T": (1000, 1000), "U": (1000, 10), "V": (1000, 10)}

LARGE = {
    "elementwise": Large(
        "Jacobian of x tanh x of 10⁶ elements",
        lambda: cv.jacobian("x: N float32\ny[i] = x[i]*tanh(x[i])"),
        {"x": (1_000_000,)},
        10**12,
    ),
    "separable": Large(
        "Hessian of Σ log(1 + x²) by 10⁶ parameters",
        lambda: cv.hessian("x: N float32\nf = sum[i](log(1 + x[i]**2))"),
        {"x": (1_000_000,)},
        10**12,
    ),
    "factor": Large(
        "Hessian of ‖T - UVᵀ‖² by U, 1000×1000 of rank 10",
        lambda: cv.hessian(_FACTORISATION, wrt="U"),
        _MATRICES,
        10**8,
    ),
    "factors": Large(
        "Hessian of ‖T - UVᵀ‖² by U and V, 1000×1000 of rank 10",
        lambda: cv.hessian(_FACTORISATION, wrt=("U", "V")),
        _MATRICES,
        4 * 10**8,
    ),
}


def separable(size: int) -> Problem:
    """A loss of each parameter by itself: a diagonal."""
    source, shapes = "f = sum[i](log(1 + x[i]**2))", {"x": (size,)}
    function = lambda library, x: library.log(1 + x**2).sum()  # noqa: E731
    return Problem("separable", f"Σ log(1 + x²), {size}", source, function, np.zeros, shapes, 0, 0)


def kronecker(size: int) -> Problem:
    """A factorisation with ten columns: identity ⊗ VᵀV."""
    shapes = {"U": (size // 10, 10), "T": (size // 10, 50), "V": (50, 10)}
    source = "f = sum[i,j]((T[i,j] - sum[k](U[i,k]*V[j,k]))**2)"
    return Problem("kronecker", f"‖T - UVᵀ‖², {size}", source, factorisation, np.zeros, shapes, 0, 0)


def low_rank(size: int) -> Problem:
    """A regularised logarithm of a sum of exponentials: a diagonal and rank one."""
    source, shapes = "f = log(sum[i](exp(x[i]))) + sum[i](x[i]**2)", {"x": (size,)}
    function = lambda library, x: library.log(library.exp(x).sum()) + (x**2).sum()  # noqa: E731
    return Problem("low rank", f"log Σ exp + ‖x‖², {size}", source, function, np.zeros, shapes, 0, 0)


CURVES = {"diagonal": separable, "kronecker": kronecker, "lowrank": low_rank}
MAKERS = {COMPRESSED: compressed, DENSE: dense, TORCH: torch, JAX: jax}
LIBRARIES = {TORCH: peers.torch, JAX: peers.jax}


def rows(effort: Effort) -> list[Row]:
    """The curves of time, those of memory, then what is too large for the peers."""
    times = [
        Row(
            f"hessian-{name}-{size}",
            f"Hessian of {make(size).title}",
            {who: partial(timing, who, make(size), effort) for who in taking_part(name, size)},
            rounds=5,
            point=(name, size),
        )
        for name, make in CURVES.items()
        for size in SIZES
    ]
    memory = [
        Row(
            f"hessian-memory-{name}-{size}",
            f"Hessian of {make(size).title}, memory",
            {who: partial(added, who, f"{name}-{size}") for who in taking_part(name, size)},
            unit="B",
            rounds=1,
            point=(f"{name}, memory", size),
        )
        for name, make in CURVES.items()
        for size in SIZES
    ]
    return [*times, *memory, *(row for name, large in LARGE.items() for row in large_rows(name, large, effort))]


def taking_part(name: str, size: int) -> list[str]:
    """Who makes the Hessian of a curve with so many parameters."""
    return [who for who in MAKERS if size <= LARGEST.get((who, name), size)]


def large_rows(name: str, large: Large, effort: Effort) -> list[Row]:
    """The time and the memory of one that no peer can hold."""
    absent = {who: partial(_too_large, 4 * large.elements) for who in (TORCH, JAX)} if large.elements > 10**9 else {}
    times: dict[str, Callable[[], Contender]] = {COMPRESSED: lambda: _time(large, effort), **absent}
    memory: dict[str, Callable[[], Contender]] = {COMPRESSED: partial(added, COMPRESSED, name), **absent}
    bars = (Bar(COMPRESSED, under=1.0),), (Bar(COMPRESSED, under=GIB),)
    return [
        Row(f"hessian-large-{name}", large.title, times, bars[0], rounds=5),
        Row(f"hessian-large-memory-{name}", f"{large.title}, memory", memory, bars[1], unit="B", rounds=1),
    ]


def timing(who: str, problem: Problem, effort: Effort) -> Contender:
    """A contender whose result is not compared: there is no array of that size by hand."""
    return Contender(MAKERS[who](problem, effort).sample)


def _time(large: Large, effort: Effort) -> Contender:
    derivative, arrays = large.derivative(), large.arrays
    return Contender(timed(lambda: derivative(**arrays), effort))


def _too_large(count: int) -> Contender:
    raise Unavailable(f"a dense array would take {count / 2**40:.1f} TiB")


def added(who: str, what: str) -> Contender:
    """The bytes that a child prints."""
    if who in LIBRARIES:
        LIBRARIES[who]()
    return Contender(printed([sys.executable, "-m", "benchmarks.families.hessian_growth", who, what]))


def memory(who: str, what: str) -> float:
    """The bytes that a derivative adds to the peak of this process; a small one has loaded what loads late.

    The system counts in pages, so that one page stands for anything smaller.
    """
    first = _prepared(who, "diagonal-50" if what in LARGE else f"{what.partition('-')[0]}-50")
    for _ in range(WARM):
        first()
    run = _prepared_large(what) if what in LARGE else _prepared(who, what)
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak starts again from what is held now
    before = peak()
    kept = run()
    found = peak() - before
    del kept
    return max(found, float(PAGESIZE))


def _prepared_large(what: str) -> Callable[[], object]:
    derivative, arrays = LARGE[what].derivative(), LARGE[what].arrays
    return lambda: derivative(**arrays)


def _prepared(who: str, what: str) -> Callable[[], object]:
    curve, size = what.split("-")
    problem = CURVES[curve](int(size))
    hessian, arrays = problem.hessian(), problem.arrays
    ours = {COMPRESSED: lambda: hessian(**arrays), DENSE: lambda: hessian(**arrays).dense()}
    return ours.get(who) or partial(MAKERS[who], problem, ONCE)


if __name__ == "__main__":
    print(memory(*sys.argv[1:]))
