"""Arguments as trees of names: which inputs of a program the arguments of a call are."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from covector.ir import Program
from covector.run.reference import Array


class Name(str):
    """The name of an input, where a tree of arguments has a tensor; other strings in it are settings."""

    __slots__ = ()


@dataclass(frozen=True)
class Given:
    """A program with its arrays by name, the arguments of the call as trees of names, and how results are arranged.

    ``called`` are the names of the arrays in the order of the call, where these were arrays and no trees of them.
    """

    program: Program
    arrays: Mapping[str, Array]
    arguments: tuple[Any, ...]
    arranged: Callable[[list[Any]], Any]
    called: tuple[str, ...] = ()


def one_or_several(results: list[Any]) -> Any:
    """The only result, or a tuple of them.

    >>> one_or_several([1]), one_or_several([1, 2])
    (1, (1, 2))
    """
    return results[0] if len(results) == 1 else tuple(results)


def mapped(tree: Any, change: Callable[[Any], Any], kind: type = Name) -> Any:
    """A tree with something in place of its names, or of leaves of another kind; other leaves become None.

    >>> mapped({"w": Name("w"), "axis": 0}, str.upper)
    {'w': 'W', 'axis': None}
    """
    if isinstance(tree, kind):
        return change(tree)
    if isinstance(tree, dict):
        return {key: mapped(part, change, kind) for key, part in tree.items()}
    if isinstance(tree, (list, tuple)):
        parts = [mapped(part, change, kind) for part in tree]
        return type(tree)(*parts) if hasattr(tree, "_fields") else type(tree)(parts)
    return None


def names_in(tree: Any) -> Iterator[Name]:
    """The names in a tree."""
    if isinstance(tree, Name):
        yield tree
    elif isinstance(tree, (dict, list, tuple)):
        for part in tree.values() if isinstance(tree, dict) else tree:
            yield from names_in(part)


def labelled(tree: tuple[tuple[Any, ...], dict[str, Any]], function: Callable[..., Any], kind: type) -> list[Name]:
    """A name for every leaf of a kind in the arguments of a call: the parameter's, and the path below it."""
    args, named = tree
    parameters = _parameters(function, len(args))
    found: list[Name] = []
    for name, part in (*zip(parameters, args, strict=True), *named.items()):
        for path in _paths(part, kind):
            label = "_".join((name, *path))
            taken = label in found
            found.append(Name(f"{label}_{len(found)}" if taken else label))
    return found


def _parameters(function: Callable[..., Any], count: int) -> list[str]:
    try:
        named = [
            parameter.name
            for parameter in inspect.signature(function).parameters.values()
            if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
        ]
    except (ValueError, TypeError):
        named = []
    return named[:count] + [f"argument{place}" for place in range(len(named[:count]), count)]


def _paths(tree: Any, kind: type) -> Iterator[tuple[str, ...]]:
    """The paths to the leaves of a kind, in the order in which trees are taken apart."""
    if isinstance(tree, kind):
        yield ()
    elif isinstance(tree, (dict, list, tuple)):
        items = tree.items() if isinstance(tree, dict) else enumerate(tree)
        for key, part in items:
            for path in _paths(part, kind):
                yield (word_of(key), *path)


def word_of(key: object) -> str:
    """A key of a tree as a part of a name.

    >>> word_of("0.weight")
    '0_weight'
    """
    return "".join(letter if letter.isalnum() else "_" for letter in str(key))
