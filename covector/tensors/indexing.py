"""``x[key]`` and ``x[key] = value``: integers, slices of any step, ellipsis, new axes, integer arrays, boolean masks.

A slice reads at affine positions, integer arrays are gathers, and a mask is the integer arrays of its true places, for
which it must be looked at. Assignment gives the tensor a new value; nobody else sees it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import index as whole
from typing import Any

import numpy as np

from covector.errors import GradientError, ShapeError
from covector.tensors import flush
from covector.tensors.node import STATE
from covector.tensors.shapes import broadcast_to, is_plain, reshape, unsqueeze, view
from covector.tensors.tensor import Tensor, as_tensor, call, from_numpy


@dataclass(slots=True)
class Key:
    """A key by axis: ``steps`` and ``extents`` as `covector.tensors.builders.part` takes them, then ``tables`` for the
    axes left, and ``new`` positions of new axes in the result of that.
    """

    steps: list[int | None] = field(default_factory=list)
    extents: list[int] = field(default_factory=list)
    tables: list[Tensor | None] = field(default_factory=list)
    new: list[int] = field(default_factory=list)

    @property
    def slices(self) -> bool:
        """Whether some axis is sliced."""
        return any(step is not None for step in self.steps)

    @property
    def gathers(self) -> bool:
        """Whether some axis is looked up in an array."""
        return any(table is not None for table in self.tables)


def get(x: Tensor, key: Any) -> Tensor:
    """The part of a tensor that a key names; raises `IndexError` where the key does not fit.

    >>> import covector as cv
    >>> x = cv.arange(12).reshape(3, 4)
    >>> x[1, ::-2], x[x > 9], x[[0, 2], 1]
    (tensor([7, 5]), tensor([10, 11]), tensor([1, 9]))
    """
    x, parts = _single_truths(x, _expanded(x, key))
    if is_plain(x) and all(_is_basic(part) or _is_plain_array(part) for part in parts):
        data = x._node.data[tuple(_as_numpy(part) for part in parts)]
        return view(x, np.asarray(data))
    understood = _understood(x, parts)
    result = x
    if understood.slices:
        result = call("part", x, params=(("steps", tuple(understood.steps)),), extents=tuple(understood.extents))
    if understood.gathers:
        at = tuple(table is not None for table in understood.tables)
        tables = [table for table in understood.tables if table is not None]
        result = call("gather", result, *tables, params=(("at", at),))
    elif understood.new:
        shape = list(result.shape)
        for place in understood.new:
            shape.insert(place, 1)
        result = reshape(result, *shape)
    return result


def _single_truths(x: Tensor, parts: list[Any]) -> tuple[Tensor, list[Any]]:
    """A single truth value in a key is a mask of a new axis of extent 1: the tensor with that, and the key for it."""
    new, axis = list(parts), 0
    for number, part in enumerate(parts):
        if isinstance(part, (np.ndarray, Tensor)) and _is_mask(part) and not part.ndim:
            x, new[number] = unsqueeze(x, axis), part.reshape(1)
        axis += _width(new[number])
    return x, new


def _is_basic(part: Any) -> bool:
    return part is None or isinstance(part, (int, slice, np.integer))


def _is_plain_array(part: Any) -> bool:
    return isinstance(part, np.ndarray) or (isinstance(part, Tensor) and is_plain(part))


def _as_numpy(part: Any) -> Any:
    return part._node.data if isinstance(part, Tensor) else part


def _expanded(x: Tensor, key: Any) -> list[Any]:
    """The parts of a key, one for each axis and each new axis; raises `IndexError` where there are too many."""
    parts = list(key) if isinstance(key, tuple) else [key]
    parts = [_as_part(part) for part in parts]
    dots = [place for place, part in enumerate(parts) if part is Ellipsis]
    if len(dots) > 1:
        raise IndexError("an index can only have a single ellipsis ('...')")
    used = sum(_width(part) for part in parts)
    if used > x.ndim:
        raise IndexError(f"too many indices for tensor of dimension {x.ndim}")
    at = dots[0] if dots else len(parts)
    return [*parts[:at], *[slice(None)] * (x.ndim - used), *parts[at + len(dots) :]]


def _as_part(part: Any) -> Any:
    """A part of a key: an integer, a slice, None, an ellipsis, or an array of integers or truth values."""
    if part is None or part is Ellipsis or isinstance(part, (slice, np.ndarray)):
        return part
    if isinstance(part, Tensor):
        return part
    if isinstance(part, (bool, np.bool_)):
        return np.asarray(part)
    if isinstance(part, (list, tuple, range)):
        array = np.asarray(part)
        return array if array.size else array.astype(np.int64)
    if hasattr(part, "__index__"):
        return whole(part)
    raise IndexError(
        f"only integers, slices (`:`), ellipsis (`...`), None and integer or boolean arrays are valid indices, not "
        f"{type(part).__name__}"
    )


def _width(part: Any) -> int:
    """How many axes a part of a key speaks of."""
    if part is None or part is Ellipsis:
        return 0
    return part.ndim if isinstance(part, (np.ndarray, Tensor)) and _is_mask(part) else 1


def _is_mask(part: Any) -> bool:
    return str(part.dtype) == "bool"


def _understood(x: Tensor, parts: Sequence[Any]) -> Key:
    """The parts of a key, understood for the shape of a tensor."""
    key, axis = Key(), 0
    arrays = any(isinstance(part, (np.ndarray, Tensor)) for part in parts)
    for part in parts:
        if part is None:
            if arrays:
                raise IndexError("new axes and arrays in one index are not taken together: index twice")
            key.new.append(len([step for step in key.steps if step != 0]) + len(key.new))
        elif isinstance(part, slice):
            _slice(key, part, x.shape[axis])
            axis += 1
        elif isinstance(part, int) and not arrays:
            key.steps.append(0)
            key.extents.append(_position(part, axis, x.shape[axis]) + 1)
            axis += 1
        else:
            for table in _tables(x, np.asarray(part) if isinstance(part, int) else part, axis):
                key.steps.append(None)
                key.tables.append(table)
                axis += 1
    return key


def _slice(key: Key, part: slice, extent: int) -> None:
    key.tables.append(None)
    start, stop, step = part.indices(extent)
    count = len(range(start, stop, step))
    if (start, count, step) == (0, extent, 1):
        key.steps.append(None)
        return
    key.steps.append(step)
    key.extents += [start + 1 if count else 1, count]


def _position(at: int, axis: int, extent: int) -> int:
    if not -extent <= at < extent:
        raise IndexError(f"index {at} is out of bounds for dimension {axis} with size {extent}")
    return at % extent


def _tables(x: Tensor, part: Any, axis: int) -> list[Tensor]:
    """The integer arrays that one part of a key is: a mask is one for each of its axes."""
    if _is_mask(part):
        if part.shape != x.shape[axis : axis + part.ndim]:
            raise IndexError(
                f"The shape of the mask {list(part.shape)} at index 0 does not match the shape of the indexed tensor "
                f"{list(x.shape)} at index {axis}"
            )
        mask = flush.array_at(part._node) if isinstance(part, Tensor) else part
        return [from_numpy(places) for places in np.nonzero(mask)]
    if isinstance(part, Tensor):
        if part.dtype not in ("int32", "int64"):
            raise IndexError(f"tensors used as indices must be int or bool tensors, not {part.dtype!s}")
        return [part]
    if part.dtype.kind not in "iu":
        raise IndexError("tensors used as indices must be int or bool tensors")
    extent = x.shape[axis]
    outside = (part < -extent) | (part >= extent)
    if outside.any():
        raise IndexError(f"index {part[outside].flat[0]} is out of bounds for dimension {axis} with size {extent}")
    return [from_numpy(part.astype(np.int64))]


def put(x: Tensor, key: Any, value: Any) -> None:
    """``x[key] = value``: the tensor holds a new value from now on.

    Raises `GradientError` for a leaf that requires a gradient, `ShapeError` where the value does not broadcast.
    """
    if x.requires_grad and x.is_leaf and STATE.grad_enabled:
        raise GradientError(
            "a leaf Variable that requires grad is being used in an in-place operation.",
            hint="with covector.no_grad(): …, or assign to a copy of it",
        )
    new = as_tensor(value, x)
    if new.dtype != x.dtype:
        new = new.astype(x.dtype)
    parts = _expanded(x, key)
    if any(isinstance(part, (np.ndarray, Tensor)) for part in parts):
        result = _scattered(x, parts, new)
    else:
        understood = _understood(x, [part for part in parts if part is not None])
        shape = get(x.detach(), tuple(part for part in parts if part is not None)).shape
        new = _fitted(new, shape)
        if 0 in shape:
            return
        steps = tuple(understood.steps)
        result = call("with_part", x, new, params=(("steps", steps),), extents=tuple(understood.extents))
    x.assign(result)


def _fitted(value: Tensor, shape: tuple[int, ...]) -> Tensor:
    """A value without the leading axes of extent 1 that it has too many; raises `ShapeError` where it does not fit."""
    while value.ndim > len(shape) and value.shape[0] == 1:
        value = reshape(value, *value.shape[1:])
    lead = len(shape) - value.ndim
    if lead < 0 or any(own not in (1, wide) for own, wide in zip(value.shape, shape[max(lead, 0) :], strict=False)):
        raise ShapeError(
            f"shape mismatch: value tensor of shape {list(value.shape)} cannot be broadcast to indexing result of "
            f"shape {list(shape)}"
        )
    return value


def _scattered(x: Tensor, parts: Sequence[Any], value: Tensor) -> Tensor:
    """The tensor with elements that arrays name replaced; where one is named twice, the last value counts."""
    places = np.arange(x.size).reshape(x.shape)
    chosen = places[tuple(flush.array_at(part._node) if isinstance(part, Tensor) else part for part in parts)]
    value = reshape(broadcast_to(_fitted(value, chosen.shape), chosen.shape), -1)
    writer = np.full(x.size, -1)
    writer[chosen.reshape(-1)] = np.arange(chosen.size)
    table = from_numpy(writer.reshape(x.shape))
    if not chosen.size:
        return x
    written = call("gather", value, call("maximum", table, as_tensor(0, table)), params=(("at", (True,)),))
    return call("where", table >= 0, written, x)
