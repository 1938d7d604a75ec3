"""Contractions on tensors between pages that cannot be read: a process that touches them dies."""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from covector.run.extents import evaluate_extent
from covector.schedule.plan import Product
from tests.support.contraction import build, contraction
from tests.support.convolution import Convolution

Array = NDArray[Any]
PAGE = mmap.PAGESIZE
NO_ACCESS = 0


def guarded(shape: Sequence[int], dtype: str, at_end: bool) -> Array:
    """Zeros that begin right behind a page that cannot be read, or end right before one."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    inside = -(-size // PAGE) * PAGE
    memory = mmap.mmap(-1, inside + 2 * PAGE)
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    protect = ctypes.CDLL(None).mprotect
    for page in (start, start + PAGE + inside):
        assert protect(ctypes.c_void_p(page), ctypes.c_size_t(PAGE), NO_ACCESS) == 0
    offset = PAGE + (inside - size if at_end else 0)
    return np.frombuffer(memory, dtype, int(np.prod(shape)), offset).reshape(shape)


def cases() -> list[Product]:
    """Products that take all ways through the kernels, with edges everywhere."""
    found = []
    for dtype in ("float32", "float64"):
        for orders in (("mk", "kn", "mn"), ("km", "nk", "mn"), ("mk", "nk", "nm"), ("km", "kn", "mn")):
            for m, n, k in ((5, 7, 3), (37, 43, 51), (1, 100, 33), (100, 1, 33), (20, 70, 1100), (3, 5, 200)):
                extents = {"m": m, "n": n, "k": k}
                found.append(contraction("mk,kn->mn", extents, dtype, orders, accumulate=True))
        sizes = Convolution(into=3, out=5, height=7, width=9, dtype=dtype)
        wide = Convolution(into=3, out=5, height=10, width=18, stride=2, dtype=dtype)
        for convolution in (sizes, wide):
            found += [convolution.forward(), convolution.weight_adjoint(), convolution.image_adjoint()]
    return found


def run() -> None:
    """Run all of them, with the tensors at either end of their pages."""
    for product in cases():
        compiled = build(product)
        tensors = (product.left.tensor, product.right.tensor, product.target)
        for at_end in (False, True):
            arrays = [
                guarded([evaluate_extent(extent, {}) for extent in tensor.shape], tensor.dtype, at_end)
                for tensor in tensors
            ]
            compiled(*arrays)
    print("done")
