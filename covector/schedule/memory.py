"""The layout of a piece of memory: blocks that are not in use at the same time may lie at the same place."""

from __future__ import annotations

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


class Layout:
    """Blocks as they are put into memory.

    Where all sizes are numbers, the largest block is placed first, each as low as it can lie. A size that is only known
    in a call fits into a place that was made for the same size.
    """

    def __init__(self) -> None:
        self.blocks: list[Block] = []

    def add(self, block: Block) -> None:
        """One more block."""
        self.blocks.append(block)

    def offsets(self) -> tuple[Affine, dict[Tensor, Affine]]:
        """The bytes that all of them need, and where each lies."""
        fixed = [block for block in self.blocks if block.size.is_constant]
        end, found = _placed(sorted(fixed, key=lambda block: -block.size.constant))
        top, offsets = as_affine(end), {tensor: as_affine(offset) for tensor, offset in found.items()}
        places: list[tuple[Affine, Affine, list[Block]]] = []
        for block in self.blocks:
            if block.size.is_constant:
                continue
            for offset, size, residents in places:
                if size is block.size and not any(block.meets(other) for other in residents):
                    residents.append(block)
                    offsets[block.tensor] = offset
                    break
            else:
                places.append((top, block.size, [block]))
                offsets[block.tensor] = top
                top = top + block.size
        return top, offsets


def _placed(blocks: list[Block]) -> tuple[int, dict[Tensor, int]]:
    """Blocks of known sizes, each at the lowest offset where no other lies that is in use with it."""
    placed: list[tuple[int, Block]] = []
    for block in blocks:
        others = sorted(((offset, other) for offset, other in placed if block.meets(other)), key=lambda pair: pair[0])
        start = 0
        for offset, other in others:
            if start + block.size.constant <= offset:
                break
            start = max(start, offset + other.size.constant)
        placed.append((start, block))
    end = max((offset + block.size.constant for offset, block in placed), default=0)
    return end, {block.tensor: offset for offset, block in placed}


def aligned(count: Affine) -> Affine:
    """The least multiple of the alignment that is not less.

    >>> aligned(as_affine(65))
    128
    """
    return floor_div(count + (ALIGNMENT - 1), ALIGNMENT) * ALIGNMENT
