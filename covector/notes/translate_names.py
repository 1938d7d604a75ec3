"""What names and their elements stand for."""

from __future__ import annotations

from fractions import Fraction

from covector.calculus.build import ONE, add, equal, mul, number
from covector.errors import CovectorError, nearest
from covector.ir import Affine, Apply, Index, Input, Read, Symbol, as_affine
from covector.ir.affine import free
from covector.ir.walk import rename_bound, substitute
from covector.notes import math as m
from covector.notes.context import COTANGENTS, Context, Defined
from covector.notes.show import show
from covector.notes.squares import SQUARE
from covector.notes.translate_given import given
from covector.notes.translate_known import normalised
from covector.notes.translate_letters import index_name, is_numbered, names_in
from covector.notes.translate_values import (
    Extents,
    MisfitError,
    Positions,
    UnreadError,
    Value,
    constant,
    entries,
    is_one,
    squeezed,
)
from covector.ops import SCALARS


class TypoError(MisfitError):
    """A name that the page knows nothing of, close to one that it knows."""

    def __init__(self, name: str, near: str, node: m.Math) -> None:
        super().__init__(f"'{name}' is nothing that the page names: '{near}' is meant", node.span, "misspelt name")
        self.name, self.near = name, near


class ClashError(MisfitError):
    """An index that runs over one extent, where another axis wants another."""


class Names:
    """The part of the translator that is about names."""

    context: Context
    extents: Extents
    held: tuple[str, ...]
    free: dict[str, Affine]
    bound: list[tuple[str, Index]]
    same: dict[str, str]
    busy: list[str]
    bounds: dict[tuple[str, int], Affine]
    lowers: dict[str, int]
    layout: str
    spoken: frozenset[str]

    def value(self, node: m.Math) -> Value:
        raise NotImplementedError

    def note(self, text: str) -> None:
        raise NotImplementedError

    def gradient(self, name: str, node: m.Math) -> Value:
        raise NotImplementedError

    def diagonal(self, node: m.Math, value: Value) -> Value:
        raise NotImplementedError

    def name(self, node: m.Name) -> Value:
        """What a name stands for."""
        return self.named(node.name, node)

    def named(self, name: str, node: m.Math) -> Value:
        """An index, what is held, what is defined, an input, a cotangent, an extent, or a number."""
        context = self.context
        for own, index in reversed(self.bound):
            if own == name:
                return constant(as_affine(index) + self.lowers.get(name, context.base))
        if name == "1":
            return self.vector_of_ones(node)
        if name in self.held:
            return self.input(name)
        if name in context.defined and name not in self.busy:
            return self.definition(name)
        if (square := f"{name}{SQUARE}") in context.defined and square not in self.busy:
            return self.root(self.named(square, node))
        if name not in context.declared and (found := self.short_cotangent(name, node)) is not None:
            return found
        if name not in context.shapes:
            self.misspelt(name, node)
        if name in context.shapes or (name in context.ranks and name not in COTANGENTS):
            return self.input(name)
        if (cotangent := self.cotangent(name, node)) is not None:
            return cotangent
        if name in context.values:
            return constant(as_affine(context.values[name]))
        if name in context.declared_extents:
            return constant(as_affine(Symbol(name)))
        if (later := self.later_shape(name)) is not None:
            tensor = Input(name, later, "float64")
            return Value(later, lambda at: Read(tensor, at))
        return constant(Read(Input(name, (), "float64"), ()))

    def vector_of_ones(self, node: m.Math) -> Value:
        """The vector of ones, as long as it is declared or has to be."""
        key = ("1", node.span.start)
        if key not in self.bounds:
            self.bounds[key] = self.extents.fresh(f"?ones{node.span.start}")
        return Value(self.context.shapes.get("1") or (self.bounds[key],), lambda _: ONE)

    def root(self, value: Value) -> Value:
        """The root of each element: σ, where the page says what σ² is."""
        return Value(value.shape, lambda at: Apply(SCALARS["sqrt"], (value.at(at),)))

    def later_shape(self, name: str) -> tuple[Affine, ...] | None:
        """The shape of what the page defines only further down; None where it does not."""
        body = self.context.future.get(name)
        if body is None or name in self.busy or name in self.context.met:
            return None
        self.busy.append(name)
        try:
            return tuple(map(self.extents.resolve, self.value(body).shape))
        except CovectorError:
            return None
        finally:
            self.busy.pop()

    def misspelt(self, name: str, node: m.Math) -> None:
        """Raise where a name that comes once only is close to one that the page declares or defines."""
        if len(name) < 4 or self.context.used[name] > 1:
            return
        others = [n for n in (*self.context.shapes, *self.context.defined) if len(n) > 3 and n != name]
        near = nearest(name, others)
        if near is not None:
            raise TypoError(name, near, node)

    def cotangent(self, name: str, node: m.Math) -> Value | None:
        """The gradient by the output, or by a tensor, that a name such as ``df`` or ``dy`` means."""
        if name in self.context.cotangents and self.context.order:
            out = self.output()
            return self.gradient(out, node) if out is not None else None
        return self.short_cotangent(name, node)

    def short_cotangent(self, name: str, node: m.Math) -> Value | None:
        """The gradient by y that ``dy`` means."""
        if len(name) > 1 and name[0] == "d" and (name[1:] in self.context.defined or name[1:] in self.context.shapes):
            return self.gradient(name[1:], node)
        return None

    def output(self) -> str | None:
        """The tensor that the loss is a function of."""
        given = self.context.loss_of
        if isinstance(given, m.Name) and given.name in self.context.defined:
            return given.name
        for name in reversed(self.context.order):
            if not self.context.is_loss(name) and name not in COTANGENTS:
                return name
        return None

    def input(self, name: str) -> Value:
        """The elements of a tensor that stands for itself."""
        shape = self.shape_of(name)
        tensor = Input(name, shape, "float64")
        if name in self.context.normalised and shape and name not in self.held:
            return normalised(self.extents, tensor, self.context.normalised[name])
        if name in self.context.symmetric and len(shape) == 2 and name not in self.held:
            half = number(Fraction(1, 2))
            return Value(shape, lambda at: mul(half, add(Read(tensor, at), Read(tensor, at[::-1]))))
        return Value(shape, lambda at: Read(tensor, at))

    def has_axes(self, node: m.Math) -> bool:
        """Whether a term is a name that the page knows to have axes."""
        return isinstance(node, m.Name) and bool(self.shape_of(node.name))

    def shape_of(self, name: str) -> tuple[Affine, ...]:
        """The shape of a tensor: what defines it says it, or a declaration."""
        known = name in self.context.defined
        declared = self.context.shapes.get(name) if known else self.context.shape(name)
        if declared is not None:
            return tuple(map(self.extents.resolve, declared))
        if name in self.context.defined and name not in self.busy:
            held, self.held = self.held, tuple(n for n in self.held if n != name)
            try:
                return tuple(map(self.extents.resolve, self.definition(name).shape))
            finally:
                self.held = held
        return ()

    def definition(self, name: str) -> Value:
        """The value of a defined name: of several definitions, the one that reads what is held."""
        if name in self.context.given:
            return given(self, self.context.given[name])
        found = self.context.defined[name]
        if all(is_numbered(one) for one in found):
            return self.numbered(name)
        wanted = next((one for one in found if self.reads_held(one.body)), found[0])
        self.busy.append(name)
        bound, self.bound = self.bound, []
        try:
            return self.defined_as(wanted)
        finally:
            self.busy.pop()
            self.bound = bound

    def numbered(self, name: str) -> Value:
        """What is defined entry by entry."""
        shape = self.context.shape(name) or ()
        found: dict[tuple[int, ...], Value] = {}
        for one in self.context.defined[name]:
            key = tuple(self.position(p).constant for p in one.indices or ())
            self.busy.append(name)
            try:
                found[key] = self.value(one.body)
            finally:
                self.busy.pop()

        def at(positions: Positions) -> object:
            key = tuple(p.constant for p in positions if p.is_constant)
            if key in found and len(key) == len(positions):
                return found[key].at(())
            return Read(Input(name, shape, "float64"), positions)

        return Value(shape, at)  # type: ignore[arg-type]

    def reads_held(self, body: m.Math) -> bool:
        """Whether a body reads what is held itself."""
        return any(isinstance(node, m.Name) and node.name in self.held for node in m.walk(body))

    def defined_as(self, found: Defined) -> Value:
        """The value that one definition gives."""
        if found.indices is None:
            return self.value(found.body)
        names = [index_name(position) for position in found.indices]
        if any(isinstance(position, m.Number) for position in found.indices):
            return self.value(found.body)
        outer, self.free = self.free, {}
        same, self.same = self.same, {}
        try:
            declared = self.context.shapes.get(found.name)
            for n, name in enumerate(names):
                fresh = declared[n] if declared and len(declared) == len(names) else None
                self.free[name] = fresh if fresh is not None else self.extents.fresh(f"?{found.name}{n}_{found.line}")
            first = self.value(found.body)
            indices = [Index(name, self.extents.resolve(self.free[name])) for name in names]
            value = self.value(found.body)
        finally:
            self.free, self.same = outer, same
        if first.shape:
            raise UnreadError("an element is defined by an array", found.body.span)
        body = value.at(())
        shape = tuple(index.extent for index in indices)

        def at(positions: Positions) -> object:
            placed = {i: p for i, p in zip(indices, positions, strict=True) if p is not as_affine(i)}
            return substitute(rename_bound(body, frozenset(a for p in positions for a in free(p))), placed)

        return Value(shape, at)  # type: ignore[arg-type]

    def index(self, name: str) -> Index:
        """The index that a letter in a position means: bound by a sum, or free."""
        for own, other in self.same.items():
            if name == own or name.endswith(f"_{own}"):
                name = name[: len(name) - len(own)] + other
                break
        for own, index in reversed(self.bound):
            if own == name:
                return Index(index.name, self.extents.resolve(index.extent))
        if name not in self.free:
            self.free[name] = self.extents.fresh(f"?{name}")
        return Index(name, self.extents.resolve(self.free[name]))

    def integer(self, node: m.Math, soft: bool = False) -> Affine:
        """A whole number in terms of indices and extents."""
        if isinstance(node, m.Number) and node.text.isdigit():
            return as_affine(int(node.text))
        if isinstance(node, m.Sum):
            found = as_affine(0)
            for term, sign in zip(node.terms, node.signs, strict=True):
                found = found - self.integer(term, soft) if sign == "-" else found + self.integer(term, soft)
            return found
        if isinstance(node, m.Product):
            found = as_affine(1)
            for factor in node.factors:
                found = found * self.integer(factor, soft)
            return found
        if isinstance(node, m.Tuple) and len(node.items) == 1:
            return self.integer(node.items[0], soft)
        if isinstance(node, (m.Name, m.Indexed)):
            return self.letter(node, soft)
        raise UnreadError(f"'{show(node)[:40]}' is no position", node.span)

    def letter(self, node: m.Math, soft: bool) -> Affine:
        """An extent where one is meant, otherwise an index."""
        name = index_name(node)
        bound = any(own == name for own, _ in self.bound) or name in self.free
        if soft and not bound:
            return self.context.soft(name)
        if not bound and name in self.context.values:
            return as_affine(self.context.values[name])
        if not bound and name in self.context.declared_extents:
            return as_affine(Symbol(name))
        return as_affine(self.index(name)) + self.context.base

    def position(self, node: m.Math) -> Affine:
        """A position, counted from zero."""
        return self.integer(node) - self.context.base

    def indexed(self, node: m.Indexed) -> Value:
        """An element, a row, a column."""
        if show(node.base) in ("δ", "delta", "mathbb{1}") and len(node.positions) == 2:
            return constant(equal(self.position(node.positions[0]), self.position(node.positions[1])))
        if isinstance(node.base, m.Name) and (entry := self.entry_of(node.base, node)) is not None:
            return entry
        return self.element(self.value(node.base), node.positions, node, show(node.base))

    def entry_of(self, base: m.Name, node: m.Indexed) -> Value | None:
        """For ``e_1`` where only ``E`` is known, its element; for an entry that is defined alone, that."""
        name, context = base.name, self.context
        if name in self.held or name in self.busy:
            return None
        for one in context.defined.get(name, ()):
            numbers = one.indices is not None and any(isinstance(p, m.Number) for p in one.indices)
            if numbers and [show(p) for p in one.indices or ()] == [show(p) for p in node.positions]:
                return self.value(one.body)
        whole = self.capital(name)
        return None if whole is None else self.element(whole, node.positions, node, name)

    def capital(self, name: str) -> Value | None:
        """For ``e`` where only ``E`` is defined, and not by entries called e: its value."""
        upper, context = name[:1].upper() + name[1:], self.context
        if name in context.defined or upper == name or upper in self.busy or upper not in context.defined:
            return None
        found = [one for one in context.defined[upper] if not names_in(one.body, name)]
        if not found or len(found[0].indices or ()) > 0:
            return None
        self.busy.append(upper)
        bound, self.bound = self.bound, []
        try:
            chosen = next((one for one in found if self.reads_held(one.body)), found[0])
            return squeezed(self.extents, self.defined_as(chosen))
        finally:
            self.busy.pop()
            self.bound = bound

    def element(self, value: Value, positions: tuple[m.Math, ...], node: m.Math, name: str) -> Value:
        """The element of a value at some positions; ``:`` keeps an axis."""
        raised = isinstance(node, m.Indexed) and node.upper
        if raised and len(positions) < len(value.shape):
            positions = (*positions, *(m.Slice(node.span) for _ in range(len(value.shape) - len(positions))))
        if len(positions) < len(value.shape):
            value = squeezed(self.extents, value)
        if raised and len(positions) > len(value.shape):
            raise UnreadError(f"what the superscript of {name} counts is not said", node.span)
        if len(positions) != len(value.shape):
            said = " × ".join(repr(self.extents.resolve(e)) for e in value.shape) or "a number"
            axes = "axis" if len(value.shape) == 1 else "axes"
            message = f"{name} has {len(value.shape)} {axes} ({said}), and {len(positions)} of its indices are written"
            fewer = len(positions) < len(value.shape)
            raise MisfitError(message, node.span, "missing index" if fewer else "extra index")
        at: list[Affine | None] = []
        for n, position in enumerate(positions):
            at.append(None if isinstance(position, m.Slice) else self.placed(position, value.shape[n], name, n))
        kept = tuple(extent for extent, place in zip(value.shape, at, strict=True) if place is None)

        def read(rest: Positions) -> object:
            left = iter(rest)
            return value.at(tuple(next(left) if place is None else place for place in at))

        return Value(kept, read)  # type: ignore[arg-type]

    def placed(self, position: m.Math, extent: Affine, name: str, axis: int) -> Affine:
        """A position along an axis; an index alone runs over the axis."""
        place = self.position(position)
        index = place.index
        if index is not None:
            if is_one(self.extents.resolve(extent)) and not is_one(self.extents.resolve(index.extent)):
                self.extents.unify(index.extent, extent)
            elif not self.extents.unify(index.extent, extent):
                over, wanted = self.extents.resolve(index.extent), self.extents.resolve(extent)
                message = f"{index.name} runs over {over!r}, and axis {axis} of {name} has {wanted!r} elements"
                raise ClashError(message, position.span, "wrong index")
            return as_affine(self.index(index.name))
        size = self.extents.resolve(extent)
        if place.is_constant and size.is_constant and not 0 <= place.constant < size.constant:
            raise MisfitError(f"axis {axis} of {name} has {size!r} elements", position.span, "outside of the axis")
        return place

    def every(self, value: Value) -> list[Positions]:
        """All positions of a value of constant shape."""
        return list(entries(self.extents, value))
