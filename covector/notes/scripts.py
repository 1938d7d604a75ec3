"""Subscripts, superscripts, primes and arguments: what follows a name or a bracket."""

from __future__ import annotations

from dataclasses import replace

from covector.notation.syntax import Span
from covector.notes.dress import Script
from covector.notes.lexer import Token
from covector.notes.math import (
    Comparison,
    Indexed,
    Keyword,
    Math,
    Name,
    Negative,
    Number,
    Placeholder,
    Product,
    Slice,
    Sum,
    Tuple,
)
from covector.notes.stream import Stream
from covector.notes.vocabulary import FUNCTION_LETTERS, WORDS

_TRANSPOSES = ("T", "⊤", "top")
_LABELS = {"*": "*", "†": "†", "+": "+", "-": "-", "′": "'"}


class Scripts(Stream):
    """The rules of scripts."""

    def scripts(self, *, calls: bool) -> list[Script]:
        """All scripts that follow; ``calls`` says whether arguments may."""
        found: list[Script] = []
        while True:
            if self.at("sub"):
                self._once(found, "sub")
                found.append(self.subscript())
            elif self.at("sup"):
                self._once(found, "sup", "transpose", "upper", "label")
                found.append(self.superscript())
            elif self.at("raised"):
                token = self.take()
                span = Span(token.start, token.end)
                two = (Number(span, token.text),)
                found.append(Script("transpose", span) if token.text == "⊤" else Script("sup", span, (two,)))
            elif self.at("prime"):
                token = self.take()
                found.append(Script("prime", Span(token.start, token.end), label=token.text))
            elif calls and not any(script.kind == "call" for script in found) and self._call_follows():
                found.append(self.call())
            else:
                return found

    def _once(self, found: list[Script], *kinds: str) -> None:
        after_call = [script.kind for script in found]
        if "call" in after_call:
            after_call = after_call[after_call.index("call") :]
        if kinds == ("sub",) and "sub" in after_call:
            self.fail("a second subscript stands on one operand", hint="write both in one pair of braces: x_{i,j}")
        if kinds != ("sub",) and any(kind in ("sup", "transpose", "label") for kind in after_call):
            self.fail("a second superscript stands on one operand", hint="write brackets: (x^a)^b")

    def _call_follows(self) -> bool:
        token = self.peek()
        if token.kind == "group" and self.peek(1).kind == "open" and self.peek(1).text == "(":
            return any(t.kind == "comma" for t in self.tokens[self.position : self.closing()])
        if token.kind == "open" and token.text == "[":
            before = self.tokens[self.position - 1]
            return before.end == token.start and before.kind in ("letters", "name", "word")
        return token.kind == "open" and token.text == "("

    # Subscripts.

    def subscript(self) -> Script:
        """``_…``"""
        start = self.take().start
        with self.nested(), self.mode(indices=True):
            if self.at("group"):
                last = self.closing()
                label = self._word_inside(last)
                self.take()
                if last == self.position + 1 and not label and self.at("number"):
                    label = self._number_inside()
                readings = self._positions("endgroup")
                self.expect("endgroup", "'}'")
                return Script("sub", self.span_from(start), tuple(readings), label)
            whole = self._whole_name()
            token = self.take() if whole else self._single()
            return Script("sub", self.span_from(start), ((self._atom(token.kind, token.text, token.start),),), whole)

    def _number_inside(self) -> str:
        """The number in braces that ends a known name: ``W_{1}``."""
        before = self.tokens[self.position - 3] if self.position > 2 else None
        name = f"{before.text}_{self.peek().text}" if before is not None else ""
        return self.peek().text if name in self.known else ""

    def _whole_name(self) -> str:
        """The letters or the number of an unbraced subscript, where a name with that as its label is known."""
        token, before = self.peek(), self.tokens[self.position - 2] if self.position > 1 else None
        long = token.kind == "number" or (token.kind == "letters" and len(token.text) > 1)
        if long and before is not None:
            return token.text if f"{before.text}_{token.text}" in self.known else ""
        return ""

    def _single(self) -> Token:
        """The one token of a script without braces."""
        if self.peek().kind not in ("letters", "number", "name", "word", "words", "times", "sum", "relation", "dots"):
            self.fail(f"{self.shown()} stands where a script should be")
        return self.split() if self.at("letters") or self.at("number") else self.take()

    def _atom(self, kind: str, text: str, start: int) -> Math:
        span = self.span_from(start)
        if kind == "number":
            return Number(span, text)
        if kind in ("relation", "times", "dots"):
            return Slice(span)
        return Name(span, text)

    def _word_inside(self, last: int) -> str:
        """The word that is all of a group: ``{in}``, ``{\\text{hidden}}``."""
        if last != self.position + 2:
            return ""
        token = self.peek(1)
        long = len(token.text) > 2 or token.text in WORDS
        return token.text if token.kind in ("word", "words") or (token.kind == "letters" and long) else ""

    def _positions(self, closer: str) -> list[tuple[Math, ...]]:
        """The positions up to ``closer``, in each way they can be read."""
        if self.at("open", "(") and self._brackets_all():
            self.take()
            readings = self._positions("close")
            self.take()
            return readings
        items = [self._position(closer)]
        while self.accept("comma"):
            if self.at(closer):
                break
            items.append(self._position(closer))
        flat = [item for group in items for item in group]
        if len(items) == 1:
            return self._alone(flat)
        return [tuple(flat)]

    def _brackets_all(self) -> bool:
        """Whether the bracket that opens here closes at the end of the group."""
        depth = 0
        for place in range(self.position, len(self.tokens)):
            kind = self.tokens[place].kind
            depth += (kind == "open") - (kind == "close")
            if depth == 0:
                return place + 1 < len(self.tokens) and self.tokens[place + 1].kind == "endgroup"
        return False

    def _position(self, closer: str) -> list[Math]:
        """One position, or the several that letters side by side are."""
        found: list[Math] = []
        while True:
            if self.at("relation", ":") or self.at("times", ".", "·", "*", "×"):
                token = self.take()
                found.append(Slice(Span(token.start, token.end)))
            elif self.at(closer) or self.at("comma"):
                break
            else:
                found += side_by_side(self.chain())
                if not (self.at("relation", ":") or self.at("times")):
                    break
        if not found:
            self.fail(f"{self.shown()} stands where an index should be")
        return found

    def _alone(self, flat: list[Math]) -> list[tuple[Math, ...]]:
        """The readings of a subscript without commas."""
        if len(flat) == 1 and isinstance(flat[0], Number) and flat[0].text.isdigit() and 1 < len(flat[0].text) < 4:
            number = flat[0]
            digits = tuple(
                Number(Span(number.span.start + k, number.span.start + k + 1), digit)
                for k, digit in enumerate(number.text)
            )
            return [digits, (number,)]
        if len(flat) > 1 and isinstance(flat[0], Number) and not isinstance(flat[1], Number):
            together = Product(Span(flat[0].span.start, flat[-1].span.end), tuple(flat), ("",) * (len(flat) - 1))
            return [tuple(flat), (together,)]
        return [tuple(flat)]

    # Superscripts.

    def superscript(self) -> Script:
        """``^…``"""
        start = self.take().start
        with self.nested(), self.mode(indices=False):
            if not self.at("group"):
                token = self._single()
                return self._raised(
                    self._plain_raised(token.kind, token.text, start), self.span_from(start), token.text
                )
            last = self.closing()
            label = self._label_inside(last)
            if label:
                self.position = last + 1
                return Script("label", self.span_from(start), label=label)
            self.take()
            if self.at("prime"):
                token = self.take()
                self.expect("endgroup", "'}'")
                return Script("prime", self.span_from(start), label=token.text)
            script = self._braced(start)
            self.expect("endgroup", "'}'")
            return replace(script, span=self.span_from(start))

    def _plain_raised(self, kind: str, text: str, start: int) -> Math:
        if kind == "dots":
            self.fail("dots stand where an exponent should be")
        return Number(self.span_from(start), text) if kind == "number" else Name(self.span_from(start), text)

    def _braced(self, start: int) -> Script:
        bracketed = self.at("open", "(", "[")
        value = self.chain()
        items = [value]
        while self.accept("comma"):
            items.append(self.chain())
        if len(items) > 1:
            value = Tuple(Span(items[0].span.start, items[-1].span.end), tuple(items), "")
        simple = isinstance(value, (Name, Number, Tuple, Indexed)) or _is_step(value)
        if bracketed and simple and self.tokens[self.position - 1].kind == "close":
            items = list(value.items) if isinstance(value, Tuple) else [value]
            return Script("upper", self.span_from(start), (tuple(items),))
        return self._raised(value, self.span_from(start), value.name if isinstance(value, Name) else "")

    def _raised(self, value: Math, span: Span, text: str) -> Script:
        if isinstance(value, Name) and text in _TRANSPOSES:
            return Script("transpose", span, ((value,),) if text in self.known else ())
        if isinstance(value, Negative) and isinstance(value.operand, Name) and value.operand.name in _TRANSPOSES:
            return Script("transpose", span, label="inverse")
        if isinstance(value, Name) and text in _LABELS:
            return Script("label", span, label=_LABELS[text])
        return Script("sup", span, ((value,),))

    def _label_inside(self, last: int) -> str:
        """The label that a group holds: a word, several words, or a sign."""
        inside = self.tokens[self.position + 1 : last]
        if len(inside) == 1:
            token = inside[0]
            if token.text in _LABELS and token.kind in ("times", "sum", "name"):
                return _LABELS[token.text]
            if token.kind in ("word", "words") and token.text not in _TRANSPOSES:
                return token.text
            if (
                token.kind == "letters"
                and token.text not in self.known
                and (len(token.text) > 2 or token.text in WORDS)
            ):
                return token.text
        return ""

    # Arguments.

    def call(self) -> Script:
        """``(…)`` or ``[…]`` after a name."""
        start, before = self.start, self.tokens[self.position - 1]
        braced = self.accept("group") is not None
        opener = self.take()
        kind = "call" if opener.text == "(" else "sub"
        arguments: list[Math] = []
        with self.nested(), self.mode(indices=kind == "sub"):
            while not self.at("close"):
                arguments.append(self._argument())
                if not self.accept("comma"):
                    break
            self.close(opener.text)
        if braced:
            self.expect("endgroup", "'}'")
        readings = [tuple(arguments)]
        regrouped = tuple(piece for argument in arguments for piece in _regroup(argument))
        if len(regrouped) > len(arguments) and before.text not in FUNCTION_LETTERS:
            readings.insert(0, regrouped)
        return Script(kind, self.span_from(start), tuple(readings))

    def close(self, opener: str) -> None:
        """The bracket that closes ``opener``."""
        closer = {"(": ")", "[": "]", "{": "}", "⟨": "⟩", "|": "|", "‖": "‖"}.get(opener, "")
        if not self.at("close", closer):
            self.fail(f"{self.shown()} stands where '{closer}' should be")
        self.take()

    def _argument(self) -> Math:
        if self.at("times", "·", "*", ".") and self.peek(1).kind in ("close", "comma"):
            token = self.take()
            return Placeholder(Span(token.start, token.end))
        if self.at("relation", ":") and self.peek(1).kind in ("close", "comma"):
            token = self.take()
            return Slice(Span(token.start, token.end))
        value = self.chain()
        return _keyword(value)


def _keyword(value: Math) -> Math:
    """``axis=0`` as a keyword."""
    if not isinstance(value, Comparison) or value.signs != ("=",):
        return value
    name, given = value.terms
    return Keyword(value.span, name.name, given) if isinstance(name, Name) and len(name.name) > 2 else value


def _is_step(value: Math) -> bool:
    """``t-1`` or ``l+1``."""
    return isinstance(value, Sum) and all(isinstance(term, (Name, Number)) for term in value.terms)


def side_by_side(value: Math) -> list[Math]:
    """The indices that stand side by side in ``ij``."""
    if isinstance(value, Product) and all(sign == "" for sign in value.signs):
        return list(value.factors)
    return [value]


def _regroup(argument: Math) -> list[Math]:
    """``C_{out_j, k}`` among arguments, where ``C_{out_j}, k`` is meant."""
    if isinstance(argument, Indexed) and isinstance(argument.base, Name) and len(argument.positions) == 2:
        first, second = argument.positions
        if isinstance(first, Indexed) and first.span.end < second.span.start:
            return [replace(argument, positions=(first,)), second]
    return [argument]
