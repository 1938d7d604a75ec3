"""Making tensors: from numbers and arrays, filled, and counted up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from covector.errors import BudgetError
from covector.run.reference import MEMORY_LIMIT
from covector.tensors.dtypes import NUMPY, Dtype, as_dtype, float32, int64, kind_of
from covector.tensors.node import leaf, renewed
from covector.tensors.shapes import as_shape
from covector.tensors.tensor import Tensor, as_array, as_tensor, from_numpy


def tensor(data: Any, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor with the values of nested lists, a number, or an array, which are copied.

    Numbers of Python make float32, int64 or bool; an array of NumPy keeps its dtype.

    >>> import covector as cv
    >>> cv.tensor([[1, 2.5], [3, 4]])
    tensor([[1.0000, 2.5000],
            [3.0000, 4.0000]])
    """
    if isinstance(data, Tensor):
        made = data.detach() if dtype is None else data.detach().astype(dtype)
    elif isinstance(data, (list, tuple)) and any(isinstance(part, Tensor) for part in data):
        made = from_numpy(np.stack([as_array(as_tensor(part).numpy()) for part in data]), dtype)
    else:
        made = from_numpy(data if isinstance(data, np.ndarray) else as_array(data), dtype)
    return made.requires_grad_() if requires_grad else made


def asarray(data: Any, dtype: Any = None, copy: bool | None = None) -> Tensor:
    """Data as a tensor: without a copy where it is an array of NumPy whose memory fits, which must then stay as it is.

    >>> import covector as cv, numpy as np
    >>> cv.asarray(np.ones(2)).dtype
    covector.float64
    """
    if isinstance(data, Tensor):
        return data if dtype is None else data.astype(dtype)
    if isinstance(data, np.ndarray) or not hasattr(data, "__dlpack__"):
        array = data if isinstance(data, np.ndarray) else as_array(data)
        return from_numpy(array, dtype, copy=bool(copy))
    return from_numpy(np.from_dlpack(data), dtype, copy=bool(copy))


def full(shape: Any, value: Any, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor of a shape, every element of which is a value.

    >>> import covector as cv
    >>> cv.full((2,), 7)
    tensor([7, 7])
    """
    wanted = as_dtype(dtype) if dtype is not None else as_tensor(value).dtype
    extents = as_shape((shape,))
    _check(extents, wanted)
    made = Tensor(leaf(kind_of(extents, wanted), np.full(extents, value, NUMPY[wanted])))
    return made.requires_grad_() if requires_grad else made


def _check(shape: Sequence[int], dtype: Dtype) -> None:
    """Raise `BudgetError` where a tensor would not fit in memory."""
    need = kind_of(shape, dtype).nbytes
    if need > MEMORY_LIMIT:
        message = f"a tensor of shape {'×'.join(map(str, shape))} and dtype {dtype!s} takes {need / 2**30:.1f} GiB"
        raise BudgetError(message, hint=f"at most {MEMORY_LIMIT / 2**30:.0f} GiB are taken for one tensor")


def zeros(*shape: Any, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor of zeros.

    >>> import covector as cv
    >>> cv.zeros(2, dtype="int64")
    tensor([0, 0])
    """
    return full(as_shape(shape), 0, dtype or float32, requires_grad)


def ones(*shape: Any, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor of ones.

    >>> import covector as cv
    >>> cv.ones(2)
    tensor([1., 1.])
    """
    return full(as_shape(shape), 1, dtype or float32, requires_grad)


def empty(*shape: Any, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor whose values are not said: zeros."""
    return zeros(*shape, dtype=dtype, requires_grad=requires_grad)


def full_like(x: Tensor, value: Any, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor of the shape and dtype of another, every element of which is a value."""
    return full(x.shape, value, dtype or x.dtype, requires_grad)


def zeros_like(x: Tensor, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Zeros of the shape and dtype of another tensor.

    >>> import covector as cv
    >>> cv.zeros_like(cv.ones(2))
    tensor([0., 0.])
    """
    return full_like(x, 0, dtype, requires_grad)


def ones_like(x: Tensor, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Ones of the shape and dtype of another tensor."""
    return full_like(x, 1, dtype, requires_grad)


def empty_like(x: Tensor, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor of the shape and dtype of another, whose values are not said: zeros."""
    return full_like(x, 0, dtype, requires_grad)


def arange(start: float, stop: float | None = None, step: float = 1, dtype: Any = None) -> Tensor:
    """The numbers from ``start`` (0 where one bound is given) to before ``stop``.

    >>> import covector as cv
    >>> cv.arange(3), cv.arange(1.0, 2.0, 0.5)
    (tensor([0, 1, 2]), tensor([1.0000, 1.5000]))
    """
    first, last = (0, start) if stop is None else (start, stop)
    whole = all(isinstance(bound, (int, np.integer)) for bound in (first, last, step))
    wanted = as_dtype(dtype) if dtype is not None else int64 if whole else float32
    return from_numpy(np.arange(first, last, step).astype(NUMPY[wanted]))


def linspace(start: float, stop: float, num: int, dtype: Any = None, endpoint: bool = True) -> Tensor:
    """``num`` numbers at equal distances from ``start`` to ``stop``.

    >>> import covector as cv
    >>> cv.linspace(0, 1, 3)
    tensor([0.0000, 0.5000, 1.0000])
    """
    return from_numpy(np.linspace(start, stop, num, endpoint=endpoint), dtype or float32)


def eye(rows: int, columns: int | None = None, dtype: Any = None) -> Tensor:
    """The identity matrix.

    >>> import covector as cv
    >>> cv.eye(2)
    tensor([[1., 0.],
            [0., 1.]])
    """
    return from_numpy(np.eye(rows, columns), dtype or float32)


def live(value: Any, dtype: Any = float32) -> Tensor:
    """A number that a function gives anew each time a program runs: under `jit` it is asked in every call.

    >>> import covector as cv
    >>> rate = cv.tensors.creation.live(lambda: 0.5)
    >>> (cv.ones(2) * rate).tolist()
    [0.5, 0.5]
    """
    return Tensor(renewed(kind_of((), as_dtype(dtype)), value))
