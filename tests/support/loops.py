"""A second interpreter: pure Python, one element at a time, nothing shared with the reference interpreter.

It evaluates as the notation says: a select only the branch that it takes, a product of brackets the other factors only
where all of them hold, a read outside the bounds as 0 (data-dependent ones raise `IndexError`).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from covector.ir import (
    Affine,
    Apply,
    Bracket,
    Compute,
    Floor,
    Index,
    Literal,
    Mod,
    Program,
    Read,
    Reduce,
    Select,
    Symbol,
)

Number = bool | int | float
Point = dict[Index, int]
Array = NDArray[Any]


def evaluate(program: Program, arrays: Mapping[str, Array], extents: Mapping[str, int]) -> dict[str, Array]:
    """The value of every statement, by name."""
    values: dict[Any, Array] = {given: np.asarray(arrays[given.name]) for given in program.inputs}
    for statement in program.statements:
        assert isinstance(statement, Compute)
        shape = [_integer(extent, {}, {}, extents) for extent in statement.shape]
        result = np.zeros(shape, dtype=statement.dtype)
        for place in itertools.product(*map(range, shape)):
            point = dict(zip(statement.indices, place, strict=True))
            result[place] = _value(statement.body, point, values, extents)
        values[statement] = result
    return {statement.name: values[statement] for statement in program.statements}


def _value(expr: Any, point: Point, values: Mapping[Any, Array], extents: Mapping[str, int]) -> Number:
    def of(part: Any) -> Number:
        return _value(part, point, values, extents)

    if isinstance(expr, Literal):
        whole = isinstance(expr.value, Fraction) and expr.value.denominator == 1
        return int(expr.value) if whole else expr.value if isinstance(expr.value, bool) else float(expr.value)
    if isinstance(expr, Affine):
        return _integer(expr, point, values, extents)
    if isinstance(expr, Read):
        return _read(expr, point, values, extents)
    if isinstance(expr, Bracket):
        return int(of(expr.condition))
    if isinstance(expr, Select):
        return of(expr.then) if of(expr.condition) else of(expr.otherwise)
    if isinstance(expr, Reduce):
        sizes = [_integer(index.extent, {}, {}, extents) for index in expr.indices]
        bodies = (
            _value(expr.body, {**point, **dict(zip(expr.indices, place, strict=True))}, values, extents)
            for place in itertools.product(*map(range, sizes))
        )
        reduced: Number = _REDUCTIONS[expr.operation](list(bodies))
        return reduced
    assert isinstance(expr, Apply)
    if expr.function.name == "mul":
        brackets = [argument for argument in expr.arguments if isinstance(argument, Bracket)]
        if not all(of(bracket) for bracket in brackets):
            return 0
        return math.prod(of(argument) for argument in expr.arguments if argument not in brackets)
    applied: Number = FUNCTIONS[expr.function.name](*map(of, expr.arguments))
    return applied


def _integer(form: Any, point: Point, values: Mapping[Any, Array], extents: Mapping[str, int]) -> int:
    def atom(node: Any) -> int:
        if isinstance(node, Index):
            return point[node]
        if isinstance(node, Symbol):
            return extents[node.name]
        if isinstance(node, Read):
            return int(_read(node, point, values, extents))
        top = _integer(node.numerator, point, values, extents)
        bottom = _integer(node.denominator, point, values, extents)
        assert isinstance(node, (Floor, Mod))
        return (
            math.floor(Fraction(top, bottom))
            if isinstance(node, Floor)
            else top - bottom * math.floor(Fraction(top, bottom))
        )

    return int(
        form.constant + sum(coefficient * math.prod(map(atom, monomial)) for monomial, coefficient in form.terms)
    )


def _read(expr: Read, point: Point, values: Mapping[Any, Array], extents: Mapping[str, int]) -> Number:
    array = values[expr.tensor]
    at = tuple(_integer(position, point, values, extents) for position in expr.positions)
    outside = [axis for axis, (place, size) in enumerate(zip(at, array.shape, strict=True)) if not 0 <= place < size]
    for axis in outside:
        if any(isinstance(atom, Read) for monomial, _ in expr.positions[axis].terms for atom in monomial):
            raise IndexError(f"{expr!r} at {at}")
    found: Number = 0 if outside else array[at].item()
    return found


def _careful(function: Callable[..., float]) -> Callable[..., float]:
    """A function of the math module with NaN and infinity in the place of exceptions."""

    def apply(*arguments: float) -> float:
        try:
            return function(*arguments)
        except OverflowError:
            return math.inf
        except (ValueError, ZeroDivisionError):
            return math.nan

    return apply


def _divide(a: float, b: float) -> float:
    if b == 0:
        return math.nan if a == 0 or math.isnan(a) else math.copysign(math.inf, a) * math.copysign(1, b)
    return a / b


def _power(a: Number, b: Number) -> Number:
    if isinstance(a, int) and isinstance(b, int) and b >= 0:
        return int(a**b)
    if a == 0 and b < 0:
        return math.inf
    return _careful(math.pow)(a, b)


def _logarithm(x: float) -> float:
    return -math.inf if x == 0 else math.log(x)


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x > -700 else math.exp(x)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "add": lambda *terms: sum(terms),
    "sub": lambda a, b: a - b,
    "neg": lambda x: -x,
    "div": _divide,
    "pow": _power,
    "sqrt": _careful(math.sqrt),
    "rsqrt": _careful(lambda x: _divide(1, math.sqrt(x))),
    "exp": _careful(math.exp),
    "expm1": _careful(math.expm1),
    "log": _careful(_logarithm),
    "log1p": _careful(lambda x: -math.inf if x == -1 else math.log1p(x)),
    "sin": _careful(math.sin),
    "cos": _careful(math.cos),
    "tan": _careful(math.tan),
    "asin": _careful(math.asin),
    "acos": _careful(math.acos),
    "atan": math.atan,
    "atan2": math.atan2,
    "sinh": _careful(math.sinh),
    "cosh": _careful(math.cosh),
    "tanh": math.tanh,
    "asinh": math.asinh,
    "acosh": _careful(math.acosh),
    "atanh": _careful(math.atanh),
    "sigmoid": _sigmoid,
    "softplus": lambda x: max(x, 0.0) + math.log1p(math.exp(-abs(x))),
    "erf": math.erf,
    "erfc": math.erfc,
    "abs": abs,
    "sign": lambda x: (x > 0) - (x < 0),
    "relu": lambda x: max(x, 0),
    "maximum": max,
    "minimum": min,
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a != b,
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
    "and": lambda *conditions: all(conditions),
    "or": lambda *conditions: any(conditions),
    "not": lambda x: not x,
    "pi": lambda: math.pi,
    "stop": lambda x: x,
}

_REDUCTIONS: dict[str, Callable[[list[Any]], Any]] = {
    "sum": sum,
    "prod": math.prod,
    "max": max,
    "min": min,
    "any": any,
    "all": all,
}
