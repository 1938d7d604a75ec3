"""Tests neither read nor write the user's cache of object code."""

from __future__ import annotations

import pytest

from covector.native import compiled
from covector.native.cache import Cache


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Cache:
    """A cache in a directory of the test."""
    cache = Cache(tmp_path_factory.mktemp("objects"))
    monkeypatch.setattr(compiled, "cache", lambda: cache)
    return cache
