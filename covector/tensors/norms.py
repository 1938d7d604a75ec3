"""Norms, variances and standard deviations, as in PyTorch: the derivative of a root is 0 where that is 0, and what is
divided by the number of elements less a correction is never divided by less than 0.
"""

from __future__ import annotations

from math import inf
from typing import Any

from covector.frontend.arrays import Array
from covector.frontend.axes import axes_of, count, mean, reduction
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


def var(_: Trace, arrays: list[Array], __: Extents, params: Params) -> Array:
    """The squared distances from the mean over some axes, over their number less ``correction``."""
    (array,), correction = arrays, params["correction"]
    axes = axes_of("var", array, params["axis"])
    away = elementwise("sub", array, mean("var", array, axes, True))
    total = reduction("var", "sum", elementwise("pow", away, 2), axes, params["keepdims"])
    degrees = total.make((), count(array, axes))
    if correction:
        degrees = elementwise("maximum", elementwise("sub", degrees, correction), 0)
    return elementwise("div", total, degrees)


def std(_: Trace, arrays: list[Array], __: Extents, params: Params) -> Array:
    """The square root of the variance over some axes."""
    return _root(var(_, arrays, __, params), 2)


def _root(total: Array, p: float) -> Array:
    """The p-th root of what is not negative; where it is 0, so is the root, and its derivative with it."""
    total = total.trace.keep(total, "total")
    root = elementwise("sqrt", total) if p == 2 else elementwise("pow", total, 1 / p)
    return select(elementwise("eq", total, 0), 0, root) if p > 0 else root


NORMS: dict[str, Any] = {"norm": norm, "var": var, "std": std}
"""The builders by the name of their operation."""
