"""`Rule`: the formula of an update as one operation of tensors, whose results are the new values.

A formula is a function of symbolic arrays. It becomes one element form for each set of arrays that it is given, so
that a step costs one call for each parameter, and is fused with the backward pass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from covector.frontend.arrays import Array
from covector.frontend.elementwise import elementwise
from covector.frontend.lazy import Trace
from covector.ir import Affine
from covector.tensors.dtypes import Kind
from covector.tensors.form import Entry, resolve
from covector.tensors.table import RECIPES, Recipe

Formula = Callable[..., Mapping[str, Array]]
"""From arrays by name, of which some may be left out, to new values by the names of the old ones."""


class Rule:
    """A formula that tensors can be given; ``name`` is that of its operation, as `explain` shows it."""

    def __init__(self, name: str, formula: Formula) -> None:
        self.name, self.formula = name, formula
        RECIPES[name] = Recipe(self._build)

    def _build(self, _: Trace, arrays: list[Array], __: list[Affine], params: dict[str, Any]) -> tuple[Array, ...]:
        """The form for some arrays: ``arrays`` and ``results`` among the parameters are names."""
        given = dict(zip(params.pop("arrays"), arrays, strict=True))
        results = params.pop("results")
        if params.pop("maximize"):
            given["gradient"] = -given["gradient"]
        made = self.formula(**given, **params)
        return tuple(made[name] for name in results)

    def entry(
        self,
        kinds: Sequence[Kind],
        arrays: tuple[str, ...],
        results: tuple[str, ...],
        flags: tuple[tuple[str, bool], ...],
    ) -> Entry:
        """What makes the new values that ``results`` names of tensors of some kinds, which ``arrays`` names.

        ``flags`` are parameters of the formula.
        """
        return resolve(self.name, kinds, (("arrays", arrays), ("results", results), *flags))


def decayed(gradient: Array, parameter: Array, weight_decay: Array | None) -> Array:
    """The gradient of a loss to which ``weight_decay / 2`` times the squared parameter is added."""
    return gradient if weight_decay is None else gradient + weight_decay * parameter


def kept(array: Array) -> Array:
    """The new value of a state from which that of the parameter is computed, so that the old one is read no more."""
    return array.trace.keep(array)


def sqrt(array: Array) -> Array:
    """The square root of each element."""
    return elementwise("sqrt", array)
