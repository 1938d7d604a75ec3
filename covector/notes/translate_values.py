"""Values that formulas stand for: a shape, and the element at every position; and the extents that they share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product

from covector.calculus.build import MINUS_ONE, ZERO, add, equal, mul, number, total
from covector.errors import CovectorError
from covector.ir import Affine, Apply, Expr, Index, Select, Symbol, as_affine
from covector.ir.affine import replace_atoms
from covector.notation.syntax import Span
from covector.notes.math import Math
from covector.ops import SCALARS

Positions = tuple[Affine, ...]
MOST_ENTRIES = 64


class UnreadError(CovectorError):
    """A formula, or a part of one, that cannot be understood; ``part`` is where."""

    def __init__(self, message: str, span: Span) -> None:
        super().__init__(message)
        self.part = span


class MisfitError(UnreadError):
    """Shapes that cannot be: understood, and wrong. ``cause`` is its short name."""

    def __init__(self, message: str, span: Span, cause: str = "shapes that cannot be") -> None:
        super().__init__(message, span)
        self.cause = cause


@dataclass(frozen=True)
class Value:
    """An array: its shape and its elements. ``split`` counts the axes of a whole Jacobian that are the numerator's."""

    shape: tuple[Affine, ...]
    at: Callable[[Positions], Expr]
    split: int | None = None

    @property
    def is_number(self) -> bool:
        """Whether there are no axes."""
        return not self.shape


class Extents:
    """What is known of extents: those without a name of their own take on others."""

    def __init__(self) -> None:
        self.known: dict[Symbol, Affine] = {}
        self.loose: set[Symbol] = set()
        self.took: dict[str, str] = {}

    def copy(self) -> Extents:
        """The same knowledge, to go on from."""
        other = Extents()
        other.known, other.loose, other.took = dict(self.known), set(self.loose), dict(self.took)
        return other

    def take(self, other: Extents) -> None:
        """Know what another knew, and no more."""
        self.known, self.loose, self.took = dict(other.known), set(other.loose), dict(other.took)

    def fresh(self, name: str) -> Affine:
        """An extent that will be whatever it has to be."""
        _counter[0] += 1
        symbol = Symbol(f"{name}'{_counter[0]}")
        self.loose.add(symbol)
        return as_affine(symbol)

    def resolve(self, form: Affine) -> Affine:
        """An extent in terms of those that nothing is known about."""
        for _ in range(20):
            new = replace_atoms(form, self.known)  # type: ignore[arg-type]
            if new == form:
                break
            form = new
        return form

    def unify(self, left: Affine, right: Affine) -> bool:
        """Make two extents the same; False where they cannot be."""
        left, right = self.resolve(left), self.resolve(right)
        if left == right:
            return True
        for one, other in ((left, right), (right, left)):
            difference = one - other
            for atom in (a for monomial, _ in difference.terms for a in monomial):
                if not (isinstance(atom, Symbol) and atom in self.loose):
                    continue
                by = difference.coefficient(atom)
                if by is not None and by.is_constant and abs(by.constant) == 1:
                    rest = (as_affine(atom) * by.constant - difference) * by.constant
                    self.known[atom] = rest
                    self.took[atom.name] = repr(self.resolve(rest))
                    return True
        return False

    def same(self, left: Affine, right: Affine) -> bool:
        """Whether two extents are the same already."""
        return self.resolve(left) == self.resolve(right)


def constant(value: Expr) -> Value:
    """A number as a value."""
    return Value((), lambda _: value)


def is_one(extent: Affine) -> bool:
    """Whether an axis is only there to be stretched."""
    return extent.is_constant and extent.constant == 1


def broadcast(extents: Extents, node: Math, values: list[Value], what: str) -> tuple[Affine, ...]:
    """The shape of an elementwise operation, as NumPy finds it."""
    rank = max(len(value.shape) for value in values)
    shape: list[Affine] = []
    for axis in range(rank):
        found = as_affine(1)
        for value in values:
            own = axis - rank + len(value.shape)
            if own < 0:
                continue
            extent = extents.resolve(value.shape[own])
            if is_one(extent):
                continue
            if is_one(found):
                found = extent
            elif not extents.unify(found, extent):
                shown = " and ".join(shape_of(extents, v) for v in values)
                raise MisfitError(f"{what} of shapes {shown} cannot be", node.span)
        shape.append(found)
    return tuple(map(extents.resolve, shape))


def shape_of(extents: Extents, value: Value) -> str:
    """A shape in words."""
    return " × ".join(repr(extents.resolve(extent)) for extent in value.shape) or "a number"


def stretched(extents: Extents, value: Value, rank: int) -> Callable[[Positions], Expr]:
    """The elements of a value in a shape of more axes."""

    def at(positions: Positions) -> Expr:
        own = positions[rank - len(value.shape) :]
        zero = as_affine(0)
        return value.at(tuple(zero if is_one(extents.resolve(e)) else p for e, p in zip(value.shape, own, strict=True)))

    return at


def elementwise(extents: Extents, node: Math, values: list[Value], make: Callable[..., Expr], what: str) -> Value:
    """A function of the elements."""
    shape = broadcast(extents, node, values, what)
    reads = [stretched(extents, value, len(shape)) for value in values]
    split = next((v.split for v in values if v.split is not None and v.shape == shape), None)
    return Value(shape, lambda at: make(*(read(at) for read in reads)), split)


_counter = [0]


def summed(extents: Extents, extent: Affine, body: Callable[[Affine], Expr]) -> Expr:
    """A sum over an index of its own; written out where there are few terms."""
    extent = extents.resolve(extent)
    if extent.is_constant and extent.constant <= MOST_ENTRIES:
        return add(*(body(as_affine(n)) for n in range(extent.constant)))
    _counter[0] += 1
    index = Index(f"s'{_counter[0]}", extent)
    return total((index,), body(as_affine(index)))


def matrix_product(extents: Extents, node: Math, left: Value, right: Value) -> Value:
    """``left @ right``, vectors as NumPy takes them."""
    if left.is_number or right.is_number:
        return elementwise(extents, node, [left, right], mul, "the product")
    if not extents.unify(left.shape[-1], right.shape[-2 if len(right.shape) > 1 else 0]):
        shapes = f"{shape_of(extents, left)} and {shape_of(extents, right)}"
        raise MisfitError(f"the matrix product of {shapes} cannot be", node.span)
    own = len(left.shape) - 1
    inner, before = left.shape[-1], right.shape[:-2]

    def at(positions: Positions) -> Expr:
        rest = positions[own:]
        if len(right.shape) == 1:
            return summed(extents, inner, lambda k: mul(left.at((*positions[:own], k)), right.at((k,))))
        return summed(
            extents, inner, lambda k: mul(left.at((*positions[:own], k)), right.at((*rest[:-1], k, rest[-1])))
        )

    shape = (*left.shape[:own], *before, *right.shape[-1:]) if len(right.shape) > 1 else left.shape[:own]
    return Value(shape, at)


def contracted(extents: Extents, node: Math, left: Value, right: Value) -> Value:
    """A cotangent, or a Jacobian, times a Jacobian: a sum over the axes of what is between them."""
    assert right.split is not None
    kept = left.split if left.split is not None else 0
    middle = left.shape[kept:]
    if len(middle) != right.split or not all(map(extents.unify, middle, right.shape[: right.split])):
        shapes = f"{shape_of(extents, left)} and {shape_of(extents, right)}"
        raise MisfitError(f"a chain of {shapes} cannot be", node.span)

    def at(positions: Positions) -> Expr:
        def over(axes: tuple[Affine, ...], found: Positions) -> Expr:
            if axes:
                return summed(extents, axes[0], lambda k: over(axes[1:], (*found, k)))
            return mul(left.at((*positions[:kept], *found)), right.at((*found, *positions[kept:])))

        return over(middle, ())

    return Value((*left.shape[:kept], *right.shape[right.split :]), at, kept or None)


def transposed(value: Value) -> Value:
    """The axes in the other order."""
    return Value(value.shape[::-1], lambda at: value.at(at[::-1])) if len(value.shape) > 1 else value


def sum_of_all(extents: Extents, value: Value) -> Expr:
    """The sum of all elements."""

    def over(axes: tuple[Affine, ...], found: Positions) -> Expr:
        if axes:
            return summed(extents, axes[0], lambda k: over(axes[1:], (*found, k)))
        return value.at(found)

    return over(value.shape, ())


def grid(rows: list[list[Value]]) -> Value:
    """A matrix of numbers."""
    height, width = len(rows), len(rows[0])
    shape = (as_affine(height), as_affine(width))

    def at(positions: Positions) -> Expr:
        row, column = positions
        if row.is_constant and column.is_constant:
            return rows[row.constant][column.constant].at(())
        found: Expr = ZERO
        for r, c in product(range(height), range(width)):
            here = [equal(p, n).condition for p, n in ((row, r), (column, c)) if not p.is_constant]
            if (row.is_constant and row.constant != r) or (column.is_constant and column.constant != c):
                continue
            condition = here[0] if len(here) == 1 else Apply(SCALARS["and"], tuple(here))
            found = Select(condition, rows[r][c].at(()), found)
        return found

    return Value(shape, at)


def squeezed(extents: Extents, value: Value) -> Value:
    """Without the axes of extent one."""
    keep = [n for n, extent in enumerate(value.shape) if not is_one(extents.resolve(extent))]

    def at(positions: Positions) -> Expr:
        full = [as_affine(0)] * len(value.shape)
        for n, position in zip(keep, positions, strict=True):
            full[n] = position
        return value.at(tuple(full))

    return Value(tuple(value.shape[n] for n in keep), at)


def negated(value: Value) -> Value:
    """Minus a value."""
    return Value(value.shape, lambda at: mul(MINUS_ONE, value.at(at)), value.split)


def divide(left: Expr, right: Expr) -> Expr:
    """``left / right``."""
    return Apply(SCALARS["div"], (left, right))


def power_of(base: Expr, exponent: Expr) -> Expr:
    """``base ** exponent``."""
    return Apply(SCALARS["pow"], (base, exponent))


def entries(extents: Extents, value: Value) -> Iterator[Positions]:
    """Every position of a value of constant shape."""
    sizes = [extents.resolve(extent) for extent in value.shape]
    if all(size.is_constant for size in sizes):
        yield from (tuple(map(as_affine, at)) for at in product(*(range(size.constant) for size in sizes)))


ZERO_VALUE, ONE_VALUE = constant(ZERO), constant(number(1))
