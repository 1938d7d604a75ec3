"""The tokens of a formula as the grammar takes them, with the limits on nesting and the errors."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import NoReturn

from covector.errors import NotationError
from covector.notation.syntax import Span
from covector.notes.lexer import Token
from covector.notes.math import Choice, Math, Negative, Sum

MAX_NESTING = 40
_END = Token("end of formula", "", 0, 0)


class Stream:
    """A reader of tokens; the rules of the grammar are in the classes that build on it."""

    def __init__(self, source: str, tokens: list[Token], known: Collection[str]) -> None:
        self.source = source
        self.tokens = tokens
        self.known = frozenset(known)
        self.position = 0
        self.depth = 0
        self.bars: list[str] = []
        self.indices = False  # whether letters side by side are indices, as in a subscript

    # What the rules of one class need of the next.

    def chain(self) -> Math:
        """An expression, or a comparison of several."""
        raise NotImplementedError

    def expression(self) -> Math:
        """Terms with their signs."""
        raise NotImplementedError

    def product(self) -> Math:
        """Factors with their signs."""
        raise NotImplementedError

    def run(self) -> Math:
        """Factors that stand side by side."""
        raise NotImplementedError

    def factor(self) -> Math:
        """One operand with its scripts."""
        raise NotImplementedError

    # Tokens.

    def peek(self, ahead: int = 0) -> Token:
        """The next token; one of kind *end of formula* where there is none."""
        place = self.position + ahead
        return self.tokens[place] if place < len(self.tokens) else _END

    def at(self, kind: str, *texts: str) -> bool:
        """Whether the next token is of this kind, and one of ``texts`` where any are given."""
        token = self.peek()
        return token.kind == kind and (not texts or token.text in texts)

    def take(self) -> Token:
        """The next token, which is then behind."""
        token = self.peek()
        if token is _END:
            self.fail("the formula ends where an operand should be")
        self.position += 1
        return token

    def accept(self, kind: str, *texts: str) -> Token | None:
        """The next token where it is such a one."""
        return self.take() if self.at(kind, *texts) else None

    def expect(self, kind: str, what: str) -> Token:
        """The next token, which must be such a one."""
        if not self.at(kind):
            self.fail(f"{self.shown()} stands where {what} should be")
        return self.take()

    def split(self, length: int = 1) -> Token:
        """The first characters of the next token as a token of their own; the rest stays."""
        token = self.peek()
        if len(token.text) <= length or token.end - token.start != len(token.text):
            return self.take()
        middle = token.start + length
        self.tokens[self.position] = Token(token.kind, token.text[length:], middle, token.end)
        return Token(token.kind, token.text[:length], token.start, middle)

    def span_from(self, start: int) -> Span:
        """From ``start`` to the end of the last token taken."""
        end = self.tokens[self.position - 1].end if self.position else start
        return Span(start, max(start, end))

    @property
    def start(self) -> int:
        """Where the next token begins."""
        token = self.peek()
        if token is not _END:
            return token.start
        return self.tokens[-1].end if self.tokens else 0

    def closing(self) -> int:
        """The position of the brace that closes the group which the next token opens."""
        depth = 0
        for place in range(self.position, len(self.tokens)):
            kind = self.tokens[place].kind
            depth += (kind == "group") - (kind == "endgroup")
            if depth == 0:
                return place
        return len(self.tokens) - 1

    @contextmanager
    def nested(self) -> Iterator[None]:
        """One level deeper."""
        self.depth += 1
        if self.depth > MAX_NESTING:
            self.fail(f"the formula is nested deeper than {MAX_NESTING} levels")
        yield
        self.depth -= 1

    @contextmanager
    def mode(self, *, indices: bool) -> Iterator[None]:
        """With letters read as in a subscript, or not, and no bar open."""
        before, bars = self.indices, self.bars
        self.indices, self.bars = indices, []
        yield
        self.indices, self.bars = before, bars

    def shown(self) -> str:
        """The next token, as it is named in errors."""
        token = self.peek()
        if token is _END:
            return "the end of the formula"
        if token.kind == "break":
            return "the end of the line"
        written = self.source[token.start : token.end].strip()
        return f"'{written if len(written) <= 40 else written[:39] + '…'}'"

    def fail(self, message: str, span: Span | None = None, hint: str | None = None) -> NoReturn:
        """Raise the error at the next token, unless another place is given."""
        raise self.fault(message, span, hint)

    def fault(self, message: str, span: Span | None = None, hint: str | None = None) -> NotationError:
        """The error at the next token, unless another place is given."""
        if span is None:
            token = self.peek()
            end = len(self.source.rstrip())
            span = Span(token.start, token.end) if token is not _END else Span(max(0, end - 1), max(1, end))
        return NotationError(message, source=self.source, span=(span.start, span.end), hint=hint)


def choice(options: list[Math], key: str, reason: str) -> Math:
    """A choice between ``options``; the option itself where there is only one."""
    if len(options) == 1:
        return options[0]
    start = min(option.span.start for option in options)
    end = max(option.span.end for option in options)
    return Choice(Span(start, end), tuple(options), key, reason)


def add(terms: list[Math], signs: list[str], span: Span) -> Math:
    """The sum of ``terms``; the term itself where there is only one, with sign +."""
    if len(terms) == 1 and signs[0] in "+-":
        return terms[0] if signs[0] == "+" else Negative(span, terms[0])
    return Sum(span, tuple(terms), tuple(signs))
