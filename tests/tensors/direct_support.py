"""What tests of native calls share: a count of the calls that Python makes, and functions that native code calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import covector as cv
from covector.tensors.jit import Jitted
from covector.tensors.repeat import Repeat


class Python:
    """Counts the calls of a traced function that native code did not make."""

    def __init__(self) -> None:
        self.calls = 0


def counted_in(monkeypatch: pytest.MonkeyPatch) -> Python:
    """The count for one test."""
    counter = Python()

    def counted(whole: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            counter.calls += 1
            return whole(*arguments)

        return call

    monkeypatch.setattr(Repeat, "__call__", counted(Repeat.__call__))
    monkeypatch.setattr(Jitted, "_call", counted(Jitted._call))
    return counter


def ready(function: Callable[..., Any], *arguments: Any) -> Any:
    """A traced function that native code calls with such arguments."""
    traced = cv.jit(function)
    for _ in range(4):
        traced(*arguments)
    return traced
