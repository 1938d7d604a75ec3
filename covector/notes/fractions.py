"""Fractions, derivatives among them, and what ``∂``, ``∇`` and ``Δ`` stand before."""

from __future__ import annotations

from dataclasses import replace

from covector.notation.syntax import Span
from covector.notes.brackets import Brackets
from covector.notes.lexer import Token
from covector.notes.math import (
    Apply,
    Choice,
    Derivative,
    Differential,
    Fraction,
    Indexed,
    Math,
    Name,
    Number,
    Power,
    Transpose,
)


class Fractions(Brackets):
    """The rules of fractions and differentials."""

    def fraction(self) -> Math:
        """``\\frac`` and its two arguments."""
        start = self.take().start
        with self.nested(), self.mode(indices=False):
            symbol = self._symbol()
            if symbol:
                return self._derivative(start, symbol)
            numerator = self.argument()
            denominator = self.argument()
        return Fraction(self.span_from(start), numerator, denominator)

    def argument(self) -> Math:
        """``{…}``, or the one digit, letter or command that stands for it."""
        if self.at("group"):
            return self.group()
        if self.at("number") or self.at("letters"):
            token = self.split()
            span = Span(token.start, token.end)
            return Number(span, token.text) if token.kind == "number" else Name(span, token.text)
        if self.peek().kind not in ("name", "word", "frac", "sqrt", "accent", "font"):
            self.fail(f"{self.shown()} stands where '{{' should be")
        return self.operand()

    def operand(self) -> Math:
        """One operand without scripts."""
        raise NotImplementedError

    def _symbol(self) -> str:
        """``∂``, ``∇`` or ``d`` where the fraction that begins here is a derivative, otherwise ''."""
        first, last = self._bounds(self.position)
        below, end = self._bounds(
            last + (self.tokens[self.position].kind == "group" if self.position < len(self.tokens) else 0)
        )
        if first >= last or below >= end:
            return ""
        if self.tokens[below].kind == "differential" and self.tokens[below].text != "Δ":
            return self.tokens[below].text
        if self._is_d(below, end) and (self._is_d(first, last) or self._is_operator_d(first, last)):
            return "d"
        return ""

    def _bounds(self, place: int) -> tuple[int, int]:
        """First and last (excluded) position inside of the argument at ``place``."""
        if place >= len(self.tokens):
            return place, place
        if self.tokens[place].kind != "group":
            return place, place + 1
        before, self.position = self.position, place
        last = self.closing()
        self.position = before
        return place + 1, last

    def _is_d(self, first: int, last: int) -> bool:
        """Whether the tokens begin with a ``d`` that stands before something."""
        token = self.tokens[first]
        if token.text == "d" and token.kind in ("letters", "word"):
            return first + 1 < last and self.tokens[first + 1].kind not in (
                "sub",
                "sup",
                "sum",
                "times",
                "relation",
                "comma",
            )
        return token.kind == "letters" and token.text[0] == "d" and len(token.text) > 1 and token.text not in self.known

    def _is_operator_d(self, first: int, last: int) -> bool:
        """Whether the tokens are ``d`` alone, or ``d^2 …``."""
        token = self.tokens[first]
        plain = token.text == "d" and token.kind in ("letters", "word")
        return plain and (first + 1 == last or self.tokens[first + 1].kind == "sup")

    def _derivative(self, start: int, symbol: str) -> Math:
        order, of, marked = self._numerator(symbol)
        by = self._denominator(symbol, order)
        found = Derivative(self.span_from(start), symbol, of or by[0], by, max(order, len(by)), marked)
        if of is not None:
            return found
        target = self.factor()
        return replace(found, span=self.span_from(start), of=target)

    def _numerator(self, symbol: str) -> tuple[int, Math | None, bool]:
        """The order, what is differentiated (None where it follows the fraction), and whether it is marked."""
        if not self.at("group"):
            if self.at("differential", symbol) or self.at("letters", "d"):
                self.take()
                return 1, None, True
            return 1, self.argument(), False
        if not self._marked(symbol, self.position + 1):
            return 1, self.group(), False
        self.take()
        self._strip(symbol)
        order = 1
        if self.accept("sup"):
            token = self.take() if not self.at("group") else None
            value = Number(Span(0, 0), token.text) if token else self.group()
            order = self._order(value)
        of = None if self.at("endgroup") else self.chain()
        self.expect("endgroup", "'}'")
        return order, of, True

    def _order(self, value: Math) -> int:
        if not isinstance(value, Number) or not value.text.isdigit() or not 0 < int(value.text[:3]) < 10:
            self.fail("the order of a derivative must be a number below 10", self.span_from(self.start))
        return int(value.text)

    def _marked(self, symbol: str, place: int) -> bool:
        token = self.tokens[place]
        if symbol == "d":
            return token.kind in ("letters", "word") and token.text.startswith("d")
        return token.kind == "differential" and token.text == symbol

    def _strip(self, symbol: str) -> None:
        """Pass over the sign, or over the ``d`` of ``dL``."""
        if symbol == "d" and self.at("letters"):
            self.split()
        else:
            self.take()

    def _denominator(self, symbol: str, order: int) -> tuple[Math, ...]:
        if not self.at("group"):
            self.fail(f"{self.shown()} stands where the variable of a derivative should be")
        self.take()
        found: list[Math] = []
        while not self.at("endgroup"):
            if not found or self._marked(symbol, self.position):
                self._strip(symbol)
            variable = self.factor()
            if order > 1 and isinstance(variable, Power):
                variable = variable.base
            found.append(variable)
            if len(found) > 9:
                self.fail("a derivative by more than nine variables")
        self.expect("endgroup", "'}'")
        if not found:
            self.fail("the variable of a derivative is missing")
        return tuple(found)

    def differential(self) -> Math:
        """``∇ W``, ``∇_x f(x)``, ``Δ x``, ``∂ L`` where they stand outside of a derivative's fraction."""
        token = self.take()
        if token.text == "Δ" and not self._operand_follows():
            return Name(Span(token.start, token.end), "Delta")
        by: Math | None = None
        order = 1
        with self.nested():
            if self.at("sub"):
                by = self.subscript().readings[0][0]
            if token.text == "∇" and self.at("times", "·", "×"):
                self.fail(f"'\\nabla' before {self.shown()} (divergence or curl) is not understood")
            if self.accept("sup"):
                order = self._order(self.argument() if self.at("group") else self._digit(self.take()))
                if self.at("sub"):
                    by = self.subscript().readings[0][0]
            operand = self.factor()
        found: Math = Differential(self.span_from(token.start), token.text, operand, by, order)
        # ∇W^T is the transpose of the gradient.
        if isinstance(operand, Transpose):
            inner = replace(found, operand=operand.operand)  # type: ignore[call-arg]
            return Transpose(found.span, inner)
        return found

    def _digit(self, token: Token) -> Math:
        return Number(Span(token.start, token.end), token.text)

    def _operand_follows(self) -> bool:
        return self.peek().kind in ("letters", "name", "word", "open", "group", "accent", "font", "frac")


def slashed(left: Math, right: Math) -> Math | None:
    """The derivative that ``∂f / ∂z`` is, or None where ``left / right`` is no such thing."""
    above, below = _differential(left), _differential(right)
    if above is None or below is None or above.symbol != below.symbol or above.symbol == "Δ":
        return None
    span = Span(left.span.start, right.span.end)
    return Derivative(span, above.symbol, above.operand, (below.operand,), above.order)


def _differential(node: Math) -> Differential | None:
    if isinstance(node, Differential):
        return node
    if isinstance(node, Choice) and node.key.startswith("name d"):
        return _differential(node.options[0])
    if isinstance(node, Name) and len(node.name) > 1 and node.name[0] == "d" and not node.font:
        return Differential(node.span, "d", replace(node, name=node.name[1:]))
    if isinstance(node, (Indexed, Apply)):
        base = node.base if isinstance(node, Indexed) else node.function
        inner = _differential(base)
        if inner is None or inner.symbol != "d":
            return None
        under = inner.operand
        operand = replace(node, base=under) if isinstance(node, Indexed) else replace(node, function=under)
        return Differential(node.span, "d", operand)
    return None
