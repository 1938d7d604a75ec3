"""Equality up to the names of bound indices and the order of terms and factors.

`canonical` gives every expression a representative: bound indices are named by how deep the binders inside are, the
arguments of sums and products are sorted. Two expressions that differ only in these get the same object.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from covector.ir import Apply, Expr, Index, Reduce, as_affine, children, rebuild, substitute, walk
from covector.ir.affine import Affine, order
from covector.ir.node import Node, cached

COMMUTATIVE = ("add", "mul", "and", "or", "maximum", "minimum")


def canonical(expr: Any) -> Any:
    """The representative of an expression."""
    return cached(expr, "canonical", _canonical)


def same(left: Expr, right: Expr) -> bool:
    """Whether two expressions are equal up to bound names and order."""
    return left is right or canonical(left) is canonical(right)


def _canonical(expr: Any) -> Any:
    if isinstance(expr, Reduce):
        return _canonical_reduce(expr)
    return _sorted(rebuild(expr, tuple(canonical(child) for child in children(expr))))


def _sorted(expr: Any) -> Any:
    if isinstance(expr, Apply) and expr.function.name in COMMUTATIVE:
        return Apply(expr.function, tuple(sorted(expr.arguments, key=order)))
    return expr


def _canonical_reduce(expr: Reduce) -> Reduce:
    body: Expr = canonical(expr.body)
    height = str(_height(body))
    bound = expr.indices
    if len(bound) == 1:
        only = Index(f"_{height}_0", bound[0].extent)
        return Reduce(expr.operation, (only,), _resort(substitute(body, {bound[0]: as_affine(only)})))
    # The order of the bound indices must not depend on their names: first as they come with all names masked,
    # then twice more as they come in the order which that gives.
    masked = {index: as_affine(Index("_", index.extent)) for index in bound}
    ranked = _by_occurrence(_sorted_by_mask(body, masked), bound)
    names: tuple[Index, ...] = ()
    for _ in range(2):
        names = tuple(Index(f"_{height}_{rank}", index.extent) for rank, index in enumerate(ranked))
        body = _resort(substitute(body, {old: as_affine(new) for old, new in zip(ranked, names, strict=True)}))
        ranked = _by_occurrence(body, names)
    if ranked != names:
        final = [Index(f"_{height}_{rank}", index.extent) for rank, index in enumerate(ranked)]
        aside = [Index(f"_{height}_{rank}'", index.extent) for rank, index in enumerate(ranked)]
        body = substitute(body, {old: as_affine(new) for old, new in zip(ranked, aside, strict=True)})
        body = _resort(substitute(body, {old: as_affine(new) for old, new in zip(aside, final, strict=True)}))
        names = tuple(final)
    return Reduce(expr.operation, names, body)


def _sorted_by_mask(body: Expr, masked: dict[Index, Affine]) -> Iterator[Node]:
    """The nodes of a body, the arguments of its commutative functions in the order of their masked form."""
    stack: list[Node] = [body]
    while stack:
        node = stack.pop()
        yield node
        below = list(children(node))
        if isinstance(node, Affine):
            below.sort(key=lambda atom: _masked_term(node, atom, masked))
        if isinstance(node, Apply) and node.function.name in COMMUTATIVE:
            below.sort(key=lambda child: order(substitute(child, masked)))
        stack.extend(reversed(below))


def _masked_term(form: Affine, atom: Node, masked: dict[Index, Affine]) -> tuple[Any, ...]:
    """The sort key of an atom of an integer expression that does not depend on the names of bound indices."""
    coefficients = tuple(coefficient for monomial, coefficient in form.terms if atom in monomial)
    return (order(as_affine(substitute(atom, masked))), coefficients)


def _by_occurrence(nodes: Iterator[Node] | Expr, bound: tuple[Index, ...]) -> tuple[Index, ...]:
    """The bound indices in the order of their first occurrence; those that do not occur last."""
    wanted = set(bound)
    sequence = nodes if isinstance(nodes, Iterator) else _preorder(nodes)
    found = dict.fromkeys(node for node in sequence if isinstance(node, Index) and node in wanted)
    rest = sorted((index for index in bound if index not in found), key=lambda index: order(index.extent))
    return (*found, *rest)


def _preorder(expr: Node) -> Iterator[Node]:
    stack = [expr]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(reversed(children(node)))


def _resort(expr: Expr) -> Expr:
    """Sort the arguments again, from the leaves, after bound indices were renamed."""
    done: dict[Node, Any] = {}
    for node in walk(expr):
        done[node] = _sorted(rebuild(node, tuple(done[child] for child in children(node))))
    result: Expr = done[expr]
    return result


def _height(expr: Expr) -> int:
    """How deep reductions are nested inside."""
    result: int = cached(expr, "height", _find_height)
    return result


def _find_height(expr: Any) -> int:
    below = max((_height(child) for child in children(expr)), default=0)
    return below + 1 if isinstance(expr, Reduce) else below
