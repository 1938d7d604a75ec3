"""What a page declares: shapes, values of extents, definitions; in formulas and in the words around them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from covector.notes import prose
from covector.notes.formula import Formula, Statement
from covector.notes.math import (
    Apply,
    Derivative,
    Differential,
    Dots,
    Indexed,
    Math,
    Matrix,
    Name,
    Number,
    Placeholder,
    Product,
    Space,
    Tuple,
    walk,
)
from covector.notes.page import Snippet
from covector.notes.prose import Stated
from covector.notes.show import show


@dataclass(frozen=True, slots=True)
class Declaration:
    """``name`` has these extents; there are none for a scalar.

    ``how`` is *space* (``∈ R^{m × n}``), *words*, or *entries* (counted in a matrix). ``field`` is ``R``, or ``Z`` for
    integers.
    """

    name: str
    extents: tuple[Math, ...]
    line: int
    column: int
    how: str
    field: str = "R"

    @property
    def shape(self) -> tuple[str, ...]:
        """The extents as text."""
        return tuple(show(extent) for extent in self.extents)

    @property
    def open(self) -> bool:
        """Whether dots among the extents leave the rank open."""
        return any(isinstance(extent, Dots) for extent in self.extents)


@dataclass(frozen=True, slots=True)
class Value:
    """``name`` is a number, or another extent: ``N=1``, batch size = n."""

    name: str
    value: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Definition:
    """``name = body``, or ``name_{indices} = body``, or ``name(arguments) = body`` where ``called``."""

    name: str
    indices: tuple[Math, ...] | None
    body: Math
    line: int
    column: int
    called: bool = False


@dataclass(frozen=True, slots=True)
class Declarations:
    """Everything that a page declares, in its order; of one name, a later declaration replaces an earlier one."""

    shapes: tuple[Declaration, ...]
    values: tuple[Value, ...]
    definitions: tuple[Definition, ...]

    def shape(self, name: str, line: int | None = None) -> Declaration | None:
        """The declaration of ``name`` in force at ``line`` (at the end of the page without one), or None."""
        found = [item for item in self.shapes if item.name == name and (line is None or item.line <= line)]
        return found[-1] if found else None


def from_formula(formula: Formula, snippet: Snippet) -> Iterator[Declaration | Value | Definition]:
    """What one formula declares."""
    waiting: list[str] = []
    for statement in formula.statements:
        line, column = snippet.place(statement.span.start)
        if len(statement.terms) == 1 and not statement.signs:
            waiting += _subjects(statement.terms[0])
            continue
        yield from _from_statement(statement, waiting, line, column)
        waiting = []


def _from_statement(
    statement: Statement, waiting: list[str], line: int, column: int
) -> Iterator[Declaration | Value | Definition]:
    first = statement.terms[0]
    symbols = [sign.symbol for sign in statement.signs]
    if statement.continues or not symbols:
        return
    if symbols[0] == "∈":
        space = statement.terms[1]
        if isinstance(space, Space):
            for name in [*waiting, *_subjects(first)]:
                yield Declaration(name, space.extents, line, column, "space", space.field)
            if isinstance(first, Indexed) and first.upper and isinstance(first.base, Name):
                samples = tuple(Placeholder(position.span) for position in first.positions)
                yield Declaration(first.base.name, (*samples, *space.extents), line, column, "space", space.field)
        return
    if symbols[0] not in ("=", ":=", "≜", "≡"):
        return
    if isinstance(first, Name) and len(symbols) == 1 and isinstance(statement.terms[1], Number):
        yield Value(first.name, statement.terms[1].text, line, column)
        return
    yield from _defined(first, statement.terms[1], line, column)
    if isinstance(first, Name):
        for term in statement.terms[1:]:
            extents = _counted(term)
            if extents is not None:
                yield Declaration(first.name, extents, line, column, "entries")
                return


def _defined(left: Math, body: Math, line: int, column: int) -> Iterator[Definition]:
    """The definition that ``left = body`` is, where its left side names one thing."""
    if isinstance(left, Name):
        yield Definition(left.name, None, body, line, column)
    elif isinstance(left, Indexed) and isinstance(left.base, Name):
        yield Definition(left.base.name, left.positions, body, line, column)
    elif isinstance(left, Apply) and isinstance(left.function, Name):
        yield Definition(left.function.name, left.arguments, body, line, column, called=True)


def _counted(term: Math) -> tuple[Math, ...] | None:
    """The extents of a matrix or a tuple of entries, or None where they cannot be counted."""
    if any(isinstance(node, Dots) for node in walk(term)):
        return None
    if isinstance(term, Matrix):
        columns = {len(row.entries) for row in term.rows}
        return _numbers(term, len(term.rows), *columns) if len(columns) == 1 else None
    if isinstance(term, Tuple) and term.bracket in ("(", "["):
        last = term.items[-1]
        both = all(isinstance(item, Indexed) and len(item.positions) == 2 for item in term.items)
        if both and isinstance(last, Indexed) and all(isinstance(position, Number) for position in last.positions):
            rows, columns_ = (int(position.text) for position in last.positions if isinstance(position, Number))
            return _numbers(term, rows, columns_) if rows * columns_ == len(term.items) else None
        return _numbers(term, len(term.items))
    return None


def _numbers(term: Math, *extents: int) -> tuple[Math, ...]:
    return tuple(Number(term.span, str(extent)) for extent in extents)


def _subjects(term: Math) -> list[str]:
    """The name that is all of a term."""
    return [term.name] if isinstance(term, Name) else []


# Words.

Part = str | tuple[Snippet, Formula | None]


def from_words(parts: Sequence[Part], line: int) -> Iterator[Declaration | Value]:
    """What a paragraph declares in words: ``parts`` are its prose and its formulas in order, from ``line`` on."""
    for k, part in enumerate(parts):
        if isinstance(part, str):
            for stated in prose.stated(part):
                yield _worded(stated, line + part.count("\n", 0, stated.start))
            continue
        snippet, formula = part
        line = snippet.line + snippet.text.count("\n")
        after = parts[k + 1] if k + 1 < len(parts) else ""
        names = _names(formula)
        if not names or not isinstance(after, str):
            continue
        extents: tuple[Math, ...] | None = None
        if prose.SCALAR.match(after):
            extents = ()
        elif (said := prose.said_of(after)) is not None:
            extents = tuple(map(prose.extent, said))
        elif k + 2 < len(parts) and not isinstance(parts[k + 2], str):
            extents = _linked(after, parts[k + 2], parts[k + 3] if k + 3 < len(parts) else "")
        if extents is not None:
            for name in names:
                yield Declaration(name, extents, snippet.line, snippet.column, "words")


def _worded(stated: Stated, line: int) -> Declaration | Value:
    if stated.value is not None:
        return Value(stated.name, stated.value, line, 1)
    extents = tuple(prose.extent(text) for text in stated.extents)
    return Declaration(stated.name, extents, line, 1, "words")


def _names(formula: Formula | None) -> list[str]:
    """The names that a formula consists of: ``X``, or ``x, \\Delta x``."""
    if formula is None or any(statement.signs for statement in formula.statements):
        return []
    terms = [statement.terms[0] for statement in formula.statements]
    if not all(isinstance(term, (Name, Indexed, Differential)) or _is_derivative(term) for term in terms):
        return []
    return [term.name if isinstance(term, Name) else show(term) for term in terms]


def _is_derivative(term: Math) -> bool:
    return isinstance(term, Derivative)


def _linked(link: str, part: Part, after: Part) -> tuple[Math, ...] | None:
    """The extents in ``X is an [m × n] matrix`` and ``X has shape [(m, n)]``."""
    if isinstance(part, str) or part[1] is None or not prose.LINK.match(link):
        return None
    noun = isinstance(after, str) and prose.NOUN.match(after) is not None
    if not noun and not prose.SHAPE.search(link):
        return None
    formula = part[1]
    if any(statement.signs for statement in formula.statements):
        return None
    terms = [statement.terms[0] for statement in formula.statements]
    return _extents(terms[0]) if len(terms) == 1 else tuple(terms)


def _extents(term: Math) -> tuple[Math, ...]:
    """The extents that ``m × n`` or ``(m, n)`` writes; those of several groups in one row."""
    if isinstance(term, Product) and set(term.signs) <= {"×", "*"}:
        return tuple(extent for factor in term.factors for extent in _extents(factor))
    if isinstance(term, Tuple):
        return term.items
    return (term,)


def gather(items: Sequence[Declaration | Value | Definition]) -> Declarations:
    """The declarations of a page, in its order."""
    ordered = sorted(items, key=lambda item: (item.line, item.column))
    return Declarations(
        tuple(item for item in ordered if isinstance(item, Declaration)),
        tuple(item for item in ordered if isinstance(item, Value)),
        tuple(item for item in ordered if isinstance(item, Definition)),
    )
