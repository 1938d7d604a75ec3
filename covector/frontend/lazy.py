"""A symbolic array as data: an element expression over placeholder indices, and the trace that it belongs to.

Placeholders have names that no text can write, such as ``%7:k``; what follows the colon is the letter that the index
would like. `covector.frontend.letters` gives them letters when an array becomes a statement.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np

from covector.errors import CovectorError
from covector.frontend.letters import define
from covector.ir import (
    DTYPES,
    Affine,
    Compute,
    Expr,
    Index,
    Input,
    Literal,
    Opaque,
    Read,
    Reduce,
    Tensor,
    as_affine,
    children,
    rebuild,
    substitute,
    walk,
)
from covector.ir.element import dtype
from covector.ir.node import Node, cached

if TYPE_CHECKING:
    from covector.frontend.arrays import Array

HEAVY = 100
"""Nodes, written out, beyond which an expression becomes a statement of its own before it is used again."""


class TraceError(CovectorError, TypeError):
    """Something was asked of a symbolic array that only an array of numbers can answer."""


class Trace:
    """The statements gathered while expressions over symbolic arrays are evaluated.

    ``names`` are taken, for statements and for indices; ``words`` for statements only. ``variable_of`` says which
    variable of the user's function holds an array: such an array becomes a statement of that name when it is used.
    ``constants`` are the arrays of numbers that were met, as inputs; None where such an array is an error.
    """

    def __init__(
        self,
        names: Iterable[str] = (),
        words: Iterable[str] = (),
        variable_of: Callable[[Array], str | None] | None = None,
        constants: dict[Input, np.ndarray] | None = None,
    ) -> None:
        self.names, self.words = set(names), frozenset(words)
        self.statements: list[Compute | Opaque] = []
        self.constants = constants
        self._variable_of = variable_of
        self._placeholders = 0

    def unique(self, stem: str) -> str:
        """A name that is not taken, ``mu``, ``mu2``, ``mu3`` …; it is taken from now on."""
        name, count = stem, 2
        while name in self.names or name in self.words:
            name, count = f"{stem}{count}", count + 1
        self.names.add(name)
        return name

    def constant(self, value: np.ndarray) -> Input | None:
        """The input that an array of numbers is, or None where there are none; the same array is the same input."""
        if self.constants is None or value.dtype.name not in DTYPES:
            return None
        known = (given for given, array in self.constants.items() if array is value)
        found = next(known, None) or Input(
            self.unique("constant"), tuple(map(as_affine, value.shape)), value.dtype.name
        )
        self.constants[found] = value
        return found

    def index(self, extent: Affine, letter: str = "") -> Index:
        """A new placeholder."""
        self._placeholders += 1
        return Index(f"%{self._placeholders}:{letter}", extent)

    def state(self, name: str, indices: tuple[Index, ...], body: Expr) -> Compute:
        """Add a statement."""
        statement = define(name, indices, body, self.names)
        self.statements.append(statement)
        return statement

    def settle(self, array: Array) -> Array:
        """The array as it is used in another: a statement where the user named it, otherwise itself."""
        name = None if self._variable_of is None or array.kept else self._variable_of(array)
        return array if name is None and not array.kept else self.keep(array, name or "t")

    def keep(self, array: Array, stem: str = "t") -> Array:
        """The array as a read of a statement, which is made where there is something to compute and none was made."""
        if array.kept is None:
            if is_view(array.body):
                return array
            array.kept = self.state(self.unique(stem), array.indices, array.body)
        return read(array, array.kept)


class Base:
    """What an array is: its trace, an index for each axis, and the expression of one element."""

    __slots__ = ("body", "indices", "kept", "trace")

    def __init__(self, trace: Trace, indices: tuple[Index, ...], body: Expr) -> None:
        self.trace, self.indices, self.body = trace, indices, body
        self.kept: Compute | None = None

    def make(self, indices: Iterable[Index], body: Expr) -> Array:
        """Another array of the same trace."""
        raise NotImplementedError

    @property
    def extents(self) -> tuple[Affine, ...]:
        """The extents of its axes."""
        return tuple(index.extent for index in self.indices)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.indices)

    @property
    def dtype(self) -> str:
        """The dtype of its elements, such as ``float64``."""
        return dtype(self.body)

    def at(self, positions: Iterable[Affine | Index | int]) -> Expr:
        """The element at these positions."""
        pairs = zip(self.indices, positions, strict=True)
        found: Expr = substitute(self.body, {i: as_affine(p) for i, p in pairs if i is not p})
        return found


def is_array(value: object) -> TypeGuard[Array]:
    """Whether a value is a symbolic array."""
    return isinstance(value, Base)


def read(like: Array, tensor: Tensor) -> Array:
    """A whole tensor as an array of the trace of another."""
    indices = tuple(like.trace.index(extent) for extent in tensor.shape)
    return like.make(indices, Read(tensor, tuple(as_affine(index) for index in indices)))


def is_view(expr: Expr) -> bool:
    """Whether an expression is a number, or a read at plain indices: nothing is computed."""
    if isinstance(expr, Read):
        return all(position.index is not None or position.is_constant for position in expr.positions)
    return isinstance(expr, (Literal, Affine))


def reduces(expr: Node) -> bool:
    """Whether an expression holds a reduction."""
    found: bool = cached(expr, "reduces", lambda node: any(isinstance(part, Reduce) for part in walk(node)))
    return found


def weight(expr: Node) -> int:
    """The number of nodes of an expression when it is written out, positions not counted."""
    found: int = cached(expr, "weight", _weigh)
    return found


def _weigh(expr: Node) -> int:
    weights: dict[Node, int] = {}
    for node in walk(expr):
        parts: tuple[Any, ...] = () if isinstance(node, (Read, Affine)) else children(node)
        weights[node] = 1 + sum(weights[part] for part in parts)
    return weights[expr]


def replace_reads(expr: Expr, found: Mapping[Tensor, Callable[[tuple[Affine, ...]], Any]]) -> Expr:
    """The expression with the reads of some tensors replaced by what their positions give.

    Unlike `substitute`, the indices of the positions stay bound by what binds them in ``expr``.
    """
    done: dict[Node, Any] = {}
    for node in walk(expr):
        new = rebuild(node, tuple(done[part] for part in children(node)))
        if isinstance(new, Read) and new.tensor in found:
            new = found[new.tensor](new.positions)
        done[node] = new
    result: Expr = done[expr]
    return result
