"""Element and integer expressions as instructions.

A value is scalar as long as nothing in it differs between the lanes of the vector that is being computed, so that what
all lanes share is computed once. A read outside the bounds is zero; a product with a false bracket is zero whatever
its other factors are; only one branch of a select counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from functools import reduce
from typing import Any

import numpy as np

from covector.codegen.builder import Builder, Number, Value, Variable
from covector.codegen.known import Known
from covector.codegen.layout import Layout
from covector.codegen.memory import Memory
from covector.codegen.scalars import SCALAR_CODE
from covector.codegen.scalars import power as power_of
from covector.codegen.vectors import slope
from covector.ir import (
    Affine,
    Apply,
    Bracket,
    Expr,
    Floor,
    Index,
    Literal,
    Mod,
    Read,
    Select,
    Symbol,
    Tensor,
    is_float,
    walk,
)
from covector.ir.affine import atoms
from covector.ir.bounds import nonnegative, within
from covector.ir.element import dtype
from covector.ir.node import Node, cached
from covector.ops import SCALARS
from covector.schedule.plan import Assign

FLAGS = "contract"
"""What arithmetic may do that IEEE arithmetic does not: a product and a sum may be rounded once."""

_EVERY_LANE, _FIRST_LANE = ("every lane",), ("first lane",)


class Expressions:
    """The values of expressions where a function stands: its indices, its lanes and what is known already."""

    def __init__(self, builder: Builder, layout: Layout, memory: Memory) -> None:
        self.builder, self.layout, self.memory = builder, layout, memory
        self.indices: dict[Index, Value] = {}
        self.registers: dict[Tensor, Variable] = {}
        self.vector: Index | None = None
        self.width = 1
        self.mask: Value | None = None
        self.strict = False
        self.active: list[Value] = []
        self.known = Known()
        self._lane = _EVERY_LANE

    # Element expressions

    def value(self, expr: Expr) -> Value:
        """The value of an expression, in its own dtype."""
        activity = tuple(condition.text for condition in self.active) if self.strict and looks_up(expr) else ()
        key = (expr, activity)
        found = self.known.get(key)
        if found is None:
            found = self.known.add(key, _VALUES[type(expr)](self, expr))
        return found

    def value_as(self, expr: Expr, wanted: str) -> Value:
        """The value of an expression as another dtype; a number is rounded once, to that dtype."""
        number = number_of(expr)
        if number is not None:
            return self.builder.constant(number, wanted)
        return self.value(expr).convert(wanted)

    def literal(self, expr: Literal) -> Value:
        """A number, in the dtype that it has alone."""
        return self.builder.constant(expr.value, dtype(expr))

    def affine(self, expr: Affine) -> Value:
        """An integer expression as an element."""
        return self.integer(expr).convert(dtype(expr))

    def bracket(self, expr: Bracket) -> Value:
        """1 or 0."""
        return self.value_as(expr.condition, "bool").convert("int64")

    def select(self, expr: Select) -> Value:
        """One of two values; both are computed."""
        wanted = dtype(expr)
        condition = self.value_as(expr.condition, "bool")
        with self.where(condition):
            then = self.value_as(expr.then, wanted)
        with self.where(~condition):
            otherwise = self.value_as(expr.otherwise, wanted)
        return condition.where(then, otherwise)

    def apply(self, expr: Apply) -> Value:
        """A scalar function."""
        number = number_of(expr)
        wanted, name = dtype(expr), expr.function.name
        if number is not None:
            return self.builder.constant(number, wanted)
        if name in _STRUCTURES:
            return _STRUCTURES[name](self, expr, wanted)
        operand = operand_dtype(expr) if expr.function.result == "bool" else wanted
        with self.builder.fast(FLAGS):
            return SCALAR_CODE[name](self.builder, *(self.value_as(argument, operand) for argument in expr.arguments))

    def add(self, expr: Apply, wanted: str) -> Value:
        """A sum."""
        terms = [self.value_as(argument, wanted) for argument in expr.arguments]
        return self._fold(lambda a, b: a | b if wanted == "bool" else a + b, terms)

    def multiply(self, expr: Apply, wanted: str) -> Value:
        """A product: its brackets first, then the other factors where they hold."""
        brackets = [factor for factor in expr.arguments if isinstance(factor, Bracket)]
        others = [factor for factor in expr.arguments if not isinstance(factor, Bracket)]
        holds = [self.value_as(bracket.condition, "bool") for bracket in brackets]
        if not holds:
            return self._factors([self.value_as(factor, wanted) for factor in others], wanted)
        condition = self._fold(lambda a, b: a & b, holds)
        with self.where(condition):
            factors = [self.value_as(factor, wanted) for factor in others]
        product = self._factors(factors or [self.builder.constant(1, wanted)], wanted)
        return condition.where(product, 0)

    def _factors(self, factors: list[Value], wanted: str) -> Value:
        return self._fold(lambda a, b: a & b if wanted == "bool" else a * b, factors)

    def _fold(self, combine: Callable[[Value, Value], Value], values: list[Value]) -> Value:
        """Values combined, those that all lanes share first."""
        ordered = sorted(values, key=lambda value: value.width)
        with self.builder.fast(FLAGS):
            result = ordered[0]
            for value in ordered[1:]:
                result = combine(result, value)
        return result

    def divide(self, expr: Apply, wanted: str) -> Value:
        """A quotient; a divisor that all lanes share is inverted once."""
        inverse = reciprocal(expr)
        top, bottom = (self.value_as(argument, wanted) for argument in expr.arguments)
        with self.builder.fast(FLAGS):
            if inverse is not None and bottom.width < top.width:
                return top * self.value(inverse)
            return SCALAR_CODE["div"](self.builder, top, bottom)

    def both(self, expr: Apply, wanted: str) -> Value:
        """That all arguments hold."""
        return self._fold(lambda a, b: a & b, [self.value_as(argument, "bool") for argument in expr.arguments])

    def either(self, expr: Apply, wanted: str) -> Value:
        """That some argument holds."""
        return self._fold(lambda a, b: a | b, [self.value_as(argument, "bool") for argument in expr.arguments])

    def negate(self, expr: Apply, wanted: str) -> Value:
        """That the argument does not hold."""
        return ~self.value_as(expr.arguments[0], "bool")

    def same(self, expr: Apply, wanted: str) -> Value:
        """The argument itself."""
        return self.value_as(expr.arguments[0], wanted)

    def power(self, expr: Apply, wanted: str) -> Value:
        """A power; one whose exponent is a number may become multiplications."""
        base, exponent = expr.arguments
        number = number_of(exponent)
        with self.builder.fast(FLAGS):
            return power_of(self.value_as(base, wanted), number, lambda: self.value_as(exponent, wanted))

    # Integer expressions

    def integer(self, form: Affine) -> Value:
        """The value of an integer expression."""
        key = (form, self._lane)
        return self.known.get(key) or self.known.add(key, self._integer(form))

    def _integer(self, form: Affine) -> Value:
        moves = slope(form, self.vector) if self.vector is not None and self._lane is _EVERY_LANE else None
        if moves is not None and moves.is_constant and moves.constant and self.width > 1:
            # What the first lane has, and a constant for each of the others.
            first, steps = self.first(form), self.builder.lanes(self.width, "int64", moves.constant)
            return self.builder.widen(first, self.width) + steps
        terms = [self._term(monomial, coefficient) for monomial, coefficient in form.terms]
        terms.sort(key=lambda value: value.width)
        if form.constant or not terms:
            terms.insert(0, self.builder.constant(form.constant, "int64"))
        return reduce(lambda a, b: a + b, terms)

    def _term(self, monomial: tuple[Node, ...], coefficient: int) -> Value:
        factors = sorted((self.atom(atom) for atom in monomial), key=lambda value: value.width)
        if coefficient != 1:
            factors.insert(0, self.builder.constant(coefficient, "int64"))
        return reduce(lambda a, b: a * b, factors)

    def atom(self, atom: Node) -> Value:
        """The value of an atom of an integer expression."""
        if isinstance(atom, Index):
            base = self.indices[atom]
            varies = atom is self.vector and self.width > 1 and self._lane is _EVERY_LANE
            return base + self.builder.lanes(self.width) if varies else base
        if isinstance(atom, Symbol):
            return self.memory.symbol(atom)
        if isinstance(atom, (Floor, Mod)):
            quotient = self._floor(atom.numerator, atom.denominator)
            whole = isinstance(atom, Floor)
            return quotient if whole else self.integer(atom.numerator) - quotient * self.integer(atom.denominator)
        assert isinstance(atom, Read)
        return self.value(atom).convert("int64")

    def _floor(self, top: Affine, bottom: Affine) -> Value:
        key = (Floor(top, bottom), self._lane)
        found = self.known.get(key)
        if found is None:
            numerator, denominator = self.integer(top), self.integer(bottom)
            found = self.known.add(key, self.builder.floor_division(numerator, denominator, nonnegative(top)))
        return found

    # Reads

    def read(self, expr: Read) -> Value:
        """An element, zero outside the bounds."""
        tensor = expr.tensor
        condition = self.inside(tensor, expr.positions)
        if condition is not None and self.strict and looks_up(expr):
            self.refuse(expr, condition)
        if tensor in self.registers:
            value = self.registers[tensor].get()
            return value if condition is None else condition.where(value, 0)
        place = self.layout.flat(tensor, expr.positions)
        return self.load(tensor, place, condition)

    def load(self, tensor: Tensor, place: Affine, condition: Value | None) -> Value:
        """The element at a place, zero where a condition does not hold."""
        moves = slope(place, self.vector) if self.vector is not None and self.width > 1 else Affine((), 0)
        if moves is not None and moves.is_constant and moves.constant == 1:
            return self.memory.load(tensor, self.first(place), self.width, _all(condition, self.mask))
        at = self.integer(place)
        if at.width > 1 or (condition is not None and condition.width > 1):
            return self.memory.gather(tensor, at, self.width, _all(condition, self.mask))
        return self.memory.load(tensor, at, 1, condition)

    def first(self, place: Affine) -> Value:
        """A place as the first lane has it."""
        self._lane = _FIRST_LANE
        try:
            return self.integer(place)
        finally:
            self._lane = _EVERY_LANE

    def inside(self, tensor: Tensor, positions: tuple[Affine, ...]) -> Value | None:
        """Whether positions are within the bounds; None where that is proved."""
        condition: Value | None = None
        for position, extent in zip(positions, tensor.shape, strict=True):
            if not is_within(position, extent):
                at, end = self.builder.matched(self.integer(position), self.integer(extent))
                found = self.builder.instruction(f"icmp ult {at}, {end.text}", "bool", at.width)
                condition = _all(condition, found)
        return condition

    def refuse(self, expr: Read, condition: Value) -> None:
        """Set the error word where a position that counts is outside the bounds."""
        outside = ~condition
        for counted in (*self.active, *([self.mask] if self.mask is not None and condition.width > 1 else ())):
            outside = outside & counted
        with self.builder.when(self.builder.any_lane(outside)):
            self.memory.set_error()

    # What is known where

    @contextmanager
    def where(self, condition: Value) -> Iterator[None]:
        """A part whose value only counts where a condition holds."""
        self.active.append(condition)
        try:
            yield
        finally:
            self.active.pop()

    @contextmanager
    def scope(self, written: AbstractSet[Tensor]) -> Iterator[None]:
        """A part that may run any number of times and writes some tensors."""
        with self.known.scope(written):
            yield

    def forget(self, written: Tensor) -> None:
        """A tensor has other values from here on."""
        self.known.forget(written)

    def remember(self, step: Assign, value: Value) -> None:
        """What a step has just written inside the bounds need not be read again."""
        if all(map(is_within, step.positions, step.target.shape)):
            self.known.add((Read(step.target, step.positions), ()), value)


def _all(first: Value | None, second: Value | None) -> Value | None:
    """That both conditions hold; None is one that always does."""
    if first is None or second is None:
        return first if second is None else second
    return first & second


def is_within(position: Affine, extent: Affine) -> bool:
    """Whether a position is proved to be inside an extent."""
    return within(position, extent) or any(
        isinstance(atom, Floor) and atom.denominator is extent and position is atom.numerator - extent * atom
        for atom in atoms(position)
    )


def looks_up(node: Node) -> bool:
    """Whether an expression reads at positions that are data."""
    result: bool = cached(node, "looks_up", _looks_up)
    return result


def _looks_up(node: Node) -> bool:
    forms = (form for part in walk(node) if isinstance(part, Read) for form in part.positions)
    return any(isinstance(part, Read) for form in forms for part in walk(form))


def number_of(expr: Expr) -> Number | None:
    """The number that an expression is, whatever the indices are; None where it is none."""
    result: Number | None = cached(expr, "number", _number_of)
    return result


def _number_of(expr: Expr) -> Number | None:
    if isinstance(expr, Literal):
        return expr.value
    if isinstance(expr, Affine):
        return expr.constant if expr.is_constant else None
    if not isinstance(expr, Apply) or expr.function.result == "bool":
        return None
    numbers = [number_of(argument) for argument in expr.arguments]
    if any(number is None or isinstance(number, bool) for number in numbers):
        return None
    whole = not is_float(dtype(expr))
    with np.errstate(all="ignore"):
        arguments = [_wide(number) for number in numbers if number is not None]
        result = expr.function.numeric(*arguments)
    return int(result) if whole else float(result)


def reciprocal(expr: Expr) -> Apply | None:
    """What a quotient of floats is multiplied with, where the divisor has its dtype; None for anything else."""
    if not isinstance(expr, Apply) or expr.function is not SCALARS["div"] or number_of(expr.arguments[1]) is not None:
        return None
    inverse = Apply(expr.function, (Literal(1), expr.arguments[1]))
    return inverse if dtype(inverse) == dtype(expr) and is_float(dtype(expr.arguments[1])) else None


def _wide(number: Number) -> Any:
    whole = not isinstance(number, float) and number == int(number) and abs(float(number)) < 2**31
    return np.int64(int(number)) if whole else np.float64(float(number))


def operand_dtype(expr: Apply) -> str:
    """The dtype in which the arguments of a comparison are compared."""
    wanted = dtype(Apply(SCALARS["maximum"], (expr.arguments[0], expr.arguments[-1])))
    return "int64" if wanted == "bool" and any(dtype(a) != "bool" for a in expr.arguments) else wanted


_STRUCTURES: dict[str, Callable[[Expressions, Apply, str], Value]] = {
    "add": Expressions.add,
    "mul": Expressions.multiply,
    "div": Expressions.divide,
    "and": Expressions.both,
    "or": Expressions.either,
    "not": Expressions.negate,
    "stop": Expressions.same,
    "pow": Expressions.power,
}
"""The functions of the table that are more than a function of the values of their arguments."""

_VALUES: dict[type, Callable[[Expressions, Any], Value]] = {
    Literal: Expressions.literal,
    Affine: Expressions.affine,
    Bracket: Expressions.bracket,
    Select: Expressions.select,
    Apply: Expressions.apply,
    Read: Expressions.read,
}
