"""The functions of a program as units that are compiled on their own, so that programs share what is equal in them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from covector.codegen.target import Target


@dataclass(frozen=True, slots=True)
class Unit:
    """A function that is compiled on its own; ``imports`` are the functions that it calls beyond the C library's."""

    name: str
    function: str
    declarations: tuple[str, ...]
    imports: tuple[str, ...]
    metadata: tuple[str, ...]
    attributes: str

    @property
    def text(self) -> str:
        """The LLVM module that it is."""
        return "\n".join((*self.declarations, self.function, self.attributes, *self.metadata)) + "\n"

    @property
    def declaration(self) -> str:
        """What another unit declares to call it."""
        head = self.function[: self.function.index(" {\n")]
        return re.sub(r" %[\w.]+", "", head).replace("define", "declare", 1)

    def renamed(self, name: str) -> Unit:
        """The same function under another name."""
        return replace(self, name=name, function=self.function.replace(f"@{self.name}(", f"@{name}(", 1))


_HELPERS: dict[tuple[Target, str], Unit] = {}
"""The helpers that programs have in common, as they were first written."""


@dataclass(slots=True)
class _Draft:
    """What a unit that is being written needs beside its function."""

    declarations: dict[str, None] = field(default_factory=dict)
    imports: dict[str, None] = field(default_factory=dict)
    metadata: list[str] = field(default_factory=lambda: ["!0 = !{}"])


@dataclass(slots=True)
class Module:
    """The functions of a program that others call, each once, those that are called before those that call them."""

    target: Target
    helpers: dict[str, Unit] = field(default_factory=dict)
    _drafts: list[_Draft] = field(default_factory=list)

    def declare(self, text: str) -> None:
        """Make sure that the unit being written declares a function."""
        self._drafts[-1].declarations[text] = None

    def external(self, name: str, text: str) -> None:
        """Declare a function that code is given the address of."""
        self.declare(text)
        self._drafts[-1].imports[name] = None

    def node(self, text: str) -> str:
        """A new metadata node of the unit being written; ``!0`` is an empty one."""
        metadata = self._drafts[-1].metadata
        metadata.append(f"!{len(metadata)} = {text}")
        return f"!{len(metadata) - 1}"

    def unit(self, name: str, make: Callable[[], str]) -> Unit:
        """What ``make`` writes, as a unit."""
        self._drafts.append(_Draft())
        function = make()
        draft, bits = self._drafts.pop(), 8 * self.target.vector_bytes
        attributes = f'attributes #0 = {{ nounwind "prefer-vector-width"="{bits}" }}'
        return Unit(name, function, tuple(draft.declarations), tuple(draft.imports), tuple(draft.metadata), attributes)

    def helper(self, name: str, make: Callable[[], str]) -> str:
        """The name of a function that is made when it is first wanted; the name and the target determine its text."""
        if name not in self.helpers:
            known = _HELPERS.get((self.target, name))
            if known is None:
                known = _HELPERS[self.target, name] = self.unit(name, make)
            self._add(known)
        return self._called(self.helpers[name])

    def _add(self, unit: Unit) -> None:
        """Have a helper, and before it those that it calls."""
        for name in unit.imports:
            if name not in self.helpers:
                self._add(_HELPERS[self.target, name])
        self.helpers[unit.name] = unit

    def distinct(self, stem: str, make: Callable[[], str]) -> str:
        """The name of a function that is named after its own text, so that equal ones are one."""
        unit = self.unit(stem, make)
        name = f"{stem}.{hashlib.sha256(unit.text.encode()).hexdigest()[:16]}"
        self.helpers.setdefault(name, unit.renamed(name))
        return name

    def call(self, name: str) -> None:
        """Make sure that the unit being written can call a helper."""
        self._called(self.helpers[name])

    def _called(self, unit: Unit) -> str:
        if self._drafts:
            self.external(unit.name, unit.declaration)
        return unit.name

    def text(self) -> str:
        """All of them as one LLVM module."""
        own = {unit.declaration for unit in self.helpers.values()}
        outer = dict.fromkeys(line for unit in self.helpers.values() for line in unit.declarations if line not in own)
        attributes = dict.fromkeys(unit.attributes for unit in self.helpers.values())
        return "\n".join((*outer, *(unit.function for unit in self.helpers.values()), *attributes)) + "\n"
