"""What is measured in a process of its own: imports, first calls, peak memory."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks import peers
from benchmarks.measure import Effort, fresh, printed
from benchmarks.record import COMPILED, EAGER, JAX, JIT, NUMPY, TORCH, Bar, Contender, Row, Sample

WARM_DISK = "covector jit, compiled earlier"
DERIVE = "covector.derive"


def rows(effort: Effort) -> list[Row]:
    """Imports, then first calls, then memory."""
    imports: dict[str, Callable[[], Contender]] = {
        EAGER: lambda: _importing("import covector"),
        f"{EAGER}, first tensor": lambda: _importing("import covector; covector.tensor([1.0]).numpy()"),
        DERIVE: lambda: _importing("import covector; covector.derive"),
        TORCH: lambda: _importing("import torch", peers.torch),
        JAX: lambda: _importing("import jax", peers.jax),
        NUMPY: lambda: _importing("import numpy"),
    }
    first: dict[str, Callable[[], Contender]] = {
        JIT: lambda: _child("first-call", JIT),
        WARM_DISK: lambda: _child("first-call", JIT, clean=False),
        EAGER: lambda: _child("first-call", EAGER),
        TORCH: lambda: _child("first-call", TORCH, peers.torch),
        COMPILED: lambda: _child("first-call", COMPILED, peers.compiler),
        JAX: lambda: _child("first-call", JAX, peers.jax),
    }
    memory: dict[str, Callable[[], Contender]] = {
        JIT: lambda: _child("memory", JIT),
        EAGER: lambda: _child("memory", EAGER),
        TORCH: lambda: _child("memory", TORCH, peers.torch),
        JAX: lambda: _child("memory", JAX, peers.jax),
        NUMPY: lambda: _child("memory", NUMPY),
    }
    return [
        Row("import", "importing", imports, (Bar(EAGER, under=0.150),), rounds=7),
        Row(
            "first-derive",
            "deriving the linear layer, as the first call of a process",
            {DERIVE: lambda: _tried(fresh(_FIRST_DERIVE, "import covector; covector.derive"))},
            rounds=5,
        ),
        Row(
            "first-call",
            "first step of the MLP 784-512-256-10, in a new process, from the model on, nothing compiled before",
            first,
            (Bar(JIT, 1.0, (JAX,)), Bar(JIT, 10.0, (COMPILED,))),
            rounds=3,
        ),
        Row(
            "memory",
            "peak memory that steps of the MLP 784-2048-2048-10, batch 512, add to a process",
            memory,
            unit="B",
            rounds=3,
        ),
    ]


_FIRST_DERIVE = "covector.derive('linear[i,j] = sum[k](input[i,k] * weight[j,k]) + bias[j]')"


def _importing(lines: str, needed: Callable[[], object] | None = None) -> Contender:
    if needed is not None:
        needed()
    return _tried(fresh(lines))


def _tried(sample: Sample) -> Contender:
    """A contender whose first sample is dropped: it finds out whether it works, and has files in the system's cache."""
    sample()
    return Contender(sample)


def _child(what: str, name: str, needed: Callable[[], object] | None = None, clean: bool = True) -> Contender:
    """A figure that ``benchmarks.families.child`` prints; where ``clean``, every disk cache is empty at the start."""
    if needed is not None:
        needed()
    command = [sys.executable, "-m", "benchmarks.families.child", what, name]
    if not clean:
        folder = Path(tempfile.gettempdir()) / f"covector-benchmark-{os.getuid() if hasattr(os, 'getuid') else 0}"
        return _tried(printed(command, _caches_in(str(folder))))
    return _tried(_in_a_clean_folder(command))


def _in_a_clean_folder(command: list[str]) -> Sample:
    def sample() -> float:
        folder = tempfile.mkdtemp()
        try:
            return printed(command, _caches_in(folder))()
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    return sample


def _caches_in(folder: str) -> dict[str, str]:
    """The variables by which libraries find the folders of what they compiled."""
    return {**os.environ, "XDG_CACHE_HOME": folder, "COVECTOR_CACHE_DIR": folder, "TORCHINDUCTOR_CACHE_DIR": folder}
