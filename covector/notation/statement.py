"""The state while one statement is elaborated: the indices bound so far, the inputs met so far, and every read.

Extents that are not known yet are symbols whose names hold a ``?``, which no name of the notation can;
`covector.notation.extents` finds what they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from covector.errors import CovectorError, NotationError, ShapeError
from covector.ir import Affine, Index, Input, Read, Symbol, Tensor, as_affine
from covector.ir.affine import atoms
from covector.notation import syntax
from covector.notation.build import REDUCTIONS
from covector.notation.integers import NotAnIntegerError, integer
from covector.notation.scope import CONSTANTS, Scope, axes_text, names_in, text_of
from covector.notation.syntax import Syntax
from covector.ops import SCALARS


@dataclass(frozen=True)
class Env:
    """What holds at one place of a statement.

    ``guards`` are the names in the brackets and conditions that keep a read there inside the bounds. With ``declares``,
    an unknown name in an integer expression is a new extent.
    """

    indices: Mapping[str, Index] = field(default_factory=dict)
    batch: tuple[Index, ...] = ()
    guards: frozenset[str] = frozenset()
    declares: bool = False

    def guarded(self, names: frozenset[str]) -> Env:
        """The same place behind one more condition."""
        return replace(self, guards=self.guards | names) if names - self.guards else self

    def bound(self, indices: Mapping[str, Index]) -> Env:
        """The same place with more indices."""
        return replace(self, indices={**self.indices, **indices})


@dataclass(frozen=True)
class Binder:
    """An index where it is bound; ``form`` is how its extent would be written there."""

    node: Syntax
    index: Index
    form: str


@dataclass(frozen=True)
class Site:
    """A read where it stands; ``nodes`` are its positions, None on the axes of ``...``."""

    node: Syntax
    name: str
    read: Read
    nodes: tuple[Syntax | None, ...]
    guarded: tuple[bool, ...]
    padded: bool


class Statement:
    """The state while one statement is elaborated."""

    def __init__(self, scope: Scope, source: str, own: str = "", dtypes: Mapping[str, str] | None = None) -> None:
        self.scope, self.source, self.own = scope, source, own
        self.dtypes = dtypes or {}
        self.unknown: dict[str, Input] = {}
        self.extents: dict[str, Affine] = {}
        self.binders: list[Binder] = []
        self.sites: list[Site] = []
        self.compared: list[tuple[Affine, ...]] = []

    def fault(
        self, message: str, node: Syntax, hint: str | None = None, kind: type[CovectorError] = NotationError
    ) -> CovectorError:
        """An error at a place of this statement."""
        return self.scope.fault(message, node, self.source, hint, kind)

    def text(self, node: Syntax) -> str:
        """How the user wrote a node."""
        return text_of(node, self.source)

    def bind(self, binding: syntax.IndexBinding, env: Env, form: str) -> Index:
        """A new index, its extent as written or yet to be found; ``form`` shows where an extent would be written."""
        name = binding.name
        if name in env.indices:
            left = any(binder.form.startswith(f"{self.own}[{name}:") for binder in self.binders)
            where = "on the left side" if left else "in a reduction around this one"
            raise self.fault(f"index {name} is bound already, {where}", binding, "give this one another name")
        if name in CONSTANTS:
            raise self.fault(f"'{name}' is a constant and cannot be an index", binding, "choose another name")
        if binding.extent is None:
            extent = as_affine(Symbol(f"{name}?{len(self.binders)}"))
        else:
            extent = self.extent(binding.extent)
        index = Index(name, extent)
        self.binders.append(Binder(binding, index, form))
        return index

    def extent(self, node: Syntax) -> Affine:
        """The value of an extent as written, in which an unknown name is a new symbol."""
        try:
            extent = integer(node, Env(declares=True), self)
        except NotAnIntegerError as error:
            raise error.said_of("not an extent") from None
        if extent.is_constant and extent.constant < 0:
            raise self.fault(f"an extent cannot be negative, and this is {extent!r}", node, kind=ShapeError)
        if any(isinstance(atom, Read) for atom in atoms(extent)):
            hint = "an extent is made of integers, symbols such as M, and arithmetic"
            raise self.fault("an extent cannot depend on data", node, hint)
        return extent

    def tensor(self, name: str, node: Syntax, rank: int) -> Tensor:
        """The tensor of this name, which becomes a new input where there is none."""
        if name in self.scope.tensors:
            return self.scope.tensors[name]
        if name in self.unknown:
            before = len(self.unknown[name].shape)
            if before != rank:
                message = f"{name} is read with {_positions(rank)} here, and with {_positions(before)} before"
                raise self.fault(message, node, f"declare its shape: {name}: …", ShapeError)
            return self.unknown[name]
        self._refuse_new(name, node, rank)
        shape = tuple(as_affine(Symbol(f"{name}?{axis}")) for axis in range(rank))
        self.unknown[name] = Input(name, shape, self.dtypes.get(name, "float64"))
        return self.unknown[name]

    def _refuse_new(self, name: str, node: Syntax, rank: int) -> None:
        """Raise where a name that is neither declared nor defined cannot be an input."""
        if name == self.own:
            hint = f"a running total is a reduction: {name}[i:N] = sum[j]([j <= i] * x[j])"
            raise self.fault(f"{name} reads itself: an element form has no recursion", node, hint)
        if name in SCALARS or name in REDUCTIONS:
            form = f"{name}[k](…)" if name in REDUCTIONS else f"{name}({', '.join(SCALARS[name].parameters)})"
            hint = f"write {form}; if an input is meant, declare it: {name}: …"
            raise self.fault(f"'{name}' is a function, used like a tensor", node, hint)
        if name in self.scope.extents or name in self.extents:
            raise self.fault(f"'{name}' is an extent, which has no elements", node, "a tensor needs another name")
        if name in self.scope.parameters or name in self.scope.values:
            raise self.fault(f"'{name}' is a number, which has no elements", node)
        self.scope.refuse_typo(name, node, self.source)

    def read(self, node: syntax.Subscript, env: Env, padded: bool = False) -> Read:
        """``name[positions]``, noted down to be checked once the extents are known."""
        has_ellipsis = bool(node.positions) and isinstance(node.positions[0], syntax.Ellipsis)
        own = node.positions[1:] if has_ellipsis else node.positions
        if has_ellipsis and node.name not in self.scope.tensors:
            self._refuse_new(node.name, node, len(own))
            message = f"the shape of {node.name} is not known, so '...' cannot stand for its leading axes"
            raise self.fault(message, node, f"declare it: {node.name}: …")
        tensor = self.tensor(node.name, node, len(own))
        rank = len(tensor.shape)
        if rank < len(own) or (rank > len(own) and not has_ellipsis):
            raise self._wrong_rank(node, tensor, len(own), " after '...'" if has_ellipsis else "")
        positions = [integer(position, env, self) for position in own]
        nodes: list[Syntax | None] = list(own)
        if has_ellipsis:
            leading = self.leading(tensor, rank - len(own), env, moved=len(own) == 1)
            at = rank + self.scope.axis if len(own) == 1 else rank - len(own)
            if at < 0:
                message = f"{node.name} has {axes_text(tensor)}, which do not reach to axis {self.scope.axis}"
                raise self.fault(message, node, kind=ShapeError)
            positions = [*leading[:at], *positions, *leading[at:]]
            nodes = [*([None] * at), *nodes, *([None] * (len(leading) - at))]
        read = Read(tensor, tuple(positions))
        guarded = tuple(part is not None and bool(names_in(part) & env.guards) for part in nodes)
        self.sites.append(Site(node, node.name, read, tuple(nodes), guarded, padded))
        return read

    def leading(self, tensor: Tensor, count: int, env: Env, moved: bool) -> list[Affine]:
        """The positions on the axes that ``...`` stands for: the batch indices, 0 where an axis is repeated."""
        at = len(tensor.shape) + self.scope.axis if moved else count
        extents = [extent for axis, extent in enumerate(tensor.shape) if axis != at][:count]
        batch = env.batch[len(env.batch) - count :]
        repeated = as_affine(1)
        return [
            as_affine(0) if extent is repeated and index.extent is not repeated else as_affine(index)
            for extent, index in zip(extents, batch, strict=True)
        ]

    def scalar(self, node: syntax.Name) -> Read:
        """A read of a tensor without axes by its bare name."""
        tensor = self.tensor(node.name, node, 0)
        if tensor.shape:
            raise self._wrong_rank(node, tensor, 0)
        read = Read(tensor, ())
        self.sites.append(Site(node, node.name, read, (), (), False))
        return read

    def _wrong_rank(
        self, node: syntax.Subscript | syntax.Name, tensor: Tensor, count: int, more: str = ""
    ) -> CovectorError:
        message = f"{node.name} has {axes_text(tensor)}, read with {_positions(count)}{more}"
        if not tensor.shape:
            return self.fault(message, node, f"a scalar is read by its name alone: {node.name}", ShapeError)
        letters = ", ".join("ijklmnpqrs"[axis % 10] for axis in range(len(tensor.shape)))
        return self.fault(message, node, f"give one position for each axis: {node.name}[{letters}]", ShapeError)


def _positions(count: int) -> str:
    return "1 position" if count == 1 else f"{count} positions"
