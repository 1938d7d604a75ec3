"""What a Jacobian takes, estimated before anything is computed, and what is done about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

import numpy as np

from covector.errors import BudgetError
from covector.jacobians.form import Recipe
from covector.run.extents import evaluate_extent

BUDGET = 1 << 30
"""Bytes that a Jacobian may take where nothing else is said."""

_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


@dataclass(frozen=True)
class Plan:
    """How a Jacobian is held: ``choice`` is "structured" (its factors are stored), "dense" (one factor of the size of
    the dense array is), or "chunked" (the factors do not fit the budget: there are products, and rows a few at a time).

    ``nbytes`` is what the factors take, ``dense_nbytes`` what the dense array would.

    >>> print(Plan("structured", 8_000, 8_000_000_000, 1 << 30))
    structured: 7.8 KiB instead of 7.5 GiB dense
    """

    choice: str
    nbytes: int
    dense_nbytes: int
    budget: int

    def __str__(self) -> str:
        if self.choice == "chunked":
            return (
                f"chunked: its factors would take {bytes_text(self.nbytes)}, more than {bytes_text(self.budget)}; "
                "products and rows are computed when asked for"
            )
        if self.choice == "dense":
            return f"dense: {bytes_text(self.nbytes)}"
        return f"structured: {bytes_text(self.nbytes)} instead of {bytes_text(self.dense_nbytes)} dense"


def plan_of(recipe: Recipe, extents: Mapping[str, int], budget: int) -> Plan:
    """What a recipe takes, and whether it is carried out."""
    form = recipe.form
    needs = [
        prod(evaluate_extent(extent, extents) for extent in tensor.shape) * np.dtype(tensor.dtype).itemsize
        for tensor in form.tensors
    ]
    elements = prod(evaluate_extent(index.extent, extents) for index in form.groups.all)
    dense = elements * np.dtype(form.dtype).itemsize
    choice = "chunked" if sum(needs) > budget else "dense" if needs and sum(needs) >= dense else "structured"
    return Plan(choice, sum(needs), dense, budget)


def check_dense(shape: tuple[int, ...], nbytes: int, budget: int, instead: str) -> None:
    """Raise `BudgetError` where a dense array is over the budget."""
    if nbytes > budget:
        sizes = "×".join(map(str, shape))
        message = f"the dense Jacobian has the shape {sizes} and would take {bytes_text(nbytes)}"
        hint = f"{instead}; or allow it: budget={nbytes}"
        raise BudgetError(f"{message}, more than the budget of {bytes_text(budget)}", hint=hint)


def bytes_text(count: int) -> str:
    """A number of bytes as it is read.

    >>> bytes_text(512), bytes_text(8 * 10**12)
    ('512 bytes', '7.3 TiB')
    """
    size, unit = float(count), 0
    while size >= 1024 and unit < len(_UNITS) - 1:
        size, unit = size / 1024, unit + 1
    return f"{count} {_UNITS[0]}" if unit == 0 else f"{size:.1f} {_UNITS[unit]}"
