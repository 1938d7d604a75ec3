"""The one way to walk nodes and the one way to rebuild them.

Within a statement only: a read is a leaf as far as its tensor goes, but its positions are walked. Index extents
are not children.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from covector.ir.affine import Affine, Floor, Index, Mod, as_affine, atoms, floor_div, free, modulo, replace_atoms
from covector.ir.element import Apply, Bracket, Expr, Read, Reduce, Select
from covector.ir.node import Node

_CHILDREN: dict[type, Callable[[Any], tuple[Any, ...]]] = {
    Affine: atoms,
    Floor: lambda node: (node.numerator, node.denominator),
    Mod: lambda node: (node.numerator, node.denominator),
    Read: lambda node: node.positions,
    Apply: lambda node: node.arguments,
    Reduce: lambda node: (node.body,),
    Bracket: lambda node: (node.condition,),
    Select: lambda node: (node.condition, node.then, node.otherwise),
}


def children(node: Node) -> tuple[Any, ...]:
    """The nodes directly below, in order."""
    below = _CHILDREN.get(type(node))
    return below(node) if below is not None else ()


def rebuild(node: Any, parts: tuple[Any, ...]) -> Any:
    """The same node over other children; the node itself where they are its own.

    An atom may be replaced by an affine form.
    """
    old = children(node)
    if all(part is own for part, own in zip(parts, old, strict=True)):
        return node
    if isinstance(node, Affine):
        return replace_atoms(node, {atom: as_affine(part) for atom, part in zip(old, parts, strict=True)})
    if isinstance(node, Floor):
        return floor_div(as_affine(parts[0]), as_affine(parts[1]))
    if isinstance(node, Mod):
        return modulo(as_affine(parts[0]), as_affine(parts[1]))
    if isinstance(node, Read):
        return Read(node.tensor, tuple(as_affine(part) for part in parts))
    if isinstance(node, Apply):
        return Apply(node.function, parts)
    if isinstance(node, Reduce):
        return Reduce(node.operation, node.indices, parts[0])
    if isinstance(node, Bracket):
        return Bracket(parts[0])
    return Select(*parts)


def walk(node: Node) -> Iterator[Any]:
    """Every node below and the node itself, children first, each once."""
    seen: set[Node] = set()
    stack: list[tuple[Node, bool]] = [(node, False)]
    while stack:
        current, expanded = stack.pop()
        if current in seen:
            continue
        if expanded:
            seen.add(current)
            yield current
        else:
            stack.append((current, True))
            stack.extend((child, False) for child in reversed(children(current)) if child not in seen)


def transform(node: Any, change: Callable[[Any], Any]) -> Any:
    """Rebuild from the leaves: ``change`` is called with each node once its children are changed, and gives what
    replaces it.
    """
    done: dict[Node, Any] = {}
    for current in walk(node):
        done[current] = change(rebuild(current, tuple(done[child] for child in children(current))))
    return done[node]


def substitute(expr: Any, replaced: Mapping[Any, Any]) -> Any:
    """Replace nodes (indices, symbols, reads, …) by others, renaming bound indices that would capture.

    ``expr`` may be an element or an integer expression; indices and atoms are replaced by affine forms.
    """
    if not replaced:
        return expr
    incoming = frozenset().union(*(free(value) for value in replaced.values()))
    return _substitute(expr, dict(replaced), incoming, {})


def _substitute(node: Any, replaced: dict[Any, Any], incoming: frozenset[Index], memo: dict[Node, Any]) -> Any:
    if node in replaced:
        return replaced[node]
    if node in memo:
        return memo[node]
    if isinstance(node, Reduce):
        result: Any = _substitute_reduce(node, replaced, incoming, memo)
    else:
        result = rebuild(node, tuple(_substitute(child, replaced, incoming, memo) for child in children(node)))
    memo[node] = result
    return result


def _substitute_reduce(
    node: Reduce, replaced: dict[Any, Any], incoming: frozenset[Index], memo: dict[Node, Any]
) -> Reduce:
    inner = {key: value for key, value in replaced.items() if not free(key) & frozenset(node.indices)}
    names = {index.name for index in incoming}
    captured = {
        index: fresh(index, incoming | free(node.body) | frozenset(node.indices))
        for index in node.indices
        if index.name in names
    }
    if not captured and len(inner) == len(replaced):
        return Reduce(node.operation, node.indices, _substitute(node.body, replaced, incoming, memo))
    inner.update({old: as_affine(new) for old, new in captured.items()})
    indices = tuple(captured.get(index, index) for index in node.indices)
    return Reduce(node.operation, indices, _substitute(node.body, inner, incoming | set(captured.values()), {}))


def fresh(index: Index, taken: frozenset[Index] | set[Index]) -> Index:
    """An index of the same extent whose name is not taken: ``k``, ``k2``, ``k3`` …"""
    names = {other.name for other in taken}
    stem = index.name.rstrip("0123456789") or index.name
    count, name = 2, index.name
    while name in names:
        name, count = f"{stem}{count}", count + 1
    return Index(name, index.extent)


def rename(expr: Expr, renamed: Mapping[Index, Index]) -> Expr:
    """Replace free indices by indices."""
    result: Expr = substitute(expr, {old: as_affine(new) for old, new in renamed.items()})
    return result


def rename_bound(expr: Expr, taken: frozenset[Index] | set[Index]) -> Expr:
    """The same expression with bound indices renamed whose names are taken, so that those can stand inside."""
    names = {index.name for index in taken}

    def change(node: Any) -> Any:
        if not isinstance(node, Reduce) or not any(index.name in names for index in node.indices):
            return node
        renamed: dict[Index, Index] = {}
        for index in node.indices:
            within = {part for part in walk(node.body) if isinstance(part, Index)}
            avoid = set(taken) | within | bound_in(node) | set(renamed.values())
            renamed[index] = unused(index, avoid) if index.name in names else index
        return Reduce(node.operation, tuple(renamed.values()), rename(node.body, renamed))

    result: Expr = transform(expr, change)
    return result


def bound_in(expr: Node) -> set[Index]:
    """The indices that reductions inside an expression bind."""
    return {index for node in walk(expr) if isinstance(node, Reduce) for index in node.indices}


def unused(index: Index, taken: set[Index]) -> Index:
    """An index of the same extent called by the first letter from k on that is not taken."""
    names = {other.name for other in taken}
    letter = next((letter for letter in "klmnuvwst" if letter not in names), None)
    return Index(letter, index.extent) if letter else fresh(index, taken)


def unshadowed(expr: Any, around: Iterable[Index] = ()) -> Any:
    """The same expression with bound indices renamed that are called as an index around them.

    Those around are the free indices, the given ones, and those that reductions further out bind.
    """
    return _unshadowed(expr, frozenset(index.name for index in (*free(expr), *around)))


def _unshadowed(expr: Any, taken: frozenset[str]) -> Any:
    if isinstance(expr, Reduce):
        inside = {node for node in walk(expr.body) if isinstance(node, Index)} | bound_in(expr.body)
        renamed: dict[Index, Index] = {}
        for index in expr.indices:
            avoid = inside | set(renamed.values()) | {Index(name, index.extent) for name in taken}
            renamed[index] = unused(index, avoid) if index.name in taken else index
        expr = Reduce(expr.operation, tuple(renamed.values()), rename(expr.body, renamed))
        taken = taken | {index.name for index in renamed.values()}
    return rebuild(expr, tuple(_unshadowed(child, taken) for child in children(expr)))
