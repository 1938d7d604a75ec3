"""The table of what a tensor can do: for each operation how its form is built from symbolic arrays.

Most entries are those of the front end's namespace; `covector.tensors.builders` adds those that only tensors have.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import Any

from covector.frontend.arrays import Array
from covector.frontend.functions import NAMESPACE
from covector.frontend.lazy import Trace
from covector.ir import Affine, promote
from covector.ops import OPERATIONS, SCALARS
from covector.tensors.builders import BUILDERS
from covector.tensors.norms import NORMS
from covector.tensors.rounding import ROUNDING, as_type

Build = Callable[[Trace, list[Array], list[Affine], dict[str, Any]], Array | tuple[Array, ...]]


@dataclass(frozen=True)
class Recipe:
    """How a form is built: from its arguments, extents beside theirs, and parameters.

    ``widens`` says that int32 is summed as int64, ``cast`` that the parameter ``dtype`` is the dtype of the result.
    """

    build: Build
    arguments: tuple[str, ...] = ()
    widens: bool = False
    cast: bool = False

    def names(self, count: int) -> tuple[str, ...]:
        """Names for this many arguments."""
        if count <= len(self.arguments):
            return self.arguments[:count]
        return ("x",) if count == 1 else tuple(f"x{place}" for place in range(count))


_WIDENING = ("sum", "prod", "cumsum", "cumprod")


def _from_namespace(name: str) -> Recipe:
    function = NAMESPACE[name]
    arguments: tuple[str, ...] = ()
    if name in OPERATIONS:
        arguments = OPERATIONS[name].arguments
    elif name in SCALARS:
        arguments = SCALARS[name].parameters
    prepare = _as_numbers if name in SCALARS and SCALARS[name].result != "bool" else list[Array]
    return Recipe(lambda _, arrays, __, params: function(*prepare(arrays), **params), arguments, name in _WIDENING)


def _as_numbers(arrays: list[Array]) -> list[Array]:
    """Truth values beside numbers as numbers: 0 times NaN is NaN then, as it is not for a bracket."""
    kind = reduce(promote, [array.dtype for array in arrays])
    return [as_type(array, kind) if array.dtype == "bool" != kind else array for array in arrays]


def _own(name: str, build: Build) -> Recipe:
    return Recipe(build, widens=name in _WIDENING, cast=name == "cast")


RECIPES: dict[str, Recipe] = {
    **{name: _from_namespace(name) for name in NAMESPACE},
    **{name: _own(name, build) for name, build in (BUILDERS | NORMS | ROUNDING).items()},
}
"""Every operation of tensors by name."""


def recipe_of(name: str) -> Recipe:
    """The recipe of an operation."""
    return RECIPES[name]
