"""The settings of a group as numbers that programs are given, looked up each time that a step is computed."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

Group = dict[str, Any]
Setting = Callable[[Group], float]
"""A number that a formula needs, from the settings of a group."""


@cache
def setting(name: str) -> Setting:
    """The setting of a name.

    >>> setting("lr")({"lr": 0.5})
    0.5
    """
    return lambda group: float(group[name])
