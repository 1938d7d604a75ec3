"""Memory for results and for what is computed between: aligned to cache lines, used again when it is free.

Fresh memory of the operating system costs a page fault every 4 KiB, which is more than most kernels cost; so large
blocks are kept when their array dies, up to a limit.
"""

from __future__ import annotations

import ctypes
import mmap
from collections import deque
from collections.abc import Callable, Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from covector.errors import BudgetError

ALIGNMENT = 64
LARGE = 1 << 16
"""Bytes from which on memory is taken in blocks that are kept."""

KEPT = 1 << 30
"""Bytes of free blocks that are kept at most."""

CHECKED = 1 << 28
"""Bytes from which on it is checked that they fit in memory."""

_MEMORY = Path("/proc/meminfo")


class Blocks:
    """Free blocks by size; safe with any number of threads, since popping and appending are atomic."""

    def __init__(self) -> None:
        self.free: dict[int, deque[mmap.mmap]] = {}
        self.kept = 0

    def take(self, size: int) -> mmap.mmap:
        """A block of at least a size; raises `BudgetError` where there is not that much memory."""
        rounded = size_class(size)
        try:
            block = self.free[rounded].pop()
        except (KeyError, IndexError):
            require(size)
            return _fresh(rounded)
        self.kept -= rounded
        return block

    def give(self, block: mmap.mmap) -> None:
        """Take a block back; where too much would be kept, what was kept before goes."""
        size = len(block)
        if self.kept + size > KEPT:
            self.free, self.kept = {}, 0
        if size <= KEPT:
            self.kept += size
            self.free.setdefault(size, deque()).append(block)


def size_class(size: int) -> int:
    """The size of the block for so many bytes: at most an eighth more, so that blocks fit again.

    >>> size_class(1 << 20), size_class((1 << 20) + 1)
    (1048576, 1179648)
    """
    step = max(1 << (size.bit_length() - 4), mmap.PAGESIZE)
    return -(-size // step) * step


_PRIVATE: dict[str, int] = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_PRIVATE") else {}
"""Memory that a child process has a copy of; without it, both would write to the same."""


def _fresh(size: int) -> mmap.mmap:
    try:
        block = mmap.mmap(-1, size, **_PRIVATE)
    except (OSError, MemoryError) as error:
        raise BudgetError(f"{size / 2**30:.2f} GiB of memory could not be had: {error}") from None
    if size >= 1 << 22 and hasattr(mmap, "MADV_HUGEPAGE"):
        block.madvise(mmap.MADV_HUGEPAGE)
    return block


def require(size: int) -> None:
    """Refuse a size that does not fit in memory, before it is tried; raises `BudgetError` with the figure."""
    if size < CHECKED:
        return
    available = available_memory()
    if available is not None and size > available + BLOCKS.kept:
        raise BudgetError(
            f"{size / 2**30:.1f} GiB of memory are needed, and {available / 2**30:.1f} GiB are available",
            hint="compute on smaller batches, or reduce before the large value is made",
        )


def available_memory() -> int | None:
    """The bytes of memory that are available, or None where the system does not say."""
    try:
        lines = _MEMORY.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    found = [line for line in lines if line.startswith("MemAvailable:")]
    return int(found[0].split()[1]) * 1024 if found else None


BLOCKS = Blocks()
"""The free blocks of this process."""


class _Owner:
    """What an array in a block refers to: when the array dies, so does this, and the block is free."""

    __slots__ = ("__array_interface__", "block")

    def __init__(self, block: mmap.mmap, size: int) -> None:
        self.block = block
        address = np.frombuffer(block, np.uint8).__array_interface__["data"][0]
        self.__array_interface__ = {"shape": (size,), "typestr": "|u1", "data": (address, False), "version": 3}

    def __del__(self, give: Callable[[mmap.mmap], None] = BLOCKS.give) -> None:
        give(self.block)


def aligned_bytes(size: int) -> NDArray[np.uint8]:
    """So many bytes, their address a multiple of 64; what is in them is arbitrary."""
    if size >= LARGE:
        return np.asarray(_Owner(BLOCKS.take(size), size))
    raw = np.empty(size + ALIGNMENT, np.uint8)
    start = -raw.__array_interface__["data"][0] % ALIGNMENT
    return raw[start : start + size]


def aligned_empty(shape: Sequence[int], dtype: Any) -> NDArray[Any]:
    """An array whose address is a multiple of 64; raises `BudgetError` where it does not fit in memory.

    >>> aligned_empty((2, 3), np.float32).__array_interface__["data"][0] % 64
    0
    """
    kind = np.dtype(dtype)
    array: NDArray[Any] = aligned_bytes(prod(shape) * kind.itemsize).view(kind).reshape(shape)
    return array


def address(array: NDArray[Any]) -> int:
    """The address of an array's first element; of some valid memory where it has none."""
    try:
        return _address_of(_byte_of(array))
    except (TypeError, ValueError):  # it may not be written, or has no element: the slow way says
        return int(array.__array_interface__["data"][0]) if array.size else _EMPTY_ADDRESS


_byte_of: Callable[[Any], ctypes.c_char] = ctypes.c_char.from_buffer
_address_of = ctypes.addressof


_EMPTY = np.zeros(8192, np.uint8)
_EMPTY_ADDRESS: int = (_EMPTY.__array_interface__["data"][0] + 4096) // ALIGNMENT * ALIGNMENT
