"""Where two sides are compared: values for the symbols, and arrays at which everything is finite."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, permutations, product
from math import prod

import numpy as np

from covector.derivation.sample import every_extent, integer_limit, symbol_names
from covector.errors import CovectorError
from covector.ir import Compute, Input, Program, Reduce, Tensor, walk
from covector.run.extents import evaluate_extent
from covector.run.reference import Array, evaluate_statement

Extents = Mapping[str, int]

SIZES = ((2, 3, 5, 7, 4, 3, 2), (7, 2, 3, 4, 3, 2, 3), (3, 4, 2, 1, 2, 3, 4), (1, 3, 2, 5, 3, 1, 2))
"""Values that symbols take in turn, one row for each shape: no two alike where there are few."""

RANGES = ((-1.5, 1.5), (0.2, 0.9), (1.1, 2.5), (-8.0, 8.0), (0.5, 12.0))
"""Where inputs are drawn from."""

BATCH = 3
"""Points drawn side by side from each range."""

BUDGET = 4_000_000
"""Elements that one shape may take to evaluate; beyond it fewer shapes and ranges are tried."""

_GROWTH, _ORDERS = 12, 120
_SMALL = (1, 2, 3)
_MOST_SMALL = 160


def main_shapes(program: Program) -> list[Extents]:
    """The shapes at which claims are decided: small, different for each symbol, one of them with ones."""
    names, found = symbol_names(program), list[Extents]()
    for row in SIZES:
        tried = _fitting(program, names, [row[n % len(row)] for n in range(len(names))])
        if tried is not None and tried not in found:
            found.append(tried)
    return found


def _fitting(program: Program, names: Sequence[str], sizes: Sequence[int]) -> Extents | None:
    """Values like these at which every extent is at least 1: as they are, in another order, or larger."""
    for growth in range(_GROWTH):
        for order in islice(permutations(sizes), _ORDERS):
            grown = [size + growth * (n % 3 + 1) for n, size in enumerate(order)]
            tried = dict(zip(names, grown, strict=True))
            if fits(program, tried):
                return tried
    return None


def small_shapes(program: Program) -> list[Extents]:
    """The shapes at which counterexamples are looked for, the smallest first."""
    names = symbol_names(program)
    if not names:
        return [{}]
    every = product(_SMALL, repeat=len(names)) if len(names) <= 5 else _by_few(len(names))
    tried = (dict(zip(names, sizes, strict=True)) for sizes in every)
    shapes = [extents for extents in tried if fits(program, extents)]
    shapes.sort(key=lambda extents: (_elements(program, extents), sum(extents.values()), *extents.values()))
    return [*shapes[:_MOST_SMALL], *main_shapes(program)]


def _by_few(count: int) -> Iterator[tuple[int, ...]]:
    """Sizes in which at most two differ from all others."""
    for base in _SMALL:
        for first, second in product(range(count), repeat=2):
            for sizes in product(_SMALL, repeat=2):
                row = [base] * count
                row[first], row[second] = sizes
                yield tuple(row)


def fits(program: Program, extents: Extents) -> bool:
    """Whether every extent is at least 1."""
    try:
        return all(evaluate_extent(extent, extents) >= 1 for extent in every_extent(program))
    except (CovectorError, ZeroDivisionError):
        return False


def _elements(program: Program, extents: Extents) -> int:
    return sum(prod(evaluate_extent(extent, extents) for extent in t.shape) for t in program.inputs)


def work(program: Program, extents: Extents) -> int:
    """About how many elements it takes to evaluate a program."""
    total = 0
    for statement in program.statements:
        below: dict[object, int] = {}
        for node in walk(statement.body) if isinstance(statement, Compute) else ():
            parts = getattr(node, "arguments", None) or [getattr(node, "body", None)]
            own = prod(evaluate_extent(i.extent, extents) for i in node.indices) if isinstance(node, Reduce) else 1
            below[node] = own * max((below.get(part, 1) for part in parts), default=1)
        total += prod(evaluate_extent(extent, extents) for extent in statement.shape) * max(below.values(), default=1)
    return total


def run(program: Program, arrays: Mapping[Input, Array], extents: Extents) -> dict[Tensor, Array]:
    """The value of every tensor, with a batch axis."""
    values: dict[Tensor, Array] = dict(arrays.items())
    for statement in program.statements:
        values[statement] = evaluate_statement(statement, values, extents)
    return values


def drawn(
    program: Program, extents: Extents, low: float, high: float, seed: Sequence[int], batch: int = BATCH
) -> dict[Input, Array]:
    """Arrays at random: floats from a range, integers that may stand where they stand."""
    rng = np.random.default_rng(seed)
    return {given: _draw(program, given, extents, rng, low, high, batch) for given in program.inputs}


def _draw(
    program: Program, given: Input, extents: Extents, rng: np.random.Generator, low: float, high: float, batch: int
) -> Array:
    shape = (batch, *(evaluate_extent(extent, extents) for extent in given.shape))
    if given.dtype == "bool":
        return rng.random(shape) < 0.6
    if given.dtype.startswith("int"):
        return rng.integers(0, max(integer_limit(program.statements, given, extents), 1), shape)
    return rng.uniform(low, high, shape)


def small_integers(program: Program, extents: Extents, batch: int) -> dict[Input, Array]:
    """Arrays of small whole numbers: all 1, then 0 and 1, then also -1 and 2, then any numbers."""
    rng = np.random.default_rng(7)
    arrays = drawn(program, extents, -2.0, 2.0, (7, 1), batch)
    for given, array in arrays.items():
        if not given.dtype.startswith("float"):
            continue
        third = batch // 3
        array[:third] = rng.integers(0, 2, array[:third].shape)
        array[third : 2 * third] = rng.choice((1.0, 2.0, -1.0, 0.0, 3.0), array[third : 2 * third].shape)
        array[0] = 1.0
        if third > 1:
            array[third], array[third + 1] = -1.0, 2.0
    return arrays
