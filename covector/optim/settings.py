"""The settings of a group as tensors, whose values are looked up each time that a step is computed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from covector.tensors.dtypes import kind_of
from covector.tensors.node import renewed
from covector.tensors.tensor import Tensor

Group = dict[str, Any]
Setting = Callable[[Group], float]
"""A number that a formula needs, from the settings of a group."""


def setting(name: str) -> Setting:
    """The setting of a name.

    >>> setting("lr")({"lr": 0.5})
    0.5
    """
    return lambda group: float(group[name])


class Settings:
    """Numbers that the updates of one group need: in one step a tensor without axes for each, and each dtype."""

    def __init__(self, group: Group, wanted: Mapping[str, Setting]) -> None:
        self._group, self._wanted = group, wanted
        self._made: dict[str, dict[str, Tensor]] = {}

    def tensors(self, dtype: str) -> dict[str, Tensor]:
        """The numbers by name, in a dtype."""
        found = self._made.get(dtype)
        if found is None:
            kind, group = kind_of((), dtype), self._group
            found = {name: Tensor(renewed(kind, partial(value, group))) for name, value in self._wanted.items()}
            self._made[dtype] = found
        return found
