"""Arrangements made of other operations: axes moved, rows taken, tiles, grids and masks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from covector.errors import ShapeError
from covector.tensors.functions import axis_of, pytorch_names, where
from covector.tensors.indexing import get
from covector.tensors.shapes import as_shape, broadcast_to, permute, reshape, transpose, unsqueeze
from covector.tensors.tensor import Tensor, as_tensor


def moveaxis(x: Tensor, source: int | Sequence[int], destination: int | Sequence[int]) -> Tensor:
    """Some axes at other places, the others in their order.

    Raises `ShapeError` where the places are not as many as the axes, or one is named twice.

    >>> import covector as cv
    >>> cv.moveaxis(cv.zeros((2, 3, 4)), 0, -1).shape
    (3, 4, 2)
    """
    taken, placed = ([axis_of("moveaxis", x, axis) for axis in _several(axes)] for axes in (source, destination))
    if len(taken) != len(placed) or len(set(taken)) < len(taken) or len(set(placed)) < len(placed):
        raise ShapeError(f"moveaxis: axes {source} cannot go to {destination}", hint="name each axis and place once")
    order = [axis for axis in range(x.ndim) if axis not in taken]
    for place, axis in sorted(zip(placed, taken, strict=True)):
        order.insert(place, axis)
    return permute(x, *order)


@pytorch_names
def unbind(x: Tensor, axis: int = 0) -> tuple[Tensor, ...]:
    """The parts of a tensor along an axis, which they have no more.

    >>> import covector as cv
    >>> cv.tensor([[1, 2], [3, 4]]).unbind(1)
    (tensor([1, 3]), tensor([2, 4]))
    """
    place = axis_of("unbind", x, axis)
    return tuple(get(x, (*(slice(None),) * place, number)) for number in range(x.shape[place]))


def take(x: Tensor, indices: Any, axis: int | None = None) -> Tensor:
    """The elements at some positions of an axis, or of all elements in row-major order.

    >>> import covector as cv
    >>> cv.take(cv.tensor([[1, 2], [3, 4]]), [1, 1, 0], axis=1)
    tensor([[2, 2, 1],
            [4, 4, 3]])
    """
    if axis is None:
        return get(reshape(x, -1), as_tensor(indices))
    return get(x, (*(slice(None),) * axis_of("take", x, axis), as_tensor(indices)))


@pytorch_names
def index_select(x: Tensor, axis: int, index: Any) -> Tensor:
    """The parts of a tensor at some positions of an axis: `take` with PyTorch's order of arguments.

    >>> import covector as cv
    >>> cv.index_select(cv.tensor([[1, 2], [3, 4]]), 0, cv.tensor([1]))
    tensor([[3, 4]])
    """
    return take(x, index, axis)


def tile(x: Tensor, *repeats: Any) -> Tensor:
    """A tensor laid side by side with itself, so many times along each axis; more counts than axes make new ones.

    >>> import covector as cv
    >>> cv.tensor([1, 2]).tile(2, 2)
    tensor([[1, 2, 1, 2],
            [1, 2, 1, 2]])
    """
    counts = as_shape(repeats)
    rank = max(len(counts), x.ndim)
    counts, extents = (1,) * (rank - len(counts)) + counts, (1,) * (rank - x.ndim) + x.shape
    if any(count < 0 for count in counts):
        raise ShapeError(f"tile: {counts} has a negative count")
    beside = [part for extent in extents for part in (1, extent)]
    wide = [part for pair in zip(counts, extents, strict=True) for part in pair]
    whole = broadcast_to(reshape(x, *beside), *wide)
    return reshape(whole, *(count * extent for count, extent in zip(counts, extents, strict=True)))


@pytorch_names
def repeat_interleave(x: Tensor, repeats: int, axis: int | None = None) -> Tensor:
    """Each element, or each part along an axis, so many times one after the other.

    >>> import covector as cv
    >>> cv.repeat_interleave(cv.tensor([1, 2]), 2)
    tensor([1, 1, 2, 2])
    """
    if axis is None:
        return repeat_interleave(reshape(x, -1), repeats, 0)  # type: ignore[no-any-return]
    place = axis_of("repeat_interleave", x, axis)
    wide = (*x.shape[: place + 1], repeats, *x.shape[place + 1 :])
    whole = broadcast_to(unsqueeze(x, place + 1), *wide)
    return reshape(whole, *x.shape[:place], x.shape[place] * repeats, *x.shape[place + 1 :])


def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Tensor, ...]:
    """Vectors as the coordinates of a grid, each over all of it; ``indexing="xy"`` exchanges the first two axes.

    >>> import covector as cv
    >>> rows, columns = cv.meshgrid(cv.arange(2), cv.arange(3))
    >>> columns
    tensor([[0, 1, 2],
            [0, 1, 2]])
    """
    vectors = [as_tensor(given) for given in tensors]
    if any(vector.ndim > 1 for vector in vectors) or indexing not in ("ij", "xy"):
        shapes = ", ".join(str(vector.shape) for vector in vectors)
        raise ShapeError(f'meshgrid takes vectors and indexing="ij" or "xy", not {shapes} and {indexing!r}')
    rank, shape = len(vectors), tuple(vector.size for vector in vectors)
    grids = [reshape(v, *(-1 if n == k else 1 for n in range(rank))) for k, v in enumerate(vectors)]
    wide = [broadcast_to(grid, *shape) for grid in grids]
    return tuple(transpose(grid, 0, 1) for grid in wide) if indexing == "xy" and rank > 1 else tuple(wide)


def masked_fill(x: Tensor, mask: Any, value: Any) -> Tensor:
    """The tensor with a number wherever a mask is true.

    >>> import covector as cv
    >>> cv.tensor([1.0, -2.0]).masked_fill(cv.tensor([False, True]), 0)
    tensor([1., 0.])
    """
    return where(mask, as_tensor(value, x), x)


def masked_select(x: Tensor, mask: Any) -> Tensor:
    """The elements at which a mask is true, in row-major order.

    >>> import covector as cv
    >>> cv.tensor([1, 2, 3]).masked_select(cv.tensor([True, False, True]))
    tensor([1, 3])
    """
    return get(x, as_tensor(mask))


def logical_xor(a: Any, b: Any) -> Tensor:
    """Whether one of two is true, or not 0, and the other is not.

    >>> import covector as cv
    >>> cv.logical_xor([True, True], [True, False])
    tensor([False,  True])
    """
    return (as_tensor(a) != 0) != (as_tensor(b) != 0)


def _several(axes: int | Sequence[int]) -> tuple[int, ...]:
    return (axes,) if isinstance(axes, int) else tuple(axes)
