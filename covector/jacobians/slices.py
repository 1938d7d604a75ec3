"""What ``J[…]`` selects: a position, or a run of positions, for each axis of both groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import index
from typing import Any

from covector.errors import BoundsError, ShapeError
from covector.ir import Affine, Index, as_affine
from covector.jacobians.terms import Groups


@dataclass(frozen=True)
class Selection:
    """A position for each axis, in terms of the indices of the axes that are left."""

    positions: tuple[Affine, ...]
    groups: Groups

    @classmethod
    def of(cls, key: Any, outputs: tuple[int, ...], inputs: tuple[int, ...]) -> Selection:
        """What a key selects from axes of given extents; raises `BoundsError` and `ShapeError`."""
        shape = (*outputs, *inputs)
        found = [
            _axis(part, size, axis) for axis, (part, size) in enumerate(zip(_full(key, shape), shape, strict=True))
        ]
        left = [kept for _, kept in found]
        split = len(outputs)
        groups = Groups(
            tuple(i for i in left[:split] if i is not None), tuple(i for i in left[split:] if i is not None)
        )
        return cls(tuple(position for position, _ in found), groups)


def _full(key: Any, shape: Sequence[int]) -> list[Any]:
    """The key with an entry for each axis."""
    parts = list(key) if isinstance(key, tuple) else [key]
    if sum(part is Ellipsis for part in parts) > 1:
        raise ShapeError("J[…] takes one ellipsis at most")
    if Ellipsis in parts:
        place = parts.index(Ellipsis)
        parts[place : place + 1] = [slice(None)] * (len(shape) - len(parts) + 1)
    if len(parts) > len(shape):
        raise ShapeError(f"J[…] takes {len(shape)} positions, the output's and then the input's, not {len(parts)}")
    return parts + [slice(None)] * (len(shape) - len(parts))


def _axis(part: Any, size: int, axis: int) -> tuple[Affine, Index | None]:
    if isinstance(part, slice):
        start, stop, step = part.indices(size)
        kept = Index(f"s{axis}", as_affine(len(range(start, stop, step))))
        return as_affine(kept) * step + start, kept
    try:
        position = index(part)
    except TypeError:
        message = f"J[…] takes integers and slices, not {type(part).__name__} {part!r}"
        raise ShapeError(message, hint="J.dense()[…] takes what NumPy takes") from None
    if not -size <= position < size:
        raise BoundsError(f"J[…]: position {position} on axis {axis} is outside 0 … {size - 1}")
    return as_affine(position % size), None
