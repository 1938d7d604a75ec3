"""Reads as matrix expressions: whole tensors, diagonals, rows of tables, slices, other shapes."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from covector.calculus.build import ONE, at_least_zero, equal, mul, total
from covector.ir import Affine, Bracket, Expr, Index, Input, Read, as_affine, transform, walk
from covector.ir.affine import atoms, free
from covector.ir.walk import fresh
from covector.matrix.patterns import one_hot_parts
from covector.matrix.tree import Axes, Call, Extent, Name, Node, NoForm, arrange, restrict, sizes

_ONES = "ones()"
_LETTERS = "ijklmnpqrstuvwabcdefgh"


def ones(indices: Sequence[Index]) -> Read:
    """A read of an array of ones, which `read` makes a call."""
    shape = tuple(index.extent for index in indices)
    return Read(Input(_ONES, shape, "float64"), tuple(as_affine(index) for index in indices))


def read(expr: Read, axes: Axes) -> Node:
    """The matrix expression of a read; raises `NoForm` where there is none."""
    indices = tuple(position.index for position in expr.positions)
    name = expr.tensor.name
    if name == _ONES:
        own = restrict(axes, indices)  # type: ignore[arg-type]
        return Call(own, "ones", sizes(own))
    if None in indices and all(index or _is_single(expr, place) for place, index in enumerate(indices)):
        return _aligned(Name(indices, name), axes)
    if None not in indices:
        return _whole(Name(indices, name), axes)
    if any(isinstance(atom, Read) for position in expr.positions for atom in atoms(position)):
        return _rows(expr, indices, axes)
    if all(index is not None or not free(position) for index, position in zip(indices, expr.positions, strict=True)):
        return _slice(expr, indices, axes)
    return _reshaped(expr, axes)


def _whole(node: Name, axes: Axes) -> Node:
    """A whole tensor, or its diagonal."""
    indices = node.axes
    if len(set(indices)) == len(indices):
        return arrange(node, axes)
    if len(indices) == 2:
        return arrange(Call(indices[:1], "diag", (node,)), axes)
    return arrange(einsum([(node, indices)], tuple(dict.fromkeys(indices))), axes)


def _rows(expr: Read, indices: Axes, axes: Axes) -> Node:
    """The rows that a table has for ids."""
    ids = expr.positions[0].atom
    if len(indices) != 2 or not isinstance(ids, Read) or indices[1] is None or indices[1] in free(ids):
        raise NoForm
    rows = tuple(position.index for position in ids.positions)
    if None in rows or len(set(rows)) < len(rows):
        raise NoForm
    table = Name((None, indices[1]), expr.tensor.name)
    return arrange(Call((*rows, indices[1]), "embedding", (Name(rows, ids.tensor.name), table)), axes)


def chosen_as_sums(body: Expr) -> Expr:
    """The body with ``x[n,ids[n]]``, an element of each row, written as ``sum[c]([c = ids[n]] * x[n,c])``."""
    result: Expr = transform(body, lambda node: _chosen(node) if isinstance(node, Read) else node)
    return result


def ids_in_range(body: Expr) -> Expr:
    """The body with ``[0 <= ids[n]]`` and ``[ids[n] < C]`` taken to hold where ``[c = ids[n]]`` is read as a row.

    Ids outside the classes have no one-hot row, so that a form that holds for the others is what a person writes.
    """
    brackets = [node for node in walk(body) if isinstance(node, Bracket)]
    found = {one_hot_parts(bracket) for bracket in brackets} - {None}
    held: set[Bracket] = set()
    for index, ids in (pair for pair in found if pair is not None):
        held |= {at_least_zero(as_affine(ids)), at_least_zero(index.extent - ids - 1)}
    result: Expr = transform(body, lambda node: ONE if node in held else node) if held else body
    return result


def _chosen(expr: Read) -> Expr:
    indices = tuple(position.index for position in expr.positions)
    places = [place for place, index in enumerate(indices) if index is None]
    if len(places) != 1:
        return expr
    position = expr.positions[places[0]]
    if not isinstance(position.atom, Read) or not free(position) <= set(indices):
        return expr
    over = fresh(Index("c", expr.tensor.shape[places[0]]), free(expr))
    whole = Read(expr.tensor, tuple(as_affine(index or over) for index in indices))
    return total((over,), mul(equal(over, position), whole))


def _slice(expr: Read, indices: Axes, axes: Axes) -> Node:
    """``take(x, 3, axis=1)``: constant positions."""
    plain = [index for index in indices if index is not None]
    if len(set(plain)) < len(plain):
        raise NoForm
    node: Node = Name(indices, expr.tensor.name)
    for place in reversed(range(len(indices))):
        if indices[place] is None:
            at = Extent((), expr.positions[place])
            node = Call((*node.axes[:place], *node.axes[place + 1 :]), "take", (node, at), (("axis", place),))
    return arrange(node, axes)


def _reshaped(expr: Read, axes: Axes) -> Node:
    """``reshape(x, M, N)``: positions such as ``N*i + j``, or ``i // N`` and ``i % N``."""
    order: dict[Index, None] = {}
    for position in expr.positions:
        for monomial, number in sorted(position.terms, key=_stride, reverse=True):
            held = free(Affine(((monomial, 1),), 0))
            if position.constant or number < 0 or len(held) != 1:
                raise NoForm
            order.update(dict.fromkeys(held))
    elements = prod((index.extent for index in order), start=as_affine(1))
    if elements is not prod(expr.tensor.shape, start=as_affine(1)):
        raise NoForm
    own = tuple(order)
    blank = Name(tuple(position.index for position in expr.positions), expr.tensor.name)
    return arrange(Call(own, "reshape", (blank, *sizes(own))), axes)


def _stride(term: tuple[tuple[object, ...], int]) -> tuple[int, int]:
    """How large a step a term of a position is likely to make."""
    return len(term[0]), term[1]


def _is_single(expr: Read, place: int) -> bool:
    """Whether a read stands at the only position of an axis."""
    position, extent = expr.positions[place], expr.tensor.shape[place]
    return position.is_constant and position.constant == 0 and extent.is_constant and extent.constant == 1


def _aligned(node: Node, axes: Axes) -> Node:
    """A tensor some of whose axes have extent 1, as it broadcasts."""
    own = node.axes
    while own and own[0] is None:
        own = own[1:]
    if own != axes:
        raise NoForm
    return node


def einsum(operands: Sequence[tuple[Node, Axes]], order: Axes) -> Node:
    """``einsum("ij,jk->ik", a, b)``: letters are those of the indices where they can be."""
    letters: dict[Index, str] = {}
    for index in (*order, *(index for _, axes in operands for index in axes)):
        if index is not None and index not in letters:
            taken = set(letters.values())
            wanted = index.name if len(index.name) == 1 and index.name.isascii() and index.name.isalpha() else ""
            free_letters = [letter for letter in (wanted, *_LETTERS) if letter and letter not in taken]
            if not free_letters:
                raise NoForm
            letters[index] = free_letters[0]
    spelled = ["".join(letters[index] for index in axes if index is not None) for _, axes in operands]
    output = "".join(letters[index] for index in order if index is not None)
    return Call(order, "einsum", tuple(node for node, _ in operands), (), f"{','.join(spelled)}->{output}")
