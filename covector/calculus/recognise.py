"""Recognising earlier values: where a gradient computes again what the forward has, it reads that instead.

``exp(x[i,j]) / s[i]`` is ``y[i,j]`` where y was defined so; also inside a sum to which a factor stands outside,
as part of a larger product or sum, and as a power.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from covector.calculus.arithmetic import ARITHMETIC
from covector.calculus.build import (
    ADD,
    MINUS_ONE,
    ONE,
    add,
    base_exponent,
    coefficient_of,
    factors_of,
    is_apply,
    is_exact,
    mul,
    number,
    power,
    terms_of,
)
from covector.calculus.match import Binding, match, telling_first
from covector.calculus.rewrite import Rewriter
from covector.ir import (
    Affine,
    Apply,
    Bracket,
    Compute,
    Expr,
    Index,
    Literal,
    Read,
    Reduce,
    as_affine,
    children,
    rebuild,
    substitute,
    transform,
    walk,
)
from covector.ir.affine import free
from covector.ir.bounds import within
from covector.ops import SCALARS

EXP = SCALARS["exp"]

Powers = list[tuple[Expr, Fraction]]


@dataclass(frozen=True)
class Value:
    """An earlier statement, what to look for (its body in normal form), and what that is in terms of its read.

    One that ``joins`` is an exponential that is only of use where it joins another.
    """

    tensor: Compute
    body: Expr
    result: Expr | None = None
    joins: bool = False

    @property
    def own(self) -> Read:
        """The read of the statement at its own indices."""
        return Read(self.tensor, tuple(as_affine(index) for index in self.tensor.indices))

    @property
    def others(self) -> int:
        """The terms beside the logarithm, of a value that joins."""
        base, _ = base_exponent(self.result) if self.result is not None else (None, 0)
        return len(terms_of(base.arguments[0])) - 1 if self.joins and isinstance(base, Apply) else 0

    @property
    def size(self) -> int:
        """The number of nodes of the body."""
        return sum(1 for _ in walk(self.body))


def inverted(value: Value) -> Iterable[Value]:
    """What follows from a value by turning its definition round.

    From ``y = a - log(s)``: ``exp(a)/s`` is exp(y). From ``y = a + log(s)``: s is exp(y - a). From ``y = 1/(c +
    t)``: ``t/(c + t)²`` is ``y·(1 - c·y)``.
    """
    own = value.own
    logs = [term for term in terms_of(value.body) if any(is_apply(f, "log") for f in factors_of(term))]
    rest = [term for term in terms_of(value.body) if term not in logs]
    sign, log = coefficient_of(logs[0]) if len(logs) == 1 else (Fraction(0), ())
    if abs(sign) == 1 and len(log) == 1 and isinstance(log[0], Apply):
        argument = log[0].arguments[0]
        exponential = Apply(EXP, (add(own, *(mul(MINUS_ONE, term) for term in rest)),))
        yield Value(value.tensor, argument, power(exponential, sign), joins=True)
        if rest:
            factors = (Apply(EXP, (add(*rest),)), power(argument, sign))
            yield Value(value.tensor, mul(*factors), Apply(EXP, (own,)))
    base, power_of = base_exponent(value.body)
    if power_of == -1 and isinstance(base, Apply) and base.function is ADD and len(base.arguments) == 2:
        constant, term = base.arguments
        if isinstance(constant, Literal) and type(constant.value) is Fraction:
            result = mul(own, add(ONE, mul(MINUS_ONE, constant, own)))
            yield Value(value.tensor, mul(term, power(base, -2)), result)


class Recogniser:
    """Earlier values, and the search for them in expressions."""

    def __init__(self, values: Iterable[Value]) -> None:
        values = tuple(values)
        useful = [v for value in values for v in (value, *inverted(value)) if _is_useful(v)]
        self.values = sorted(useful, key=lambda value: -value.size)
        self.written = [v for value in values if _is_useful(v := Value(value.tensor, value.tensor.body))]
        self.memo: dict[Expr, Expr] = {}
        self.held = {v.tensor: guards_of(v.body) for v in values}

    def __call__(self, expr: Expr) -> Expr:
        """The expression with every earlier value in it read instead of computed."""
        if isinstance(expr, (Affine, Literal, Read)) or not self.values:
            return expr
        if expr not in self.memo:
            self.memo[expr] = self._search(expr)
        return self.memo[expr]

    def _search(self, expr: Expr) -> Expr:
        for value in self.values:
            found = _find(value, expr)
            if found is not None:
                return self(found)
        if is_exact(expr):
            exact: Expr = transform(expr, self._as_written)
            return exact
        parts = tuple(self(child) if not isinstance(child, Affine) else child for child in children(expr))
        rebuilt: Expr = rebuild(expr, parts)
        rebuilt = self._without_repeated_guards(rebuilt)
        return rebuilt if rebuilt is expr else self(rebuilt)

    def _without_repeated_guards(self, expr: Expr) -> Expr:
        """``[c]·P`` is P where P was defined as a product with ``[c]``, and nothing else needs the guard."""
        factors = factors_of(expr)
        if not any(isinstance(factor, Bracket) for factor in factors):
            return expr
        if not all(_is_total(*base_exponent(factor)) for factor in factors):
            return expr
        held = {guard for factor in factors for guard in self._guards(factor)}
        kept = [factor for factor in factors if factor not in held]
        return expr if len(kept) == len(factors) else mul(*kept)

    def _guards(self, factor: Expr) -> Iterable[Expr]:
        """The brackets that the value read by a factor holds."""
        if isinstance(factor, Read) and isinstance(factor.tensor, Compute) and factor.tensor in self.held:
            here = dict(zip(factor.tensor.indices, factor.positions, strict=True))
            for guard in self.held[factor.tensor]:
                yield substitute(guard, here)

    def _as_written(self, node: Any) -> Any:
        """A node that is an earlier value to the letter, read instead of computed."""
        if isinstance(node, (Affine, Literal, Read)):
            return node
        for value in self.written:
            for binding in match(value.body, node, frozenset(value.tensor.indices)):
                read = _read(value, binding)
                if read is not None:
                    return read
        return node


def guards_of(body: Expr) -> tuple[Bracket, ...]:
    """The brackets of a product."""
    return tuple(factor for factor in factors_of(body) if isinstance(factor, Bracket))


def _is_useful(value: Value) -> bool:
    """Whether reading the value saves something: it is no copy, no constant, and all its indices can be found."""
    if isinstance(value.body, (Read, Literal, Affine)):
        return False
    return free(value.body) >= set(value.tensor.indices)


def _find(value: Value, expr: Expr) -> Expr | None:
    """The expression with one occurrence of the value replaced at its top, or None."""
    if not value.joins:
        for binding in match(value.body, expr, frozenset(value.tensor.indices)):
            read = _read(value, binding)
            if read is not None:
                return read
    if isinstance(value.body, Apply) and value.body.function is ADD and not value.joins:
        return _in_sum(value, terms_of(expr)) if isinstance(expr, Apply) and expr.function is ADD else None
    if isinstance(expr, Reduce) and expr.operation != "sum":
        return None
    return _in_product(value, expr)


def _read(value: Value, binding: Binding) -> Expr | None:
    """The value at the positions that were found, where they are inside its bounds."""
    positions = []
    for index in value.tensor.indices:
        position = binding.get(index)
        if not isinstance(position, Affine) or not _inside(index, position):
            return None
        positions.append(position)
    if value.result is None:
        return Read(value.tensor, tuple(positions))
    result: Expr = substitute(value.result, dict(zip(value.tensor.indices, positions, strict=True)))
    return result


def _inside(index: Index, position: Affine) -> bool:
    own = position.index
    if own is not None and own.extent is index.extent:
        return True
    return within(position, index.extent)


def _in_sum(value: Value, terms: Sequence[Expr]) -> Expr | None:
    """``c·value + rest`` where the terms of the value, all times c, are among the terms."""
    wanted = [coefficient_of(term) for term in terms_of(value.body)]
    variables = frozenset(value.tensor.indices)
    first = next((place for place, (_, rest) in enumerate(wanted) if free(mul(*rest)) >= variables), 0)
    wanted.insert(0, wanted.pop(first))
    for term in terms:
        scale = coefficient_of(term)[0] / wanted[0][0]
        found = _take_terms(wanted, list(terms), scale, variables, {})
        if found is not None:
            read = _read(value, found[0])
            if read is not None:
                return add(mul(number(scale), read), *found[1])
    return None


def _take_terms(
    wanted: Sequence[tuple[Fraction, tuple[Expr, ...]]],
    terms: list[Expr],
    scale: Fraction,
    variables: frozenset[Index],
    binding: Binding,
) -> tuple[Binding, list[Expr]] | None:
    if not wanted:
        return binding, terms
    coefficient, pattern = wanted[0]
    for place, term in enumerate(terms):
        own, rest = coefficient_of(term)
        if own != coefficient * scale:
            continue
        for found in match(mul(*pattern), mul(*rest), variables, binding):
            taken = _take_terms(wanted[1:], terms[:place] + terms[place + 1 :], scale, variables, found)
            if taken is not None:
                return taken
    return None


def _in_product(value: Value, expr: Expr) -> Expr | None:
    """The product with the factors of the value, to some power, replaced by the value to that power."""
    scale, pattern = coefficient_of(value.body)
    wanted = [base_exponent(factor) for factor in telling_first(pattern)]
    factors = [base_exponent(factor) for factor in factors_of(expr)]
    found = _take(value, wanted, factors)
    if found is not None:
        read, times, rest = found
        if not _whole(scale, times):
            return None
        product = mul(number(scale**-times.numerator), *factors_of(power(read, times)), *_join(rest))
        merged = _merged(product, value.others)
        return None if value.joins and merged is product else merged
    for place, (base, exponent) in enumerate(factors):
        if isinstance(base, Reduce) and base.operation == "sum" and exponent == 1:
            others = factors[:place] + factors[place + 1 :]
            borrowed = None if value.joins else _in_inner_sum(value, scale, wanted, base, others)
            if borrowed is not None:
                return borrowed
    return None


def _merged(expr: Expr, others: int) -> Expr:
    """The product with exponentials joined where their exponents cancel: ``exp(x - m)·exp(y - m)⁻¹`` is ``exp(x -
    y)``.

    ``others`` terms must cancel. From ``y = r + log(s)`` the quotient ``exp(x)/s`` would be ``exp(x + r - y)``, which
    loses the digits of s where r is large beside it.
    """
    exponentials = [f for f in factors_of(expr) if is_apply(base_exponent(f)[0], "exp")]
    if len(exponentials) != 2:
        return expr
    powers = [(base.arguments[0], times) for base, times in map(base_exponent, exponentials) if isinstance(base, Apply)]
    joined = Rewriter(ARITHMETIC)(add(*(mul(number(times), argument) for argument, times in powers)))
    if len(terms_of(joined)) > sum(len(terms_of(argument)) for argument, _ in powers) - 2 * others:
        return expr
    return mul(*(f for f in factors_of(expr) if f not in exponentials), Apply(EXP, (joined,)))


def _whole(scale: Fraction, times: Fraction) -> bool:
    return scale == 1 or times.denominator == 1


def _in_inner_sum(value: Value, scale: Fraction, wanted: Powers, inner: Reduce, outer: Powers) -> Expr | None:
    """The value inside a sum, some of its factors standing outside."""
    inside = [base_exponent(factor) for factor in factors_of(inner.body)]
    reach = [(base, exponent) for base, exponent in outer if not free(base) & set(inner.indices)]
    beyond = [pair for pair in outer if pair not in reach]
    found = _take(value, wanted, inside + reach, must_use=inside)
    if found is None:
        return None
    read, times, rest = found
    if not free(read) & set(inner.indices) or not _whole(scale, times):
        return None
    bound = set(inner.indices)
    body = mul(power(read, times), *_join([pair for pair in rest if free(pair[0]) & bound]))
    left = [pair for pair in rest if not free(pair[0]) & bound]
    scaled = [] if scale == 1 else [number(scale**-times.numerator)]
    return mul(*scaled, *_join(left + beyond), Reduce("sum", inner.indices, body))


def _take(
    value: Value, wanted: Powers, factors: Powers, must_use: Powers | None = None
) -> tuple[Expr, Fraction, Powers] | None:
    """The value among powers: its read, how many times it is there, and the powers that are left."""
    variables = frozenset(value.tensor.indices)
    for binding, chosen in _choose(wanted, factors, variables, {}, ()):
        read = _read(value, binding)
        if read is None or (must_use is not None and not any(factors[place] in must_use for place in chosen)):
            continue
        ratios = [factors[place][1] / exponent for place, (_, exponent) in zip(chosen, wanted, strict=True)]
        times = _common_power(ratios)
        if times is None:
            continue
        rest = list(factors)
        for place, (_, exponent) in zip(chosen, wanted, strict=True):
            rest[place] = (factors[place][0], factors[place][1] - times * exponent)
        left = [pair for pair in rest if pair[1]]
        # A bracket of the value that guards another factor stays beside it.
        guards = [factors[place] for place in chosen if isinstance(factors[place][0], Bracket)]
        return read, times, left if all(_is_total(*pair) for pair in left) else [*guards, *left]
    return None


def _is_total(base: Expr, exponent: Fraction) -> bool:
    """Whether a power is finite wherever what it reads is."""
    if exponent < 0 or exponent.denominator != 1:
        return isinstance(base, Affine)
    return not any(_may_fail(node) for node in walk(base))


def _may_fail(node: object) -> bool:
    if not isinstance(node, Apply):
        return False
    base, exponent = base_exponent(node)
    inverse = exponent < 0 and not isinstance(base, Affine)
    return inverse or exponent.denominator != 1 or (bool(node.function.domain) and base is node)


def _common_power(ratios: Sequence[Fraction]) -> Fraction | None:
    """How many times the value is there: the whole number nearest to zero, all of one sign."""
    if any(ratio > 0 for ratio in ratios) and any(ratio < 0 for ratio in ratios):
        return None
    if len(ratios) == 1:
        return ratios[0] if ratios[0].denominator == 1 else None
    least = min(abs(ratio) for ratio in ratios)
    times = Fraction(int(least))
    return None if times == 0 else times if ratios[0] > 0 else -times


def _choose(
    wanted: Powers, factors: Powers, variables: frozenset[Index], binding: Binding, chosen: tuple[int, ...]
) -> Iterable[tuple[Binding, tuple[int, ...]]]:
    if not wanted:
        yield binding, chosen
        return
    for place, (base, _) in enumerate(factors):
        if place not in chosen:
            for found in match(wanted[0][0], base, variables, binding):
                yield from _choose(wanted[1:], factors, variables, found, (*chosen, place))


def _join(powers: Powers) -> list[Expr]:
    return [power(base, exponent) for base, exponent in powers]
