"""Letters for indices: a statement as a person writes it, from an expression over placeholders.

The axes of the output take i, j, … in order, then a reduction the letters that follow. A reduction that does not depend
on those around it is named before them, so that equal ones are written equally wherever they stand.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from covector.ir import (
    Affine,
    Compute,
    Expr,
    Floor,
    Index,
    Mod,
    Read,
    Reduce,
    Symbol,
    as_affine,
    children,
    rebuild,
    substitute,
    transform,
    walk,
)
from covector.ir.affine import exact_quotient, free
from covector.ir.bounds import within
from covector.ir.node import Node

ALPHABET = "ijklmnpqrstuvwabcdefgh"
_PLAIN = ("", "i", "j", "k", "l")


def define(name: str, indices: tuple[Index, ...], body: Expr, taken: Collection[str]) -> Compute:
    """The statement ``name[indices] = body`` with a letter for every placeholder.

    ``taken`` are names that no index may have; nor may it have the name of an extent.
    """
    used = {name, *taken, *_symbols(indices, body)}
    wishes = [wish(index) for index in indices]
    if wishes != sorted(wishes) and all(letter in _PLAIN for letter in wishes):
        wishes = [""] * len(indices)  # a transpose of i, j: letters in order read better
    chosen = []
    for index, wanted in zip(indices, wishes, strict=True):
        chosen.append(Index(_letter(wanted, used), index.extent))
        used.add(chosen[-1].name)
    pairs = zip(indices, chosen, strict=True)
    lettered = _letter_reductions(substitute(body, {old: as_affine(new) for old, new in pairs}), frozenset(used), {})
    return Compute(name, tuple(chosen), transform(lettered, _tidy))


def wish(index: Index) -> str:
    """The letter that an index would like to have: its own, or what its placeholder says."""
    return index.name.rpartition(":")[2]


def _letter_reductions(expr: Any, used: frozenset[str], done: dict[tuple[Node, frozenset[str]], Any]) -> Any:
    """The expression with letters for its bound indices.

    A reduction is named after those that bind the indices in it, and before those around that it does not depend on.
    """
    key = (expr, used)
    if key not in done:
        if isinstance(expr, Reduce) and is_placeholder(expr.indices[0]):
            done[key] = _letter_reduction(expr, used, done)
        else:
            done[key] = rebuild(expr, tuple(_letter_reductions(part, used, done) for part in children(expr)))
    return done[key]


def _letter_reduction(expr: Reduce, used: frozenset[str], done: dict[tuple[Node, frozenset[str]], Any]) -> Reduce:
    ready: dict[Node, Any] = {
        node: _letter_reductions(node, used, done)
        for node in walk(expr.body)
        if isinstance(node, Reduce) and not any(map(is_placeholder, free(node)))
    }
    body = transform_outermost(expr.body, ready)
    inside = {index.name for node in walk(body) if isinstance(node, Reduce) for index in node.indices}
    chosen: list[Index] = []
    for index in expr.indices:
        taken = used | inside | {other.name for other in chosen}
        chosen.append(Index(_letter(wish(index), taken), index.extent))
    pairs = zip(expr.indices, chosen, strict=True)
    body = substitute(body, {old: as_affine(new) for old, new in pairs})
    return Reduce(
        expr.operation,
        tuple(chosen),
        _letter_reductions(body, used | {index.name for index in chosen}, done),
    )


def transform_outermost(expr: Any, replaced: Mapping[Node, Any]) -> Any:
    """The expression with some nodes replaced, the outermost where they are nested."""
    if expr in replaced:
        return replaced[expr]
    return rebuild(expr, tuple(transform_outermost(part, replaced) for part in children(expr)))


def is_placeholder(index: Index) -> bool:
    """Whether an index has no letter yet."""
    return index.name.startswith("%")


def _tidy(node: Any) -> Any:
    """A quotient or a remainder whose parts are known, said plainly: ``(N*i + j) // N`` is i where j < N."""
    if not isinstance(node, (Floor, Mod)):
        return node
    whole, rest = as_affine(0), as_affine(node.numerator.constant)
    for monomial, coefficient in node.numerator.terms:
        term = Affine(((monomial, coefficient),), 0)
        quotient = exact_quotient(term, node.denominator)
        whole, rest = (whole, rest + term) if quotient is None else (whole + quotient, rest)
    if not within(rest, node.denominator):
        return node
    return whole if isinstance(node, Floor) else rest


def _letter(wanted: str, used: Collection[str]) -> str:
    return next(letter for letter in _candidates(wanted) if letter not in used)


def _candidates(wanted: str) -> Iterator[str]:
    if wanted:
        yield wanted
    yield from ALPHABET
    count = 2
    while True:
        yield from (f"{letter}{count}" for letter in ALPHABET[:3])
        count += 1


def _symbols(indices: Iterable[Index], body: Expr) -> set[str]:
    """The names of the extents and tensors that stand in a statement."""
    found: set[str] = set()
    forms = [index.extent for index in indices]
    for node in walk(body):
        if isinstance(node, Read):
            found.add(node.tensor.name)
        elif isinstance(node, Reduce):
            forms += [index.extent for index in node.indices]
        elif isinstance(node, Symbol):
            found.add(node.name)
    for form in forms:
        found |= {node.name for node in walk(form) if isinstance(node, Symbol)}
    return found
