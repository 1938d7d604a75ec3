"""What a function is tried at: sizes 0, 1, odd and prime, ranks, dtypes, layouts and cotangents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from covector.checker.functions_inputs import BATCH, Inputs

Array = NDArray[Any]

PRIMES = (3, 5, 2, 7, 4, 6)
ODD = (5, 2, 7, 3, 1, 9)
LARGER = (8, 13, 6, 11, 5, 3)
LAYOUTS = ("contiguous", "transposed", "strided", "reversed")
RANKS = (0, 1, 2, 3)
"""How many axes ``...`` stands for."""

ONES, ZEROS = 6, 4
"""How many symbols are set to 1, and to 0, each by itself."""


@dataclass(frozen=True)
class Probe:
    """One setting in which a function is tried."""

    sizes: Mapping[str, int]
    rank: int = 0
    dtype: str = "float64"
    layout: str = "contiguous"
    cotangent: str = "random"
    seed: int = 0

    def describe(self) -> str:
        """The setting in words, without what is usual.

        >>> Probe({"M": 3}, layout="transposed").describe()
        'M = 3, inputs transposed in memory'
        """
        words = [f"{name} = {size}" for name, size in self.sizes.items()]
        words += [self.dtype] if self.dtype != "float64" else []
        words += [f"inputs {self.layout} in memory"] if self.layout != "contiguous" else []
        words += ["a one-hot cotangent"] if self.cotangent == "one-hot" else []
        return ", ".join(words)


def plan(inputs: Inputs, dtypes: Sequence[str], layouts: Sequence[str] = LAYOUTS, seed: int = 0) -> list[Probe]:
    """The settings, those that find most first."""
    if not inputs.sized:
        probes = [Probe({}, seed=seed + number) for number in range(4)]
        return _numbered([*probes, *_variants(probes[0], dtypes, layouts)], seed)
    ranks = RANKS if inputs.generic else (0,)
    typical = 1 if inputs.generic else 0
    found: list[Probe] = []
    for rank in sorted(ranks, key=lambda rank: rank != typical):
        rows = _rows(inputs.symbols(rank), rank == typical)
        found += [Probe(row, rank) for row in rows]
        if rank == typical:
            found += _variants(Probe(rows[0], rank), dtypes, layouts)
        elif "float32" in dtypes:
            found.append(Probe(rows[0], rank, "float32"))
    return _numbered(found, seed)


def _rows(symbols: tuple[str, ...], whole: bool) -> list[dict[str, int]]:
    """Sizes for the symbols, one row for each setting."""
    names = sorted(symbols, key=lambda name: name in BATCH)
    if not names:
        return [{}, {}, {}]
    first = _row(names, PRIMES)
    rows = [first, _row(names, ODD)]
    if whole:
        rows.append(_row(names, LARGER if len(names) < 5 else PRIMES[1:]))
        rows.append(dict.fromkeys(names, 3))
    rows.append(dict.fromkeys(names, 1))
    if len(names) > 1:
        rows += [{**first, name: 1} for name in names[:ONES]]
    rows += [{**first, name: 0} for name in names[:ZEROS]] if whole else []
    return rows


def _row(names: Sequence[str], sizes: Sequence[int]) -> dict[str, int]:
    return {name: sizes[place % len(sizes)] for place, name in enumerate(names)}


def _variants(probe: Probe, dtypes: Iterable[str], layouts: Iterable[str]) -> list[Probe]:
    found = [replace(probe, cotangent="one-hot"), replace(probe, cotangent="one-hot", seed=1)]
    found += [replace(probe, dtype=dtype) for dtype in dtypes if dtype != "float64"]
    return found + [replace(probe, layout=layout) for layout in layouts if layout != "contiguous"]


def _numbered(probes: Iterable[Probe], seed: int) -> list[Probe]:
    """Every probe with arrays of its own, but for those in another layout, which take the arrays of the first."""
    numbers = ((number if probe.layout == "contiguous" else 0, probe) for number, probe in enumerate(probes))
    return [replace(probe, seed=1000 * seed + number) for number, probe in numbers]


def arranged(array: Array, layout: str) -> Array:
    """The same numbers in another layout in memory.

    >>> arranged(np.eye(2), "reversed").strides
    (-16, -8)
    """
    if array.ndim == 0 or layout == "contiguous":
        return np.ascontiguousarray(array).reshape(array.shape)
    if layout == "transposed":
        return np.asfortranarray(array)
    if layout == "reversed":
        turned = (slice(None, None, -1),) * array.ndim
        return np.ascontiguousarray(array[turned])[turned]
    wide = np.full((*array.shape[:-1], 2 * array.shape[-1]), 77, array.dtype)
    wide[..., ::2] = array
    return wide[..., ::2]


def draw_cotangent(shape: tuple[int, ...], kind: str, rng: Generator) -> Array:
    """A cotangent of a shape: random without symmetry, one-hot, or of small whole numbers; never all ones."""
    if kind == "whole":
        return np.asarray(rng.choice([-2.0, -1.0, 2.0, 3.0], shape))
    if kind == "one-hot" and int(np.prod(shape)):
        hot = np.zeros(shape)
        hot.reshape(-1)[rng.integers(hot.size)] = 1.5
        return hot
    return np.asarray(rng.standard_normal(shape) + 0.25)
