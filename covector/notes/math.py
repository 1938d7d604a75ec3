"""The syntax of mathematics as people write it: plain data, every node with its place in the formula."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from covector.notation.syntax import Span


@dataclass(frozen=True, slots=True)
class Math:
    """A node of the tree of a formula."""

    span: Span


@dataclass(frozen=True, slots=True)
class Number(Math):
    """A number as it was written."""

    text: str


@dataclass(frozen=True, slots=True)
class Name(Math):
    """A name; a label belongs to it (``y^predict``, ``C_in``, ``y_hat``).

    ``font`` is that of LaTeX (``mathbb``), or ''.
    """

    name: str
    font: str = ""


@dataclass(frozen=True, slots=True)
class Words(Math):
    """Text that stands inside a formula and names nothing."""

    text: str


@dataclass(frozen=True, slots=True)
class Symbol(Math):
    """A sign that stands alone, as in a sentence about it: ``$\\cdot$``."""

    symbol: str


@dataclass(frozen=True, slots=True)
class Dots(Math):
    """``…`` for what the reader fills in."""


@dataclass(frozen=True, slots=True)
class Placeholder(Math):
    """The ``·`` of ``f(·)``."""


@dataclass(frozen=True, slots=True)
class Slice(Math):
    """``:`` as a position: the whole axis."""


@dataclass(frozen=True, slots=True)
class Sum(Math):
    """Terms in order, each with its sign ``+``, ``-`` or ``±``."""

    terms: tuple[Math, ...]
    signs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Negative(Math):
    """``-operand``."""

    operand: Math


@dataclass(frozen=True, slots=True)
class Product(Math):
    """Factors from left to right and the sign between each two.

    A sign is one of ``* · × . @ ⊙ ∘ ⊗ /``, or '' where the factors only stand side by side. A run without signs
    binds more tightly than a sign, and is then a product of its own.
    """

    factors: tuple[Math, ...]
    signs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fraction(Math):
    """``\\frac{numerator}{denominator}`` that is no derivative."""

    numerator: Math
    denominator: Math


@dataclass(frozen=True, slots=True)
class Power(Math):
    """``base^exponent``; an exponent of -1 may be an inverse."""

    base: Math
    exponent: Math


@dataclass(frozen=True, slots=True)
class Transpose(Math):
    """``operand^T``."""

    operand: Math


@dataclass(frozen=True, slots=True)
class Prime(Math):
    """``f'``: the derivative of a function of one argument, ``order`` times."""

    operand: Math
    order: int


@dataclass(frozen=True, slots=True)
class Indexed(Math):
    """``base_{positions}``, ``base[positions]``, or ``base^{(position)}`` where ``upper``."""

    base: Math
    positions: tuple[Math, ...]
    upper: bool = False


@dataclass(frozen=True, slots=True)
class Keyword(Math):
    """``axis=0`` among the arguments of a call."""

    name: str
    value: Math


@dataclass(frozen=True, slots=True)
class Apply(Math):
    """``function(arguments)``: a call, or the element ``input(N_i, k)`` of a tensor."""

    function: Math
    arguments: tuple[Math, ...]


@dataclass(frozen=True, slots=True)
class Differential(Math):
    """``∂ operand``, ``∇ operand`` (of which ``by`` is the subscript), ``Δ operand`` or ``d operand``, outside of
    a fraction.
    """

    symbol: str
    operand: Math
    by: Math | None = None
    order: int = 1


@dataclass(frozen=True, slots=True)
class Derivative(Math):
    """``∂ of / ∂ by``; ``symbol`` is ``∂``, ``d`` or ``∇``.

    There are several ``by`` for mixed derivatives, and ``order`` of them where powers are counted. ``marked`` says
    that the numerator has its own ``∂``: notes forget it.
    """

    symbol: str
    of: Math
    by: tuple[Math, ...]
    order: int = 1
    marked: bool = True


@dataclass(frozen=True, slots=True)
class Comparison(Math):
    """A chain of relations inside of an expression: the condition of a bracket, of a case."""

    terms: tuple[Math, ...]
    signs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Binding(Math):
    """An index where it is bound: ``k=0`` … ``K-1``, or under a condition."""

    index: Math
    lower: Math | None = None
    upper: Math | None = None
    condition: Math | None = None


@dataclass(frozen=True, slots=True)
class Reduction(Math):
    """``\\sum``, ``\\prod``, ``\\max``, ``\\min``, ``\\argmax``, ``\\argmin`` over ``bindings``, of which there
    may be none.
    """

    operation: str
    bindings: tuple[Binding, ...]
    body: Math


@dataclass(frozen=True, slots=True)
class Limit(Math):
    """``\\lim_{variable → target} body``."""

    variable: Math
    target: Math
    body: Math


@dataclass(frozen=True, slots=True)
class Norm(Math):
    """``‖body‖``, with the subscript ``order`` where there is one."""

    body: Math
    order: Math | None = None


@dataclass(frozen=True, slots=True)
class Absolute(Math):
    """``|body|``."""

    body: Math


@dataclass(frozen=True, slots=True)
class At(Math):
    """``body`` evaluated where ``condition`` holds: ``\\left. f \\right|_{x=0}``."""

    body: Math
    condition: Math


@dataclass(frozen=True, slots=True)
class Tuple(Math):
    """``(a, b)``, ``[a, b]`` or ``{a, b}``: ``bracket`` is the opening one, '' where there is none."""

    items: tuple[Math, ...]
    bracket: str


@dataclass(frozen=True, slots=True)
class Row(Math):
    """A row of a matrix."""

    entries: tuple[Math, ...]


@dataclass(frozen=True, slots=True)
class Matrix(Math):
    """A matrix of entries, empty rows left out; ``bracket`` is that of its environment."""

    rows: tuple[Row, ...]
    bracket: str


@dataclass(frozen=True, slots=True)
class Case(Math):
    """One line of `Cases`; no condition is 'otherwise'."""

    value: Math
    condition: Math | None


@dataclass(frozen=True, slots=True)
class Cases(Math):
    """``\\begin{cases}``."""

    cases: tuple[Case, ...]


@dataclass(frozen=True, slots=True)
class Space(Math):
    """``R^{m \\times n}``: a field and the extents of its tensors."""

    field: str
    extents: tuple[Math, ...]


@dataclass(frozen=True, slots=True)
class Choice(Math):
    """Something that can be read in several ways, the likeliest first.

    Choices of the same ``key`` are about the same thing and are settled together; ``reason`` says what is ambiguous.
    """

    options: tuple[Math, ...]
    key: str
    reason: str


_FIELDS: dict[type[Math], tuple[str, ...]] = {}


def _fields(kind: type[Math]) -> tuple[str, ...]:
    if kind not in _FIELDS:
        _FIELDS[kind] = tuple(field.name for field in dataclasses.fields(kind) if field.name != "span")
    return _FIELDS[kind]


def children(node: Math) -> Iterator[Math]:
    """The nodes directly below ``node``."""
    for name in _fields(type(node)):
        value = getattr(node, name)
        if isinstance(value, Math):
            yield value
        elif isinstance(value, tuple):
            yield from (item for item in value if isinstance(item, Math))


def walk(node: Math) -> Iterator[Math]:
    """``node`` and everything below it, each shared node once, parents first."""
    seen: set[int] = set()
    stack = [node]
    while stack:
        top = stack.pop()
        if id(top) in seen:
            continue
        seen.add(id(top))
        yield top
        stack.extend(reversed(list(children(top))))


def rebuild(node: Math, change: Callable[[Math], Math]) -> Math:
    """``node`` with ``change`` made to each of its children."""
    changes: dict[str, object] = {}
    for name in _fields(type(node)):
        value = getattr(node, name)
        if isinstance(value, Math):
            new: object = change(value)
        elif isinstance(value, tuple):
            new = tuple(change(item) if isinstance(item, Math) else item for item in value)
            if all(a is b for a, b in zip(new, value, strict=True)):
                continue
        else:
            continue
        if new is not value:
            changes[name] = new
    return dataclasses.replace(node, **changes) if changes else node  # type: ignore[arg-type]


def within(node: Math, span: Span) -> Math:
    """What stands in brackets, as long as it is with them."""
    if isinstance(node, Choice):
        return dataclasses.replace(node, span=span, options=tuple(within(option, span) for option in node.options))
    return dataclasses.replace(node, span=span)


def span_over(first: Math, last: Math) -> Span:
    """From the start of ``first`` to the end of ``last``."""
    return Span(first.span.start, max(first.span.end, last.span.end))
