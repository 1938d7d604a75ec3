"""Roots of sums: norms and standard deviations, whose derivative is 0 where they are 0, as in PyTorch."""

from __future__ import annotations

from math import inf
from typing import Any

from covector.frontend.arrays import Array
from covector.frontend.axes import reduction, variance
from covector.frontend.elementwise import elementwise, select
from covector.frontend.lazy import Trace
from covector.ir import Affine

Extents = list[Affine]
Params = dict[str, Any]


def norm(_: Trace, arrays: list[Array], __: Extents, params: Params) -> Array:
    """The p-norm over some axes; for infinity the largest magnitude, for minus infinity the smallest."""
    (array,), p = arrays, params["p"]
    where = (params["axis"], params["keepdims"])
    if p in (inf, -inf):
        return reduction("norm", "max" if p > 0 else "min", elementwise("abs", array), *where)
    if p == 2:
        return _root(reduction("norm", "sum", elementwise("pow", array, 2), *where), p)
    magnitude = elementwise("abs", array)
    if p == 1:
        return reduction("norm", "sum", magnitude, *where)
    return _root(reduction("norm", "sum", elementwise("pow", magnitude, p), *where), p)


def std(_: Trace, arrays: list[Array], __: Extents, params: Params) -> Array:
    """The square root of the variance over some axes."""
    (array,) = arrays
    return _root(variance("std", array, params["axis"], params["correction"], params["keepdims"]), 2)


def _root(total: Array, p: float) -> Array:
    """The p-th root of what is not negative; where it is 0, so is the root, and its derivative with it."""
    total = total.trace.keep(total, "total")
    root = elementwise("sqrt", total) if p == 2 else elementwise("pow", total, 1 / p)
    return select(elementwise("eq", total, 0), 0, root) if p > 0 else root


NORMS: dict[str, Any] = {"norm": norm, "std": std}
"""The builders by the name of their operation."""
