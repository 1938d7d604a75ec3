"""Plans for a sum of products: in which order its factors are multiplied and summed.

A plan says what is contracted with what, but not yet how the axes lie; the same plan gives ``A @ B`` and ``B.T @ A.T``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from covector.ir import Expr, Index, as_affine, substitute
from covector.ir.affine import free
from covector.ir.walk import fresh

PLAN_LIMIT = 40
"""Plans that are tried for one product."""

Indices = frozenset[Index]


@dataclass(frozen=True)
class Leaf:
    """A factor; with ``inverse``, one over it."""

    expr: Expr
    inverse: bool
    indices: Indices


@dataclass(frozen=True)
class Elementwise:
    """Factors multiplied element by element."""

    factors: tuple[Plan, ...]
    indices: Indices


@dataclass(frozen=True)
class Contract:
    """A product of two factors summed over an index of both."""

    left: Plan
    right: Plan
    over: Index
    indices: Indices


@dataclass(frozen=True)
class Total:
    """A reduction of one factor over some of its indices."""

    operation: str
    body: Plan
    over: tuple[Index, ...]
    indices: Indices


@dataclass(frozen=True)
class Trace:
    """The sum of the diagonal of a matrix with these two axes."""

    body: Plan
    axes: tuple[Index, Index]
    indices: Indices


Plan = Leaf | Elementwise | Contract | Total | Trace


def leaf(expr: Expr, inverse: bool = False) -> Leaf:
    """A factor."""
    return Leaf(expr, inverse, free(expr))


def plans(factors: Sequence[Plan], over: Sequence[Index]) -> list[Plan]:
    """Ways to multiply the factors and to sum over the indices, at most `PLAN_LIMIT` of them."""
    found: dict[Plan, None] = {}
    for plan in islice(_plans(tuple(factors), tuple(over)), 4 * PLAN_LIMIT):
        found[plan] = None
        if len(found) == PLAN_LIMIT:
            break
    return list(found)


def elementwise(factors: Sequence[Plan]) -> Plan:
    """Factors side by side, those of products among them too."""
    flat: list[Plan] = []
    for factor in factors:
        flat.extend(factor.factors if isinstance(factor, Elementwise) else (factor,))
    return flat[0] if len(flat) == 1 else Elementwise(tuple(flat), frozenset().union(*(f.indices for f in flat)))


def _plans(factors: tuple[Plan, ...], over: tuple[Index, ...]) -> Iterator[Plan]:
    bound = frozenset(over)
    factors = tuple(_sum_alone(factor, factors, over) for factor in factors) if len(factors) > 1 else factors
    if len(factors) == 2 and _are_square(factors[0], factors[1], bound):
        yield _trace(factors[0], factors[1])
    yield from _dots(factors, over)
    factors = _merged(factors)
    factors = tuple(_sum_alone(factor, factors, over) for factor in factors) if len(factors) > 1 else factors
    if len(factors) == 1:
        yield _total(factors[0], over)
        return
    for first in range(len(factors)):
        for second in range(first + 1, len(factors)):
            pair = factors[first], factors[second]
            rest = tuple(f for place, f in enumerate(factors) if place not in (first, second))
            for joined in _joined(pair[0], pair[1], rest, over):
                yield from _plans((*rest[:first], joined, *rest[first:]), over)


def _are_square(a: Plan, b: Plan, bound: Indices) -> bool:
    """Whether two matrices have the same indices, both summed."""
    return a.indices == b.indices and len(a.indices) == 2 and a.indices <= bound


def _dots(factors: tuple[Plan, ...], over: tuple[Index, ...]) -> Iterator[Plan]:
    """The inner product of two vectors, where nothing else is left."""
    if len(factors) == 2 and factors[0].indices == factors[1].indices and len(factors[0].indices) == 1:
        (index,) = factors[0].indices
        if index in over:
            yield Contract(*factors, index, frozenset())


def _joined(a: Plan, b: Plan, rest: tuple[Plan, ...], over: tuple[Index, ...]) -> Iterator[Plan]:
    """The ways to make two factors one."""
    others: Indices = frozenset().union(*(factor.indices for factor in rest))
    shared = a.indices & b.indices
    sums = [index for index in over if index in shared and index not in others]
    for index in sums:
        yield Contract(a, b, index, (a.indices | b.indices) - {index})
    covered = a.indices <= b.indices or b.indices <= a.indices
    apart = not shared and any(factor.indices == a.indices | b.indices for factor in rest)
    if covered or apart or not rest:
        yield elementwise((a, b))


def _merged(factors: tuple[Plan, ...]) -> tuple[Plan, ...]:
    """Factors with the same indices multiplied."""
    groups: dict[Indices, list[Plan]] = {}
    for factor in factors:
        groups.setdefault(factor.indices, []).append(factor)
    return tuple(elementwise(group) for group in groups.values())


def _sum_alone(factor: Plan, factors: tuple[Plan, ...], over: tuple[Index, ...]) -> Plan:
    """A factor summed over the indices that no other factor has."""
    others: Indices = frozenset().union(*(other.indices for other in factors if other is not factor))
    return _total(factor, tuple(index for index in over if index not in others))


def _total(plan: Plan, over: tuple[Index, ...]) -> Plan:
    own = tuple(index for index in over if index in plan.indices)
    return Total("sum", plan, own, plan.indices - set(own)) if own else plan


def _trace(a: Plan, b: Plan) -> Plan:
    """``Σ_ij a[i,j]·b[j,i]`` as the trace of a product over j."""
    row, inner = sorted(a.indices, key=lambda index: index.name)
    column = fresh(row, a.indices)
    other = renamed(b, row, column)
    axes = frozenset((row, column))
    return Trace(Contract(a, other, inner, axes), (row, column), frozenset())


def renamed(plan: Plan, old: Index, new: Index) -> Plan:
    """A plan with one of its indices renamed."""
    if old not in plan.indices:
        return plan
    indices = plan.indices - {old} | {new}
    if isinstance(plan, Leaf):
        return Leaf(substitute(plan.expr, {old: as_affine(new)}), plan.inverse, indices)
    if isinstance(plan, Elementwise):
        return Elementwise(tuple(renamed(factor, old, new) for factor in plan.factors), indices)
    if isinstance(plan, Contract):
        return Contract(renamed(plan.left, old, new), renamed(plan.right, old, new), plan.over, indices)
    body = renamed(plan.body, old, new)
    if isinstance(plan, Trace):
        return Trace(body, plan.axes, indices)
    return Total(plan.operation, body, plan.over, indices)
