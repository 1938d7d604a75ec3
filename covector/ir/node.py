"""Interning: two equal nodes are the same object, so equality is ``is`` and hashing is free."""

from __future__ import annotations

import weakref
from typing import Any, ClassVar

_interned: weakref.WeakValueDictionary[tuple[Any, ...], Any] = weakref.WeakValueDictionary()


class Interned(type):
    """The metaclass of nodes: constructing an equal node gives the one that already exists."""

    def __call__(cls, *fields: Any) -> Any:
        # 1, True and Fraction(1) are equal to Python but not the same literal.
        key = (cls, *fields, *map(type, fields)) if cls.typed_fields else (cls, *fields)  # type: ignore[attr-defined]
        node = _interned.get(key)
        if node is None:
            node = super().__call__(*fields)
            _interned[key] = node
        return node


class Node(metaclass=Interned):
    """The base of everything in the IR: immutable, compared by identity; construct with positional fields."""

    __slots__ = ("__weakref__", "_cache")
    typed_fields: ClassVar[bool] = False

    def __copy__(self) -> Node:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Node:
        return self


def cached(node: Node, name: str, make: Any) -> Any:
    """The value that ``make(node)`` gives, computed once a node and kept with it under ``name``."""
    try:
        cache: dict[str, Any] = object.__getattribute__(node, "_cache")
    except AttributeError:
        cache = {}
        object.__setattr__(node, "_cache", cache)
    if name not in cache:
        cache[name] = make(node)
    return cache[name]
