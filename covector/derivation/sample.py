"""Points to check a program at: small values for its symbols, and random inputs at which everything is finite."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import prod

import numpy as np

from covector.errors import CovectorError
from covector.ir import Affine, Apply, Compute, Index, Input, Program, Read, Reduce, Tensor, walk
from covector.ir.affine import atoms
from covector.ir.node import Node
from covector.run.extents import evaluate_extent, symbols
from covector.run.reference import Array, evaluate_batch, grid_size

SIZES = ((2, 3, 4, 5), (3, 2, 5, 1), (1, 4, 1, 3))
"""Values that symbols take in turn, one row for each check; random ones where these leave an extent below 1."""

ATTEMPTS = 400
"""How many assignments are tried before a program is taken to have no shape at all."""

LARGEST_GRID = 1_000_000
"""Elements over which a program may be evaluated to be checked; of one with larger fixed shapes nothing is checked."""

RANGES = ((-1.5, -0.3, 0.3, 1.5), (0.3, 0.9), (1.1, 2.5))
"""Where inputs are drawn from, in turn: away from zero, of both signs, then where roots and logarithms are finite."""


@dataclass(frozen=True)
class Sample:
    """One point: the value of every symbol, an array with a batch axis for every input, and a generator for what
    else is random.
    """

    extents: Mapping[str, int]
    arrays: Mapping[str, Array]
    rng: np.random.Generator


def samples(program: Program, seed: Input | None, tries: int) -> Iterator[Iterator[Sample]]:
    """For each of several shapes, points to try in turn; a program without symbols has one shape."""
    names = symbol_names(program)
    shapes: list[dict[str, int]] = []
    for number in range(2 * len(SIZES) if names else len(SIZES)):
        extents = _fitting(program, names, number)
        if extents is None or not _is_small(program, extents):
            continue
        if (extents not in shapes or not names) and len(shapes) < len(SIZES):
            shapes.append(extents)
            yield _points(program, seed, extents, number, tries)


def _is_small(program: Program, extents: Mapping[str, int]) -> bool:
    """Whether evaluating a program some hundred times takes seconds at most."""
    sizes = [prod(evaluate_extent(extent, extents) for extent in tensor.shape) for tensor in program.inputs]
    sizes += [grid_size(statement, extents) for statement in program.statements if isinstance(statement, Compute)]
    return sum(sizes) <= LARGEST_GRID


def _points(program: Program, seed: Input | None, extents: dict[str, int], number: int, tries: int) -> Iterator[Sample]:
    for attempt in range(tries):
        for place, bounds in enumerate(RANGES):
            rng = np.random.default_rng([number, attempt, place])
            arrays = {
                t.name: _draw(t, extents, rng, bounds, integer_limit(program.statements, t, extents))
                for t in program.inputs
            }
            try:
                values = evaluate_batch(program, arrays, extents)
            except CovectorError:
                continue
            if all(np.isfinite(value).all() for value in values.values()):
                if seed is not None:
                    arrays[seed.name] = rng.uniform(-1.5, 1.5, _shape(seed, extents))
                yield Sample(extents, arrays, rng)


def _draw(
    given: Input, extents: Mapping[str, int], rng: np.random.Generator, bounds: tuple[float, ...], limit: int
) -> Array:
    """Random values for an input, of any of the ranges between two bounds."""
    shape = _shape(given, extents)
    if given.dtype == "bool":
        return rng.random(shape) < 0.6
    if given.dtype.startswith("int"):
        return rng.integers(0, max(limit, 1), shape)
    ranges = np.reshape(bounds, (-1, 2))[rng.integers(0, len(bounds) // 2, shape)]
    return rng.uniform(ranges[..., 0], ranges[..., 1])


def _shape(given: Input, extents: Mapping[str, int]) -> tuple[int, ...]:
    """The shape of an input with its batch axis."""
    return (1, *(evaluate_extent(extent, extents) for extent in given.shape))


def integer_limit(statements: Iterable[Tensor], given: Input, extents: Mapping[str, int]) -> int:
    """One more than the largest integer that an input may hold: it stands in positions, or is compared with an
    index.
    """
    limits: list[int] = []
    for statement in statements:
        if not isinstance(statement, Compute):
            continue
        for node in walk(statement.body):
            if isinstance(node, Read):
                for position, extent in zip(node.positions, node.tensor.shape, strict=True):
                    if any(_reads(atom, given) for atom in atoms(position)):
                        limits.append(evaluate_extent(extent, extents))
            elif isinstance(node, Apply):
                compared = [atom for side in node.arguments if isinstance(side, Affine) for atom in atoms(side)]
                if any(_reads(atom, given) for atom in compared):
                    limits += [evaluate_extent(i.extent, extents) for i in compared if isinstance(i, Index)]
    return min(limits, default=4)


def _reads(atom: Node, given: Input) -> bool:
    return isinstance(atom, Read) and atom.tensor is given


def symbol_names(program: Program) -> list[str]:
    """The symbols of a program, in the order in which they come."""
    return list(dict.fromkeys(name for extent in every_extent(program) for name in sorted(symbols(extent))))


def every_extent(program: Program) -> Iterator[Affine]:
    """Every extent of a program."""
    for tensor in (*program.inputs, *program.statements):
        yield from tensor.shape
        if isinstance(tensor, Compute):
            for node in walk(tensor.body):
                if isinstance(node, Reduce):
                    yield from (index.extent for index in node.indices)


def _fitting(program: Program, names: list[str], number: int) -> dict[str, int] | None:
    """Values of the symbols at which every extent is at least 1: a row of `SIZES` in turn, or else small random
    ones.
    """
    rng = np.random.default_rng(number)
    sizes = SIZES[number % len(SIZES)]
    for attempt in range(ATTEMPTS):
        fixed = attempt == 0 and number < len(SIZES)
        drawn = (
            [sizes[n % len(sizes)] for n in range(len(names))]
            if fixed
            else rng.integers(1, 4 + attempt // 40, len(names))
        )
        extents = {name: int(size) for name, size in zip(names, drawn, strict=True)}
        try:
            if all(evaluate_extent(extent, extents) >= 1 for extent in every_extent(program)):
                return extents
        except (CovectorError, ZeroDivisionError):
            continue
    return None
