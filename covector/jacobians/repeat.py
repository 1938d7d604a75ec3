"""Calls of a derivative: what was found for some arrays serves all of the same shapes and dtypes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from covector.jacobians.form import Extents
from covector.jacobians.forward import Source, cast
from covector.jacobians.names import Given
from covector.run.reference import Array

Result = Callable[[Mapping[str, Array]], Any]
"""What gives the result for arrays by name, of the shapes that it was prepared for."""

MOST = 1024
"""Kinds of calls that a derivative remembers."""


@dataclass(frozen=True, slots=True)
class Known:
    """What a call does: each array's name, the dtype that it needs and whether it has another, and then the result."""

    arrays: tuple[tuple[str, str, bool], ...]
    result: Result

    def __call__(self, given: tuple[Any, ...]) -> Any:
        """The result for arrays in the order of the call."""
        return self.result(
            {
                name: cast(name, array, dtype) if differs or not array.flags.c_contiguous else array
                for (name, dtype, differs), array in zip(self.arrays, given, strict=True)
            }
        )


class Derivative:
    """A derivative of a forward, to be called with its arguments.

    ``prepare`` does what depends on the program and on shapes alone: it is called once for all arrays of the same kind,
    and again for other arguments, such as trees of tensors.
    """

    def __init__(self, source: Source, prepare: Callable[[Given, Extents], Result]) -> None:
        self._source, self._prepare = source, prepare
        self._known: dict[object, Known] = {}

    def __call__(self, *args: Any, **named: Any) -> Any:
        given = (*args, *named.values()) if named else args
        key = (
            len(args),
            self._source.numbers(),
            *named,
            *[(a.shape, a.dtype) if type(a) is np.ndarray else None for a in given],
        )
        known = self._known.get(key)
        return self._first(key, args, named) if known is None else known(given)

    def _first(self, key: tuple[object, ...], args: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """The result of a call that is like none before, which is remembered if all arguments are arrays."""
        found, extents = self._source.at(args, named)
        result = self._prepare(found, extents)
        if found.called and None not in key:
            dtypes = {tensor.name: tensor.dtype for tensor in found.program.inputs}
            given = zip(found.called, (*args, *named.values()), strict=True)
            if len(self._known) >= MOST:
                self._known.clear()
            self._known[key] = Known(tuple((n, dtypes[n], a.dtype != dtypes[n]) for n, a in given), result)
        return result(found.arrays)
