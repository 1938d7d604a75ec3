"""The true gradients: derived where the forward is a program of covector, otherwise by differences in float64.

Differences: the central one of fourth order at two steps, with Richardson extrapolation, whose change is the error
estimate; where a NumPy forward takes complex numbers, the complex step (Squire and Trapp, SIAM Review 40, 1998).
One-sided slopes that do not meet are a kink, and that coordinate is left out.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from covector.derivation.derivation import Derivation, derive
from covector.ir import Program
from covector.run.reference import evaluate

Array = NDArray[Any]
Arrays = Mapping[str, Array]
Sizes = Mapping[str, int]

STEP = 1e-3
COMPLEX_STEP = 1e-30
DIRECTIONS = 6
BLOCK = 192
"""Coordinates that are compared of a tensor over the limit, in blocks at random places, beside random directions."""


@dataclass
class Slopes:
    """The true gradient of one input, as far as it is known.

    ``value`` and ``error`` (absolute) count where ``known`` is true; ``directions`` are (direction, slope, error) for a
    tensor that has too many coordinates.
    """

    value: Array
    error: Array
    known: NDArray[np.bool_]
    directions: list[tuple[Array, float, float]] = field(default_factory=list)


@dataclass
class Truth:
    """The true gradients at one point, and what was left out and why."""

    gradients: dict[str, Slopes]
    skipped: dict[str, int] = field(default_factory=dict)


class Forward(Protocol):
    """A forward whose gradients are known or found."""

    derived: bool

    def outputs(self, arrays: Arrays, sizes: Sizes) -> list[Array]:
        """The outputs; ``sizes`` are those of the symbols."""
        ...

    def truth(
        self, arrays: Arrays, sizes: Sizes, cotangents: Sequence[Array], wanted: Sequence[str], limit: int
    ) -> Truth:
        """The true gradients of Σ cotangent·output."""
        ...


class DerivedForward:
    """A program of covector, or a function of arrays, derived once for each rank of its inputs."""

    derived = True

    def __init__(self, source: Any, declare: Callable[[int], Mapping[str, str]]) -> None:
        self.source, self.declare = source, declare
        self._found: dict[tuple[int, ...], Derivation] = {}

    def derivation(self, arrays: Arrays) -> Derivation:
        """The derivation for arrays of these ranks."""
        if isinstance(self.source, Derivation):
            return self.source
        ranks = tuple(np.ndim(array) for array in arrays.values())
        if ranks not in self._found:
            if isinstance(self.source, Program):
                self._found[ranks] = derive(self.source)
            else:
                self._found[ranks] = derive(self.source, shapes=self.declare(ranks[0] if ranks else 0))
        return self._found[ranks]

    def at_rank(self, rank: int, arrays: Arrays) -> Derivation:
        """The derivation where ``...`` stands for so many axes."""
        ranks = tuple(np.ndim(array) for array in arrays.values())
        if ranks not in self._found and not isinstance(self.source, (Program, Derivation)):
            self._found[ranks] = derive(self.source, shapes=self.declare(rank))
        return self.derivation(arrays)

    def outputs(self, arrays: Arrays, sizes: Sizes) -> list[Array]:
        """The value of the last statement."""
        program = self.derivation(arrays).program
        return [evaluate(program, arrays, sizes)[program.output.name]]

    def truth(
        self, arrays: Arrays, sizes: Sizes, cotangents: Sequence[Array], wanted: Sequence[str], limit: int
    ) -> Truth:
        """The derived gradients, by the reference interpreter."""
        record = self.derivation(arrays).record
        program = record.gradient_program
        given = {**arrays, **({record.seed.name: cotangents[0]} if record.seed is not None else {})}
        values = evaluate(program, given, sizes)
        scale = 1.0 if record.seed is not None else float(cotangents[0])
        found: dict[str, Slopes] = {}
        for name in wanted:
            gradient = record.gradients.get(name)
            statement = gradient.statement if gradient is not None else None
            shape = arrays[name].shape
            value = np.zeros(shape) if statement is None else scale * values[statement.name].astype(np.float64)
            found[name] = Slopes(value, np.zeros(shape), np.isfinite(value))
        return Truth(found)


class NumericForward:
    """A function of named float64 arrays that gives a list of outputs.

    ``traced`` is the same function, to be derived where it can be: causes are found in that, never verdicts.
    """

    derived = False

    def __init__(
        self, run: Callable[[Arrays], list[Array]], takes_complex: bool, traced: DerivedForward | None = None
    ) -> None:
        self.run, self.takes_complex, self.traced = run, takes_complex, traced

    def outputs(self, arrays: Arrays, sizes: Sizes) -> list[Array]:
        """The outputs."""
        return self.run(arrays)

    def truth(
        self, arrays: Arrays, sizes: Sizes, cotangents: Sequence[Array], wanted: Sequence[str], limit: int
    ) -> Truth:
        """The gradients by differences: every coordinate up to the limit, blocks and directions beyond it."""
        rng = np.random.default_rng(arrays[wanted[0]].size if wanted else 0)
        truth = Truth({})
        for name in wanted:
            truth.gradients[name] = self._of(name, arrays, cotangents, limit, rng, truth.skipped)
        return truth

    def _of(
        self,
        name: str,
        arrays: Arrays,
        cotangents: Sequence[Array],
        limit: int,
        rng: np.random.Generator,
        skipped: dict[str, int],
    ) -> Slopes:
        array = arrays[name]
        found = Slopes(np.zeros(array.shape), np.zeros(array.shape), np.zeros(array.shape, dtype=bool))
        line = Line(self.run, arrays, name, cotangents)
        exact = self.takes_complex
        for place in _places(array.size, limit, rng):
            slope, error, kind = line.slope(_unit(array.shape, place))
            if exact and kind is None:
                better = line.complex_slope(_unit(array.shape, place))
                exact = better is not None and abs(better - slope) <= 20 * error + 1e-7 * abs(slope)
                if exact and better is not None:
                    slope, error = better, 1e-14 * abs(better)
            if kind is not None:
                skipped[kind] = skipped.get(kind, 0) + 1
                continue
            at = np.unravel_index(place, array.shape)
            found.value[at], found.error[at], found.known[at] = slope, error, True
        if array.size > limit:
            for _ in range(DIRECTIONS):
                direction = rng.standard_normal(array.shape)
                slope, error, kind = line.slope(direction)
                if kind is None:
                    found.directions.append((direction, slope, error))
        return found


def _places(size: int, limit: int, rng: np.random.Generator) -> Sequence[int]:
    """The coordinates to look at."""
    if size <= limit:
        return range(size)
    width = 16
    starts = rng.integers(0, size - width, min(BLOCK, limit) // width + 1)
    return sorted({0, size - 1, *(int(start) + step for start in starts for step in range(width))})


def _unit(shape: tuple[int, ...], place: int) -> Array:
    unit = np.zeros(shape)
    unit.reshape(-1)[place] = 1.0
    return unit


class Line:
    """Slopes of Σ cotangent·output along directions of one input."""

    def __init__(
        self, run: Callable[[Arrays], list[Array]], arrays: Arrays, name: str, cotangents: Sequence[Array]
    ) -> None:
        self.run, self.arrays, self.name = run, arrays, name
        self.cotangents = cotangents
        self.middle = run(arrays)
        size = float(np.sqrt(np.mean(np.square(arrays[name])))) if arrays[name].size else 0.0
        self.typical = size if size > 0 else 1.0

    def at(self, direction: Array, step: float) -> list[Array]:
        """The outputs a step further."""
        return self.run({**self.arrays, self.name: self.arrays[self.name] + step * direction})

    def difference(self, one: Sequence[Array], other: Sequence[Array]) -> float:
        """Σ cotangent·(one - other), where elements that did not change add no rounding."""
        return float(sum(np.sum(g * (a - b)) for g, a, b in zip(self.cotangents, one, other, strict=True)))

    def rounding(self, other: Sequence[Array]) -> float:
        """How much rounding there may be in a difference."""
        pairs = zip(self.cotangents, self.middle, other, strict=True)
        return 4e-16 * float(sum(np.sum(np.abs(g * a), where=a != b) for g, a, b in pairs))

    def slope(self, direction: Array) -> tuple[float, float, str | None]:
        """The slope, its error, and why it is not known (None where it is)."""
        found: tuple[float, float, str | None] = (0.0, np.inf, "ill-conditioned")
        for shrink in (1.0, 1 / 32):
            found = self._slope(direction, STEP * shrink * self.typical)
            if found[2] != "ill-conditioned":
                break
        return found

    def _slope(self, direction: Array, step: float) -> tuple[float, float, str | None]:
        values = {k: self.at(direction, k * step) for k in (-2.0, -1.0, -0.5, 0.5, 1.0, 2.0)}
        if not all(np.isfinite(part).all() for value in values.values() for part in value):
            return 0.0, np.inf, "not finite nearby"
        central = {k: self.difference(values[k], values[-k]) / (2 * k * step) for k in (0.5, 1.0, 2.0)}
        coarse, fine = (4 * central[1.0] - central[2.0]) / 3, (4 * central[0.5] - central[1.0]) / 3
        noise = self.rounding(values[1.0]) / step
        slope, error = fine + (fine - coarse) / 15, abs(fine - coarse) + noise
        jumps = [self._jump(values[k], values[-k]) / (k * step) for k in (1.0, 0.5)]
        scale = max(abs(slope), abs(central[2.0]))
        if abs(jumps[1]) > 0.7 * abs(jumps[0]) and abs(jumps[1]) > 1e-6 * scale + 40 * noise:
            return slope, error, "kinks or ties"
        if error > 1e-5 * scale + 40 * noise:
            return slope, error, "ill-conditioned"
        return slope, error, None

    def _jump(self, right: Sequence[Array], left: Sequence[Array]) -> float:
        """The right slope less the left one, times the step."""
        return self.difference(right, self.middle) - self.difference(self.middle, left)

    def complex_slope(self, direction: Array) -> float | None:
        """The slope by a complex step, or None where the function does not take complex numbers."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", np.exceptions.ComplexWarning)
                moved = self.arrays[self.name] + 1j * COMPLEX_STEP * direction
                out = self.run({**self.arrays, self.name: moved})
            total = sum(np.sum(g * np.imag(o)) for g, o in zip(self.cotangents, out, strict=True))
        except Exception:
            return None
        slope = float(total) / COMPLEX_STEP
        return slope if np.isfinite(slope) else None
