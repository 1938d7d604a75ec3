"""What every test that makes machine code has: a cache of its own, and LLVM's verifier."""

from __future__ import annotations

import llvmlite.binding as llvm
import pytest

from covector.native import jit, objects
from covector.native.cache import Cache


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Cache:
    """A cache in a directory of the test."""
    cache = Cache(tmp_path_factory.mktemp("objects"))
    monkeypatch.setattr(objects, "cache", lambda: cache)
    return cache


@pytest.fixture(autouse=True)
def verified(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every text is checked before it becomes machine code."""
    make = jit.object_code

    def check(text: str) -> bytes:
        llvm.parse_assembly(text, llvm.create_context()).verify()
        return make(text)

    monkeypatch.setattr(jit, "object_code", check)
