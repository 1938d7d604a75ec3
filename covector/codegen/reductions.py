"""How values are accumulated: pair by pair, and from what on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from covector.codegen.builder import Builder, Value
from covector.codegen.lanes import halves
from covector.codegen.scalars import larger, smaller


def _sum(build: Builder, a: Value, b: Value) -> Value:
    return a | b if a.dtype == "bool" else a + b


def _product(build: Builder, a: Value, b: Value) -> Value:
    return a & b if a.dtype == "bool" else a * b


def _largest(build: Builder, a: Value, b: Value) -> Value:
    # In this order the test for NaN is of the new value, so that the next one need not wait for it.
    return larger(build, b, a)


def _smallest(build: Builder, a: Value, b: Value) -> Value:
    return smaller(build, b, a)


def _any(build: Builder, a: Value, b: Value) -> Value:
    return a | b


def _all(build: Builder, a: Value, b: Value) -> Value:
    return a & b


@dataclass(frozen=True, slots=True)
class Reduction:
    """How two values become one, and what changes no value."""

    combine: Callable[[Builder, Value, Value], Value]
    neutral: float


REDUCTIONS: dict[str, Reduction] = {
    "sum": Reduction(_sum, 0),
    "prod": Reduction(_product, 1),
    "max": Reduction(_largest, float("-inf")),
    "min": Reduction(_smallest, float("inf")),
    "any": Reduction(_any, 0),
    "all": Reduction(_all, 1),
}
"""The operations of `Accumulate`."""


def neutral(operation: str, dtype: str) -> bool | float:
    """What an operation of this dtype starts from."""
    value = REDUCTIONS[operation].neutral
    return value > 0 if dtype == "bool" else value


def across_lanes(value: Value, operation: str, width: int = 1) -> Value:
    """The lanes of a vector combined until so many are left."""
    while value.width > width:
        value = REDUCTIONS[operation].combine(value.builder, *halves(value))
    return value
