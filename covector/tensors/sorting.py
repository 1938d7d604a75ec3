"""Sorting: by NumPy where values can be looked at; while a function is traced by counting, in element form."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from covector.tensors import flush
from covector.tensors.functions import axis_of, pytorch_names
from covector.tensors.node import STATE
from covector.tensors.shapes import transpose
from covector.tensors.tensor import Tensor, call, from_numpy


class Sorted(NamedTuple):
    """Values, and the positions where they were."""

    values: Tensor
    indices: Tensor


@pytorch_names
def argsort(x: Tensor, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """The positions of the elements along an axis in increasing order, equal ones in theirs, NaN last.

    >>> import covector as cv
    >>> cv.argsort(cv.tensor([3.0, 1.0, 2.0]))
    tensor([1, 2, 0])
    """
    place = axis_of("argsort", x, axis)
    if not x.ndim:
        return from_numpy(np.zeros((), np.int64))
    if STATE.trace is None:
        values = flush.array_at(x._node)
        if descending:
            order = np.flip(values.shape[place] - 1 - np.argsort(np.flip(values, place), place, kind="stable"), place)
        else:
            order = np.argsort(values, place, kind="stable")
        return from_numpy(order)
    last = transpose(x.detach(), place, -1)
    ranked = call("rank", last, params=(("descending", descending),))
    return transpose(call("ordered", ranked), place, -1)


@pytorch_names
def take_along(x: Tensor, indices: Any, axis: Any) -> Tensor:
    """The elements that a tensor of positions along an axis names.

    >>> import covector as cv
    >>> cv.take_along(cv.tensor([[1.0, 2.0], [3.0, 4.0]]), cv.tensor([[1], [0]]), 1)
    tensor([[2.],
            [3.]])
    """
    if isinstance(indices, int):  # PyTorch's gather(x, dim, index)
        indices, axis = axis, indices
    return call("take_along", x, indices, params=(("axis", axis_of("take_along", x, axis)),))


@pytorch_names
def sort(x: Tensor, axis: int = -1, descending: bool = False, stable: bool = True) -> Sorted:
    """The elements along an axis in increasing order, and the positions where they were.

    >>> import covector as cv
    >>> cv.sort(cv.tensor([3.0, 1.0, 2.0])).values
    tensor([1., 2., 3.])
    """
    order = argsort(x, axis, descending)
    return Sorted(take_along(x, order, axis) if x.ndim else x, order)


@pytorch_names
def topk(x: Tensor, k: int, axis: int = -1, largest: bool = True, sorted: bool = True) -> Sorted:
    """The k largest (or smallest) elements along an axis, in order, and the positions where they are.

    >>> import covector as cv
    >>> cv.topk(cv.tensor([3.0, 1.0, 2.0]), 2).values
    tensor([3., 2.])
    """
    place = axis_of("topk", x, axis)
    if not 0 <= k <= x.shape[place]:
        raise IndexError(f"selected index k out of range: k is {k}, and the axis has {x.shape[place]} elements")
    order = argsort(x, place, largest)[(slice(None),) * place + (slice(0, k),)]
    return Sorted(take_along(x, order, place), order)


def nonzero(x: Tensor) -> tuple[Tensor, ...]:
    """The positions of the elements that are not 0, an array for each axis; the tensor is looked at.

    >>> import covector as cv
    >>> cv.nonzero(cv.tensor([0.0, 5.0, 7.0]))
    (tensor([1, 2]),)
    """
    return tuple(from_numpy(places) for places in np.nonzero(flush.array_at(x._node)))
