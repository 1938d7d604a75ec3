"""Matching a pattern: which values of its variables make it equal to an expression.

A variable is an index, which takes any position, or a scalar input, which takes any expression. Sums and
products match in any order, reductions whatever their indices are called.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import permutations
from typing import Any

from covector.calculus.canonical import COMMUTATIVE, same
from covector.ir import Affine, Apply, Bracket, Expr, Input, Literal, Read, Reduce, as_affine, children, substitute
from covector.ir.affine import atoms, free
from covector.ir.node import Node

Binding = Mapping[Node, Any]


def match(pattern: Expr, target: Expr, variables: frozenset[Node], binding: Binding | None = None) -> Iterator[Binding]:
    """Every way to bind the variables so that the pattern is the target, most natural first."""
    found: Binding = binding or {}
    if not _may_match(pattern, target, variables):
        return
    if isinstance(pattern, Affine):
        if isinstance(target, Affine):
            yield from _match_affine(pattern, target, variables, found)
    elif isinstance(pattern, Read):
        yield from _match_read(pattern, target, variables, found)
    elif isinstance(pattern, Reduce):
        yield from _match_reduce(pattern, target, variables, found)  # type: ignore[arg-type]
    elif isinstance(pattern, Apply) and isinstance(target, Apply):
        if pattern.function is not target.function or len(pattern.arguments) != len(target.arguments):
            return
        if pattern.function.name in COMMUTATIVE:
            yield from _match_any_order(telling_first(pattern.arguments), target.arguments, variables, found)
        else:
            yield from match_all(pattern.arguments, target.arguments, variables, found)
    elif isinstance(pattern, Literal):
        if pattern is target:
            yield found
    else:
        yield from match_all(children(pattern), children(target), variables, found)


def _may_match(pattern: Expr, target: Expr, variables: frozenset[Node]) -> bool:
    return type(pattern) is type(target) or (isinstance(pattern, Read) and pattern.tensor in variables)


def match_all(
    patterns: tuple[Any, ...], targets: tuple[Any, ...], variables: frozenset[Node], binding: Binding
) -> Iterator[Binding]:
    """Every way to match patterns with targets one by one."""
    if len(patterns) != len(targets):
        return
    if not patterns:
        yield binding
        return
    for found in match(patterns[0], targets[0], variables, binding):
        yield from match_all(patterns[1:], targets[1:], variables, found)


def _match_any_order(
    patterns: tuple[Expr, ...], targets: tuple[Expr, ...], variables: frozenset[Node], binding: Binding
) -> Iterator[Binding]:
    if not patterns:
        yield binding
        return
    for place, target in enumerate(targets):
        for found in match(patterns[0], target, variables, binding):
            yield from _match_any_order(patterns[1:], targets[:place] + targets[place + 1 :], variables, found)


def telling_first(patterns: tuple[Expr, ...]) -> tuple[Expr, ...]:
    """Patterns in the order in which they tell most about the variables: a bracket alone may leave several open."""
    return tuple(sorted(patterns, key=lambda pattern: isinstance(pattern, (Bracket, Affine, Literal))))


def _match_read(pattern: Read, target: Expr, variables: frozenset[Node], binding: Binding) -> Iterator[Binding]:
    if isinstance(pattern.tensor, Input) and pattern.tensor in variables and not pattern.positions:
        bound = binding.get(pattern.tensor)
        if bound is None:
            yield {**binding, pattern.tensor: target}
        elif same(bound, target):
            yield binding
    elif isinstance(target, Read) and pattern.tensor is target.tensor:
        yield from match_all(pattern.positions, target.positions, variables, binding)


def _match_reduce(pattern: Reduce, target: Reduce, variables: frozenset[Node], binding: Binding) -> Iterator[Binding]:
    if pattern.operation != target.operation or len(pattern.indices) != len(target.indices):
        return
    for order in permutations(target.indices):
        if all(mine.extent is theirs.extent for mine, theirs in zip(pattern.indices, order, strict=True)):
            bound: dict[Node, Any] = {
                mine: as_affine(theirs) for mine, theirs in zip(pattern.indices, order, strict=True)
            }
            for found in match(pattern.body, target.body, variables | set(bound), {**binding, **bound}):
                inner = {key: value for key, value in found.items() if key not in bound}
                new = [value for key, value in inner.items() if key not in binding]
                if not any(free(value) & set(order) for value in new):
                    yield inner


def _match_affine(pattern: Affine, target: Affine, variables: frozenset[Node], binding: Binding) -> Iterator[Binding]:
    known = {atom: binding[atom] for atom in atoms(pattern) if atom in binding}
    rest: Affine = substitute(pattern, known)
    unknown = [atom for atom in atoms(pattern) if atom in variables and atom not in binding]
    reads = [atom for atom in atoms(rest) if isinstance(atom, Read) and free(atom) & variables]
    if not unknown and rest is target:
        yield binding
    elif not unknown and len(reads) == 1:
        yield from _match_data(rest, reads[0], target, variables, binding)
    elif len(unknown) == 1:
        coefficient = rest.coefficient(unknown[0])
        if coefficient is not None and coefficient.is_constant and abs(coefficient.constant) == 1:
            value = (target - (rest - coefficient * unknown[0])) * coefficient.constant
            yield {**binding, unknown[0]: value}


def _match_data(
    pattern: Affine, read: Read, target: Affine, variables: frozenset[Node], binding: Binding
) -> Iterator[Binding]:
    """Every way to match a data-dependent position, such as ``ids[n] + 1``."""
    coefficient = pattern.coefficient(read)
    if coefficient is None:
        return
    for atom in atoms(target):
        if isinstance(atom, Read) and target - coefficient * atom is pattern - coefficient * read:
            yield from match(read, atom, variables, binding)
