"""A statement as loops around one step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from covector.ir import Affine, Compute, Expr, Index, as_affine, substitute
from covector.ir.affine import free
from covector.schedule.neutral import neutral
from covector.schedule.plan import Accumulate, Assign, Product, Step
from covector.schedule.tree import parts


@dataclass(frozen=True, slots=True, eq=False)
class Nest:
    """``target[positions] = value`` for all ``own`` indices, or, where there is an operation, accumulated over the
    ``reduced`` ones.
    """

    target: Compute
    positions: tuple[Affine, ...]
    own: tuple[Index, ...]
    reduced: tuple[Index, ...]
    operation: str
    value: Expr

    @property
    def indices(self) -> tuple[Index, ...]:
        """All its loops."""
        return (*self.own, *self.reduced)

    @property
    def parts(self) -> tuple[Expr, ...]:
        """Every expression of the step."""
        return (self.value, *self.positions)

    @property
    def starts(self) -> tuple[Index, ...]:
        """The indices that the elements of the target are set over before they are accumulated."""
        used = frozenset[Index]().union(*(free(place) for place in self.places))
        return tuple(dict.fromkeys(index for index in (*self.own, *self.target.indices) if index in used))

    @property
    def places(self) -> tuple[Affine, ...]:
        """Where the elements of the target are set: all along an axis where each term says where it goes."""
        return tuple(
            position if free(position) <= frozenset(self.own) else as_affine(index)
            for index, position in zip(self.target.indices, self.positions, strict=True)
        )

    def start(self, names: Mapping[Index, Affine]) -> Step:
        """What sets one element of the target to the neutral element."""
        positions = tuple(substitute(place, names) for place in self.places)
        return Assign(self.target, positions, neutral(self.operation, self.target.dtype))

    def steps(self, names: Mapping[Index, Affine], around: frozenset[Index]) -> tuple[Step, ...]:
        """The step itself, its indices called by the names of the loops ``around`` it."""
        positions = tuple(substitute(position, names) for position in self.positions)
        value = substitute(self.value, names)
        if self.operation:
            return (Accumulate(self.target, positions, self.operation, value),)
        return (Assign(self.target, positions, value),)


@dataclass(frozen=True, slots=True, eq=False)
class Whole:
    """A statement that is products by itself and shares no loop."""

    target: Compute
    products: tuple[Product, ...]
    own: tuple[Index, ...] = ()
    reduced: tuple[Index, ...] = ()
    indices: tuple[Index, ...] = ()
    starts: tuple[Index, ...] = ()
    operation: str = ""

    @property
    def positions(self) -> tuple[Affine, ...]:
        """Where it writes."""
        return self.products[0].positions

    @property
    def parts(self) -> tuple[Expr, ...]:
        """Every expression of the steps."""
        return tuple(part for product in self.products for part in parts(product))

    def start(self, names: Mapping[Index, Affine]) -> Step:
        """It starts from nothing."""
        raise AssertionError(f"{self.target.name} accumulates nothing outside its step")

    def steps(self, names: Mapping[Index, Affine], around: frozenset[Index]) -> tuple[Step, ...]:
        """The products."""
        return self.products
