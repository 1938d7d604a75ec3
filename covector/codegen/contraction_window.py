"""Windows that move over an operand: what makes a product a convolution, or the adjoint of one.

Along an axis of the operand, a position is moved by one index of the image and one of the filter.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from covector.codegen.contraction_spec import ONE, Bound, Group
from covector.ir import Affine, Index, as_affine
from covector.ir.affine import atoms


@dataclass(frozen=True, slots=True)
class Window:
    """An axis of ``extent`` elements, ``pitch`` apart in memory, read at ``step·moving + spread·tap + start``."""

    moving: Index | None
    tap: Index | None
    step: int
    spread: int
    start: int
    extent: int
    pitch: int

    @property
    def count(self) -> int:
        """How many places the window has."""
        return 1 if self.moving is None else self.moving.extent.constant

    @property
    def taps(self) -> int:
        """How many elements the window sees from one place."""
        return 1 if self.tap is None else self.tap.extent.constant

    @property
    def first(self) -> int:
        """The least position; it may be before the axis."""
        return self.start + min(0, self.spread * (self.taps - 1))

    def shift(self, tap: int) -> int:
        """How far behind the least position a tap of the first place is."""
        return self.start + self.spread * tap - self.first

    @property
    def shifts(self) -> tuple[int, ...]:
        """That of every tap."""
        return tuple(map(self.shift, range(self.taps)))

    def reach(self, places: int) -> int:
        """How many positions so many places see, those between them counted."""
        return self.step * (places - 1) + max(self.shifts) + 1


NO_WINDOW = Window(None, None, 1, 0, 0, 1, 0)
"""An axis that is not there."""


def singles(groups: Iterable[Group]) -> list[Group]:
    """The groups, each index on its own."""
    found: list[Group] = []
    for group in groups:
        apart: list[Group] = []
        inner = ONE
        for index in reversed(group.indices):
            strides = (stride * inner for stride in (group.left, group.right, group.target))
            apart.append(Group((index,), index.extent, *strides))
            inner = inner * index.extent
        found += reversed(apart)
    return found


def window_of(axes: Sequence[Bound], moving: Group, taps: Iterable[Group]) -> Window | None:
    """The axis of the right operand along which an index moves, alone or with one of some taps."""
    (index,) = moving.indices
    along = [bound for bound in axes if index in atoms(bound.position)]
    if len(along) != 1:
        return None
    position, extent = along[0].position, along[0].extent
    others = [atom for atom in atoms(position) if atom is not index]
    found = [group for group in taps if group.indices[0] in others]
    if len(others) != len(found) or len(found) > 1 or _reads(axes, found) > 1:
        return None
    tap = found[0].indices[0] if found else None
    step, spread = _factor(position, index), _factor(position, tap) if tap else 0
    rest = position - as_affine(index) * step - (as_affine(tap) * spread if tap else 0)
    sizes = (rest, extent, moving.right, index.extent, tap.extent if tap else ONE)
    if not all(form.is_constant for form in sizes) or step < 1 or moving.right.constant % step:
        return None
    return Window(index, tap, step, spread, rest.constant, extent.constant, moving.right.constant // step)


def _reads(axes: Sequence[Bound], taps: Sequence[Group]) -> int:
    """How many axes the taps move along."""
    return sum(tap.indices[0] in atoms(bound.position) for tap in taps for bound in axes)


def _factor(position: Affine, index: Index) -> int:
    """By how much an index moves a position; 0 where that is no number."""
    found = position.coefficient(index)
    return found.constant if found is not None and found.is_constant else 0


def bounded_by(bounds: Iterable[Bound], windows: Iterable[Window]) -> bool:
    """Whether all bounds are those of the axes of windows."""
    moved = {index for window in windows for index in (window.moving, window.tap)}
    return all(moved.issuperset(atoms(bound.position)) for bound in bounds)
