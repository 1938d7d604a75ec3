"""The layout of a piece of memory: blocks that are not in use at the same time may lie at the same place."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from covector.ir import Affine, Tensor, as_affine, floor_div

ALIGNMENT = 64
"""Bytes: a line of the cache, and the widest vector."""


@dataclass(frozen=True, slots=True)
class Block:
    """The bytes of a tensor, in use from the ``first`` to the ``last`` kernel."""

    tensor: Tensor
    size: Affine
    first: int
    last: int

    def meets(self, other: Block) -> bool:
        """Whether both are in use at some time."""
        return self.first <= other.last and other.first <= self.last


Pairs = AbstractSet[tuple[Tensor, Tensor]]


class Layout:
    """Blocks as they are put into memory.

    Of a pair in ``handed_on`` the second tensor may take exactly the place of the first, in the kernel that has both.
    Where all sizes are numbers, the largest block is placed first, each as low as it can lie. A size that is only known
    in a call fits into a place that was made for the same size.
    """

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.handed_on: set[tuple[Tensor, Tensor]] = set()

    def add(self, block: Block) -> None:
        """One more block."""
        self.blocks.append(block)

    def offsets(self) -> tuple[Affine, dict[Tensor, Affine]]:
        """The bytes that all of them need, and where each lies."""
        fixed = [block for block in self.blocks if block.size.is_constant]
        end, found = _placed(sorted(fixed, key=lambda block: -block.size.constant), self.handed_on)
        top, offsets = as_affine(end), {tensor: as_affine(offset) for tensor, offset in found.items()}
        places: list[tuple[Affine, Affine, list[Block]]] = []
        for block in self.blocks:
            if block.size.is_constant:
                continue
            for offset, size, residents in places:
                if size is block.size and not any(_apart(block, other, self.handed_on) for other in residents):
                    residents.append(block)
                    offsets[block.tensor] = offset
                    break
            else:
                places.append((top, block.size, [block]))
                offsets[block.tensor] = top
                top = top + block.size
        return top, offsets


def _apart(block: Block, other: Block, handed_on: Pairs) -> bool:
    """Whether two blocks must not lie at one place."""
    tensors = block.tensor, other.tensor
    return block.meets(other) and tensors not in handed_on and tensors[::-1] not in handed_on


def _placed(blocks: list[Block], handed_on: Pairs) -> tuple[int, dict[Tensor, int]]:
    """Blocks of known sizes, each where one lies that hands its place on, or at the lowest offset where no other lies
    that is in use with it.
    """
    placed: list[tuple[int, Block]] = []
    for block in blocks:
        others = sorted(((offset, other) for offset, other in placed if block.meets(other)), key=lambda pair: pair[0])
        offered = (offset for offset, other in others if _fits(block, offset, others, handed_on))
        placed.append((next(offered, _lowest(block, others)), block))
    end = max((offset + block.size.constant for offset, block in placed), default=0)
    return end, {block.tensor: offset for offset, block in placed}


def _fits(block: Block, start: int, others: list[tuple[int, Block]], handed_on: Pairs) -> bool:
    """Whether a block may lie at an offset: what it touches there hands exactly this place on."""
    end = start + block.size.constant
    return all(
        (offset == start and other.size is block.size and not _apart(block, other, handed_on))
        for offset, other in others
        if offset < end and start < offset + other.size.constant
    )


def _lowest(block: Block, others: list[tuple[int, Block]]) -> int:
    """The lowest offset where a block touches none of some others, which are in order."""
    start = 0
    for offset, other in others:
        if start + block.size.constant <= offset:
            break
        start = max(start, offset + other.size.constant)
    return start


def aligned(count: Affine) -> Affine:
    """The least multiple of the alignment that is not less.

    >>> aligned(as_affine(65))
    128
    """
    return floor_div(count + (ALIGNMENT - 1), ALIGNMENT) * ALIGNMENT
