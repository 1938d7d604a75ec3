"""`vmap`: a function of one example as a function of a batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial, wraps
from typing import Any

import numpy as np

from covector.errors import ShapeError, TransformError
from covector.tensors.shapes import broadcast_to, concat, permute
from covector.tensors.tensor import Tensor
from covector.tensors.tree import flatten
from covector.transforms.batch import RANDOMNESS, Batch
from covector.transforms.trees import Function, check_function, name_of, with_tensors

Axes = Any
"""An axis, None where nothing is mapped, or a tree of those: a prefix of the tree that it is for."""

UNSET: Any = object()
"""Stands for a name that was not given."""


def vmap(
    function: Function,
    in_axes: Axes = 0,
    out_axes: Axes = 0,
    randomness: str = "error",
    chunk_size: int | None = None,
    *,
    in_dims: Axes = UNSET,
    out_dims: Axes = UNSET,
) -> Callable[..., Any]:
    """The function over a batch: it is called once for one example, and what it did is done for all, by one more index.

    ``in_axes`` says along which axis of each argument the examples lie, None for one that all share: a number, or a
    tuple with one for each argument, or trees of those; ``out_axes`` the same of the result. ``in_dims`` and
    ``out_dims`` are PyTorch's names for these. Tensors given by name are mapped along their first axis, as in JAX.
    Random numbers are refused unless ``randomness`` says that each example has its own ("different") or all the same.
    ``chunk_size`` is how many examples are taken at a time.

    The call raises `TransformError` where axes do not fit or where the function writes to what it was given,
    `ShapeError` where batches differ in size, and `JitError` where the function looks at values.

    >>> import covector as cv
    >>> weight = cv.tensor([1.0, 2.0])
    >>> cv.vmap(lambda x: weight @ x)(cv.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]))
    tensor([1., 2., 3.])
    >>> cv.vmap(cv.outer, in_axes=(0, None))(cv.ones((2, 3)), cv.ones(4)).shape
    (2, 3, 4)
    """
    check_function("vmap", function)
    in_axes, out_axes = _either("in", in_axes, in_dims), _either("out", out_axes, out_dims)
    if randomness not in RANDOMNESS:
        raise TransformError(f"vmap: randomness is one of {', '.join(RANDOMNESS)}, not {randomness!r}")
    if chunk_size is not None and chunk_size < 1:
        raise TransformError(f"vmap: chunk_size is at least 1, not {chunk_size}")
    if chunk_size is not None and randomness == "same":
        raise TransformError(
            "vmap: chunks draw their own random numbers", hint="draw them outside and use in_axes=None"
        )

    @wraps(function)
    def call(*arguments: Any, **keywords: Any) -> Any:
        given = _Given(arguments, keywords, in_axes)
        mapped = partial(_mapped, function, given, out_axes, randomness)
        if chunk_size is None or chunk_size >= given.size:
            return mapped(given.wholes, given.size)
        return _joined([mapped(*chunk) for chunk in given.chunks(chunk_size)], out_axes)

    return call


def _either(which: str, axes: Axes, dims: Axes) -> Axes:
    """The axes by JAX's name or by PyTorch's; raises `TransformError` where both are given."""
    if dims is not UNSET and axes != 0:
        message = f"vmap: {which}_axes and {which}_dims are two names of one thing, and both are given"
        raise TransformError(message, hint=f"leave {which}_dims out")
    return axes if dims is UNSET else dims


class _Given:
    """The arguments of a call: ``wholes`` are its tensors, those that are mapped with the examples first."""

    def __init__(self, arguments: tuple[Any, ...], keywords: dict[str, Any], in_axes: Axes) -> None:
        arguments, keywords = with_tensors(arguments, np.ndarray), with_tensors(keywords, np.ndarray)
        named, *_ = flatten(keywords)
        axes = [*_argument_axes(in_axes, arguments), *[0] * len(named)]
        tensors, _, self.rebuild = flatten((arguments, keywords))
        self.is_mapped = [axis is not None for axis in axes]
        self.wholes = [_first(tensor, axis) for tensor, axis in zip(tensors, axes, strict=True)]
        sizes = {whole.shape[0] for whole, mapped in zip(self.wholes, self.is_mapped, strict=True) if mapped}
        if not sizes:
            raise TransformError("vmap: nothing is mapped", hint="in_axes names an axis of at least one argument")
        if len(sizes) > 1:
            shapes = ", ".join(
                f"{list(tensor.shape)} along {axis}"
                for tensor, axis in zip(tensors, axes, strict=True)
                if axis is not None
            )
            raise ShapeError(
                f"vmap: batches of different sizes {sorted(sizes)}: tensors of shape {shapes}",
                hint="in_axes=None for what all examples share",
            )
        (self.size,) = sizes

    def chunks(self, most: int) -> Iterator[tuple[list[Tensor], int]]:
        """The arguments for so many examples at a time."""
        for start in range(0, self.size, most):
            stop = min(start + most, self.size)
            pairs = zip(self.wholes, self.is_mapped, strict=True)
            yield [whole[start:stop] if mapped else whole for whole, mapped in pairs], stop - start


def _argument_axes(in_axes: Axes, arguments: tuple[Any, ...]) -> list[int | None]:
    """The axis of each tensor of the positional arguments; raises `TransformError` where they do not fit."""
    if isinstance(in_axes, list):
        in_axes = tuple(in_axes)
    if isinstance(in_axes, tuple) and len(in_axes) != len(arguments):
        raise TransformError(
            f"vmap: in_axes={in_axes} names axes of {len(in_axes)} arguments, but {len(arguments)} were given",
            hint="one entry for each positional argument, None for what all examples share",
        )
    for number, argument in enumerate(arguments):
        axis = in_axes[number] if isinstance(in_axes, tuple) else in_axes
        if isinstance(axis, int) and not flatten(argument)[0]:
            what = repr(argument) if isinstance(argument, (bool, int, float, str, type(None))) else "no tensor"
            hint = f"in_axes=({', '.join(['0'] * number + ['None'])}, …) leaves it as it is"
            raise TransformError(f"vmap: argument {number} is {what}, which has no axis {axis} to map", hint=hint)
    return _spread("in_axes", in_axes, arguments)


def _spread(name: str, axes: Axes, tree: Any) -> list[int | None]:
    """The axis of each tensor of a tree from a tree of axes that is a prefix of it; raises `TransformError`."""
    if axes is None or (isinstance(axes, int) and not isinstance(axes, bool)):
        return [axes] * len(flatten(tree)[0])
    if isinstance(axes, (tuple, list)) and isinstance(tree, (tuple, list)) and len(axes) == len(tree):
        return [found for own, part in zip(axes, tree, strict=True) for found in _spread(name, own, part)]
    if isinstance(axes, dict) and isinstance(tree, dict) and axes.keys() == tree.keys():
        return [found for key, part in tree.items() for found in _spread(name, axes[key], part)]
    raise TransformError(
        f"vmap: {name} has {axes!r} for a {type(tree).__name__}",
        hint="an axis is a whole number or None; a tuple, list or dict of axes is for one of as many parts",
    )


def _first(tensor: Tensor, axis: int | None) -> Tensor:
    """A tensor with the axis that is mapped first."""
    if axis is None:
        return tensor
    if not -tensor.ndim <= axis < tensor.ndim:
        message = f"vmap: in_axes names axis {axis} of a tensor of shape {list(tensor.shape)}"
        raise TransformError(message, hint="in_axes=None for what all examples share")
    place = axis % tensor.ndim
    return permute(tensor, place, *(other for other in range(tensor.ndim) if other != place))


def _mapped(
    function: Function, given: _Given, out_axes: Axes, randomness: str, wholes: Sequence[Tensor], size: int
) -> Any:
    """The result of a function for a batch of this size."""
    batch = Batch(name_of(function), size, randomness)
    stand_ins = [
        batch.example(whole) if mapped else whole for whole, mapped in zip(wholes, given.is_mapped, strict=True)
    ]
    with batch:
        arguments, keywords = given.rebuild(stand_ins)
        result = with_tensors(function(*arguments, **keywords))
        tensors, _, rebuild = flatten(result)
    if not tensors:
        message = f"vmap: {name_of(function)} returned {type(result).__name__}, which holds no tensor"
        raise TransformError(message, hint="return a tensor, or a tuple or dict of tensors")
    axes = _spread("out_axes", out_axes, result)
    batch.extend()
    return rebuild([_placed(batch, tensor, axis) for tensor, axis in zip(tensors, axes, strict=True)])


def _placed(batch: Batch, tensor: Tensor, axis: int | None) -> Tensor:
    """A result with its examples along an axis; raises `TransformError` where it has no such axis."""
    whole = batch.whole(tensor)
    if axis is None:
        if whole is not None:
            message = f"vmap: out_axes is None for a result of {batch.name} that differs from example to example"
            raise TransformError(message, hint="out_axes=0 puts the examples first")
        return tensor
    rank = tensor.ndim + 1
    if not -rank <= axis < rank:
        raise TransformError(f"vmap: out_axes names axis {axis} of a result that has {rank} with that of the examples")
    if whole is None:
        whole = broadcast_to(tensor, batch.size, *tensor.shape)
    order = list(range(1, rank))
    order.insert(axis % rank, 0)
    return permute(whole, *order)


def _joined(parts: Sequence[Any], out_axes: Axes) -> Any:
    """The results of chunks one after another."""
    axes = _spread("out_axes", out_axes, parts[0])
    *_, rebuild = flatten(parts[0])
    columns = zip(*(flatten(part)[0] for part in parts), strict=True)
    return rebuild(
        [column[0] if axis is None else concat(column, axis) for column, axis in zip(columns, axes, strict=True)]
    )
