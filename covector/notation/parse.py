"""From text to the syntax tree: the grammar's parser, fed token by token."""

from __future__ import annotations

from typing import Any

from lark import UnexpectedToken

from covector.errors import NotationError
from covector.notation import syntax
from covector.notation.build import check_depth
from covector.notation.mistakes import explain
from covector.notation.tables import parser as grammar_parser
from covector.notation.tokens import Scan, check_text, scan, span_of


def parse_program(source: str) -> syntax.Program:
    """The syntax tree of a program: its declarations and definitions in order.

    Raises `NotationError` with the place at fault where ``source`` is not in the notation.

    >>> program = parse_program("x: M 3\\ny[i] = sum[k](x[i,k] ** 2)")
    >>> [statement.name for statement in program.statements]
    ['x', 'y']
    """
    statements = tuple(_parse(source, "program"))
    return syntax.Program(syntax.Span(0, len(source)), source, statements)


def parse_expression(source: str) -> syntax.Syntax:
    """The syntax tree of a single expression, which may take several lines.

    Raises `NotationError` with the place at fault where ``source`` is not an expression.

    >>> parse_expression("a * b + c").symbol
    '+'
    """
    found = _parse(source, "expression")
    assert isinstance(found, syntax.Syntax)
    return found


def parse_shape(text: str) -> syntax.Declaration:
    """The declaration that ``text`` writes, such as ``input:M,infs`` or ``ids:N,int64``.

    Raises `NotationError` with the place at fault where ``text`` is not a declaration.

    >>> parse_shape("ids:N,int64").dtype
    'int64'
    """
    found = _parse(text, "declaration")
    assert isinstance(found, syntax.Declaration)
    return found


def _parse(source: str, start: str) -> Any:
    """What the builder makes of ``source``, read from the rule ``start``."""
    text = check_text(source)
    parser: Any = grammar_parser().parse_interactive(text, start=start)
    try:
        found = scan(parser.lexer_thread.lex(parser.parser_state), text, lines=start == "program")
        tree = _feed(parser, found, text, start)
        check_depth(tree if isinstance(tree, list) else [tree])
    except NotationError as error:
        raise NotationError(error.message, source=source, span=error.span, hint=error.hint) from None
    return tree


def _feed(parser: Any, found: Scan, text: str, start: str) -> Any:
    """Parse the tokens; of several faults, the one that stands first in the text is reported."""
    position = 0
    try:
        while position < len(found.tokens):
            parser.feed_token(found.tokens[position])
            position += 1
        if found.unread is not None:
            raise found.unread
        return parser.feed_eof(found.tokens[-1] if found.tokens else None)
    except UnexpectedToken:
        here = span_of(found.tokens[position])[0] if position < len(found.tokens) else len(text)
        if found.unbalanced is not None and (found.unbalanced.span or (0, 0))[0] <= here:
            raise found.unbalanced from None
        raise explain(text, found.tokens, position, _accepted(found, position, start), start) from None


def _accepted(found: Scan, position: int, start: str) -> set[str]:
    """The terminals that could stand at ``position``: asked afresh, for a parser reduces before it sees a fault."""
    parser: Any = grammar_parser().parse_interactive("", start=start)
    for token in found.tokens[:position]:
        parser.feed_token(token)
    return set(parser.accepts())
