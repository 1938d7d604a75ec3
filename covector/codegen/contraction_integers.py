"""Integers in a contraction kernel: known ones are Python's, so that they fold, the others are values of run time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import prod

from covector.codegen.builder import Builder, Value
from covector.ir import Affine, Floor, Index, Mod
from covector.ir.node import Node

Integer = Value | int
"""An integer, known or of run time."""

Condition = Value | bool
"""A truth value, known or of run time."""


def value_of(builder: Builder, integer: Integer) -> Value:
    """It as a value."""
    return integer if isinstance(integer, Value) else builder.constant(integer, "int64")


def least(builder: Builder, first: Integer, second: Integer) -> Integer:
    """The smaller one."""
    if isinstance(first, int) and isinstance(second, int):
        return min(first, second)
    return builder.intrinsic("smin", value_of(builder, first), second)


def greatest(builder: Builder, first: Integer, second: Integer) -> Integer:
    """The larger one."""
    if isinstance(first, int) and isinstance(second, int):
        return max(first, second)
    return builder.intrinsic("smax", value_of(builder, first), second)


def quotient(builder: Builder, number: Integer, divisor: Integer) -> Integer:
    """``⌊number / divisor⌋`` of numbers that are not negative."""
    return _divided(builder, "udiv", number, divisor) if not _known(number, divisor) else _int(number) // _int(divisor)


def remainder(builder: Builder, number: Integer, divisor: Integer) -> Integer:
    """``number mod divisor`` of numbers that are not negative."""
    return _divided(builder, "urem", number, divisor) if not _known(number, divisor) else _int(number) % _int(divisor)


def _known(*numbers: Integer) -> bool:
    return all(isinstance(number, int) for number in numbers)


def _int(number: Integer) -> int:
    assert isinstance(number, int)
    return number


def _divided(builder: Builder, name: str, number: Integer, divisor: Integer) -> Value:
    return builder.binary(name, value_of(builder, number), divisor)


def evaluate(builder: Builder, form: Affine, values: Mapping[Node, Integer]) -> Integer:
    """A form where its atoms have these values."""
    result: Integer = form.constant
    for monomial, coefficient in form.terms:
        term: Integer = coefficient
        for atom in monomial:
            term = _times(term, _atom(builder, atom, values))
        result = term if isinstance(result, int) and result == 0 else result + term
    return result


def _times(first: Integer, second: Integer) -> Integer:
    return second if isinstance(first, int) and first == 1 else first * second


def _atom(builder: Builder, atom: Node, values: Mapping[Node, Integer]) -> Integer:
    if isinstance(atom, (Floor, Mod)):
        whole = quotient if isinstance(atom, Floor) else remainder
        return whole(builder, evaluate(builder, atom.numerator, values), evaluate(builder, atom.denominator, values))
    return values[atom]


def split(builder: Builder, number: Integer, extents: Sequence[Integer]) -> list[Integer]:
    """The digits of a number, the last one fastest; the first has no limit."""
    digits: list[Integer] = []
    for extent in reversed(extents[1:]):
        digits.append(remainder(builder, number, extent))
        number = quotient(builder, number, extent)
    return [number, *reversed(digits)] if extents else []


def decode(
    builder: Builder, number: Integer, indices: Sequence[Index], values: Mapping[Node, Integer]
) -> dict[Node, Integer]:
    """The values of indices that are walked as one, the last one fastest."""
    extents = [evaluate(builder, index.extent, values) for index in indices]
    return dict(zip(indices, split(builder, number, extents), strict=True))


def flat(
    builder: Builder, indices: Sequence[Index], digits: Mapping[Node, Integer], values: Mapping[Node, Integer]
) -> Integer:
    """The number of a step of indices that are walked as one, from their values."""
    number: Integer = 0
    for index in indices:
        number = (
            digits[index]
            if isinstance(number, int) and number == 0
            else number * evaluate(builder, index.extent, values) + digits[index]
        )
    return number


def constant_of(*extents: Affine) -> int | None:
    """Their product where it is known."""
    return prod(extent.constant for extent in extents) if all(extent.is_constant for extent in extents) else None


@contextmanager
def steps(builder: Builder, low: Integer, high: Integer, step: int = 1) -> Iterator[Integer]:
    """A loop over ``low``, ``low + step``, … below ``high``, which runs at least once; no loop where it runs once."""
    if isinstance(low, int) and isinstance(high, int) and high - low <= step:
        yield low
    else:
        with builder.loop(value_of(builder, low), value_of(builder, high), step) as index:
            yield index


def less(first: Integer, second: Integer) -> Condition:
    """Whether the first is smaller."""
    if isinstance(first, int) and isinstance(second, int):
        return first < second
    return first < second if isinstance(first, Value) else second > first


def not_less(first: Integer, second: Integer) -> Condition:
    """Whether the first is at least the second."""
    return negation(less(first, second))


def negation(condition: Condition) -> Condition:
    """Whether it does not hold."""
    return not condition if isinstance(condition, bool) else ~condition


def equal(first: Integer, second: Integer) -> Condition:
    """Whether both are the same."""
    if first is second:
        return True
    if isinstance(first, Value):
        return first.equals(second)
    return second.equals(first) if isinstance(second, Value) else first == second


def both(first: Condition, second: Condition) -> Condition:
    """Whether both hold."""
    if isinstance(first, bool):
        return second if first else False
    return first & second


def either(first: Condition, second: Condition) -> Condition:
    """Whether one holds."""
    if isinstance(first, bool):
        return True if first else second
    return first | second


def truth(builder: Builder, condition: Condition) -> Value:
    """A condition as a value."""
    return builder.constant(condition, "bool") if isinstance(condition, bool) else condition


@contextmanager
def when(builder: Builder, condition: Condition) -> Iterator[None]:
    """A part that runs only where a condition holds, which may hold."""
    assert condition is not False
    if isinstance(condition, Value):
        with builder.when(condition):
            yield
    else:
        yield
