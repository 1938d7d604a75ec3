"""Concrete arguments for the operations: shapes from declarations, and arrays that stay inside the domains.

A sampler takes a generator, a shape and the sizes of the extents, and returns an array.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator

from covector.notation import syntax
from covector.notation.parse import parse_program

Sizes = Mapping[str, int]
Sampler = Callable[[Generator, tuple[int, ...], Sizes], np.ndarray]


@dataclass(frozen=True)
class Setting:
    """Sizes for the extents of the declarations, parameters, and other declarations than the operation's own."""

    sizes: Sizes
    parameters: Mapping[str, int | float | bool] = field(default_factory=dict)
    example: str | None = None


@dataclass(frozen=True)
class Case:
    """The settings in which an operation is tested, and samplers of arguments for which normal numbers do not do."""

    settings: tuple[Setting, ...]
    samplers: Mapping[str, Sampler] = field(default_factory=dict)


def settings(
    extents: str,
    *sizes: tuple[int, ...],
    example: str | None = None,
    **parameters: float | bool,
) -> tuple[Setting, ...]:
    """A setting for each tuple of sizes of the named extents."""
    names = extents.split()
    return tuple(Setting(dict(zip(names, each, strict=True)), parameters, example) for each in sizes)


def shapes(declarations: str, sizes: Sizes) -> dict[str, tuple[tuple[int, ...], str]]:
    """The shape and the dtype of every declared argument."""
    return {
        statement.name: (tuple(_extent(extent, sizes) for extent in statement.extents), statement.dtype or "float64")
        for statement in parse_program(declarations).statements
        if isinstance(statement, syntax.Declaration)
    }


def sample(declarations: str, sizes: Sizes, samplers: Mapping[str, Sampler], seed: int = 0) -> dict[str, np.ndarray]:
    """An array for every declared argument."""
    rng = np.random.default_rng(seed)
    arrays = {}
    for name, (shape, dtype) in shapes(declarations, sizes).items():
        arrays[name] = np.asarray(samplers.get(name, normal)(rng, shape, sizes), dtype)
    return arrays


def _extent(extent: syntax.Syntax, sizes: Sizes) -> int:
    if isinstance(extent, syntax.Number):
        return int(extent.text)
    if isinstance(extent, syntax.Name):
        return sizes[extent.name]
    assert isinstance(extent, syntax.Operator)
    assert extent.symbol == "*"
    return math.prod(_extent(operand, sizes) for operand in extent.operands)


def normal(rng: Generator, shape: tuple[int, ...], sizes: Sizes) -> np.ndarray:
    """Normal numbers."""
    return rng.standard_normal(shape)


def nonzero(rng: Generator, shape: tuple[int, ...], sizes: Sizes) -> np.ndarray:
    """Numbers of both signs whose magnitude is at least 0.3."""
    return np.asarray(rng.choice([-1.0, 1.0], shape) * rng.uniform(0.3, 2.0, shape))


def unit(rng: Generator, shape: tuple[int, ...], sizes: Sizes) -> np.ndarray:
    """Numbers inside the unit interval."""
    return rng.uniform(0.1, 0.9, shape)


def probabilities(rng: Generator, shape: tuple[int, ...], sizes: Sizes) -> np.ndarray:
    """Numbers that are positive and sum to one along the last axis."""
    weights = rng.uniform(0.2, 1.0, shape)
    return np.asarray(weights / weights.sum(-1, keepdims=True))


def log_probabilities(rng: Generator, shape: tuple[int, ...], sizes: Sizes) -> np.ndarray:
    """The logarithms of probabilities."""
    return np.asarray(np.log(probabilities(rng, shape, sizes)))


def mask(rng: Generator, shape: tuple[int, ...], sizes: Sizes) -> np.ndarray:
    """Zeros and ones."""
    return rng.integers(0, 2, shape)


def distinct(rng: Generator, shape: tuple[int, ...], sizes: Sizes) -> np.ndarray:
    """Numbers no two of which are closer than 0.05, so that no maximum is near a tie."""
    count = math.prod(shape)
    spread = np.linspace(-1.0, 1.0, count) * max(1.0, 0.05 * count)
    return rng.permutation(spread).reshape(shape) + rng.uniform(-0.01, 0.01, shape)


def lattice(offset: float) -> Sampler:
    """Halves of whole numbers, plus the offset and up to 0.02: two lattices differ by no half but for their offsets."""

    def draw(rng: Generator, shape: tuple[int, ...], sizes: Sizes) -> np.ndarray:
        return rng.integers(-4, 5, shape) / 2 + offset + rng.uniform(-0.02, 0.02, shape)

    return draw


def below(bound: str | int) -> Sampler:
    """Integers from 0 to the bound, a number or the name of an extent, exclusive; repetitions occur."""

    def draw(rng: Generator, shape: tuple[int, ...], sizes: Sizes) -> np.ndarray:
        return rng.integers(0, sizes[bound] if isinstance(bound, str) else bound, shape)

    return draw
