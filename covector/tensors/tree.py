"""Trees of tensors: dictionaries, lists, tuples, data classes, and objects that say what they hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from operator import itemgetter
from typing import Any

from covector.tensors.tensor import Tensor

Rebuild = Callable[[list[Any]], Any]


def flatten(tree: Any) -> tuple[list[Tensor], Any, Rebuild]:
    """The tensors of a tree in order, a hashable word for the rest, and how a tree is made of others.

    >>> import covector as cv
    >>> leaves, structure, rebuild = flatten({"a": cv.ones(1), "b": [2, cv.zeros(1)]})
    >>> rebuild(["first", "second"])
    {'a': 'first', 'b': [2, 'second']}
    """
    leaves: list[Tensor] = []
    structure = describe(tree, leaves)
    if isinstance(tree, Tensor):
        return leaves, structure, itemgetter(0)
    if type(tree) in (tuple, list) and len(leaves) == len(tree) and all(isinstance(part, Tensor) for part in tree):
        return leaves, structure, type(tree)
    bare = _rebuilt(tree, iter([_LEAF] * len(leaves)))  # what rebuilds a tree holds none of its tensors
    return leaves, structure, lambda new: _rebuilt(bare, iter(new))


def describe(tree: Any, leaves: list[Tensor]) -> Any:
    """What a tree is apart from its tensors, which are added to ``leaves``."""
    if isinstance(tree, Tensor):
        leaves.append(tree)
        return Tensor
    if tree is None or isinstance(tree, (bool, int, float, str)):
        return (type(tree), tree)
    if isinstance(tree, (list, tuple)):
        return (type(tree), *[describe(part, leaves) for part in tree])
    if isinstance(tree, dict):
        return (dict, *[(key, describe(part, leaves)) for key, part in tree.items()])
    if is_dataclass(tree) and not isinstance(tree, type):
        return (type(tree), *[describe(getattr(tree, field.name), leaves) for field in fields(tree)])
    if hasattr(tree, "__covector_tree__"):
        # The tensors that such an object holds are found while a function is traced.
        return (id(tree), tree.__covector_tree__())
    return tree if _is_hashable(tree) else id(tree)


def _is_hashable(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


_LEAF = object()


def _rebuilt(tree: Any, leaves: Any) -> Any:
    if tree is _LEAF or isinstance(tree, Tensor):
        return next(leaves)
    if isinstance(tree, (list, tuple)):
        parts = [_rebuilt(part, leaves) for part in tree]
        return type(tree)(*parts) if hasattr(tree, "_fields") else type(tree)(parts)
    if isinstance(tree, dict):
        return {key: _rebuilt(part, leaves) for key, part in tree.items()}
    if is_dataclass(tree) and not isinstance(tree, type):
        return replace(tree, **{field.name: _rebuilt(getattr(tree, field.name), leaves) for field in fields(tree)})
    return tree
