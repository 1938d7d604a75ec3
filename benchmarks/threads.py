"""The same number of threads for every library of a process."""

from __future__ import annotations

import os

VARIABLES = (
    "OMP_NUM_THREADS",  # PyTorch, MKL
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",  # NumPy
    "NPROC",  # XLA's thread pools, by an older and a newer name
    "PJRT_NPROC",
)


def environment(threads: int) -> dict[str, str]:
    """The variables of a process whose libraries are to use so many threads.

    >>> environment(3)["OMP_NUM_THREADS"]
    '3'
    """
    flags = [os.environ.get("XLA_FLAGS", "")]
    if threads == 1:
        flags.append("--xla_cpu_multi_thread_eigen=false")
    counts = {name: str(threads) for name in VARIABLES}
    return {**os.environ, **counts, "XLA_FLAGS": " ".join(flags).strip(), "JAX_PLATFORMS": "cpu"}


def chosen() -> int:
    """The number of threads that this process was started with.

    >>> chosen() >= 1
    True
    """
    return int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1)


def pin(threads: int) -> None:
    """Keep the process on as many cores as it has threads, where the system can: nobody then takes one more."""
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, cores[:threads])
