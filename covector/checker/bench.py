"""Quick comparisons of many guesses at the same few points, and what factor lies between two sides."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import combinations, permutations

import numpy as np

from covector.checker.points import RANGES, Extents, drawn, main_shapes, run, work
from covector.errors import CovectorError
from covector.ir import Affine, Compute, Input, Reduce, Tensor, walk
from covector.ir.affine import free
from covector.ir.tensor import program_of, read_tensors
from covector.notation.print import text
from covector.run.extents import evaluate_extent
from covector.run.reference import Array, evaluate_statement

_RELATIVE, _ABSOLUTE = 1e-7, 1e-11
_MOST, _HUGE = 3_000_000, 1_000_000_000
_LARGEST, _SIMPLE = 64, 8
MOST_SPOTS = 9


@dataclass(frozen=True)
class Factor:
    """What one side is of another: a number, an extent or a scalar input, and one over it.

    ``value`` is the number; ``name`` what else it is made of (``M``, ``lr``), ``power`` 1 or -1, ``extent`` whether
    that is an extent.
    """

    value: Fraction = Fraction(1)
    name: str = ""
    power: int = 1
    extent: bool = False

    def __str__(self) -> str:
        number = str(self.value)
        if not self.name:
            return number
        if self.power < 0:
            return f"{number}/{self.name}"
        return self.name if self.value == 1 else "-" + self.name if self.value == -1 else f"{number}*{self.name}"


@dataclass(frozen=True)
class Spot:
    """Values of all tensors at a point, and where the truth is finite there."""

    extents: Extents
    values: dict[Tensor, Array]


class Bench:
    """Points at which the truth is finite; guesses are evaluated there, each once.

    ``costly`` says that each takes so long that few can be tried; there are not many more than ``most`` points.
    """

    def __init__(self, true: Compute, others: Iterable[Tensor] = (), most: int = MOST_SPOTS) -> None:
        self.true = true
        computed = [tensor for tensor in others if isinstance(tensor, Compute)]
        inputs = [tensor for tensor in others if isinstance(tensor, Input)]
        program = program_of((*computed, true), inputs)
        self.spots: list[Spot] = []
        self.costly = False
        for number, extents in enumerate(main_shapes(program)[:3]):
            if len(self.spots) >= most:
                break
            cost = work(program, extents)
            if cost > _MOST and (self.spots or cost > _HUGE):
                break
            self.costly = cost > _MOST
            for turn, (low, high) in enumerate(RANGES[: 1 if self.costly else min(3, most)]):
                arrays = drawn(program, extents, low, high, (number, turn, 5), 1)
                try:
                    values = run(program, arrays, extents)
                except CovectorError:
                    continue
                if all(np.isfinite(value).all() for value in values.values()) and values[true].size:
                    self.spots.append(Spot(extents, values))
        self.memo: dict[tuple[Compute, int], Array | None] = {}

    def value(self, guess: Compute, place: int) -> Array | None:
        """The value of a statement at one of the spots; None where it has none."""
        key = (guess, place)
        if key not in self.memo:
            self.memo[key] = None
            if not free(guess.body) - set(guess.indices):
                with suppress(CovectorError, KeyError, ZeroDivisionError, OverflowError):
                    self.memo[key] = self._value(guess, self.spots[place])
        return self.memo[key]

    def _value(self, guess: Compute, spot: Spot) -> Array:
        values = spot.values
        for tensor in read_tensors(guess):
            if tensor not in values and isinstance(tensor, Compute):
                values[tensor] = self._value(tensor, spot)
        return evaluate_statement(guess, values, spot.extents).astype(np.float64)

    def is_zero(self, statement: Compute) -> bool:
        """Whether a statement is 0 at all spots."""
        values = [self.value(statement, place) for place in range(len(self.spots))]
        return bool(values) and all(value is not None and not value.any() for value in values)

    def equal(self, claimed: Compute, true: Compute) -> bool:
        """Whether two statements agree at all spots."""
        if self.factor(claimed, true, exactly=True) is not None:
            return True
        return claimed.shape == true.shape and self.is_zero(claimed) and self.is_zero(true)

    def factor(self, claimed: Compute, true: Compute, exactly: bool = False) -> Factor | None:
        """What the claimed statement is a multiple of the true one by, if it is one; 1 where they agree."""
        if claimed.shape != true.shape or not self.spots:
            return None
        known: dict[int, float] = {}
        for place in range(len(self.spots)):
            left, right = self.value(claimed, place), self.value(true, place)
            ratio = float("nan") if left is None or right is None else _ratio(left, right)
            if ratio is None:
                continue
            if ratio != ratio or (exactly and abs(ratio - 1) >= _RELATIVE):
                return None
            known[place] = ratio
        if known and all(abs(ratio - 1) < _RELATIVE for ratio in known.values()):
            return Factor()
        return None if exactly or not known else self._named(known)

    def _named(self, ratios: Mapping[int, float]) -> Factor | None:
        number = _rational(list(ratios.values()))
        if number is not None:
            return Factor(number)
        if len({spot.extents.get(name) for spot in self.spots for name in spot.extents}) < 2 and not self.scalars:
            return None
        for name, extent, values in self.multipliers:
            for power in (1,) if "/" in name else (1, -1):
                number = _rational([r / values[place] ** power for place, r in ratios.items() if values[place]])
                if number is not None and max(abs(number.numerator), number.denominator) <= _SIMPLE:
                    return Factor(number, name, power, extent)
        return None

    @cached_property
    def scalars(self) -> list[Tensor]:
        """The inputs without axes."""
        return [t for t in (self.spots[0].values if self.spots else ()) if isinstance(t, Input) and not t.shape]

    @cached_property
    def multipliers(self) -> list[tuple[str, bool, list[float]]]:
        """Extents, products and quotients of two, n/(n-1), and scalar inputs, with their values at the spots."""
        extents = list(dict.fromkeys(extent for extent in self._extents() if not extent.is_constant))
        found: list[tuple[str, bool, list[float]]] = []

        def put(name: str, value: Callable[[Extents], float], extent: bool = True) -> None:
            found.append((name, extent, [value(spot.extents) for spot in self.spots]))

        for one in extents:
            put(text(one), lambda at, one=one: float(evaluate_extent(one, at)))  # type: ignore[misc]
        for one, other in combinations(extents, 2):
            put(
                text(one * other),
                lambda at, one=one, other=other: float(evaluate_extent(one * other, at)),  # type: ignore[misc]
            )
        for one, other in permutations(extents, 2):
            put(
                f"{text(one)}/{text(other)}",
                lambda at, one=one, other=other: evaluate_extent(one, at) / evaluate_extent(other, at),  # type: ignore[misc]
            )
        for one in extents:
            less = one - 1
            name = f"({text(less)})"
            put(name, lambda at, less=less: float(evaluate_extent(less, at)))  # type: ignore[misc]
            put(
                f"{text(one)}/{name}",
                lambda at, one=one: evaluate_extent(one, at) / max(evaluate_extent(one, at) - 1, 1e-9),  # type: ignore[misc]
            )
        for scalar in self.scalars:
            found.append((scalar.name, False, [float(spot.values[scalar].ravel()[0]) for spot in self.spots]))
        return found

    def _extents(self) -> Iterator[Affine]:
        for tensor in self.spots[0].values if self.spots else ():
            yield from tensor.shape
            for node in walk(tensor.body) if isinstance(tensor, Compute) else ():
                if isinstance(node, Reduce):
                    yield from (index.extent for index in node.indices)


def _ratio(left: Array, right: Array) -> float | None:
    """The factor between two arrays; None where both are zero, nan where there is none."""
    if not np.isfinite(left).all():
        return float("nan")
    scale = max(np.abs(left).max(initial=0.0), np.abs(right).max(initial=0.0))
    if scale < _ABSOLUTE:
        return None
    at = np.unravel_index(int(np.argmax(np.abs(right))), right.shape)
    if abs(right[at]) < _ABSOLUTE:
        return float("nan")
    ratio = float(left[at] / right[at])
    with np.errstate(invalid="ignore"):
        fits = np.abs(left - ratio * right) <= _RELATIVE * scale
    return ratio if fits.all() and ratio else float("nan")


def _rational(ratios: list[float]) -> Fraction | None:
    """The small fraction that all ratios are."""
    if not ratios or max(ratios) - min(ratios) > _RELATIVE * max(map(abs, ratios)):
        return None
    found = Fraction(ratios[0]).limit_denominator(_LARGEST)
    return found if found and abs(float(found) - ratios[0]) <= 1e-6 * abs(ratios[0]) else None
