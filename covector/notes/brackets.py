"""Brackets, bars, matrices and cases."""

from __future__ import annotations

from covector.notation.syntax import Span
from covector.notes.lexer import connects
from covector.notes.math import (
    Absolute,
    At,
    Case,
    Cases,
    Comparison,
    Indexed,
    Math,
    Matrix,
    Name,
    Norm,
    Number,
    Row,
    Tuple,
    Words,
    within,
)
from covector.notes.scripts import Scripts
from covector.notes.vocabulary import MATRICES

_BARS = {"bar": "|", "norm": "‖"}


class Brackets(Scripts):
    """The rules of what is enclosed."""

    def group(self) -> Math:
        """``{…}``: transparent; several items are a tuple without brackets."""
        start = self.take().start
        with self.nested():
            items = [self.chain()]
            while self.accept("comma"):
                items.append(self.chain())
            self.expect("endgroup", "'}'")
        return items[0] if len(items) == 1 else Tuple(self.span_from(start), tuple(items), "")

    def bracket(self) -> Math:
        """``(…)``, ``[…]``, ``\\{…\\}``, and the open forms of bars."""
        opener = self.take()
        if opener.text in "|‖":
            return self._barred(opener.start, opener.text, sized=True)
        if opener.text == ".":
            return self._evaluated(opener.start)
        with self.nested(), self.mode(indices=self.indices):
            items = self._items(opener.text)
        span = self.span_from(opener.start)
        if len(items) > 1 or opener.text in "{⟨":
            return Tuple(span, tuple(items), opener.text)
        (item,) = items
        listed = isinstance(item, (Name, Number, Indexed, Comparison))
        return Tuple(span, (item,), "[") if opener.text == "[" and listed else within(item, span)

    def _items(self, opener: str) -> list[Math]:
        items = [self.chain()]
        while self.accept("comma") or (opener in "{⟨" and self.accept("bar")):
            if self.at("close"):
                break
            items.append(self.chain())
        if opener in "([" and len(items) == 2 and self.at("close", ")", "]"):
            self.take()  # a half-open interval
        else:
            self.close(opener)
        return items

    def _evaluated(self, start: int) -> Math:
        """``\\left. body \\right|_{condition}``"""
        with self.nested(), self.mode(indices=self.indices):
            body = self.chain()
        self.close("|")
        self.expect("sub", "the subscript of an evaluation")
        condition = self.group() if self.at("group") else self.factor()
        return At(self.span_from(start), body, condition)

    def bars_(self) -> Math:
        """``|x|`` and ``||x||``, whose two ends look the same."""
        token = self.take()
        return self._barred(token.start, _BARS[token.kind], sized=False)

    def _barred(self, start: int, sign: str, *, sized: bool) -> Math:
        kind = "bar" if sign == "|" else "norm"
        with self.nested():
            self.bars.append("" if sized else kind)
            body = self.chain()
            self.bars.pop()
            if sized:
                self.close(sign)
            else:
                self.expect(kind, f"the second '{sign}'")
        if kind == "bar":
            return Absolute(self.span_from(start), body)
        order = self.subscript().readings[0][0] if self.at("sub") else None
        return Norm(self.span_from(start), body, order)

    def environment(self) -> Math:
        """``\\begin{…}``: a matrix or cases."""
        token = self.take()
        with self.nested(), self.mode(indices=False):
            if token.text in MATRICES:
                return self._matrix(token.text, token.start)
            if token.text in ("cases", "dcases"):
                return self._cases(token.start)
        self.position -= 1
        raise self.fault(
            f"'\\begin{{{token.text}}}' stands inside of an expression", hint="lay out whole equations with it"
        )

    def _matrix(self, environment: str, start: int) -> Math:
        rows: list[Row] = []
        while True:
            first = self.start
            entries = self._row()
            if entries:
                rows.append(Row(self.span_from(first), tuple(entries)))
            if not self.accept("newline"):
                break
        self.expect("end", f"'\\end{{{environment}}}'")
        if not rows:
            self.fail("this matrix is empty", self.span_from(start))
        return Matrix(self.span_from(start), tuple(rows), MATRICES[environment])

    def _row(self) -> list[Math]:
        entries: list[Math] = []
        while not (self.at("newline") or self.at("end")):
            if self.at("amp"):
                self.fail("an entry of this matrix is empty")
            entries.append(self.chain())
            if not (self.accept("amp") or self.accept("comma")):
                break
        return entries

    def _cases(self, start: int) -> Math:
        cases: list[Case] = []
        while not self.at("end"):
            first = self.start
            value = self.chain()
            while self.accept("comma") or self.accept("amp") or self._word():
                pass
            condition = None if self.at("newline") or self.at("end") else self.chain()
            cases.append(Case(self.span_from(first), value, condition))
            while self.accept("comma") or self._word():
                pass
            if not self.accept("newline"):
                break
        self.expect("end", "'\\end{cases}'")
        if not cases:
            self.fail("these cases are empty", self.span_from(start))
        return Cases(self.span_from(start), tuple(cases))

    def _word(self) -> bool:
        """Whether a word such as 'if' stood here."""
        if self.at("words") or (self.at("word") and connects(self.peek())):
            self.take()
            return True
        return False

    def words(self) -> Math:
        """Text as an operand."""
        token = self.take()
        return Words(Span(token.start, token.end), token.text)
