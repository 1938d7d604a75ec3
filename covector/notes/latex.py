"""LaTeX mathematics to syntax trees."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from covector.errors import NotationError
from covector.notation.syntax import Span
from covector.notes.formula import Formula, Sign, Statement
from covector.notes.grammar import Grammar
from covector.notes.layout import lay_out
from covector.notes.lexer import connects, tokenise
from covector.notes.math import Math, Name, Power, Product, Space, Symbol, Tuple, Words
from covector.notes.size import check_size

_FIELDS = frozenset(("R", "C", "Z", "N", "Q", "ℝ"))


def read_formula(source: str, known: Collection[str] = ()) -> Formula:
    """The statements of a formula in LaTeX, without its dollar signs.

    ``known`` are names that are known around it: a run of letters is read as the longest of them. Raises
    `NotationError` with the column of what is not understood.

    >>> [relation.symbol for relation in read_formula("a = b = c").relations]
    ['=', '=']
    """
    try:
        tokens = lay_out(tokenise(source), source)
        if not tokens:
            raise NotationError("the formula is empty")
        statements = tuple(_Statements(source, tokens, known).statements())
    except NotationError as error:
        if error.source is not None:
            raise
        raise NotationError(error.message, source=source, span=error.span, hint=error.hint) from None
    check_size([term for statement in statements for term in statement.terms], source)
    return Formula(source, statements)


class _Statements(Grammar):
    """The rules of statements."""

    def statements(self) -> list[Statement]:
        """Everything, statement by statement."""
        found: list[Statement] = []
        word = ""
        while self.position < len(self.tokens):
            token = self.peek()
            if token.kind in ("break", "comma", "words") or (token.kind == "word" and connects(token)):
                self.take()
                word = word if token.kind in ("break", "comma") else f"{word} {token.text}".strip()
                continue
            found.append(replace(self.statement(first=not found), word=word))
            word = ""
            following = self.peek()
            ends = following.kind in ("break", "comma", "words", "end of formula")
            if not ends and not (following.kind == "word" and connects(following)):
                self.fail(f"{self.shown()} cannot stand here")
        if word:
            span = self.span_from(self.tokens[-1].start)
            found.append(Statement(span, (Words(span, word),), ()))
        return found

    def statement(self, *, first: bool) -> Statement:
        """A chain of relations; the first of a formula may begin with its sign."""
        start = self.start
        continues = self.at("relation") and first
        if self._one_sign():
            token = self.take()
            span = Span(token.start, token.end)
            return Statement(span, (Symbol(span, self.source[token.start : token.end].strip()),), ())
        terms = [] if continues else [self.expression()]
        signs: list[Sign] = []
        while self.at("relation"):
            signs.append(self._sign())
            terms.append(self.expression())
        return Statement(self.span_from(start), _spaces(terms, signs, continues), tuple(signs), continues)

    def _one_sign(self) -> bool:
        """Whether the whole formula is one sign."""
        kinds = ("times", "relation", "big", "sum", "differential", "prime")
        return len(self.tokens) == 1 and self.peek().kind in kinds

    def _sign(self) -> Sign:
        """A relation, or two in a row such as ``→ ≈``, and the label above it."""
        start = self.start
        symbol = self.take().text
        label = None
        while self.at("relation"):
            symbol += self.take().text
        if self.at("sup"):
            label = self.superscript_value()
        elif symbol == "→" and self.at("group"):
            label = self.group()
        if self.at("relation"):
            symbol += self.take().text
        return Sign(self.span_from(start), symbol, label)


def _spaces(terms: list[Math], signs: list[Sign], continues: bool) -> tuple[Math, ...]:
    """The terms, with ``R^{m \\times n}`` behind ``∈`` and in ``f: R^n → R^m`` as spaces."""
    lefts = 0 if continues else 1
    found = list(terms)
    mapping = any(sign.symbol == ":" for sign in signs)
    for k, sign in enumerate(signs):
        if sign.symbol in ("∈", ":") or (mapping and sign.symbol == "→"):
            found[k + lefts] = _space(found[k + lefts])
    return tuple(found)


def _space(node: Math) -> Math:
    base, exponent = (node.base, node.exponent) if isinstance(node, Power) else (node, None)
    if not isinstance(base, Name) or base.name not in _FIELDS:
        return node
    extents: tuple[Math, ...] = () if exponent is None else (exponent,)
    if isinstance(exponent, Product) and set(exponent.signs) <= {"×", "*"}:
        extents = exponent.factors
    elif isinstance(exponent, Tuple):
        extents = exponent.items
    return Space(node.span, "R" if base.name == "ℝ" else base.name, extents)
