"""From the calculus's normal form back to what a person writes: quotients, means, differences, ranges and deltas.

The functions here look only at the IR and say what stands where; how that looks is the style's affair.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from covector.ir.affine import Affine, Index, Symbol, as_affine, exact_quotient, free
from covector.ir.bounds import nonnegative
from covector.ir.element import Apply, Bracket, Expr, Literal, Read, Reduce
from covector.ir.walk import walk
from covector.notation.scale import with_one_root, with_scaled_sums
from covector.notation.styles import decimal

Chain = tuple[tuple[Expr, ...], tuple[str, ...]]
"""The operands of a chain of comparisons and the names of the comparisons between them."""

_ORDERED = ("le", "lt")
_MIRRORED = {"le": "ge", "lt": "gt"}
_LARGEST_DENOMINATOR = 1024


@dataclass(frozen=True, slots=True)
class Fractional:
    """A product as a sign, two whole or decimal numbers, and factors above and below the line.

    A factor above is an expression, a ``Reduce`` with the operation ``mean``, or two conditions that make one range.
    """

    negative: bool
    numerator: Fraction
    denominator: int
    tops: tuple[Any, ...]
    bottoms: tuple[tuple[Expr, Fraction], ...]
    guarded: bool
    """Whether brackets above the line may keep what stands below from being zero."""

    @property
    def bottoms_are_constant(self) -> bool:
        """Whether what stands below the line is known, or an extent, and is not zero."""
        return all(_is_positive(base) for base, _ in self.bottoms)


def fractional(node: Apply) -> Fractional:
    """A product, a quotient or a negative power, taken apart."""
    coefficient, tops, bottoms = _parts(node)
    coefficient, tops, bottoms = _with_mean(coefficient, tops, bottoms)
    if node.function.name == "mul":
        tops, bottoms = with_one_root(node.function, tops, bottoms)
        coefficient, tops, bottoms = with_scaled_sums(node.function, coefficient, tops, bottoms)
    numerator, denominator = _split(abs(coefficient))
    guarded = node.function.name == "mul" and not all(_is_positive(base) for base, _ in bottoms)
    return Fractional(coefficient < 0, numerator, denominator, tuple(_with_ranges(tops)), tuple(bottoms), guarded)


def _parts(node: Apply) -> tuple[Fraction, list[Any], list[tuple[Expr, Fraction]]]:
    if node.function.name == "div":
        return Fraction(1), [node.arguments[0]], [(node.arguments[1], Fraction(1))]
    factors = list(node.arguments) if node.function.name == "mul" else [node]
    coefficient = Fraction(1)
    first = exact_number(factors[0]) if isinstance(factors[0], Literal) else None
    if len(factors) > 1 and first is not None and first != 1:
        coefficient, factors = first, factors[1:]
    bottoms = [_base_exponent(factor) for factor in factors]
    tops = [factor for factor, (_, exponent) in zip(factors, bottoms, strict=True) if exponent > 0]
    return coefficient, tops, [(base, -exponent) for base, exponent in bottoms if exponent < 0]


def _base_exponent(factor: Expr) -> tuple[Expr, Fraction]:
    if isinstance(factor, Apply) and factor.function.name == "pow":
        exponent = exact_number(factor.arguments[1])
        if exponent is not None and exponent < 0:
            return factor.arguments[0], exponent
    return factor, Fraction(1)


def exact_number(expr: Expr) -> Fraction | None:
    """The exact number that an expression writes, perhaps with a minus sign; otherwise None."""
    if isinstance(expr, Apply) and expr.function.name == "neg":
        inner = exact_number(expr.arguments[0]) if isinstance(expr.arguments[0], Literal) else None
        return None if inner is None else -inner
    return expr.value if isinstance(expr, Literal) and type(expr.value) is Fraction else None


def _split(coefficient: Fraction) -> tuple[Fraction, int]:
    """``a/2`` rather than ``0.5·a``, but ``0.01·a`` rather than ``a/100``."""
    denominator = coefficient.denominator
    halves = denominator & (denominator - 1) == 0 and denominator <= _LARGEST_DENOMINATOR
    if halves or decimal(coefficient) is None:
        return Fraction(coefficient.numerator), denominator
    return coefficient, 1


def _is_positive(expr: Expr) -> bool:
    form = as_integer(expr)
    if form is not None:
        return not free(form) and nonnegative(form - 1)
    exact = exact_number(expr)
    return exact > 0 if exact is not None else isinstance(expr, Apply) and expr.function.name == "pi"


def _is_constant(expr: Expr) -> bool:
    return not any(isinstance(node, (Read, Index)) for node in walk(expr))


def _with_mean(
    coefficient: Fraction, tops: list[Any], bottoms: list[tuple[Expr, Fraction]]
) -> tuple[Fraction, list[Any], list[tuple[Expr, Fraction]]]:
    """The first sum that is divided by exactly as many as it has terms, as a mean."""
    for number, top in enumerate(tops):
        if isinstance(top, Reduce) and top.operation == "sum":
            found = _mean_of(top, coefficient, bottoms)
            if found is not None:
                mean = Reduce("mean", top.indices, top.body)
                return found[0], [*tops[:number], mean, *tops[number + 1 :]], found[1]
    return coefficient, tops, bottoms


def _mean_of(
    total: Reduce, coefficient: Fraction, bottoms: Sequence[tuple[Expr, Fraction]]
) -> tuple[Fraction, list[tuple[Expr, Fraction]]] | None:
    """What remains of the coefficient and of the denominators once the count of a sum is taken from them."""
    count = as_affine(1)
    for index in total.indices:
        count = count * index.extent
    if count.is_constant and count.constant <= 1:
        return None
    kept: list[tuple[Expr, Fraction]] = []
    for base, exponent in bottoms:
        form = as_integer(base)
        rest = exact_quotient(count, form) if exponent == 1 and form is not None else None
        if rest is None:
            kept.append((base, exponent))
        else:
            count = rest
    if not count.is_constant or count.constant not in (1, coefficient.denominator):
        return None
    return coefficient * count.constant, kept


def _with_ranges(tops: Sequence[Any]) -> list[Any]:
    """Pairs of brackets ``[0 <= e]·[e < E]`` as one."""
    merged: list[Any] = []
    for top in tops:
        partner = next((place for place, before in enumerate(merged) if _make_range(before, top)), None)
        if partner is None:
            merged.append(top)
        else:
            merged[partner] = (merged[partner].condition, top.condition)
    return merged


def _make_range(before: Any, top: Any) -> bool:
    pair = isinstance(before, Bracket) and isinstance(top, Bracket)
    return pair and range_of(before.condition, top.condition) is not None


def as_integer(expr: Expr) -> Affine | None:
    """An expression as an integer form, or None where it is none."""
    if isinstance(expr, Affine):
        return expr
    if isinstance(expr, Literal) and type(expr.value) is Fraction and expr.value.denominator == 1:
        return as_affine(int(expr.value))
    return None


def is_delta(condition: Apply) -> bool:
    """Whether a condition says that two integer expressions of indices and extents are equal."""
    if condition.function.name != "eq":
        return False
    forms = [as_integer(argument) for argument in condition.arguments]
    return None not in forms and not any(isinstance(node, Read) for node in walk(condition))


def range_of(first: Expr, second: Expr) -> Chain | None:
    """``0 <= e`` and ``0 <= E - 1 - e`` as ``0 <= e < E``, where E holds no index; otherwise None."""
    lower, upper = _at_least_zero(first), _at_least_zero(second)
    if lower is None or upper is None:
        return None
    extent = lower + upper + 1
    if extent.is_constant and extent.constant <= 0:
        return None
    if not free(lower) or free(extent) or any(isinstance(node, Read) for node in walk(extent)):
        return None
    if (_holds_symbol(lower), _leads_negative(lower)) > (_holds_symbol(upper), _leads_negative(upper)):
        lower = upper
    return (as_affine(0), lower, extent), ("le", "lt")


def _at_least_zero(condition: Expr) -> Affine | None:
    """The form e of a condition ``0 <= e``."""
    if isinstance(condition, Apply) and condition.function.name == "le":
        left, right = condition.arguments
        if as_integer(left) is as_affine(0) and isinstance(right, Affine):
            return right
    return None


def _holds_symbol(form: Affine) -> bool:
    return any(isinstance(atom, Symbol) for monomial, _ in form.terms for atom in monomial)


def _leads_negative(form: Affine) -> bool:
    return next((c < 0 for monomial, c in form.terms if any(isinstance(atom, Index) for atom in monomial)), False)


def conjuncts(node: Apply) -> list[Expr | Chain]:
    """The conditions of an ``and``; neighbours that share an operand as chains."""
    found: list[Any] = []
    for condition in node.arguments:
        joined = _joined(found[-1], condition) if found else None
        found[-1:] = [joined] if joined else [*found[-1:], condition]
    return found


def _joined(before: Expr | Chain, condition: Expr) -> Chain | None:
    """A condition or a chain together with the condition after it, where they make one chain."""
    if not isinstance(before, tuple):
        found = range_of(before, condition)
        first = _ordered(before)
        if found is not None or first is None:
            return found
        before = (first[1:], first[:1])
    after = _ordered(condition)
    if after is None or not _same(before[0][-1], after[1]) or _holds_condition(after[1]):
        return None
    return (*before[0], after[2]), (*before[1], after[0])


def _same(left: Expr, right: Expr) -> bool:
    return left is right or (as_integer(left) is not None and as_integer(left) is as_integer(right))


def _holds_condition(expr: Expr) -> bool:
    """Whether there is a comparison within: the notation has none in the middle of a chain."""
    return any(isinstance(node, Apply) and node.function.result == "bool" for node in walk(expr))


def _ordered(condition: Expr) -> tuple[str, Expr, Expr] | None:
    if isinstance(condition, Apply) and condition.function.name in _ORDERED:
        return sides(condition)
    return None


def sides(condition: Apply) -> tuple[str, Expr, Expr]:
    """The name of a comparison and its sides; of ``form = 0`` and ``0 <= form``, negative terms go to the other side.

    >>> from covector.ir import Index, ScalarFunction
    >>> q, i = (as_affine(Index(name, as_affine(3))) for name in "qi")
    >>> equal = ScalarFunction("eq", ("a", "b"), (None, None), print, "bool")
    >>> sides(Apply(equal, (q - i, as_affine(0))))
    ('eq', q, i)
    """
    name = condition.function.name
    left, right = condition.arguments
    low, high = as_integer(left), as_integer(right)
    zero = as_affine(0)
    if low is None or high is None or low.is_constant is high.is_constant or zero not in (low, high):
        return name, left, right
    if name in _ORDERED:
        return _moved_order(name, high - low)
    return name, *_moved_equality(low + high)


def facing(name: str, left: Expr, right: Expr) -> tuple[str, Expr, Expr]:
    """A comparison of a number with something else, the number on the right: ``x > 0`` rather than ``0 < x``."""
    if name in _MIRRORED and isinstance(left, Literal) and not isinstance(right, Affine) and not _is_constant(right):
        return _MIRRORED[name], right, left
    return name, left, right


def _halves(form: Affine) -> tuple[Affine, Affine]:
    """The positive terms, and the negative ones with their sign turned, without the constant."""
    positive = Affine(tuple(term for term in form.terms if term[1] > 0), 0)
    return positive, positive - (form - form.constant)


def _moved_equality(form: Affine) -> tuple[Affine, Affine]:
    """The sides of ``form = 0``."""
    above, below = _halves(form)
    if not above.terms:
        return below, as_affine(form.constant)
    if not below.terms:
        return above, as_affine(-form.constant)
    return _placed(above, below, form.constant)


def _moved_order(name: str, form: Affine) -> tuple[str, Affine, Affine]:
    """The sides of ``0 <= form`` or ``0 < form``."""
    above, below = _halves(form)
    constant = form.constant
    if not below.terms:
        alone = above.atom is not None and constant < 0
        return (name, as_affine(-constant), above) if alone else (name, as_affine(0), form)
    if not above.terms:
        return name, below, as_affine(constant)
    if name == "le" and constant == -1:
        return "lt", below, above
    right, left = _placed(above, below, constant)
    return name, left, right


def _placed(above: Affine, below: Affine, constant: int) -> tuple[Affine, Affine]:
    """The sides of ``above + constant ~ below``: the constant stays with the longer side, or where it is positive."""
    if (above.atom is None) is not (below.atom is None):
        return (above + constant, below) if above.atom is None else (above, below - constant)
    return (above + constant, below) if constant > 0 else (above, below - constant)
