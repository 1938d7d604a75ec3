"""A library of matrix products, called by address: MKL where it is installed, otherwise OpenBLAS, or none.

The library runs in the thread that calls it; the pool shares a product out, so that never two pools are at work.
"""

from __future__ import annotations

import ctypes
import importlib.util
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal as OneOf

from covector.codegen.products import Leave
from covector.errors import CovectorError, nearest
from covector.native import jit

Choice = OneOf["auto", "own", "openblas", "mkl"]

CHOICES: tuple[Choice, ...] = ("auto", "own", "openblas", "mkl")
"""What products may be left to: ``own`` is the kernels that covector writes, ``auto`` what is fastest here."""

_MKL_NAMES = ("libmkl_rt.so.2", "libmkl_rt.so.3", "libmkl_rt.so", "libmkl_rt.2.dylib", "mkl_rt.2.dll")
_AMD = ("znver", "bdver", "btver")  # as LLVM calls its processors
_SEQUENTIAL = 1
_OPENBLAS = "scipy_openblas64"


class Library:
    """A loaded library: the addresses of its matrix products with 64-bit sizes."""

    def __init__(self, name: str, handle: ctypes.CDLL, single: str, double: str) -> None:
        self.name, self._handle = name, handle
        self.addresses = {
            "covector_sgemm": ctypes.cast(getattr(handle, single), ctypes.c_void_p).value or 0,
            "covector_dgemm": ctypes.cast(getattr(handle, double), ctypes.c_void_p).value or 0,
        }


class Settings:
    """The choice of this process."""

    def __init__(self) -> None:
        self.choice: Choice = "auto"


SETTINGS = Settings()
"""What products are left to in this process."""


def choose(choice: Choice) -> None:
    """Leave products of matrices to a library, or to covector's own kernels, in what is compiled from now on.

    Raises `CovectorError` where there is no such library here.
    """
    if choice not in CHOICES:
        close = nearest(choice, CHOICES)
        raise CovectorError(f"there is no library {choice!r}", hint=f"{close!r}?" if close else " or ".join(CHOICES))
    if choice in _LOADERS and _LOADERS[choice]() is None:
        raise CovectorError(f"{choice} is not installed", hint=f"pip install {_PACKAGES[choice]}")
    SETTINGS.choice = choice


def leave() -> Leave:
    """What products are left to in this process."""
    choice = SETTINGS.choice
    if choice == "auto":
        return Leave("mkl" if _mkl_is_fast() else "openblas" if _has_openblas() else None)
    return Leave(choice, always=True) if choice in _LOADERS else Leave()


def addresses(name: str) -> Mapping[str, int]:
    """The addresses of the matrix products of a library."""
    library = _LOADERS[name]()
    return library.addresses if library is not None else {}


def _mkl_is_fast() -> bool:
    """Whether MKL is here and uses all of the vectors: on AMD it uses half, at 0.6 times the speed of own kernels."""
    return not jit.host().name.startswith(_AMD) and mkl() is not None


def _has_openblas() -> bool:
    return importlib.util.find_spec(_OPENBLAS) is not None


@cache
def mkl() -> Library | None:
    """MKL, told to use no threads of its own; None where it is not installed."""
    # The wheel puts it beside Python's own libraries, where the loader does not look.
    beside = Path(sys.prefix) / ("Library/bin" if sys.platform == "win32" else "lib")
    for name in (*(str(beside / name) for name in _MKL_NAMES), *_MKL_NAMES):
        try:
            handle = ctypes.CDLL(name)
            handle.MKL_Set_Threading_Layer(_SEQUENTIAL)
            return Library("mkl", handle, "cblas_sgemm_64", "cblas_dgemm_64")
        except (OSError, AttributeError):
            continue
    return None


@cache
def openblas() -> Library | None:
    """The OpenBLAS of the package ``scipy-openblas64``, told to use no threads of its own; None where it is not."""
    found = importlib.util.find_spec(_OPENBLAS)
    if found is None or found.origin is None:
        return None
    for path in sorted((Path(found.origin).parent / "lib").glob("libscipy_openblas64_*")):
        try:
            handle = ctypes.CDLL(str(path))
            handle.scipy_openblas_set_num_threads64_(1)
            return Library("openblas", handle, "scipy_cblas_sgemm64_", "scipy_cblas_dgemm64_")
        except (OSError, AttributeError):
            continue
    return None


_LOADERS = {"mkl": mkl, "openblas": openblas}
_PACKAGES = {"mkl": "mkl", "openblas": "scipy-openblas64"}
