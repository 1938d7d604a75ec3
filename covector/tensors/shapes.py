"""Shape operations: the same elements under another shape, joined, taken apart or moved."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np

from covector.errors import ShapeError
from covector.tensors.dtypes import kind_of
from covector.tensors.functions import axis_of, pytorch_names
from covector.tensors.node import STATE, leaf
from covector.tensors.tensor import Tensor, as_tensor, call, unary

Shape = Any
"""Extents one after another, or as one tuple or list."""


def view(x: Tensor, data: Any) -> Tensor:
    """A tensor over memory that another's leaf has; for leaves that no gradient is wanted of."""
    return Tensor(leaf(kind_of(data.shape, x.dtype), np.ascontiguousarray(data).reshape(data.shape)))


def is_plain(x: Tensor) -> bool:
    """Whether the value of a tensor is at hand and no gradient is wanted of it, so that parts of it need no program."""
    return isinstance(x._node.data, np.ndarray) and not x.requires_grad_flag and STATE.trace is None


def as_shape(given: Sequence[Any]) -> tuple[int, ...]:
    """A shape that is given as one tuple or as extents side by side."""
    shape = given[0] if len(given) == 1 and not isinstance(given[0], (int, np.integer)) else given
    return tuple(int(extent) for extent in shape)


def reshape(x: Tensor, *shape: Shape) -> Tensor:
    """The same elements in row-major order under another shape, of which one extent may be -1.

    Raises `ShapeError` in PyTorch's words where the number of elements would differ.

    >>> import covector as cv
    >>> cv.arange(6).reshape(2, -1)
    tensor([[0, 1, 2],
            [3, 4, 5]])
    """
    wanted = _filled(x, as_shape(shape))
    if wanted == x.shape:
        return x
    if is_plain(x):
        return view(x, x._node.data.reshape(wanted))
    for first, last, new in reversed(_groups(x.shape, wanted)):
        if last - first > 1:
            x = unary("merge", x, (("first", first), ("last", last)))
        if last == first:
            x = _inserted(x, first)
        if len(new) != 1:
            x = call("split_axis", x, params=(("axis", first),), extents=new)
    return x


def _inserted(x: Tensor, axis: int) -> Tensor:
    return unary("expand_dims", x, (("axis", axis),))


def _filled(x: Tensor, shape: tuple[int, ...]) -> tuple[int, ...]:
    unknown = [axis for axis, extent in enumerate(shape) if extent == -1]
    if len(unknown) > 1:
        raise ShapeError("only one dimension can be inferred")
    if any(extent < -1 for extent in shape):
        raise ShapeError(f"invalid shape dimension {min(shape)}")
    known = prod(extent for extent in shape if extent != -1)
    if unknown and known and x.size % known == 0:
        return tuple(x.size // known if extent == -1 else extent for extent in shape)
    if unknown or known != x.size:
        raise ShapeError(
            f"shape '{list(shape)}' is invalid for input of size {x.size}", hint=f"the shape is {list(x.shape)}"
        )
    return shape


def _groups(old: Sequence[int], new: Sequence[int]) -> list[tuple[int, int, tuple[int, ...]]]:
    """Runs of old axes (first, past the last) and the new extents that hold the same elements, as short as can be."""
    if 0 in old:
        return [(0, len(old), tuple(new))]
    groups: list[tuple[int, int, tuple[int, ...]]] = []
    i = j = 0
    while i < len(old) or j < len(new):
        first, begin = i, j
        left = right = 1
        if i < len(old) and j < len(new) and old[i] == new[j]:
            i, j = i + 1, j + 1
            continue
        if i < len(old):
            left, i = old[i], i + 1
        if j < len(new):
            right, j = new[j], j + 1
        while left != right:
            if left < right:
                left, i = left * old[i], i + 1
            else:
                right, j = right * new[j], j + 1
        while i < len(old) and old[i] == 1 and (j == len(new) or new[j] != 1):
            i += 1
        while j < len(new) and new[j] == 1 and (i == len(old) or old[i] != 1):
            j += 1
        groups.append((first, i, tuple(new[begin:j])))
    return groups


def permute(x: Tensor, *axes: Any) -> Tensor:
    """The axes in another order.

    >>> import covector as cv
    >>> cv.zeros((2, 3, 4)).permute(2, 0, 1).shape
    (4, 2, 3)
    """
    order = _order(x, as_shape(axes))
    return x if order == tuple(range(x.ndim)) else unary("permute", x, (("axes", order),))


def _order(x: Tensor, axes: tuple[int, ...]) -> tuple[int, ...]:
    order = tuple(axis_of("permute", x, axis) for axis in axes)
    if len(order) != x.ndim:
        raise ShapeError(
            f"permute(): number of dimensions in the tensor input does not match the length of the desired ordering of "
            f"dimensions i.e. input.dim() = {x.ndim} is not equal to len(dims) = {len(order)}"
        )
    if len(set(order)) != x.ndim:
        raise ShapeError("permute(): duplicate dims are not allowed.")
    return order


def transpose(x: Tensor, first: int = -2, second: int = -1) -> Tensor:
    """Two axes exchanged, the last two unless others are named.

    >>> import covector as cv
    >>> cv.zeros((2, 3, 4)).transpose(0, 1).shape
    (3, 2, 4)
    """
    if first == -2 and second == -1 and x.ndim > 1:
        return unary("mT", x)
    a, b = axis_of("transpose", x, first), axis_of("transpose", x, second)
    order = list(range(x.ndim))
    order[a], order[b] = order[b], order[a]
    return permute(x, *order)


@pytorch_names
def flatten(x: Tensor, start: int = 0, end: int = -1) -> Tensor:
    """Some axes as one, all of them unless a first or last is named.

    >>> import covector as cv
    >>> cv.zeros((2, 3, 4)).flatten(1).shape
    (2, 12)
    """
    if not x.ndim:
        return reshape(x, 1)
    first, last = axis_of("flatten", x, start), axis_of("flatten", x, end)
    return reshape(x, *x.shape[:first], prod(x.shape[first : last + 1]), *x.shape[last + 1 :])


@pytorch_names
def unsqueeze(x: Tensor, axis: int) -> Tensor:
    """A new axis of extent 1, at the position that it has in the result.

    >>> import covector as cv
    >>> cv.zeros(3).unsqueeze(0).shape
    (1, 3)
    """
    rank = x.ndim + 1
    if not -rank <= axis < rank:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-rank}, {rank - 1}], but got {axis})")
    return _inserted(x, axis % rank)


@pytorch_names
def squeeze(x: Tensor, axis: int | Sequence[int] | None = None) -> Tensor:
    """Axes of extent 1 taken away: those named, or all; a named axis of another extent stays, as in PyTorch.

    >>> import covector as cv
    >>> cv.zeros((1, 3, 1)).squeeze().shape
    (3,)
    """
    named = range(x.ndim) if axis is None else (axis,) if isinstance(axis, int) else axis
    gone = tuple(a for a in (axis_of("squeeze", x, axis) for axis in named) if x.ndim and x.shape[a] == 1)
    return unary("squeeze", x, (("axis", gone),)) if gone else x


def broadcast_to(x: Tensor, *shape: Shape) -> Tensor:
    """The elements repeated along axes of extent 1 and along new leading axes; -1 leaves an extent as it is.

    >>> import covector as cv
    >>> cv.tensor([1.0, 2.0]).expand(2, -1)
    tensor([[1., 2.],
            [1., 2.]])
    """
    wanted = as_shape(shape)
    lead = len(wanted) - x.ndim
    if lead < 0:
        raise ShapeError(
            f"expand(torch.FloatTensor{{{list(x.shape)}}}, size={list(wanted)}): the number of sizes provided "
            f"({len(wanted)}) must be greater or equal to the number of dimensions in the tensor ({x.ndim})"
        )
    full = tuple(x.shape[a - lead] if e == -1 and a >= lead else e for a, e in enumerate(wanted))
    for axis, extent in enumerate(x.shape):
        if extent not in (1, full[lead + axis]):
            raise ShapeError(
                f"The expanded size of the tensor ({full[lead + axis]}) must match the existing size ({extent}) at "
                f"non-singleton dimension {lead + axis}.  Target sizes: {list(wanted)}.  Tensor sizes: {list(x.shape)}"
            )
    return x if full == x.shape else call("broadcast_to", x, extents=full)


@pytorch_names
def concat(tensors: Sequence[Tensor], axis: int | None = 0) -> Tensor:
    """Tensors one after another along an axis; with None all of them flattened.

    Raises `ShapeError` in PyTorch's words where they differ in another axis.

    >>> import covector as cv
    >>> cv.concat([cv.tensor([1]), cv.tensor([2, 3])])
    tensor([1, 2, 3])
    """
    parts = [as_tensor(part) for part in tensors]
    if not parts:
        raise ShapeError("expected a non-empty list of Tensors")
    if axis is None:
        return concat([part.reshape(-1) for part in parts], 0)  # type: ignore[no-any-return]
    place = axis_of("concat", parts[0], axis)
    for number, part in enumerate(parts):
        if part.ndim != parts[0].ndim:
            raise ShapeError(f"Tensors must have same number of dimensions: got {parts[0].ndim} and {part.ndim}")
        for a, (own, other) in enumerate(zip(parts[0].shape, part.shape, strict=True)):
            if a != place and own != other:
                raise ShapeError(
                    f"Sizes of tensors must match except in dimension {place}. Expected size {own} but got size "
                    f"{other} for tensor number {number} in the list."
                )
    if not parts[0].ndim:
        raise ShapeError("zero-dimensional tensor (at position 0) cannot be concatenated", hint="stack them")
    return parts[0] if len(parts) == 1 else call("concat", *parts, params=(("axis", place),))


@pytorch_names
def stack(tensors: Sequence[Tensor], axis: int = 0) -> Tensor:
    """Tensors of one shape beside each other along a new axis.

    >>> import covector as cv
    >>> cv.stack([cv.tensor([1, 2]), cv.tensor([3, 4])]).shape
    (2, 2)
    """
    parts = [as_tensor(part) for part in tensors]
    for number, part in enumerate(parts):
        if part.shape != parts[0].shape:
            raise ShapeError(
                f"stack expects each tensor to be equal size, but got {list(parts[0].shape)} at entry 0 and "
                f"{list(part.shape)} at entry {number}"
            )
    return concat([unsqueeze(part, axis) for part in parts], axis)  # type: ignore[no-any-return]


@pytorch_names
def split(x: Tensor, size: int | Sequence[int], axis: int = 0) -> tuple[Tensor, ...]:
    """Parts of an axis, each of a size (the last may be smaller), or of the sizes listed.

    >>> import covector as cv
    >>> [part.tolist() for part in cv.arange(5).split(2)]
    [[0, 1], [2, 3], [4]]
    """
    place = axis_of("split", x, axis)
    extent = x.shape[place]
    starts = range(0, max(extent, 1), size) if isinstance(size, int) else ()
    sizes = [min(size, extent - at) for at in starts] if isinstance(size, int) else list(size)
    if sum(sizes) != extent:
        raise ShapeError(
            f"split_with_sizes expects split_sizes to sum exactly to {extent} (input tensor's size at dimension "
            f"{place}), but got split_sizes={sizes}"
        )
    ends = [sum(sizes[:number]) for number in range(len(sizes) + 1)]
    lead = (slice(None),) * place
    return tuple(x[(*lead, slice(a, b))] for a, b in pairwise(ends))


@pytorch_names
def chunk(x: Tensor, chunks: int, axis: int = 0) -> tuple[Tensor, ...]:
    """About equal parts of an axis.

    >>> import covector as cv
    >>> [part.shape for part in cv.zeros(5).chunk(2)]
    [(3,), (2,)]
    """
    extent = x.shape[axis_of("chunk", x, axis)]
    return split(x, max(-(-extent // chunks), 1), axis)  # type: ignore[no-any-return]


def pad(x: Tensor, widths: Sequence[Any], value: float = 0) -> Tensor:
    """A border of a value: pairs of widths for each axis, or PyTorch's flat list that starts with the last axis.

    >>> import covector as cv
    >>> cv.pad(cv.tensor([1, 2]), (1, 2))
    tensor([0, 1, 2, 0, 0])
    """
    flat = all(isinstance(width, int) for width in widths)
    pairs = [(widths[at], widths[at + 1]) for at in range(0, len(widths), 2)][::-1] if flat else list(widths)
    pairs = [(0, 0)] * (x.ndim - len(pairs)) + pairs
    extents = tuple(int(width) + 1 for pair in pairs for width in pair)
    if len(pairs) > x.ndim or min(extents, default=1) < 1:
        raise ShapeError(f"pad: widths {list(widths)} do not fit a tensor of shape {list(x.shape)}")
    return call("pad", x, params=(("value", value),), extents=extents)


@pytorch_names
def flip(x: Tensor, axis: int | Sequence[int] | None = None) -> Tensor:
    """The elements in reverse order along some axes, or all.

    >>> import covector as cv
    >>> cv.arange(3).flip()
    tensor([2, 1, 0])
    """
    named = range(x.ndim) if axis is None else (axis,) if isinstance(axis, int) else axis
    return unary("flip", x, (("axes", tuple(axis_of("flip", x, a) for a in named)),))


@pytorch_names
def roll(x: Tensor, shift: int | Sequence[int], axis: int | Sequence[int] | None = None) -> Tensor:
    """The elements moved forward along an axis, those that leave it at its end entering at its start.

    >>> import covector as cv
    >>> cv.arange(4).roll(1)
    tensor([3, 0, 1, 2])
    """
    if axis is None:
        return reshape(roll(reshape(x, -1), shift, 0), x.shape)
    shifts = (shift,) if isinstance(shift, int) else tuple(shift)
    for by, named in zip(shifts, (axis,) if isinstance(axis, int) else axis, strict=True):
        place = axis_of("roll", x, named)
        by = by % max(x.shape[place], 1)
        if by:
            x = call("roll", x, params=(("axis", place),), extents=(by + 1,))
    return x


def tril(x: Tensor, k: int = 0) -> Tensor:
    """The lower triangle of matrices, 0 above the diagonal; a positive k counts diagonals above it in.

    >>> import covector as cv
    >>> cv.tril(cv.ones((2, 2)))
    tensor([[1., 0.],
            [1., 1.]])
    """
    return unary("tril", x, (("k", k),))


def triu(x: Tensor, k: int = 0) -> Tensor:
    """The upper triangle of matrices, 0 below the diagonal; a positive k counts diagonals out.

    >>> import covector as cv
    >>> cv.triu(cv.ones((2, 2)), 1)
    tensor([[0., 1.],
            [0., 0.]])
    """
    return unary("triu", x, (("k", k),))
