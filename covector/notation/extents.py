"""What the extents of a statement are: from reads in which an index stands alone, then from affine reads.

Extents that are not known are symbols that hold a ``?``. They are joined as in a unification: an index that reads an
axis has that axis' extent. Those of new inputs that remain are named after the index that reads them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from covector.errors import CovectorError, ShapeError
from covector.ir import Affine, Index, Input, Read, Symbol, as_affine, floor_div, transform
from covector.ir.affine import atoms, free
from covector.ir.bounds import nonnegative, upper_bound
from covector.notation.scope import axes_text
from covector.notation.statement import Binder, Site, Statement


@dataclass(frozen=True)
class _Axis:
    """One axis of one read, and where its extent is known from."""

    site: Site
    number: int

    @property
    def position(self) -> Affine:
        return self.site.read.positions[self.number]

    @property
    def extent(self) -> Affine:
        return self.site.read.tensor.shape[self.number]


class Extents:
    """The extents of one statement, found when constructed.

    Raises `ShapeError` where an index has two extents, or none that can be found.
    """

    def __init__(self, statement: Statement) -> None:
        self.statement = statement
        self.known: dict[Symbol, Affine] = {}
        self.letters: dict[str, str] = {}
        self.origins: dict[Symbol, _Axis] = {}
        axes = [_Axis(site, number) for site in statement.sites for number in range(len(site.nodes))]
        plain = [axis for axis in axes if not axis.site.padded]
        self._join(axis for axis in plain if axis.site.name not in statement.unknown)
        self._join(axis for axis in plain if axis.site.name in statement.unknown)
        self._join_where_free(axes)
        self._name(axes)
        self._solve(plain)
        self._compare()
        self._solve(plain)
        for binder in statement.binders:
            if _is_open(self.find(binder.index.extent)):
                raise self._undetermined(binder)

    def find(self, extent: Affine) -> Affine:
        """The extent as far as it is known."""
        while isinstance(extent.atom, Symbol) and extent.atom in self.known:
            extent = self.known[extent.atom]
        return extent

    def resolve(self, node: Affine) -> Affine:
        """An integer expression with the extents that are known put in."""
        result: Affine = as_affine(transform(node, self.replace))
        return result

    def replace(self, node: object) -> object:
        """What stands for one node: an open symbol or an index whose extent was found."""
        if isinstance(node, Symbol):
            return self.find(as_affine(node)) if _is_open(as_affine(node)) else node
        if isinstance(node, Index) and _is_open(node.extent):
            return Index(node.name, self.find(node.extent))
        return node

    def tensor(self, given: Input) -> Input:
        """A new input with its shape found."""
        return Input(given.name, tuple(self.find(extent) for extent in given.shape), given.dtype)

    def _join(self, axes: Iterator[_Axis]) -> None:
        """An index that stands alone has the extent of the axis that it reads, unless another was written."""
        for axis in axes:
            index = axis.position.index
            if index is None or not _is_open(index.extent):
                continue
            left, right = self.find(index.extent), self.find(axis.extent)
            if _is_open(left) and left is not right:
                self._bind(left, right, axis)
            elif _is_open(right) and left is not right:
                self._bind(right, left, axis)
            elif left is not right:
                raise self._two_extents(index, axis, left, right)

    def _join_where_free(self, axes: list[_Axis]) -> None:
        """Where an extent was written, or the read is padded, the axis and the index may differ."""
        for axis in axes:
            index = axis.position.index
            if index is None:
                continue
            left, right = self.find(index.extent), self.find(axis.extent)
            if _is_open(left) and left is not right:
                self._bind(left, right, axis)
            elif _is_open(right) and left is not right:
                self._bind(right, left, axis)

    def _bind(self, free_extent: Affine, other: Affine, axis: _Axis) -> None:
        symbol = free_extent.atom
        assert isinstance(symbol, Symbol)
        self.known[symbol] = other
        self.origins[symbol] = axis

    def _name(self, axes: list[_Axis]) -> None:
        """New inputs: an axis is named after the index that reads it, or else after the input and its number."""
        for axis in axes:
            index, extent = axis.position.index, self.find(axis.extent)
            if index is not None and isinstance(extent.atom, Symbol) and _is_open(extent):
                self._bind(extent, as_affine(self._symbol(index.name)), axis)
        for axis in axes:
            extent = self.find(axis.extent)
            if isinstance(extent.atom, Symbol) and _is_open(extent):
                self._bind(extent, as_affine(self._unused(f"{axis.site.name}_{axis.number}")), axis)

    def _symbol(self, letter: str) -> Symbol:
        symbol = self._unused(letter.upper(), letter)
        self.letters.setdefault(symbol.name, letter)
        return symbol

    def _unused(self, name: str, letter: str = "") -> Symbol:
        """A symbol of this name, or with ``_`` behind it where the name means something else."""
        statement, scope = self.statement, self.statement.scope
        taken = {*scope.tensors, *scope.parameters, *scope.values, *statement.unknown, statement.own}
        if not letter:
            taken |= {*scope.extents, *statement.extents, *self.letters}
        letters = {**scope.letters, **self.letters}
        while name in taken or letters.get(name, letter) != letter:
            name += "_"
        return Symbol(name)

    def _solve(self, axes: list[_Axis]) -> None:
        """An index that only stands in affine positions takes as many values as keep the reads inside the bounds."""
        progress = True
        while progress:
            progress = False
            for binder in self.statement.binders:
                if not _is_open(self.find(binder.index.extent)):
                    continue
                limits = [limit for axis in axes if (limit := self._limit(binder.index, axis)) is not None]
                if limits:
                    symbol = self.find(binder.index.extent).atom
                    assert isinstance(symbol, Symbol)
                    self.known[symbol] = _smallest(limits)
                    progress = True

    def _compare(self) -> None:
        """An index that nothing else bounds runs as far as the one it is compared with, as i does in ``[j <= i]``."""
        for _ in self.statement.binders:
            for sides in self.statement.compared:
                pair = [side.index for side in sides]
                for index, other in (pair, pair[::-1]):
                    if index is None or other is None:
                        continue
                    mine, theirs = self.find(index.extent), self.find(other.extent)
                    if _is_open(mine) and not _is_open(theirs) and isinstance(mine.atom, Symbol):
                        self.known[mine.atom] = theirs

    def _limit(self, index: Index, axis: _Axis) -> Affine | None:
        """How many values of ``index`` keep a read inside the bounds, where its coefficient is a positive integer."""
        coefficient = axis.position.coefficient(index)
        if coefficient is None or not coefficient.is_constant or coefficient.constant <= 0:
            return None
        rest = self.resolve(axis.position - coefficient * index)
        if any(_is_open(other.extent) for other in free(rest)) or any(isinstance(atom, Read) for atom in atoms(rest)):
            return None
        furthest = upper_bound(rest)
        if free(furthest):
            return None
        return floor_div(self.find(axis.extent) - 1 - furthest, coefficient.constant) + 1

    def _two_extents(self, index: Index, axis: _Axis, left: Affine, right: Affine) -> CovectorError:
        here = f"{right!r}, axis {axis.number} of {self._described(axis)}"
        origin = self._origin(index)
        before = f"{left!r}, axis {origin.number} of {self._described(origin)}" if origin else repr(left)
        message = f"index {index.name} has two extents: {before}, and {here}"
        hint = "an index runs over one extent: declare both axes alike, or read one of them with another index"
        if self.statement.scope.closed:
            hint = "the shapes must agree there"
        node = axis.site.nodes[axis.number] or axis.site.node
        return self.statement.fault(message, node, hint, ShapeError)

    def _origin(self, index: Index) -> _Axis | None:
        """The axis that first gave an index the extent that it has."""
        extent, axis = index.extent, None
        while isinstance(extent.atom, Symbol) and extent.atom in self.known:
            axis, extent = self.origins.get(extent.atom, axis), self.known[extent.atom]
        return axis

    def _described(self, axis: _Axis) -> str:
        if axis.site.name in self.statement.unknown:
            return axis.site.name
        return f"{axis.site.name} ({axes_text(axis.site.read.tensor).partition('(')[2]}"

    def _undetermined(self, binder: Binder) -> CovectorError:
        message = f"nothing says how far index {binder.index.name} runs"
        hint = f"write its extent: {binder.form}, or read an array with it alone, as in x[{binder.index.name}]"
        return self.statement.fault(message, binder.node, hint, ShapeError)


def _smallest(limits: list[Affine]) -> Affine:
    """The limit that is proved to be the smallest; the first where none is."""
    for limit in limits:
        if all(nonnegative(other - limit) for other in limits):
            return limit
    return limits[0]


def _is_open(extent: Affine) -> bool:
    """Whether an extent is not known yet."""
    return any(isinstance(atom, Symbol) and "?" in atom.name for atom in atoms(extent))
