"""Sums, products, maxima, limits, and functions with a command of their own."""

from __future__ import annotations

from dataclasses import replace

from covector.notation.syntax import Span
from covector.notes.fractions import Fractions
from covector.notes.lexer import Token
from covector.notes.math import (
    Apply,
    Binding,
    Comparison,
    Indexed,
    Limit,
    Math,
    Name,
    Number,
    Power,
    Prime,
    Product,
    Reduction,
)
from covector.notes.scripts import side_by_side
from covector.notes.stream import choice

_LESS = ("≤", "<")


class Reductions(Fractions):
    """The rules of large operators."""

    def reduction(self) -> Math:
        """``\\sum``, ``\\max`` and their like: bounds, and the product that follows."""
        token = self.take()
        with self.nested():
            return self._reduce(token)

    def _reduce(self, token: Token) -> Math:
        if token.text == "lim":
            return self._limit(token)
        below: tuple[Math, ...] = ()
        upper: Math | None = None
        while True:
            if self.at("sub") and not below:
                below = self._below()
            elif self.at("sup") and upper is None:
                upper = self.superscript_value()
            else:
                break
        if token.text in ("max", "min") and not below and self.at("open"):
            name = Name(Span(token.start, token.end), token.text)
            return self.applied(name)
        bindings = self._bindings(below, upper)
        body = self.product()
        return Reduction(self.span_from(token.start), token.text, bindings, body)

    def _below(self) -> tuple[Math, ...]:
        """What stands under the operator, item by item."""
        self.take()
        with self.nested(), self.mode(indices=True):
            if not self.at("group"):
                token = self.split()
                span = Span(token.start, token.end)
                if token.kind not in ("letters", "name", "number"):
                    self.fail("what stands under this operator is not understood", span)
                return (Number(span, token.text) if token.kind == "number" else Name(span, token.text),)
            self.take()
            items = [self.chain()]
            while self.accept("comma"):
                items.append(self.chain())
            self.expect("endgroup", "'}'")
        return tuple(items)

    def superscript_value(self) -> Math:
        """What stands above the operator."""
        self.take()
        with self.nested(), self.mode(indices=False):
            return self.group() if self.at("group") else self.argument()

    def _bindings(self, below: tuple[Math, ...], upper: Math | None) -> tuple[Binding, ...]:
        found = [binding for item in below for binding in _bound(item)]
        if upper is not None and found:
            found = [replace(binding, upper=binding.upper or upper) for binding in found]
        return tuple(found)

    def _limit(self, token: Token) -> Math:
        if not self.at("sub"):
            self.fail("the variable of this limit is missing", hint="write \\lim_{h \\to 0}")
        below = self._below()
        if len(below) != 1 or not isinstance(below[0], Comparison) or below[0].signs != ("→",):
            self.fail("what stands under this limit is not understood", self.span_from(token.start))
        variable, target = below[0].terms
        body = self.product()
        return Limit(self.span_from(token.start), variable, target, body)

    def function(self) -> Math:
        """``\\log x``, ``\\exp(x)``, ``\\tanh^2(x)``."""
        token = self.take()
        if token.text == "arg" and self.at("big", "max", "min"):
            following = self.take()
            return self._reduce(replace(following, text=f"arg{following.text}", start=token.start))
        with self.nested():
            return self.applied(Name(Span(token.start, token.end), token.text))

    def applied(self, name: Name) -> Math:
        """A function that is known as one, and its argument."""
        base: Math = name
        power: Math | None = None
        while self.at("sub") or self.at("sup") or self.at("prime"):
            if self.at("prime"):
                token = self.take()
                base = Prime(self.span_from(name.span.start), base, len(token.text))
            elif self.at("sub"):
                base = Indexed(self.span_from(name.span.start), base, self.subscript().readings[0])
            else:
                power = self.superscript_value()
        if self.at("open") and self.peek().text in "([":
            (arguments,) = self.call().readings[-1:]
            found: Math = Apply(self.span_from(name.span.start), base, arguments)
        else:
            found = self._unbracketed(base)
        return Power(self.span_from(name.span.start), found, power) if power is not None else found

    def _unbracketed(self, base: Math) -> Math:
        """``\\log x y``: of the first factor, or of all."""
        first, *rest = side_by_side(self.factor())
        one = Apply(self.span_from(base.span.start), base, (first,))
        while self.peek().kind in ("letters", "name", "number") or (self.at("font") and rest):
            rest.append(self.factor())
        if not rest:
            return one
        together = Product(self.span_from(first.span.start), (first, *rest), ("",) * len(rest))
        whole = self.span_from(base.span.start)
        options: list[Math] = [Apply(whole, base, (together,)), Product(whole, (one, *rest), ("",) * len(rest))]
        key = f"argument {base.name if isinstance(base, Name) else ''}"
        return choice(options, key, "how far the argument of a function without brackets goes")


def _bound(item: Math) -> list[Binding]:
    """The indices that one item under an operator binds."""
    if isinstance(item, Product) and set(item.signs) == {""}:
        return [Binding(factor.span, factor) for factor in item.factors]
    if not isinstance(item, Comparison):
        return [Binding(item.span, item)]
    terms, signs = item.terms, item.signs
    if signs == ("=",):
        return [replace(binding, span=item.span, lower=terms[1]) for binding in _bound(terms[0])]
    if len(terms) == 3 and all(sign in _LESS for sign in signs):
        return [Binding(item.span, terms[1], terms[0], terms[2] if signs[1] == "≤" else None, item)]
    return [replace(binding, span=item.span, condition=item) for binding in _bound(terms[0])]
