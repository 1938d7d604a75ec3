"""Around the functions of a user: without warnings, and not for longer than they may take."""

from __future__ import annotations

import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np


class TimeLimitError(BaseException):
    """A function of the user that took longer than it may."""


def short(error: BaseException) -> str:
    """The message of an error in one line, shortened."""
    text = " ".join(str(error).split())
    return text if len(text) <= 160 else text[:157] + "…"


@contextmanager
def quiet() -> Iterator[None]:
    """Without warnings of floating point."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


@contextmanager
def limited(seconds: float | None) -> Iterator[None]:
    """Raises `TimeLimitError` in the main thread of a Unix system when the time is up; elsewhere there is no limit."""
    if seconds is None or threading.current_thread() is not threading.main_thread() or not hasattr(signal, "SIGALRM"):
        yield
        return

    def stop(*_: Any) -> None:
        raise TimeLimitError

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
