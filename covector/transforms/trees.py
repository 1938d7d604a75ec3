"""What transforms are given: functions, trees of tensors and numbers of arguments, and what is said of bad ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from covector.errors import DtypeError, ShapeError, TransformError
from covector.tensors.tensor import Tensor, as_tensor
from covector.tensors.tree import Rebuild, flatten

Function = Callable[..., Any]
Argnums = int | Sequence[int]


def check_function(name: str, function: object) -> None:
    """Raise `TransformError` where what a transform is given is no function."""
    if not callable(function):
        what = "a tensor: its value, not the function" if isinstance(function, Tensor) else type(function).__name__
        raise TransformError(f"{name} is of a function, not {what}", hint=f"{name}(function, …)")


def name_of(function: object) -> str:
    """What a function is called."""
    return getattr(function, "__name__", type(function).__name__)


def with_tensors(tree: Any, kinds: Any = (bool, int, float, np.ndarray, np.generic)) -> Any:
    """A tree with numbers and arrays of NumPy, or what is of other kinds, as tensors.

    >>> with_tensors({"a": 1.5, "b": [True]})
    {'a': tensor(1.5000), 'b': [tensor(True)]}
    """
    if isinstance(tree, kinds):
        return as_tensor(tree)
    if isinstance(tree, (list, tuple)):
        parts = [with_tensors(part, kinds) for part in tree]
        return type(tree)(*parts) if hasattr(tree, "_fields") else type(tree)(parts)
    return {key: with_tensors(part, kinds) for key, part in tree.items()} if isinstance(tree, dict) else tree


def floats_of(name: str, trees: Sequence[Any], numbers: Sequence[int]) -> tuple[list[Tensor], Rebuild]:
    """The tensors of some arguments, which are floats; ``numbers`` are what those arguments are called in errors.

    Raises `DtypeError` for integers and for an argument that holds no tensor.
    """
    for number, tree in zip(numbers, trees, strict=True):
        tensors, *_ = flatten(tree)
        if not tensors:
            raise DtypeError(
                f"{name}: argument {number} is {_said(tree)}, and only tensors of floats have derivatives",
                hint="choose the arguments with argnums, or give tensors",
            )
        for tensor in tensors:
            if not tensor._node.kind.is_float:
                raise DtypeError(
                    f"{name}: argument {number} holds a tensor of shape {list(tensor.shape)} and dtype "
                    f"{tensor.dtype!s}, and only floats have derivatives",
                    hint="x.float() is one, or leave the argument out",
                )
    found, _, rebuild = flatten(tuple(trees))
    return found, rebuild


def _said(tree: Any) -> str:
    text = repr(tree)
    return text if len(text) <= 40 else f"a {type(tree).__name__}"


def places_of(name: str, argnums: Any, count: int) -> tuple[int, ...]:
    """The positions that ``argnums`` means, counted from the start; raises `TransformError` where there are not so
    many arguments.
    """
    given = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    for place in given:
        if not isinstance(place, int) or not -count <= place < count:
            message = f"{name}: argnums is {argnums}, but only {count} positional arguments were given"
            raise TransformError(message, hint="arguments given by name are not counted")
    if not given:
        raise TransformError(f"{name}: argnums names no argument", hint="argnums=0 is the first")
    return tuple(place % count for place in given)


def like(name: str, what: str, wanted: Sequence[Tensor], tree: Any, of: Any) -> list[Tensor]:
    """The tensors of a tree beside those they belong to, of the same structure, shapes and dtypes.

    Raises `TransformError` for another structure, `ShapeError` and `DtypeError` for other tensors.
    """
    found, structure, _ = flatten(with_tensors(tree))
    if len(found) != len(wanted) or _shape_of(structure) != _shape_of(flatten(of)[1]):
        raise TransformError(
            f"{name}: the {what} must have the structure of what they belong to: {len(wanted)} tensors, not "
            f"{len(found)}, arranged in the same way"
        )
    made = []
    for number, (tensor, own) in enumerate(zip(found, wanted, strict=True)):
        if tensor.shape != own.shape:
            raise ShapeError(
                f"{name}: number {number} of the {what} has shape {list(tensor.shape)}, but it belongs to a tensor "
                f"of shape {list(own.shape)}"
            )
        made.append(as_kind(name, what, number, tensor, own))
    return made


def as_kind(name: str, what: str, number: int, tensor: Tensor, own: Tensor) -> Tensor:
    """A tensor in the dtype of the one that it belongs to; raises `DtypeError` where one is float and the other not."""
    if tensor.dtype == own.dtype:
        return tensor
    if own._node.kind.is_float and not tensor._node.kind.is_float:
        raise DtypeError(
            f"{name}: number {number} of the {what} has dtype {tensor.dtype!s}, but it belongs to a tensor of dtype "
            f"{own.dtype!s}",
            hint="x.float() is a tensor of floats",
        )
    converted: Tensor = tensor.astype(own.dtype)
    return converted


def _shape_of(structure: Any) -> Any:
    """The structure of a tree without the sorts of its sequences: JAX's tuples and PyTorch's lists are both taken."""
    if isinstance(structure, tuple) and structure and structure[0] in (list, tuple):
        return (tuple, *map(_shape_of, structure[1:]))
    return tuple(map(_shape_of, structure)) if isinstance(structure, tuple) else structure
