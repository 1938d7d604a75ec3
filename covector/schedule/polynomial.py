"""Element expressions as polynomials of what is no arithmetic, so that two writings of one value can be told as one.

Nothing here is ever computed: a polynomial is only compared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from functools import reduce

import numpy as np

from covector.calculus.build import add, mul, power
from covector.ir import Affine, Apply, Compute, Expr, Literal, Read, Tensor, is_float, substitute
from covector.ir.affine import order
from covector.ir.element import dtype
from covector.ir.node import cached
from covector.ir.tensor import read_tensors
from covector.schedule.statements import depends_on_data, has_reduction
from covector.schedule.views import reads_inside

Monomial = frozenset[tuple[Expr, int]]
Polynomial = dict[Monomial, float]
"""The coefficient of each product of powers of atoms; the atoms are interned nodes."""

MOST_TERMS = 12
MOST_POWER = 4
MOST_LEVELS = 4
"""How many pointwise statements, each of which reads the next, are written out."""

CONSTANT: Monomial = frozenset()


def polynomial(expr: Expr) -> Polynomial:
    """An expression of floats, with what it reads of pointwise statements written out, as a polynomial.

    What would have more than a few terms is an atom, and so is what has another dtype.
    """
    result: Polynomial = cached(expr, "polynomial", _polynomial)
    return result


def normal(form: Polynomial) -> Expr:
    """One writing of a polynomial, with its coefficients rounded to what doubles surely hold."""
    terms = []
    for monomial, coefficient in form.items():
        factors = [power(atom, exponent) for atom, exponent in monomial]
        terms.append(mul(Literal(float(f"{coefficient:.14g}")), *sorted(factors, key=order)))
    return add(*sorted(terms, key=order))


def plus(left: Polynomial, right: Polynomial, factor: float = 1.0) -> Polynomial:
    """``left + factor · right``, without terms that cancel."""
    found = dict(left)
    for monomial, coefficient in right.items():
        found[monomial] = found.get(monomial, 0.0) + factor * coefficient
    return {monomial: coefficient for monomial, coefficient in found.items() if coefficient}


def number_of(expr: Expr) -> float | None:
    """The number that an expression is; None where it is none."""
    if isinstance(expr, Literal):
        return float(expr.value)
    if isinstance(expr, Affine):
        return float(expr.constant) if expr.is_constant else None
    if not isinstance(expr, Apply) or expr.function.result == "bool":
        return None
    values = [number_of(argument) for argument in expr.arguments]
    known = [np.float64(value) for value in values if value is not None]
    if len(known) < len(values):
        return None
    with np.errstate(all="ignore"):
        return float(expr.function.numeric(*known))


def written_out(read: Read) -> Expr | None:
    """What a read of a pointwise statement reads; None where the statement is none, or may be read outside."""
    tensor = read.tensor
    if not isinstance(tensor, Compute) or not _is_pointwise(tensor) or dtype(tensor.body) != tensor.dtype:
        return None
    if cached(tensor, "deep", lambda statement: _is_deep(statement, MOST_LEVELS)):
        return None
    if depends_on_data(read) or depends_on_data(tensor.body) or not reads_inside(tensor, read.positions):
        return None
    result: Expr = substitute(tensor.body, dict(zip(tensor.indices, read.positions, strict=True)))
    return result


def _is_pointwise(tensor: Tensor) -> bool:
    return isinstance(tensor, Compute) and not has_reduction(tensor.body)


def _is_deep(statement: Compute, levels: int) -> bool:
    """Whether more pointwise statements than a number of levels read one another below one."""
    below = (tensor for tensor in read_tensors(statement) if isinstance(tensor, Compute) and _is_pointwise(tensor))
    return levels == 0 or any(_is_deep(tensor, levels - 1) for tensor in below)


def _polynomial(expr: Expr) -> Polynomial:
    number = number_of(expr)
    if number is not None:
        return {CONSTANT: number} if number else {}
    atom = {frozenset([(expr, 1)]): 1.0}
    found: Polynomial | None = None
    if isinstance(expr, Read):
        below = written_out(expr)
        found = polynomial(below) if below is not None else None
    elif isinstance(expr, Apply) and expr.function.name in _RULES and _is_of_one_dtype(expr):
        found = _RULES[expr.function.name](expr)
    return atom if found is None or len(found) > MOST_TERMS else found


def _is_of_one_dtype(expr: Apply) -> bool:
    """Whether arithmetic is of floats of one dtype and of numbers."""
    own = dtype(expr)
    return is_float(own) and all(dtype(part) == own or number_of(part) is not None for part in expr.arguments)


def _sum(expr: Apply) -> Polynomial | None:
    return reduce(plus, map(polynomial, expr.arguments))


def _difference(expr: Apply) -> Polynomial | None:
    return plus(polynomial(expr.arguments[0]), polynomial(expr.arguments[1]), -1.0)


def _negative(expr: Apply) -> Polynomial | None:
    return plus({}, polynomial(expr.arguments[0]), -1.0)


def _product(expr: Apply) -> Polynomial | None:
    return _multiplied(polynomial(argument) for argument in expr.arguments)


def _quotient(expr: Apply) -> Polynomial | None:
    inverse = _inverse(polynomial(expr.arguments[1]))
    return None if inverse is None else _multiplied([polynomial(expr.arguments[0]), inverse])


def _power(expr: Apply) -> Polynomial | None:
    exponent, base = number_of(expr.arguments[1]), polynomial(expr.arguments[0])
    if exponent is None or exponent != int(exponent) or not 0 < abs(exponent) <= MOST_POWER:
        return None
    factor = base if exponent > 0 else _inverse(base)
    return None if factor is None else _multiplied([factor] * abs(int(exponent)))


def _inverse(form: Polynomial) -> Polynomial | None:
    """One over a polynomial of one term."""
    if len(form) != 1:
        return None
    ((monomial, coefficient),) = form.items()
    return {frozenset((atom, -exponent) for atom, exponent in monomial): 1.0 / coefficient}


def _multiplied(factors: Iterable[Polynomial]) -> Polynomial | None:
    result: Polynomial = {CONSTANT: 1.0}
    for factor in factors:
        if len(result) * len(factor) > MOST_TERMS:
            return None
        below, result = result, {}
        for left, first in below.items():
            for right, second in factor.items():
                result = plus(result, {_joined(left, right): first * second})
    return result


def _joined(left: Monomial, right: Monomial) -> Monomial:
    exponents = Counter(dict(left))
    exponents.update(dict(right))
    return frozenset((atom, exponent) for atom, exponent in exponents.items() if exponent)


_RULES: dict[str, Callable[[Apply], Polynomial | None]] = {
    "add": _sum,
    "sub": _difference,
    "neg": _negative,
    "mul": _product,
    "div": _quotient,
    "pow": _power,
}
