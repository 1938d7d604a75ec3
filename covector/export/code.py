"""Pieces of Python source as a graph, where equal pieces are one object, and their rendering as assignments."""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

COMPARE, OR, AND, ADD, MUL, POWER, ATOM = range(1, 8)
"""How tightly the operators bind; a matrix product binds like any other."""

WIDTH = 108
"""How long a line may be, without its indentation."""


@dataclass(frozen=True, eq=False, slots=True)
class Term:
    """A piece of source: text and other pieces, each with how tightly it must bind to stand there bare.

    A ``cheap`` piece may be written twice; any other that is used twice gets a name, made from ``hint``. A ``block`` is
    made of statements that make the value, in which the empty text stands for its name.
    """

    parts: tuple[Part, ...]
    level: int
    cheap: bool
    hint: str
    block: bool = False


Part = str | tuple[Term, int]


class Names:
    """Identifiers, each given once.

    >>> names = Names(["np"])
    >>> names.new("x'"), names.new("lambda"), names.new("np"), names.new("x'")
    ('x_', 'lambda_', 'np_', 'x_2')
    """

    def __init__(self, reserved: Iterable[str] = ()) -> None:
        self.taken = set(reserved)

    def new(self, wanted: str) -> str:
        """An identifier like the wanted name that nothing else has."""
        stem = name = identifier(wanted)
        if name in self.taken and wanted == stem and stem in _LIBRARY:
            stem = name = f"{stem}_"
        count = 2
        while name in self.taken:
            name, count = f"{stem}{count}", count + 1
        self.taken.add(name)
        return name


_LIBRARY = ("np", "math", "float", "int", "bool", "zip", "slice", "enumerate", "tuple", "len", "range")
RESERVED = (*_LIBRARY, "_")


def identifier(name: str) -> str:
    """The name with ``_`` where Python does not allow it.

    >>> identifier("x'"), identifier("lambda"), identifier("x̂"), identifier("权重")
    ('x_', 'lambda_', 'x_hat', '权重')

    It is spelt as Python reads it, for which ``ｘ`` is ``x``.
    """
    spelt = name.replace("\u0302", "_hat").replace("\u0304", "_bar").replace("\u0303", "_tilde")
    spelt = unicodedata.normalize("NFKC", spelt)
    spelt = "".join(letter if f"_{letter}".isidentifier() else "_" for letter in spelt) or "_"
    if not spelt.isidentifier():
        spelt = f"_{spelt}"
    return f"{spelt}_" if keyword.iskeyword(spelt) else spelt


class Code:
    """The pieces of one function, and the lines that they become."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.lines: list[str] = []
        self._terms: dict[tuple[object, ...], Term] = {}
        self._named: dict[Term, str] = {}
        self._uses: dict[Term, int] = {}

    def term(
        self,
        level: int,
        *parts: Part,
        cheap: bool = False,
        hint: str = "t",
        block: bool = False,
    ) -> Term:
        """The piece made of these parts, the same object every time."""
        key = (level, block, *(part if isinstance(part, str) else (id(part[0]), part[1]) for part in parts))
        found = self._terms.get(key)
        if found is None:
            found = self._terms[key] = Term(parts, level, cheap, hint, block)
        return found

    def atom(self, text: str) -> Term:
        """A name or a number."""
        return self.term(ATOM, text, cheap=True)

    def count(self, roots: Iterable[Term]) -> None:
        """Count how often each piece is written, where only cheap ones are written more than once."""
        roots = list(roots)
        for term in reversed(_in_order(roots)):
            self._uses[term] = self._uses.get(term, 0) + roots.count(term)
            times = self._uses[term] if term.cheap else 1
            for part in term.parts:
                if not isinstance(part, str):
                    self._uses[part[0]] = self._uses.get(part[0], 0) + times

    def assign(self, name: str, term: Term) -> None:
        """Add the lines that give a name to the value of a piece."""
        if term.block and term not in self._named:
            self._named[term] = name
            self._add_block(term, name)
            return
        self.lines.append(f"{name} = {self.fitted(term, len(name) + 3)}")
        if not term.cheap:
            self._named.setdefault(term, name)

    def fitted(self, term: Term, before: int) -> str:
        """The piece as an expression that fits a line; inner pieces get names until it does."""
        text = self._write(term)
        while len(text) + before > WIDTH:
            inner = [part for part in self._inner(term) if len(self._write(part)) > 12]
            if not inner:
                break
            self._name(min(inner, key=lambda part: abs(2 * len(self._write(part)) - len(text))))
            text = self._write(term)
        return text

    def _inner(self, term: Term) -> list[Term]:
        """The pieces written inside a piece that could get names instead."""
        found: list[Term] = []
        for part in term.parts:
            if not isinstance(part, str) and part[0] not in self._named:
                found += ([] if part[0].cheap else [part[0]]) + self._inner(part[0])
        return found

    def _write(self, term: Term) -> str:
        """The piece written out, after the lines that it needs."""
        if term in self._named:
            return self._named[term]
        texts = [part if isinstance(part, str) else self._part(*part) for part in term.parts]
        if "**" in texts:
            at = texts.index("**")
            texts[at] = "**" if re.fullmatch(r"[\w.]+", texts[at - 1] + texts[at + 1].lstrip("-")) else " ** "
        return "".join(texts)

    def _part(self, term: Term, level: int) -> str:
        if term not in self._named and (term.block or (not term.cheap and self._uses.get(term, 0) > 1)):
            self._name(term)
        text = self._write(term)
        return f"({text})" if term.level < level and term not in self._named else text

    def _name(self, term: Term) -> None:
        name = self.names.new(term.hint)
        if term.block:
            self._named[term] = name
            self._add_block(term, name)
        else:
            text = self.fitted(term, len(name) + 3)
            self._named[term] = name
            self.lines.append(f"{name} = {text}")

    def _add_block(self, term: Term, name: str) -> None:
        texts = [(part or name) if isinstance(part, str) else self._part(*part) for part in term.parts]
        self.lines += "".join(texts).split("\n")


def _in_order(roots: Iterable[Term]) -> list[Term]:
    """The pieces below, each once, those that a piece is made of before it."""
    done: dict[Term, None] = {}
    stack = [(root, False) for root in roots]
    while stack:
        term, expanded = stack.pop()
        if expanded:
            done.setdefault(term)
        elif term not in done:
            stack.append((term, True))
            stack.extend((part[0], False) for part in term.parts if not isinstance(part, str))
    return list(done)
