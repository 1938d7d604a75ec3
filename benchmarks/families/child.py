"""``python -m benchmarks.families.child first-call|memory NAME``: one figure, printed by a process of its own.

``first-call`` is the seconds from making the model to the end of its first step; ``memory`` the bytes that some steps
add to the peak of the process, libraries and data being there already.
"""

from __future__ import annotations

import resource
import sys
import time
from contextlib import suppress
from pathlib import Path

from benchmarks import peers
from benchmarks.families.models import Model
from benchmarks.families.steps import compiled, eager, jax, jitted, numpy, torch
from benchmarks.measure import Effort
from benchmarks.record import COMPILED, EAGER, JAX, JIT, NUMPY, TORCH

MAKERS = {JIT: jitted, EAGER: eager, TORCH: torch, COMPILED: compiled, JAX: jax, NUMPY: numpy}
LIBRARIES = {TORCH: peers.torch, COMPILED: peers.compiler, JAX: peers.jax, JIT: peers.covector, EAGER: peers.covector}
SMALL, LARGE, TINY = Model((784, 512, 256, 10), 128), Model((784, 2048, 2048, 10), 512), Model((4, 1), 2)
ONCE = Effort(rounds=1, block=0.0)


def first_call(name: str) -> float:
    """Seconds of making a contender, which does its first step, where nothing of the kind was done before."""
    _ = SMALL.data, SMALL.weights
    if name in LIBRARIES:
        LIBRARIES[name]()
    started = time.perf_counter()
    MAKERS[name](SMALL, ONCE)
    return time.perf_counter() - started


def memory(name: str) -> float:
    """Bytes that steps add to the peak; a tiny model before has loaded what its library loads late."""
    MAKERS[name](TINY, ONCE)
    _ = LARGE.data, LARGE.weights
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak starts again from what is held now
    before = peak()
    contender = MAKERS[name](LARGE, ONCE)
    for _ in range(5):
        contender.sample()
    return peak() - before


def peak() -> float:
    """The most bytes that the process has held since it began; a figure inherited from its parent is not among them."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return 1024.0 * int(status.partition("VmHWM:")[2].split()[0])
    except (OSError, IndexError):
        return 1024.0 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    print({"first-call": first_call, "memory": memory}[sys.argv[1]](sys.argv[2]))
