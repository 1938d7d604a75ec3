"""Claims as they are written: a text split into its sides, its cases and its conditions, each a tree of the notation.

    claim  =  side "=" part ("=" part)*              a chain: each part is compared with the left side
    part   =  case (";" case)*                       ; separates cases of the same left side
    case   =  ["[" condition "]" ":"] side ["if" condition]

In front of the whole claim ``[condition]:`` holds for all of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from covector.errors import NotationError
from covector.notation import syntax
from covector.notation.parse import parse_expression, parse_program
from covector.notation.syntax import Span, Syntax
from covector.notation.tokens import check_text

_OPENERS, _CLOSERS = "([（［", ")]）］"
_PREFIX = re.compile(r"\s*\[(?P<condition>[^\[\]]*(?:\[[^\[\]]*\][^\[\]]*)*)\]\s*[:：]")
_HEAD = re.compile(r"\s*[^\W\d]\w*['′’]*\s*\[[^\[\]]*[:：][^\[\]]*\]\s*")
_IF = re.compile(r"\bif\b")


@dataclass(frozen=True)
class Case:
    """A right side, and the condition under which it is claimed (None: always)."""

    right: Syntax
    condition: Syntax | None = None


@dataclass(frozen=True)
class Claim:
    """``left = right``, perhaps in several cases; ``source`` is the text that the trees were read from.

    ``extents`` are those that were written with the indices of the left side, as in ``dtable[i:V,j]``.
    """

    source: str
    left: Syntax
    cases: tuple[Case, ...]
    extents: tuple[tuple[str, Syntax], ...] = ()


def parse_claim(text: str, where: str | None = None) -> list[Claim]:
    """The claims that a text makes: one, or one for each ``=`` of a chain. ``where`` is a condition on all of them.

    Raises `NotationError` with the place at fault.

    >>> (claim,) = parse_claim("dw[i,j] = x[i] if i = j; 0 if i != j")
    >>> claim.left.name, len(claim.cases)
    ('dw', 2)
    """
    check_text(text)
    overall = [_condition(where, 0, len(where), where)] if where else []
    start = 0
    if prefix := _PREFIX.match(text):
        overall.append(_condition(text, *prefix.span("condition"), text))
        start = prefix.end()
    signs = [place for place in _top(text, start) if _assigns(text, place) and not _conditional(text, start, place)]
    if not signs:
        hint = "write what is claimed to be equal: dweight = G.T @ input"
        raise NotationError(
            "a claim has two sides, and here is no '='", source=text, span=(start, len(text)), hint=hint
        )
    left, extents = _left(text, start, signs[0])
    ends = [*signs[1:], len(text)]
    return [
        Claim(text, left, tuple(_cases(text, sign + 1, end, overall)), extents)
        for sign, end in zip(signs, ends, strict=True)
    ]


def _cases(text: str, start: int, end: int, overall: list[Syntax]) -> Iterator[Case]:
    stops = [place for place in _top(text, start, end) if text[place] in ";；"]
    for first, last in zip([start, *(stop + 1 for stop in stops)], [*stops, end], strict=True):
        conditions = list(overall)
        if prefix := _PREFIX.match(text, first, last):
            conditions.append(_condition(text, *prefix.span("condition"), text))
            first = prefix.end()
        found = next((m for m in _IF.finditer(text, first, last) if _depth(text, first, m.start()) == 0), None)
        if found:
            conditions.append(_condition(text, found.end(), last, text))
            last = found.start()
        yield Case(_side(text, first, last), _all(conditions))


def _all(conditions: list[Syntax]) -> Syntax | None:
    if len(conditions) < 2:
        return conditions[0] if conditions else None
    return syntax.Operator(conditions[0].span, "and", tuple(conditions))


def _side(text: str, start: int, end: int) -> Syntax:
    """The expression between two places, its spans those of the whole text."""
    if not text[start:end].strip():
        raise NotationError("a side of the claim is empty", source=text, span=(start, max(end, start + 1)))
    try:
        return parse_expression(_blank(text[:start]) + text[start:end])
    except NotationError as error:
        raise NotationError(error.message, source=text, span=error.span, hint=error.hint) from None


def _left(text: str, start: int, end: int) -> tuple[Syntax, tuple[tuple[str, Syntax], ...]]:
    """The left side, and the extents of its indices where it is written like that of a definition."""
    try:
        return _side(text, start, end), ()
    except NotationError:
        if _HEAD.fullmatch(text, start, end) is None:
            raise
        (found,) = parse_program(f"{_blank(text[:start])}{text[start:end]} = 0").statements
        if not isinstance(found, syntax.Definition) or found.ellipsis or not found.indices:
            raise
    names = tuple(syntax.Name(binding.span, binding.name) for binding in found.indices)
    written = tuple((binding.name, binding.extent) for binding in found.indices if binding.extent is not None)
    head = text[start:end]
    first = start + len(head) - len(head.lstrip())
    return syntax.Subscript(Span(first, start + len(head.rstrip())), found.name, names), written


def _condition(text: str, start: int, end: int, source: str) -> Syntax:
    """A condition: read as in an Iverson bracket, where ``=`` compares."""
    try:
        tree = parse_expression(f"[{text[start:end]}]")
    except NotationError as error:
        span = None if error.span is None else (error.span[0] + start - 1, error.span[1] + start - 1)
        raise NotationError(error.message, source=source, span=span, hint=error.hint) from None
    assert isinstance(tree, syntax.Iverson)
    moved: Syntax = rebuilt(tree.condition, lambda node: _moved(node, start - 1))
    return moved


def _moved(node: Syntax, by: int) -> Syntax:
    return replace(node, span=Span(max(node.span.start + by, 0), max(node.span.end + by, 0)))


def _blank(text: str) -> str:
    return "".join("\n" if character == "\n" else " " for character in text)


def _top(text: str, start: int = 0, end: int | None = None) -> Iterator[int]:
    """The places outside of brackets and strings."""
    depth, quote = 0, ""
    for place in range(start, len(text) if end is None else end):
        character = text[place]
        if quote:
            quote = "" if character == quote else quote
        elif character == '"':
            quote = character
        elif character in _OPENERS:
            depth += 1
        elif character in _CLOSERS:
            depth -= 1
        elif depth == 0:
            yield place


def _assigns(text: str, place: int) -> bool:
    """Whether a ``=`` stands here that is no part of a comparison."""
    if text[place] not in "=＝":
        return False
    before, after = text[place - 1 : place], text[place + 1 : place + 2]
    return before not in tuple("=<>!") and after != "="


def _conditional(text: str, start: int, place: int) -> bool:
    """Whether a place belongs to the condition after an ``if``."""
    stop = max(text.rfind(";", start, place), text.rfind("；", start, place), start)
    return _IF.search(text, stop, place) is not None


def _depth(text: str, start: int, end: int) -> int:
    part = text[start:end]
    return sum(map(part.count, _OPENERS)) - sum(map(part.count, _CLOSERS))


def rebuilt(node: Any, change: Callable[[Any], Any]) -> Any:
    """A tree with every node changed, children first.

    >>> from covector.notation.parse import parse_expression, parse_program
    >>> rebuilt(parse_expression("a + b"), lambda node: node).symbol
    '+'
    """
    if not isinstance(node, Syntax):
        if isinstance(node, tuple):
            return tuple(rebuilt(part, change) for part in node)
        return node
    names: tuple[str, ...] = type(node).__match_args__[1:]
    return change(type(node)(node.span, *(rebuilt(getattr(node, name), change) for name in names)))
