"""What one operation of the table is: a record, data only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Operation:
    """A tensor operation by element form.

    ``forms`` are programs in the notation whose last statement is the result; of several, the first is taken that
    reads exactly the arguments given and whose ranks fit them. ``arguments`` is their order in a call. ``parameters``
    are numbers that a call may set, with their defaults; they stand in the forms as names. With ``axis``, a call may
    say which axis takes the place of the last one. ``example`` declares arguments for documentation and tests,
    ``sample`` sets parameters there.
    """

    name: str
    arguments: tuple[str, ...]
    forms: tuple[str, ...]
    doc: str
    family: str
    example: str
    parameters: Mapping[str, int | float | bool] = field(default_factory=dict)
    sample: Mapping[str, int | float | bool] = field(default_factory=dict)
    axis: bool = False


EVERY_AXIS = ("i", "i, j", "i, j, k", "i, j, k, l")
"""The indices of a reduction over every axis, one entry for each rank, from which such operations make their forms."""
