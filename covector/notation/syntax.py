"""What the parser returns: the notation's syntax as plain data, every node with its place in the source."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Span:
    """The part ``source[start:end]`` of the text that was parsed."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Syntax:
    """A node of the syntax tree."""

    span: Span


@dataclass(frozen=True, slots=True)
class Number(Syntax):
    """A literal as it was written: ``3``, ``0.5``, ``1e-5``."""

    text: str


@dataclass(frozen=True, slots=True)
class Text(Syntax):
    """A quoted string, as ``einsum`` takes."""

    value: str


@dataclass(frozen=True, slots=True)
class Name(Syntax):
    """A name: a tensor, an index, an extent or a constant."""

    name: str


@dataclass(frozen=True, slots=True)
class Ellipsis(Syntax):
    """``...`` among the positions of a template."""


@dataclass(frozen=True, slots=True)
class Subscript(Syntax):
    """``name[position, …]``."""

    name: str
    positions: tuple[Syntax, ...]


@dataclass(frozen=True, slots=True)
class Operator(Syntax):
    """A prefix or infix operator: one of ``+ - * / // % ** @ == != < <= and or not neg``, operands in order."""

    symbol: str
    operands: tuple[Syntax, ...]


@dataclass(frozen=True, slots=True)
class Transpose(Syntax):
    """``operand.T``."""

    operand: Syntax


@dataclass(frozen=True, slots=True)
class Call(Syntax):
    """``function(argument, …, keyword=value, …)``."""

    function: str
    arguments: tuple[Syntax, ...]
    keywords: tuple[tuple[str, Syntax], ...]


@dataclass(frozen=True, slots=True)
class Sequence(Syntax):
    """``(a, b)`` as an argument: a tuple of axes."""

    items: tuple[Syntax, ...]


@dataclass(frozen=True, slots=True)
class IndexBinding(Syntax):
    """An index where it is bound, ``k`` or ``k:extent``."""

    name: str
    extent: Syntax | None


@dataclass(frozen=True, slots=True)
class Reduction(Syntax):
    """``sum[k, l:3](body)``; ``operation`` is one of sum prod max min mean any all."""

    operation: str
    indices: tuple[IndexBinding, ...]
    body: Syntax


@dataclass(frozen=True, slots=True)
class Iverson(Syntax):
    """``[condition]``."""

    condition: Syntax


@dataclass(frozen=True, slots=True)
class Derivative(Syntax):
    """``∂of/∂by``, both perhaps subscripted, or ``∇by``, where ``of`` is None: the loss. Claims hold these,
    programs do not.
    """

    of: Syntax | None
    by: Syntax


@dataclass(frozen=True, slots=True)
class Declaration(Syntax):
    """``name: extent … dtype``."""

    name: str
    extents: tuple[Syntax, ...]
    dtype: str | None


@dataclass(frozen=True, slots=True)
class Definition(Syntax):
    """``name[indices] = body`` (element form; ``ellipsis`` says that ``...`` came first) or ``name = body``, where
    ``indices`` is None.
    """

    name: str
    indices: tuple[IndexBinding, ...] | None
    ellipsis: bool
    body: Syntax


@dataclass(frozen=True, slots=True)
class Program(Syntax):
    """All statements in order, and the text that they were read from."""

    source: str
    statements: tuple[Declaration | Definition, ...]
