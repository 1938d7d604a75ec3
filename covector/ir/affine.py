"""Integer expressions: where a read looks, and how far an index runs.

An `Affine` is an integer polynomial over atoms: indices, symbols (extents not yet known), `Floor` and `Mod`,
and reads of integer tensors (data-dependent positions). In a position it is affine in the indices; products
only ever multiply an index by symbols, as in ``b*C + c``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import gcd
from typing import Any

from covector.ir.node import Node, cached

Monomial = tuple[Node, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Symbol(Node):
    """An extent that is not known yet, such as ``M``."""

    name: str

    def __repr__(self) -> str:
        return self.name


@dataclass(frozen=True, eq=False, slots=True)
class Index(Node):
    """An index that runs over 0 … extent-1."""

    name: str
    extent: Affine

    def __repr__(self) -> str:
        return self.name


@dataclass(frozen=True, eq=False, slots=True)
class Affine(Node):
    """``Σ coefficient · monomial + constant``; build it with ``+ - *``, `floor_div` and `modulo`.

    ``terms`` is sorted and holds no zero coefficient, so equal forms are the same object.
    """

    terms: tuple[tuple[Monomial, int], ...]
    constant: int

    def __add__(self, other: Affine | Node | int) -> Affine:
        right = as_affine(other)
        terms = dict(self.terms)
        for monomial, coefficient in right.terms:
            terms[monomial] = terms.get(monomial, 0) + coefficient
        return _affine(terms, self.constant + right.constant)

    __radd__ = __add__

    def __neg__(self) -> Affine:
        return self * -1

    def __sub__(self, other: Affine | Node | int) -> Affine:
        return self + as_affine(other)._scaled(-1)

    def __rsub__(self, other: Affine | Node | int) -> Affine:
        return as_affine(other) - self

    def __mul__(self, other: Affine | Node | int) -> Affine:
        right = as_affine(other)
        if right.is_constant:
            return self._scaled(right.constant)
        if self.is_constant:
            return right._scaled(self.constant)
        terms: dict[Monomial, int] = {}
        for left_monomial, left_coefficient in (*self.terms, ((), self.constant)):
            for right_monomial, right_coefficient in (*right.terms, ((), right.constant)):
                monomial = tuple(sorted((*left_monomial, *right_monomial), key=order))
                terms[monomial] = terms.get(monomial, 0) + left_coefficient * right_coefficient
        constant = terms.pop((), 0)
        return _affine(terms, constant)

    __rmul__ = __mul__

    def _scaled(self, scale: int) -> Affine:
        if scale in (0, 1):
            return self if scale else Affine((), 0)
        return Affine(tuple((monomial, c * scale) for monomial, c in self.terms), self.constant * scale)

    @property
    def is_constant(self) -> bool:
        """Whether it is a plain integer."""
        return not self.terms

    @property
    def atom(self) -> Node | None:
        """The atom that this form consists of alone, or None."""
        if self.constant == 0 and len(self.terms) == 1:
            monomial, coefficient = self.terms[0]
            if coefficient == 1 and len(monomial) == 1:
                return monomial[0]
        return None

    @property
    def index(self) -> Index | None:
        """The index that this form consists of alone, or None."""
        atom = self.atom
        return atom if isinstance(atom, Index) else None

    def coefficient(self, atom: Node) -> Affine | None:
        """What ``atom`` is multiplied by (zero where it is absent), or None where it occurs other than linearly."""
        found: dict[Monomial, int] = {}
        for monomial, coefficient in self.terms:
            count = monomial.count(atom)
            rest = tuple(part for part in monomial if part is not atom)
            if count > 1 or any(atom in free(part) for part in rest if isinstance(atom, Index)):
                return None
            if count == 1:
                found[rest] = found.get(rest, 0) + coefficient
        constant = found.pop((), 0)
        return _affine(found, constant)

    def __repr__(self) -> str:
        parts = [
            "*".join(([] if abs(c) == 1 else [str(abs(c))]) + [repr(a) for a in monomial]) for monomial, c in self.terms
        ]
        signs = ["-" if c < 0 else "+" for _, c in self.terms]
        if self.constant or not parts:
            parts.append(str(abs(self.constant)))
            signs.append("-" if self.constant < 0 else "+")
        text = "".join(sign + part for sign, part in zip(signs, parts, strict=True))
        return text.removeprefix("+")


@dataclass(frozen=True, eq=False, slots=True)
class Floor(Node):
    """``⌊numerator / denominator⌋``, the denominator positive; build it with `floor_div`."""

    numerator: Affine
    denominator: Affine

    def __repr__(self) -> str:
        return f"({self.numerator!r})//({self.denominator!r})"


@dataclass(frozen=True, eq=False, slots=True)
class Mod(Node):
    """``numerator - denominator·⌊numerator / denominator⌋``; build it with `modulo`."""

    numerator: Affine
    denominator: Affine

    def __repr__(self) -> str:
        return f"({self.numerator!r})%({self.denominator!r})"


def as_affine(value: Affine | Node | int) -> Affine:
    """An integer or an atom as an affine form.

    >>> as_affine(Symbol("M")) * 2 + 3
    2*M+3
    """
    if isinstance(value, Affine):
        return value
    if isinstance(value, int):
        return Affine((), int(value))
    return Affine((((value,), 1),), 0)


def floor_div(numerator: Affine | Node | int, denominator: Affine | Node | int) -> Affine:
    """``⌊numerator / denominator⌋``, with whole multiples of the denominator taken out."""
    top, bottom = as_affine(numerator), as_affine(denominator)
    if not bottom.is_constant:
        quotient = exact_quotient(top, bottom)
        return quotient if quotient is not None else as_affine(Floor(top, bottom))
    divisor = bottom.constant
    if divisor <= 0:
        raise ZeroDivisionError(f"floor of a division by {divisor}: the divisor must be positive")
    whole = {monomial: c // divisor for monomial, c in top.terms if c % divisor == 0}
    part = {monomial: c for monomial, c in top.terms if c % divisor != 0}
    quotient = _affine(whole, top.constant // divisor)
    if not part:
        return quotient
    return quotient + as_affine(Floor(_affine(part, top.constant % divisor), bottom))


def modulo(numerator: Affine | Node | int, denominator: Affine | Node | int) -> Affine:
    """``numerator mod denominator``, with whole multiples of the denominator dropped."""
    top, bottom = as_affine(numerator), as_affine(denominator)
    if not bottom.is_constant:
        return as_affine(0) if exact_quotient(top, bottom) is not None else as_affine(Mod(top, bottom))
    divisor = bottom.constant
    if divisor <= 0:
        raise ZeroDivisionError(f"modulus of a division by {divisor}: the divisor must be positive")
    part = {monomial: c % divisor for monomial, c in top.terms if c % divisor != 0}
    if not part:
        return as_affine(top.constant % divisor)
    return as_affine(Mod(_affine(part, top.constant % divisor), bottom))


def exact_quotient(top: Affine, bottom: Affine) -> Affine | None:
    """``top / bottom`` where that is a polynomial with integer coefficients and ``bottom`` is one term, otherwise
    None.
    """
    if top.is_constant and top.constant == 0:
        return top
    if bottom.is_constant:
        pairs: list[tuple[Monomial, int]] = [*top.terms, ((), top.constant)]
        if bottom.constant == 0 or any(c % bottom.constant for _, c in pairs):
            return None
        return _affine({m: c // bottom.constant for m, c in top.terms}, top.constant // bottom.constant)
    if len(bottom.terms) != 1 or bottom.constant:
        return as_affine(1) if top is bottom else None
    (divisor, scale), quotient = bottom.terms[0], dict[Monomial, int]()
    if top.constant:
        return None
    for monomial, coefficient in top.terms:
        rest = list(monomial)
        for atom in divisor:
            if atom not in rest:
                return None
            rest.remove(atom)
        if coefficient % scale:
            return None
        quotient[tuple(rest)] = coefficient // scale
    constant = quotient.pop((), 0)
    return _affine(quotient, constant)


def content(form: Affine) -> int:
    """The greatest common divisor of the coefficients and the constant (at least 1)."""
    return gcd(*(coefficient for _, coefficient in form.terms), form.constant) or 1


def replace_atoms(form: Affine, replaced: Mapping[Node, Affine]) -> Affine:
    """The form with atoms replaced by forms."""
    result = as_affine(form.constant)
    for monomial, coefficient in form.terms:
        product = as_affine(coefficient)
        for atom in monomial:
            product = product * replaced.get(atom, atom)
        result = result + product
    return result


def atoms(form: Affine) -> tuple[Node, ...]:
    """Its atoms, each once, in order."""
    result: tuple[Node, ...] = cached(form, "atoms", _atoms)
    return result


def _atoms(form: Affine) -> tuple[Node, ...]:
    return tuple(dict.fromkeys(atom for monomial, _ in form.terms for atom in monomial))


def free(node: Node) -> frozenset[Index]:
    """The indices that occur free in a node of any level."""
    result: frozenset[Index] = cached(node, "free", _free)
    return result


def _free(node: Node) -> frozenset[Index]:
    if isinstance(node, Index):
        return frozenset((node,))
    if isinstance(node, Affine):
        return frozenset().union(*(free(atom) for atom in atoms(node)))
    if isinstance(node, (Floor, Mod)):
        return free(node.numerator) | free(node.denominator)
    own: Any = getattr(node, "free_indices", None)
    return own() if own is not None else frozenset()


def order(node: Node) -> tuple[Any, ...]:
    """A total order on nodes that depends on what they say, never on where they are in memory."""
    key: tuple[Any, ...] = cached(node, "order", _order)
    return key


def _order(node: Node) -> tuple[Any, ...]:
    if isinstance(node, Symbol):
        return (0, node.name, ())
    if isinstance(node, Index):
        return (1, node.name, (order(node.extent),))
    if isinstance(node, Affine):
        parts = tuple((len(m), "", (*(order(atom) for atom in m), (c, "", ()))) for m, c in node.terms)
        return (2, "", (*parts, (node.constant, "", ())))
    if isinstance(node, (Floor, Mod)):
        return (3 if isinstance(node, Floor) else 4, "", (order(node.numerator), order(node.denominator)))
    own: Any = getattr(node, "order_key", None)
    if own is None:
        raise TypeError(f"no order on {type(node).__name__}")
    result: tuple[Any, ...] = own()
    return result


def _affine(terms: Mapping[Monomial, int], constant: int) -> Affine:
    kept = [(monomial, coefficient) for monomial, coefficient in terms.items() if coefficient]
    if len(kept) > 1:
        kept.sort(key=lambda term: tuple(order(atom) for atom in term[0]))
    return Affine(tuple(kept), constant)
