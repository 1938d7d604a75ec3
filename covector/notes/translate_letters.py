"""Names of indices, and which names a tree has."""

from __future__ import annotations

from covector.notes import math as m
from covector.notes.context import Defined
from covector.notes.show import show


def index_name(node: m.Math) -> str:
    """The name of an index, however it is written: ``N_i`` is one."""
    return "_".join(part for part in show(node).replace("]", "").replace(" ", "").split("[") if part)


def is_numbered(found: Defined) -> bool:
    """Whether a definition is that of one entry."""
    return found.indices is not None and any(isinstance(p, m.Number) for p in found.indices)


def names_in(body: m.Math, name: str) -> bool:
    """Whether a tree has a name."""
    return any(isinstance(node, m.Name) and node.name == name for node in m.walk(body))
