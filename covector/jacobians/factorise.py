"""What of a Jacobian is stored: factors, each an array over the indices that it depends on, and no more.

A factor over the indices of one group alone, or over indices that a delta shares, stays apart from the others; factors
over some of another's indices are multiplied into it; a sum over an index is carried out where what comes of it is no
larger than what goes in. Terms that differ in one factor alone become one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import prod

from covector.calculus.arithmetic import with_coefficient
from covector.calculus.build import add, mul, total
from covector.calculus.canonical import canonical
from covector.ir import Affine, Bracket, Compute, Expr, Index, Input, Literal, Read, Tensor, as_affine, substitute, walk
from covector.ir.affine import free
from covector.ir.walk import rename_bound
from covector.jacobians.terms import Groups, Term, collected
from covector.run.extents import evaluate_extent

TYPICAL = 1 << 10
"""What a symbol without a value is taken to be where sizes are compared."""


class Sizes(dict[str, int]):
    """The values of symbols; one that has none is taken to be `TYPICAL`."""

    def __missing__(self, name: str) -> int:
        return TYPICAL

    __hash__ = object.__hash__  # type: ignore[assignment]

    def __contains__(self, name: object) -> bool:
        return True

    def value(self, extent: Affine) -> int:
        """The value of an extent."""
        return evaluate_extent(extent, self)

    def of(self, indices: Iterable[Index]) -> int:
        """The number of elements of an array over some indices."""
        return prod(evaluate_extent(index.extent, self) for index in indices)


@dataclass(frozen=True)
class Part:
    """A factor to be stored: an expression over ``over``, or, with ``fixed``, a read that is kept as it is."""

    expr: Expr
    over: frozenset[Index]
    fixed: bool = False


@dataclass(frozen=True)
class Product:
    """A term as it is being factorised."""

    coefficient: Fraction
    brackets: tuple[Bracket, ...]
    parts: tuple[Part, ...]
    bound: tuple[Index, ...]


@dataclass
class Stored:
    """The statements that compute stored factors, each once however often it is wanted."""

    cast: str
    prefix: str
    taken: set[str]
    found: dict[Expr, Compute] = field(default_factory=dict)

    def read(self, expr: Expr, over: tuple[Index, ...]) -> Read:
        """A read of the stored factor that is an expression over some indices."""
        positions = tuple(map(as_affine, over))
        if isinstance(expr, Read) and expr.tensor.dtype == self.cast and all(p.index for p in expr.positions):
            return expr
        key = array_key(expr, over)
        if key not in self.found:
            body = rename_bound(expr, frozenset(over))
            self.found[key] = Compute(self._name(), over, body, self.cast)
        return Read(self.found[key], positions)

    def _name(self) -> str:
        number = len(self.found)
        while f"{self.prefix}{number}" in self.taken:
            number += 1
        name = f"{self.prefix}{number}"
        self.taken.add(name)
        return name


def array_key(expr: Expr, over: tuple[Index, ...]) -> Expr:
    """What two expressions share that make the same array over indices in order, whatever the indices are called."""
    renamed = {index: as_affine(Index(f"_{place}", index.extent)) for place, index in enumerate(over)}
    result: Expr = canonical(substitute(expr, renamed))
    return result


def factorised(terms: Iterable[Term], groups: Groups, sizes: Sizes, stored: Stored) -> tuple[Term, ...]:
    """The terms with reads of stored factors in place of expressions."""
    products = [_contracted(_product(term, sizes), sizes) for term in terms]
    kept = (product for product in _merged(products) if product.coefficient)
    return collected(_stored(product, groups, stored) for product in kept)


def _product(term: Term, sizes: Sizes) -> Product:
    bound = frozenset(term.bound)
    ties = tuple(b for b in term.brackets if not free(b) & bound)
    loose = tuple(_part(f, sizes) for f in (*term.factors, *(b for b in term.brackets if b not in ties)))
    return Product(term.coefficient, ties, loose, term.bound)


def _part(factor: Expr, sizes: Sizes) -> Part:
    """A factor: a read of a window of a smaller tensor, such as ``w[i-p]``, stays a read."""
    over = free(factor)
    if isinstance(factor, Read) and isinstance(factor.tensor, Compute | Input):
        moved = any(position.index is None and free(position) for position in factor.positions)
        whole = prod(evaluate_extent(extent, sizes) for extent in factor.tensor.shape)
        repeated = len({position.index for position in factor.positions}) < len(factor.positions)
        if moved and not repeated and whole <= sizes.of(over):
            return Part(factor, over, fixed=True)
    return Part(factor, over)


def _contracted(product: Product, sizes: Sizes) -> Product:
    """The product with factors multiplied together and sums carried out where that stores no more."""
    parts = absorbed(product.parts, sizes)
    bound = list(product.bound)
    while True:
        choice = min((_elimination(index, parts, sizes) for index in bound), default=None, key=lambda found: found[0])
        if choice is None or choice[0] > 0:
            return replace(product, parts=tuple(parts), bound=tuple(bound))
        _, index, result = choice
        bound.remove(index)
        parts = absorbed((*(part for part in parts if index not in part.over), result), sizes)


def _elimination(index: Index, parts: Iterable[Part], sizes: Sizes) -> tuple[int, Index, Part]:
    """What carrying out the sum over an index adds to the number of stored elements, and what comes of it."""
    having = [part for part in parts if index in part.over]
    over = frozenset().union(*(part.over for part in having)) - {index}
    before = sum(sizes.of(part.over) for part in having)
    product = mul(*(part.expr for part in having)) if having else as_affine(1)
    return sizes.of(over) - before, index, Part(total((index,), product), over)


def absorbed(parts: Iterable[Part], sizes: Sizes) -> list[Part]:
    """The parts with each multiplied into the smallest other that has all of its indices, if possible into one that is
    computed anyway: a read that stays as it is needs no memory, and may be common to several terms.
    """
    waiting = sorted(parts, key=lambda part: sizes.of(part.over))
    done: list[Part] = []
    while waiting:
        part = waiting.pop(0)
        homes = [other for other in waiting if part.over <= other.over and not other.fixed]
        home = min(homes, key=lambda other: isinstance(other.expr, Read), default=None)
        if home is None or part.fixed:
            done.append(part)
        else:
            place = waiting.index(home)
            waiting[place] = Part(mul(part.expr, home.expr), home.over)
    return done


def _merged(products: Iterable[Product]) -> list[Product]:
    """The products with those added up that can be stored as one."""
    done: list[Product] = []
    for product in sorted(products, key=lambda product: (len(product.brackets), len(product.parts))):
        for place, other in enumerate(done):
            together = _added(other, product) or _taken_in(other, product) or _taken_in(product, other)
            if together is not None:
                done[place] = together
                break
        else:
            done.append(product)
    return done


def _added(one: Product, other: Product) -> Product | None:
    """The sum of two products that differ in at most one part."""
    if one.bound or other.bound or set(one.brackets) != set(other.brackets):
        return None
    left, right = ({part.over: part for part in product.parts} for product in (one, other))
    if set(left) != set(right) or not len(left) == len(one.parts) == len(other.parts):
        return None
    differing = [over for over in left if canonical(left[over].expr) is not canonical(right[over].expr)]
    if len(differing) > 1 or any(left[over].fixed for over in differing):
        return None
    if not differing:
        return replace(one, coefficient=one.coefficient + other.coefficient)
    (over,) = differing
    expr = add(*(with_coefficient(p.coefficient, (q[over].expr,)) for p, q in ((one, left), (other, right))))
    parts = tuple(Part(expr, over) if part.over == over else part for part in one.parts)
    return replace(one, coefficient=Fraction(1), parts=parts)


def _taken_in(one: Product, other: Product) -> Product | None:
    """A product of one stored part with another product added, whose elements are all among its own."""
    if one.bound or len(one.parts) != 1 or one.parts[0].fixed or not set(one.brackets) <= set(other.brackets):
        return None
    extra = tuple(bracket for bracket in other.brackets if bracket not in one.brackets)
    body = total(other.bound, mul(*extra, *(part.expr for part in other.parts)))
    if not free(body) <= one.parts[0].over:
        return None
    expr = add(
        with_coefficient(one.coefficient, (one.parts[0].expr,)),
        with_coefficient(other.coefficient, (body,)),
    )
    return replace(one, coefficient=Fraction(1), parts=(Part(expr, one.parts[0].over),))


def _stored(product: Product, groups: Groups, stored: Stored) -> Term:
    order = {index: place for place, index in enumerate((*groups.all, *product.bound))}
    factors: list[Expr] = []
    coefficient = product.coefficient
    for part in product.parts:
        expr = part.expr
        if isinstance(expr, Literal) and isinstance(expr.value, Fraction):
            coefficient *= expr.value
        elif part.fixed:
            factors.append(expr)
        else:
            factors.append(stored.read(expr, tuple(sorted(part.over, key=order.__getitem__))))
    return Term(coefficient, product.brackets, tuple(factors), product.bound)


def sources(terms: Iterable[Term]) -> tuple[Tensor, ...]:
    """The tensors that terms read, each once: the stored factors, and integers in positions."""
    reads = (node.tensor for term in terms for node in walk(term.expr) if isinstance(node, Read))
    return tuple(dict.fromkeys(reads))
