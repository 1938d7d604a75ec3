"""A statement while it looks for others to share loops with."""

from __future__ import annotations

from dataclasses import dataclass

from covector.ir import Affine, Index, Input, Read, Tensor, as_affine, walk
from covector.schedule.nest import Nest, Whole
from covector.schedule.scan import Scan


@dataclass(frozen=True, slots=True)
class Access:
    """A tensor that a step touches, and on each axis the index that its position is, None where it is no plain one."""

    tensor: Tensor
    plain: tuple[Index | None, ...]
    positions: tuple[Affine, ...]


class Unit:
    """A nest, the loops around it so far, and the indices that are left to loop over.

    ``overwritten`` is the input whose memory the target takes.
    """

    def __init__(self, nest: Nest | Whole | Scan, overwritten: Input | None = None) -> None:
        self.nest, self.overwritten = nest, overwritten
        self.names: dict[Index, Affine] = {}
        self.left: list[Index] = list(nest.indices)
        self.found: dict[int, set[Index]] = {}
        self.started = not nest.operation
        self.write = access(nest.target, nest.positions)
        found = dict.fromkeys(node for part in nest.parts for node in walk(part) if isinstance(node, Read))
        self.reads = tuple(access(read.tensor, read.positions) for read in found)

    def bind(self, index: Index, loop: Index) -> None:
        """One more loop around it."""
        self.names[index] = as_affine(loop)
        self.left.remove(index)

    def together(self, earlier: Unit, theirs: Index) -> set[Index | None]:
        """Which of its indices must run with an index of an earlier unit, so that nothing is read before it is there
        and nothing is overwritten before it is read. Nothing: any may; None among them: none can.
        """
        found: set[Index | None] = set()
        for read in self.reads:
            if read.tensor is earlier.nest.target:
                complete = theirs in earlier.nest.own and theirs in earlier.write.plain
                found.add(read.plain[earlier.write.plain.index(theirs)] if complete else None)
        if self.overwritten is not None:
            for read in earlier.reads:
                if read.tensor is self.overwritten:
                    found.add(self.write.plain[read.plain.index(theirs)] if theirs in read.plain else None)
        return found if found <= set(self.left) else {None}

    def akin(self, other: Unit, theirs: Index) -> Index | None:
        """Which of its indices goes along with an index of a unit that it does not depend on: that which reads the same
        elements, or stands at the same place of an equal grid.
        """
        for read in self.reads:
            for known in other.reads:
                if read.tensor is known.tensor and theirs in known.plain:
                    index = read.plain[known.plain.index(theirs)]
                    if index in self.left:
                        return index
        own, known_own = self.nest.own, other.nest.own
        if theirs in known_own and [i.extent for i in own] == [i.extent for i in known_own]:
            index = own[known_own.index(theirs)]
            return index if index in self.left else None
        return None

    def contiguous(self) -> set[Index]:
        """The indices along which its largest accesses are contiguous."""
        if len(self.left) not in self.found:
            self.found[len(self.left)] = self.find_contiguous()
        return self.found[len(self.left)]

    def find_contiguous(self) -> set[Index]:
        """The same, found now: which they are changes with the indices that are left."""
        accesses = [(each, self.inside(each)) for each in (self.write, *self.reads) if each.plain]
        most = max((count for _, count in accesses), default=0)
        last = (each.positions[-1] for each, count in accesses if count == most)
        return {index for position in last for index in self.left if is_step(position, index)}

    def strays(self, index: Index) -> bool:
        """Whether a loop over an index takes contiguity from the loops inside it."""
        contiguous = self.contiguous()
        return index in contiguous and any(other not in contiguous for other in self.left)

    def inside(self, each: Access) -> int:
        """On how many of the indices that are left an access depends plainly."""
        return sum(index in each.plain for index in self.left)


def access(tensor: Tensor, positions: tuple[Affine, ...]) -> Access:
    """An access at some positions."""
    return Access(tensor, tuple(position.index for position in positions), positions)


def is_step(position: Affine, index: Index) -> bool:
    """Whether a position moves by one element with an index."""
    coefficient = position.coefficient(index)
    return coefficient is not None and coefficient.is_constant and abs(coefficient.constant) == 1
