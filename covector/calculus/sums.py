"""Rules for sums: splitting, arranging, and the elimination of Kronecker deltas.

Eliminating ``δ(A·α + c, t)`` from a sum over α follows Urban and van der Smagt, Automatic Differentiation for
Tensor Algebras (arXiv 1711.01348), algorithm 4: substitute where a coefficient is ±1, otherwise solve over the
integers and keep the guard that the solution is whole; the bounds of the eliminated index stay as brackets
unless they are proved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from covector.calculus.build import (
    ADD,
    MUL,
    ZERO,
    add,
    at_least_zero,
    delta_form,
    equal,
    factors_of,
    mul,
    terms_of,
    total,
)
from covector.calculus.canonical import canonical
from covector.calculus.conditions import solved_for
from covector.calculus.rewrite import Rule
from covector.ir import Affine, Apply, Bracket, Expr, Index, Literal, Reduce, as_affine, substitute
from covector.ir.affine import Floor, Mod, exact_quotient, floor_div, free, modulo
from covector.ir.bounds import nonnegative
from covector.ir.walk import bound_in, fresh, rename, unused

POSTPONED = "sum-delta-integers"
"""The rule that waits until no other delta can be eliminated: an index around may yet solve what it would need
guards for.
"""


def sum_of_zero(node: Reduce) -> Expr | None:
    """A sum of zeros is zero."""
    return ZERO if isinstance(node.body, Literal) and node.body.value == 0 else None


def split_sum(node: Reduce) -> Expr | None:
    """A sum of sums is the sum of each."""
    if isinstance(node.body, Apply) and node.body.function is ADD:
        return add(*(Reduce("sum", node.indices, term) for term in node.body.arguments))
    return None


def distribute_delta(node: Reduce) -> Expr | None:
    """A factor that is a sum with a delta of a summed index in one of its terms is multiplied out."""
    bound = set(node.indices)
    factors = factors_of(node.body)
    for place, factor in enumerate(factors):
        if not (isinstance(factor, Apply) and factor.function is ADD):
            continue
        if any(_has_delta(term, bound) for term in factor.arguments):
            before, after = factors[:place], factors[place + 1 :]
            return Reduce("sum", node.indices, add(*(mul(*before, term, *after) for term in factor.arguments)))
    return None


def _has_delta(term: Expr, bound: set[Index]) -> bool:
    for part in _all_factors(term):
        if (form := delta_form(part)) is not None and free(form) & bound:
            return True
        if any(part is not inner and _has_delta(inner, bound) for inner in terms_of(part)):
            return True
    return False


def _all_factors(term: Expr) -> Iterable[Expr]:
    for factor in factors_of(term):
        if isinstance(factor, Reduce) and factor.operation == "sum":
            yield from _all_factors(factor.body)
        else:
            yield factor


def arrange_sum(node: Reduce) -> Expr | None:
    """Factors without a summed index go out, unrelated sums part, an index of one factor alone is summed there.

    The arrangement depends only on which factor has which index, so it is the same however the sum was nested before.
    """
    indices, factors = _open(node)
    outside = [factor for factor in factors if not free(factor) & set(indices)]
    parts: list[Expr] = list(outside)
    for group, members in _components(indices, [factor for factor in factors if factor not in outside]):
        parts.append(_push(group, members))
    parts.extend(index.extent for index in indices if not any(index in free(factor) for factor in factors))
    result = mul(*parts)
    return None if result is node or canonical(result) is canonical(node) else result


def _open(node: Reduce) -> tuple[list[Index], list[Expr]]:
    """All indices and factors of a sum, those of sums among its factors too."""
    indices, factors = list(node.indices), list[Expr]()
    waiting = list(factors_of(node.body))
    while waiting:
        factor = waiting.pop(0)
        if not (isinstance(factor, Reduce) and factor.operation == "sum"):
            factors.append(factor)
            continue
        taken = frozenset(indices).union(*(free(other) for other in (*factors, *waiting)))
        renamed: dict[Index, Index] = {}
        for index in factor.indices:
            renamed[index] = fresh(
                index, taken | set(renamed.values()) | (set(factor.indices) - {index}) - set(renamed)
            )
        waiting[:0] = factors_of(rename(factor.body, {o: n for o, n in renamed.items() if o is not n}))
        indices.extend(renamed.values())
    return indices, factors


def _components(indices: Sequence[Index], factors: Sequence[Expr]) -> list[tuple[list[Index], list[Expr]]]:
    """The factors in groups that share summed indices."""
    groups: list[tuple[set[Index], list[Expr]]] = []
    for factor in factors:
        own = free(factor) & set(indices)
        touching = [group for group in groups if group[0] & own]
        members = [member for group in touching for member in group[1]]
        merged = set(own).union(*(group[0] for group in touching))
        groups = [group for group in groups if group not in touching]
        groups.append((merged, [*members, factor]))
    return [([index for index in indices if index in group], members) for group, members in groups]


def _push(indices: Sequence[Index], factors: Sequence[Expr]) -> Expr:
    """The sum of a product, each index that occurs in a single factor summed there."""
    kept, parts = list(indices), list(factors)
    for index in indices:
        having = [place for place, part in enumerate(parts) if index in free(part)]
        if len(having) == 1 and len(parts) > 1:
            kept.remove(index)
            part = parts[having[0]]
            if isinstance(part, Reduce) and part.operation == "sum":
                parts[having[0]] = Reduce("sum", (*part.indices, index), part.body)
            else:
                parts[having[0]] = Reduce("sum", (index,), part)
    return total(kept, mul(*parts))


def sum_delta(node: Reduce) -> Expr | None:
    """A delta takes the place of the sum over an index that it determines."""
    return _eliminate(node, (_solve_unit, _solve_window))


def sum_delta_over_integers(node: Reduce) -> Expr | None:
    """A delta of a multiple of an index, of a quotient or of a remainder takes the place of the sum over it."""
    return _eliminate(node, (_solve_strided, _solve_floor, _solve_mod))


def _eliminate(node: Reduce, solvers: Sequence[Solver]) -> Expr | None:
    factors = factors_of(node.body)
    for solve in solvers:
        for index in node.indices:
            for factor in factors:
                found = solve(index, factor, factors)
                if found is not None:
                    return _solved(node, index, found)
    return None


def _solved(node: Reduce, index: Index, found: Solution) -> Expr:
    """The sum with one of its indices replaced by what it was solved to."""
    rest = mul(*found.guards, *(factor for factor in factors_of(node.body) if factor not in found.used))
    indices = [other for other in node.indices if other is not index]
    position = found.position
    if found.within is not None:
        taken = set(free(node.body)) | bound_in(node)
        run = Index(unused(Index("m", found.within), taken).name, found.within)
        indices.append(run)
        position = position + as_affine(run) * found.step
    return total(indices, mul(substitute(rest, {index: position}), *_range(index, position)))


@dataclass(frozen=True)
class Solution:
    """What a summed index must be: ``position``, or with ``within`` ``position + step·m`` for a new index m of
    that extent.

    ``used`` are the factors that say so and are no longer needed, ``guards`` what must hold besides.

    """

    used: tuple[Expr, ...]
    position: Affine
    guards: tuple[Expr, ...] = ()
    within: Affine | None = None
    step: Affine | int = 1


Solver = Callable[[Index, Expr, Sequence[Expr]], Solution | None]


def _solve_unit(index: Index, factor: Expr, factors: Sequence[Expr]) -> Solution | None:
    """From ``[±index + rest = 0]``."""
    form = delta_form(factor)
    coefficient = None if form is None else _linear(form, index)
    if form is None or coefficient is None or coefficient.terms or abs(coefficient.constant) != 1:
        return None
    return Solution((factor,), (form - coefficient * index) * -coefficient.constant)


def _solve_strided(index: Index, factor: Expr, factors: Sequence[Expr]) -> Solution | None:
    """From ``[c·index + rest = 0]``: the index is -rest/c where c divides the rest."""
    form = delta_form(factor)
    coefficient = None if form is None else _linear(form, index)
    if form is None or coefficient is None or not coefficient.is_constant or coefficient.constant == 0:
        return None
    rest = form - coefficient * index
    top, stride = (-rest, coefficient.constant) if coefficient.constant > 0 else (rest, -coefficient.constant)
    return Solution((factor,), floor_div(top, stride), (equal(modulo(top, stride), 0),))


def _solve_window(index: Index, factor: Expr, factors: Sequence[Expr]) -> Solution | None:
    """From ``[0 <= r - D·index] [r - D·index <= D - 1]``: the index is ⌊r / D⌋."""
    form = lower_form(factor)
    coefficient = None if form is None else _linear(form, index)
    if form is None or coefficient is None or (coefficient.is_constant and coefficient.constant >= -1):
        return None
    window = -coefficient
    if not nonnegative(window - 1):
        return None
    other = next((f for f in factors if lower_form(f) is window - 1 - form), None)
    if other is None:
        return None
    return Solution((factor, other), floor_div(form + window * index, window))


def _solve_floor(index: Index, factor: Expr, factors: Sequence[Expr]) -> Solution | None:
    """From ``[⌊index/d⌋ = e]``: the index is d·e + m, for m below d."""
    found = solved_for(factor, Floor)
    if found is None or found[0].numerator.index is not index or index in free(found[1]):
        return None
    return Solution((factor,), found[0].denominator * found[1], within=found[0].denominator)


def _solve_mod(index: Index, factor: Expr, factors: Sequence[Expr]) -> Solution | None:
    """From ``[index mod d = e]``, where the extent is a multiple of d: the index is e + d·m."""
    found = solved_for(factor, Mod)
    if found is None or found[0].numerator.index is not index or index in free(found[1]):
        return None
    divisor, remainder = found[0].denominator, found[1]
    times = exact_quotient(index.extent, divisor)
    if times is None:
        return None
    bounds = (remainder, divisor - 1 - remainder)
    guards = tuple(at_least_zero(form) for form in bounds if not nonnegative(form))
    return Solution((factor,), remainder, guards, within=times, step=divisor)


def lower_form(factor: Expr) -> Affine | None:
    """For a bracket ``[0 <= form]`` the form, otherwise None."""
    if isinstance(factor, Bracket) and isinstance(factor.condition, Apply) and factor.condition.function.name == "le":
        left, right = factor.condition.arguments
        if isinstance(left, Affine) and isinstance(right, Affine):
            return right - left
    return None


def _linear(form: Affine, index: Index) -> Affine | None:
    """The coefficient of an index that occurs only linearly, otherwise None."""
    coefficient = form.coefficient(index)
    if coefficient is None or (coefficient.is_constant and coefficient.constant == 0):
        return None
    return coefficient if index not in free(form - coefficient * index) else None


def _range(index: Index, position: Affine) -> tuple[Expr, ...]:
    """The brackets that keep an eliminated index in its range."""
    bounds = (position, index.extent - 1 - position)
    return tuple(at_least_zero(form) for form in bounds if not nonnegative(form))


def split_product(node: Reduce) -> Expr | None:
    """A product of a product is the product of each, where no bracket guards the others."""
    if isinstance(node.body, Apply) and node.body.function is MUL:
        if any(isinstance(factor, Bracket) for factor in node.body.arguments):
            return None
        return mul(*(Reduce("prod", node.indices, factor) for factor in node.body.arguments))
    return None


def extremum_of_constant(node: Reduce) -> Expr | None:
    """The largest and the smallest of equal values is that value, over indices whose extent is at least 1."""
    kept = tuple(index for index in node.indices if index in free(node.body))
    if len(kept) == len(node.indices):
        return None
    return Reduce(node.operation, kept, node.body) if kept else node.body


SUMS = (
    Rule("sum-of-zero", "sum", "sum[k](0 * f[k])", "0", sum_of_zero),
    Rule(
        "split-sum",
        "sum",
        "sum[k](f[k] + g[k])",
        "sum[k](f[k]) + sum[k](g[k])",
        split_sum,
        "a sum is split",
        "拆分求和",
    ),
    Rule(
        "sum-delta",
        "sum",
        "sum[k](δ(i,k) * f[k])",
        "f[i]",
        sum_delta,
        "sum-delta",
        "δ 消去求和",
    ),
    Rule(
        POSTPONED,
        "sum",
        "sum[k](δ(i, 2*k) * f[k])",
        "[i % 2 = 0] * [i // 2 <= 2] * f[i // 2]",
        sum_delta_over_integers,
        "sum-delta over the integers",
        "在整数上消去 δ",
    ),
    Rule("distribute-delta", "sum", "sum[k]((δ(k,i) + f[k]) * g[k])", "g[i] + sum[k](f[k]*g[k])", distribute_delta),
    Rule(
        "factor-out",
        "sum",
        "sum[k](f[k] * g[i])",
        "g[i] * sum[k](f[k])",
        arrange_sum,
        "factors out of the sum",
        "提出求和号",
    ),
    Rule("split-product", "prod", "prod[k](f[k] * g[k])", "prod[k](f[k]) * prod[k](g[k])", split_product),
    Rule("extremum-of-constant", "max min", "max[k:5](g[i])", "g[i]", extremum_of_constant),
)
