"""What the names in a statement can mean, and how an error about them is made."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

from covector.errors import CovectorError, NotationError, UnknownNameError, nearest
from covector.ir import Affine, Expr, Floor, Input, Mod, Symbol, Tensor
from covector.ir.affine import atoms
from covector.notation.build import children
from covector.notation.syntax import Name, Syntax

Number = int | float | Fraction | bool | Affine

CONSTANTS = ("pi", "inf", "nan", "true", "false")
NAN = "'nan' is a reserved name: NaN has no place in a program"
NAN_HINT = "use inf or a number, or give the array another name"
_TYPO = 0.82


@dataclass(frozen=True)
class Scope:
    """The names that a statement may use; data only, a statement that adds names gives a new scope.

    ``tensors``, ``extents`` and ``parameters`` (plain numbers) are by the names that the notation uses for them;
    ``values`` are expressions that stand for names. ``letters`` tells for an extent that was named after an index which
    one, and ``assumed`` which tensors were neither declared nor defined. In a ``closed`` scope a name that is not known
    is an error, otherwise it is a new input. Templates set ``operation``, for messages, ``axis``, which the only
    position after ``...`` takes, counted from the end, and ``spoken``, the names in any of their statements.
    """

    tensors: Mapping[str, Tensor] = field(default_factory=dict)
    extents: Mapping[str, Affine] = field(default_factory=dict)
    parameters: Mapping[str, Number] = field(default_factory=dict)
    values: Mapping[str, Expr] = field(default_factory=dict)
    letters: Mapping[str, str] = field(default_factory=dict)
    assumed: frozenset[str] = frozenset()
    closed: bool = False
    operation: str = ""
    axis: int = -1
    spoken: frozenset[str] = frozenset()

    def with_tensor(self, tensor: Tensor, name: str | None = None) -> Scope:
        """The scope with one more tensor, and with the symbols of its shape."""
        tensors = {**self.tensors, name or tensor.name: tensor}
        return replace(self, tensors=tensors, extents={**symbols_of(tensor), **self.extents})

    def inputs(self) -> tuple[Input, ...]:
        """Its inputs, in the order in which they were declared or first read."""
        return tuple(tensor for tensor in self.tensors.values() if isinstance(tensor, Input))

    def fault(
        self,
        message: str,
        node: Syntax,
        source: str,
        hint: str | None = None,
        kind: type[CovectorError] = NotationError,
    ) -> CovectorError:
        """An error at a place in the source; within a template the message begins with the operation."""
        prefix = f"{self.operation}: " if self.operation else ""
        return kind(prefix + message, source=source, span=(node.span.start, node.span.end), hint=hint)

    def refuse_typo(self, name: str, node: Syntax, source: str) -> None:
        """Raise `UnknownNameError` where an unknown name looks like a known one misspelt, or where none may be new."""
        known = [*(other for other in self.tensors if other not in self.assumed), *self.parameters, *self.values]
        close = next((other for other in known if _is_typo(name, other)), None)
        if close is None and self.closed:
            close = nearest(name, known)
        if close is not None:
            hint = f"did you mean '{close}'? If '{name}' is another input, declare it: {name}: …"
            hint = f"did you mean '{close}'?" if self.closed else hint
            raise self.fault(f"unknown name '{name}'", node, source, hint, UnknownNameError)
        if self.closed:
            names = f"known here: {', '.join(known)}" if known else None
            raise self.fault(f"unknown name '{name}'", node, source, names, UnknownNameError)


def symbols_of(tensor: Tensor) -> dict[str, Affine]:
    """The symbols in the shape of a tensor, by name."""
    return {name: form for extent in tensor.shape for name, form in _symbols(extent)}


def _symbols(form: Affine) -> Iterator[tuple[str, Affine]]:
    for atom in atoms(form):
        if isinstance(atom, Symbol):
            yield atom.name, Affine((((atom,), 1),), 0)
        elif isinstance(atom, (Floor, Mod)):
            yield from _symbols(atom.numerator)
            yield from _symbols(atom.denominator)


def shape_text(shape: tuple[Affine, ...]) -> str:
    """A shape as messages show it: ``M×3``, or ``()``."""
    parts = [repr(extent) if extent.is_constant or extent.atom is not None else f"({extent!r})" for extent in shape]
    return "×".join(parts) or "()"


def axes_text(tensor: Tensor) -> str:
    """``2 axes (M×N)``."""
    count = len(tensor.shape)
    if not count:
        return "no axes"
    return f"{count} axis ({shape_text(tensor.shape)})" if count == 1 else f"{count} axes ({shape_text(tensor.shape)})"


def text_of(node: Syntax, source: str) -> str:
    """The part of the source that a node was read from."""
    return source[node.span.start : node.span.end]


def syntax_walk(node: Syntax) -> Iterator[Syntax]:
    """Every node of a tree, parents first."""
    stack = [node]
    while stack:
        current = stack.pop()
        yield current
        stack.extend(reversed(list(children(current))))


def names_in(node: Syntax) -> frozenset[str]:
    """The names that stand in an expression, those of the tensors it reads left out."""
    return frozenset(part.name for part in syntax_walk(node) if isinstance(part, Name))


def _is_typo(name: str, known: str) -> bool:
    """Whether ``name`` is ``known`` misspelt, rather than a relative of it such as x2, x', dx or x_left."""
    if min(len(name), len(known)) < 4 or name[0] != known[0] or _letters(name) == _letters(known):
        return False
    if _stem(name) in (known, _stem(known)) or _stem(known) == name:
        return False
    return difflib.SequenceMatcher(None, name, known).ratio() >= _TYPO


def _letters(name: str) -> str:
    return "".join(letter for letter in name if letter.isalpha())


def _stem(name: str) -> str:
    """What stands before the last underscore; the name itself where there is none."""
    return name.rpartition("_")[0] or name
