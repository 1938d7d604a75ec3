"""What the machine can do: its best matrix product, and its bandwidth at several sizes of what is worked on.

A row's limit is the time that its products take at the peak, or that its bytes take at the bandwidth of so many bytes,
whichever is longer. Vectorised mathematics is in neither, so a row of exponentials stays further from its limit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks import peers
from benchmarks.measure import Effort, timed
from benchmarks.record import Unavailable, Work

SQUARES = (512, 1024, 1536)
BLOCKS = Effort(rounds=1, block=0.004)
WORKING_SETS = tuple(2**power for power in range(18, 29, 2))
"""Bytes of the three arrays of a sum, from those that fit a core's cache to those that fit none."""


@dataclass(frozen=True)
class Limits:
    """Floating-point operations a second of the best product, and bytes a second by the size of the working set."""

    peak: float
    bandwidth: Mapping[int, float]

    def bandwidth_at(self, size: float) -> float:
        """The bandwidth of the smallest working set that is at least so large, or of the largest.

        >>> Limits(1.0, {100: 8.0, 1000: 4.0}).bandwidth_at(500)
        4.0
        """
        return next((found for edge, found in sorted(self.bandwidth.items()) if size <= edge), self._slowest())

    def _slowest(self) -> float:
        return self.bandwidth[max(self.bandwidth)]

    def seconds(self, work: Work) -> float | None:
        """The least time that the work can take; None where nothing is known of it.

        >>> Limits(100.0, {1000: 10.0}).seconds(Work(flops=200.0, bytes=50.0))
        5.0
        """
        found = max(work.flops / self.peak, work.bytes / self.bandwidth_at(work.bytes))
        return found or None

    def data(self) -> dict[str, object]:
        """The figures as plain data."""
        return {"peak": self.peak, "bandwidth": {str(size): found for size, found in self.bandwidth.items()}}


def measure_limits(repeats: int = 7) -> Limits:
    """Measure the machine with the threads of this process: every library that is there tries, and the best counts."""
    products = _there((_numpy_product, _torch_product, _jax_product))
    sums = _there((_numpy_sum, _torch_sum))
    peak = max(2 * size**3 / _best(make(size), repeats) for size in SQUARES for make in products)
    bandwidth = {size: max(size / _best(make(size // 12), repeats) for make in sums) for size in WORKING_SETS}
    return Limits(peak, bandwidth)


Make = Callable[[int], Callable[[], object]]
"""Work of a size, with its arrays made."""


def _there(makers: Sequence[Make]) -> list[Make]:
    """Those whose library is installed."""
    found = []
    for make in makers:
        try:
            make(1)
        except Unavailable:
            continue
        found.append(make)
    return found


def _best(work: Callable[[], object], repeats: int) -> float:
    """The shortest time of a call, over blocks of some milliseconds."""
    sample = timed(work, BLOCKS)
    return min(sample() for _ in range(repeats))


def _numpy_product(size: int) -> Callable[[], object]:
    left, right = (np.ones((size, size), dtype=np.float32) for _ in range(2))
    result = np.empty_like(left)
    return lambda: np.matmul(left, right, out=result)


def _numpy_sum(elements: int) -> Callable[[], object]:
    left, right, result = (np.ones(elements, dtype=np.float32) for _ in range(3))
    return lambda: np.add(left, right, out=result)


def _torch_product(size: int) -> Callable[[], object]:
    torch = peers.torch()
    left, right, result = (torch.ones(size, size) for _ in range(3))
    return lambda: torch.mm(left, right, out=result)


def _jax_product(size: int) -> Callable[[], object]:
    jax = peers.jax()
    left, right = (jax.numpy.ones((size, size)) for _ in range(2))
    product = jax.jit(jax.numpy.matmul)
    return lambda: product(left, right).block_until_ready()


def _torch_sum(elements: int) -> Callable[[], object]:
    torch = peers.torch()
    left, right, result = (torch.ones(elements) for _ in range(3))
    return lambda: torch.add(left, right, out=result)
