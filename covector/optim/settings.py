"""Settings of a group as tensors: their values are looked up each time that a step is computed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from covector.tensors.creation import live
from covector.tensors.tensor import Tensor

Group = dict[str, Any]


class Settings:
    """The settings of one group; a tensor is made once for each that is used, and each dtype."""

    def __init__(self, group: Group) -> None:
        self.group = group
        self._made: dict[tuple[str, str], Tensor] = {}

    def __call__(self, name: str, dtype: str, value: Callable[[Group], float] | None = None) -> Tensor:
        """The setting of a name, or under that name a function of the settings, as a tensor without axes."""
        key = (name, dtype)
        if key not in self._made:
            group = self.group
            self._made[key] = live((lambda: group[name]) if value is None else (lambda: value(group)), dtype)
        return self._made[key]
