"""Equality up to the names of bound indices and the order of terms and factors.

`canonical` gives every expression a representative: bound indices are named by how deep the binders inside are, the
arguments of sums and products are sorted. Two expressions that differ only in these get the same object.
"""

from __future__ import annotations

from typing import Any

from covector.ir import Affine, Apply, Expr, Index, Reduce, as_affine, children, rebuild, substitute
from covector.ir.affine import order
from covector.ir.node import cached

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
    changed = rebuild(expr, tuple(canonical(child) for child in children(expr)))
    if isinstance(changed, Apply) and changed.function.name in COMMUTATIVE:
        return Apply(changed.function, tuple(sorted(changed.arguments, key=order)))
    return changed


def _canonical_reduce(expr: Reduce) -> Reduce:
    """The reduction over indices that are named by their depth, in an order that does not depend on their names."""
    depth = _depth(expr.body)
    ranked = sorted(expr.indices, key=lambda index: _role(index, expr)) if len(expr.indices) > 1 else expr.indices
    names = tuple(Index(f"_{depth}_{rank}", index.extent) for rank, index in enumerate(ranked))
    body = substitute(expr.body, {old: as_affine(new) for old, new in zip(ranked, names, strict=True)})
    return Reduce(expr.operation, names, canonical(body))


def _role(index: Index, expr: Reduce) -> tuple[Any, ...]:
    """What an index does in a body: the body with this index marked, and all others that are bound with it alike."""
    masked: dict[Index, Affine] = {other: as_affine(Index("_", other.extent)) for other in expr.indices}
    masked[index] = as_affine(Index("_this", index.extent))
    return (order(index.extent), order(canonical(substitute(expr.body, masked))))


def _depth(expr: Expr) -> int:
    """How deep reductions are nested inside."""
    result: int = cached(expr, "depth", _find_depth)
    return result


def _find_depth(expr: Any) -> int:
    below = max((_depth(child) for child in children(expr)), default=0)
    return below + 1 if isinstance(expr, Reduce) else below
