"""A page, read: its formulas as trees, its names, its declarations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace

from covector.errors import NotationError
from covector.notes.declarations import (
    Declaration,
    Declarations,
    Definition,
    Part,
    Value,
    from_formula,
    from_words,
    gather,
)
from covector.notes.formula import Formula
from covector.notes.latex import read_formula
from covector.notes.markdown import read_markdown
from covector.notes.math import (
    Apply,
    Binding,
    Choice,
    Derivative,
    Differential,
    Indexed,
    Math,
    Name,
    Number,
    Space,
    children,
    walk,
)
from covector.notes.names import segment
from covector.notes.page import Block, Heading, Page, Paragraph, Snippet, snippets
from covector.notes.squares import square_names, with_squares

MAX_MATHEMATICS = 200_000
MAX_FORMULAS = 2_000


@dataclass(frozen=True, slots=True)
class Reading:
    """A formula of a page: as it was written, its tree or why there is none, its block and the headings above it."""

    snippet: Snippet
    formula: Formula | None
    error: NotationError | None
    block: Block
    section: tuple[Heading, ...]


@dataclass(frozen=True, slots=True)
class Notes:
    """A page with its formulas read; ``known`` are the names that it uses."""

    page: Page
    formulas: tuple[Reading, ...]
    known: frozenset[str]
    declarations: Declarations


def read_page(text: str, known: Collection[str] = ()) -> Notes:
    """All formulas of a page, read with the names that the page itself uses, and ``known``.

    What cannot be read is no error of the page: its formula is None. Raises `NotationError` where ``text`` is no page.

    >>> notes = read_page("$C = AB$ where $A$ is an $m \\\\times n$ matrix")
    >>> notes.declarations.shape("A").shape
    ('m', 'n')
    """
    page = read_markdown(text)
    if len(page.formulas) > MAX_FORMULAS:
        message = f"the page has {len(page.formulas):,} formulas; the limit is {MAX_FORMULAS:,}"
        raise NotationError(message, hint="split it into several pages")
    first = [read for _, read, _ in _read_all(page, known)]
    formulas = [formula for formula in first if formula is not None]
    names = frozenset(known) | names_of(formulas) | numbered_names(formulas)
    readings: list[Reading] = []
    section: list[Heading] = []
    read = iter(_read_all(page, names))
    for block in page.blocks:
        if isinstance(block, Heading):
            section = [heading for heading in section if heading.level < block.level] + [block]
        for _ in snippets(block):
            snippet, formula, error = next(read)
            readings.append(Reading(snippet, formula, error, block, tuple(section)))
    squares = square_names([reading.formula for reading in readings if reading.formula is not None])
    if squares:
        readings = [
            replace(one, formula=with_squares(one.formula, squares)) if one.formula is not None else one
            for one in readings
        ]
    return Notes(page, tuple(readings), names, _declarations(page, readings))


def _read_all(page: Page, known: Collection[str]) -> Iterator[tuple[Snippet, Formula | None, NotationError | None]]:
    """Each formula of a page; those over the limits are not read."""
    total = 0
    names = frozenset(known)
    for snippet in page.formulas:
        total += len(snippet.text)
        try:
            if total > MAX_MATHEMATICS:
                message = (
                    f"the formulas of the page have more than {MAX_MATHEMATICS:,} characters: this one is not read"
                )
                raise NotationError(message)
            yield snippet, read_formula(snippet.text, names), None
        except NotationError as error:
            yield snippet, None, error


def names_of(formulas: Iterable[Formula]) -> frozenset[str]:
    """The names that formulas use, those of indices left out.

    A run of letters that single names of its letters could write counts where it has a subscript, arguments or a
    derivative of its own, or stands alone before a relation.
    """
    used: Counter[str] = Counter()
    certain: set[str] = set()
    for formula in formulas:
        for statement in formula.statements:
            if isinstance(statement.terms[0], Name) and statement.signs and not statement.continues:
                certain.add(statement.terms[0].name)
            for term in statement.terms:
                _collect(term, used, certain)
    single = {name for name in used if len(name) == 1}
    longer = {name for name in used if len(name) > 1 and (name in certain or not _covered(name, single))}
    return frozenset(single | longer)


def numbered_names(formulas: Iterable[Formula]) -> frozenset[str]:
    """The names with a number, ``W_1``, that stand for arrays: declared with a shape, or made of such ones."""
    found: set[str] = set()
    for formula in formulas:
        for statement in next(formula.readings(1)).statements:
            name = _numbered(statement.terms[0])
            last = statement.terms[-1]
            declared = isinstance(last, Space) and bool(last.extents)
            if name and (declared or any(_numbered(n) in found for term in statement.terms[1:] for n in walk(term))):
                found.add(name)
    return frozenset(found)


def _numbered(node: Math) -> str:
    """The name that ``W_1`` would be; empty for anything else."""
    if not isinstance(node, Indexed) or not isinstance(node.base, Name) or len(node.positions) != 1:
        return ""
    (place,) = node.positions
    return f"{node.base.name}_{place.text}" if isinstance(place, Number) else ""


def _covered(name: str, single: set[str]) -> bool:
    return name.isalpha() and name.isascii() and len(segment(name, single)[0]) > 1


def _collect(root: Math, used: Counter[str], certain: set[str]) -> None:
    stack = [root]
    while stack:
        node = stack.pop()
        if isinstance(node, Choice):
            if not node.key.startswith("name "):
                stack.append(node.options[0])
            continue
        if isinstance(node, Name):
            used[node.name] += 1
        certain |= _certain(node)
        if isinstance(node, Indexed):
            stack.append(node.base)
        elif not isinstance(node, Binding):
            stack.extend(children(node))


def _certain(node: Math) -> set[str]:
    """The names that ``node`` shows to be one name."""
    bases: list[Math] = []
    if isinstance(node, Indexed):
        bases = [node.base]
    elif isinstance(node, Apply):
        bases = [node.function]
    elif isinstance(node, Derivative):
        bases = [node.of, *node.by]
    elif isinstance(node, Differential):
        bases = [node.operand]
    return {base.name for base in bases if isinstance(base, Name)}


def _declarations(page: Page, readings: list[Reading]) -> Declarations:
    items: list[Declaration | Value | Definition] = []
    trees = {id(reading.snippet): reading.formula for reading in readings}
    for reading in readings:
        if reading.formula is not None:
            found = from_formula(next(reading.formula.readings(1)), reading.snippet)
            heading = isinstance(reading.block, Heading)
            items += [item for item in found if not (heading and isinstance(item, Definition))]
    for parts, line in _sentences(page.blocks, trees):
        items += from_words(parts, line)
    return gather(items)


def _sentences(blocks: tuple[Block, ...], trees: dict[int, Formula | None]) -> Iterator[tuple[list[Part], int]]:
    """Prose with its formulas, block by block."""
    for block in blocks:
        if isinstance(block, (Heading, Paragraph)):
            parts: list[Part] = []
            for piece in block.pieces:
                if isinstance(piece, Snippet):
                    formula = trees.get(id(piece))
                    parts.append((piece, next(formula.readings(1)) if formula is not None else None))
                else:
                    parts.append(piece.text)
            yield parts, block.line
