"""Values of expressions that are computed already, as long as nothing that they read is written."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager

from covector.codegen.builder import Value
from covector.ir import Read, Tensor, walk
from covector.ir.node import Node, cached

Key = tuple[Node, tuple[str, ...]]
"""An expression, and what its value depends on beside its indices."""


class Known:
    """The values that are known where a function stands."""

    def __init__(self) -> None:
        self._values: dict[Key, Value] = {}
        self._readers: dict[Tensor, list[Key]] = {}
        """The keys that read a tensor; some may be known no longer."""

    def get(self, key: Key) -> Value | None:
        """The value of an expression, or None."""
        return self._values.get(key)

    def add(self, key: Key, value: Value) -> Value:
        """Know a value, and give it back."""
        self._values[key] = value
        for tensor in reads(key[0]):
            self._readers.setdefault(tensor, []).append(key)
        return value

    @contextmanager
    def scope(self, written: AbstractSet[Tensor]) -> Iterator[None]:
        """A part that may run any number of times and writes some tensors; what it finds out is not known behind it."""
        for tensor in written:
            self.forget(tensor)
        kept = dict(self._values)
        try:
            yield
        finally:
            self._values = kept

    def forget(self, written: Tensor) -> None:
        """A tensor has other values from here on."""
        for key in self._readers.pop(written, ()):
            self._values.pop(key, None)


def reads(node: Node) -> frozenset[Tensor]:
    """The tensors that an expression reads."""
    result: frozenset[Tensor] = cached(
        node, "read_tensors", lambda n: frozenset(part.tensor for part in walk(n) if isinstance(part, Read))
    )
    return result
