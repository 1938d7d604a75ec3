"""Two axes as one: where ``H*q + j`` is read, the indices q and j, summed or of the result, become one."""

from __future__ import annotations

from collections.abc import Sequence

from covector.ir import Affine, Expr, Index, Read, Reduce, as_affine, floor_div, modulo, substitute, transform, walk
from covector.ir.affine import free
from covector.ir.walk import fresh

Pair = tuple[Index, Index]


def fused_sums(body: Expr) -> Expr:
    """The body with ``sum[q,j](a[i,q,j] * w[H*q+j])`` written as ``sum[s](a[i,s//H,s%H] * w[s])``."""
    result: Expr = transform(body, lambda node: _fused_sum(node) if isinstance(node, Reduce) else node)
    return result


def _fused_sum(node: Reduce) -> Expr:
    pair = next((pair for pair in pairs(node.body) if set(pair) <= set(node.indices)), None)
    if pair is None:
        return node
    one, inner = fused(node.body, pair)
    rest = tuple(index for index in node.indices if index not in pair)
    return Reduce(node.operation, (*rest, one), inner)


def fused_axes(body: Expr, indices: Sequence[Index]) -> tuple[Expr, tuple[Index, ...]] | None:
    """The body and the indices with two neighbouring axes made one, if they are read as ``H*q + j``."""
    for pair in pairs(body):
        for place in range(len(indices) - 1):
            if tuple(indices[place : place + 2]) == pair:
                one, inner = fused(body, pair)
                return inner, (*indices[:place], one, *indices[place + 2 :])
    return None


def without_single_sums(body: Expr) -> Expr:
    """The body with sums over an index of extent 1 replaced by their only term."""
    result: Expr = transform(body, lambda node: _without_single(node) if isinstance(node, Reduce) else node)
    return result


def _without_single(node: Reduce) -> Expr:
    single = {index: as_affine(0) for index in node.indices if index.extent is as_affine(1)}
    if node.operation not in ("sum", "mean") or not single:
        return node
    inner: Expr = substitute(node.body, single)
    rest = tuple(index for index in node.indices if index not in single)
    return Reduce(node.operation, rest, inner) if rest else inner


def pairs(body: Expr) -> list[Pair]:
    """The indices q and j of every position ``H*q + j``, where H is the extent of j."""
    reads = (node for node in walk(body) if isinstance(node, Read))
    found = (_pair(position) for read in reads for position in read.positions)
    return list(dict.fromkeys(pair for pair in found if pair is not None))


def _pair(position: Affine) -> Pair | None:
    if len(position.terms) != 2 or position.constant:
        return None
    for inner in free(position):
        rest = position - inner
        for outer in free(rest) - {inner}:
            if rest is inner.extent * outer:
                return outer, inner
    return None


def fused(body: Expr, pair: Pair) -> tuple[Index, Expr]:
    """One index for two, and the body in terms of it."""
    outer, inner = pair
    together = inner.extent * outer + inner
    one = fresh(Index(outer.name, outer.extent * inner.extent), free(body) | _bound(body))
    place = as_affine(one)
    joined = transform(body, lambda node: _joined(node, together, place) if isinstance(node, Read) else node)
    apart = {outer: floor_div(place, inner.extent), inner: modulo(place, inner.extent)}
    return one, substitute(joined, apart)


def _joined(read: Read, together: Affine, place: Affine) -> Read:
    return Read(read.tensor, tuple(place if position is together else position for position in read.positions))


def _bound(body: Expr) -> frozenset[Index]:
    return frozenset(index for node in walk(body) if isinstance(node, Reduce) for index in node.indices)
