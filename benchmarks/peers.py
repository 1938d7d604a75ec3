"""The libraries, each imported when it is first wanted, with the threads of the run; or why it is not there."""

from __future__ import annotations

import importlib
import os
import shutil
import warnings
from functools import cache
from typing import Any

from benchmarks.record import Unavailable
from benchmarks.threads import chosen


@cache
def torch() -> Any:
    """PyTorch."""
    try:
        found = importlib.import_module("torch")
    except ImportError:
        raise Unavailable("PyTorch is not installed") from None
    found.set_num_threads(chosen())
    return found


@cache
def covector() -> Any:
    """covector, with all that a training step needs of it, which it otherwise imports when it is first used."""
    for name in ("nn", "optim", "tensors.jit"):
        importlib.import_module(f"covector.{name}")
    return importlib.import_module("covector")


@cache
def compiler() -> Any:
    """PyTorch, where its compiler works: it needs a C++ compiler on the machine."""
    found = torch()
    if shutil.which(os.environ.get("CXX", "g++")) is None and shutil.which("clang++") is None:
        raise Unavailable("torch.compile needs a C++ compiler, and none is installed")
    warnings.filterwarnings("ignore", module="torch")
    return found


@cache
def jax() -> Any:
    """JAX, on the processor."""
    try:
        return importlib.import_module("jax")
    except ImportError:
        raise Unavailable("JAX is not installed") from None
