"""Locks and forks: a fork waits for whoever holds a lock, so that a child finds it free and nothing half done.

A child has the memory of its parent but only the thread that forked: a lock that another thread held would never be
given back in it. The locks are taken in the reverse of the order in which they were named here, which is the order in
which modules that hold one call those that hold another.
"""

from __future__ import annotations

import os
from typing import Protocol, TypeVar


class Lock(Protocol):
    """What `threading` has as locks."""

    def acquire(self) -> bool: ...

    def release(self) -> None: ...


L = TypeVar("L", bound=Lock)


def held_at_fork(lock: L) -> L:
    """The lock, which the thread that forks holds meanwhile, in both processes given back after it.

    >>> import threading
    >>> lock = held_at_fork(threading.RLock())
    """
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release)
    return lock
