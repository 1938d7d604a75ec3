"""How a tensor is printed: as PyTorch prints it."""

from __future__ import annotations

from typing import Any

import numpy as np

from covector.tensors import flush
from covector.tensors.node import STATE
from covector.tensors.tensor import Tensor

_DEFAULT = ("float32", "int64", "bool")
_THRESHOLD = 1000
_EDGE = 3


def text(x: Tensor) -> str:
    """A tensor as text: its values, its dtype where that is not the default, and whether it requires a gradient."""
    suffix = "" if x.dtype in _DEFAULT else f", dtype={x.dtype!r}"
    if x.requires_grad:
        suffix += ", requires_grad=True" if x.is_leaf else f", grad_fn=<{origin(x)}>"
    if not x.size and x.ndim != 1:
        suffix = f", size={x.shape}" + suffix
    if STATE.trace is not None:
        return f"tensor(<traced {list(x.shape)} {x.dtype!s}>)"
    values = flush.array_at(x._node)
    return f"tensor({_values(values)}{suffix})"


def origin(x: Tensor) -> str | None:
    """The name of the operation that a gradient goes back through; None for a leaf."""
    if not x.requires_grad or x.is_leaf:
        return None
    return x._node.entry.form.name if x._node.entry is not None else "freed"


def _values(values: Any) -> str:
    if not values.size:
        return "[]"
    write = _float_formatter(values) if values.dtype.kind == "f" else _plain_formatter(values)
    return np.array2string(
        values,
        separator=", ",
        prefix="tensor(",
        formatter={"all": write},
        threshold=_THRESHOLD,
        edgeitems=_EDGE,
        max_line_width=80,
    )


def _shown(values: Any) -> Any:
    """The values that are printed."""
    if values.size <= _THRESHOLD:
        return values
    for axis, extent in enumerate(values.shape):
        if extent > 2 * _EDGE:
            values = np.take(values, [*range(_EDGE), *range(extent - _EDGE, extent)], axis)
    return values


def _plain_formatter(values: Any) -> Any:
    width = max((len(str(value)) for value in _shown(values).ravel().tolist()), default=0)
    if not values.ndim:
        width = 0
    return lambda value: str(value).rjust(width)


def _float_formatter(values: Any) -> Any:
    """Four digits; whole numbers with a point; powers of ten where the magnitudes differ much."""
    shown = _shown(values).ravel().astype(np.float64)
    finite = np.abs(shown[np.isfinite(shown)])
    nonzero = finite[finite > 0]
    large, small = (nonzero.max(), nonzero.min()) if nonzero.size else (0.0, 0.0)
    if np.array_equal(finite, np.ceil(finite)) and large < 1e8:
        pattern = "{:.0f}."
    elif nonzero.size and (large / small > 1000 or large > 1e8 or small < 1e-4):
        pattern = "{:.4e}"
    else:
        pattern = "{:.4f}"

    def write(value: float) -> str:
        return pattern.format(value) if np.isfinite(value) else str(float(value))

    # As in PyTorch, zeros and what is not finite are not asked how wide the columns are.
    counted = shown[np.isfinite(shown) & (shown != 0)]
    width = max((len(write(value)) for value in counted), default=0) if values.ndim else 0
    return lambda value: write(value).rjust(width)
