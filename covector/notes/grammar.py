"""The grammar of expressions: signs, products, operands."""

from __future__ import annotations

from dataclasses import replace

from covector.notation.syntax import Span
from covector.notes.dress import Script, dress
from covector.notes.fractions import slashed
from covector.notes.lexer import Token, connects
from covector.notes.math import (
    Apply,
    Choice,
    Comparison,
    Dots,
    Indexed,
    Math,
    Name,
    Negative,
    Number,
    Power,
    Product,
    Reduction,
    span_over,
    walk,
)
from covector.notes.names import segment
from covector.notes.reductions import Reductions
from covector.notes.stream import add, choice
from covector.notes.vocabulary import FUNCTION_WORDS

_STARTS = frozenset(
    (
        "number",
        "letters",
        "word",
        "name",
        "words",
        "differential",
        "big",
        "function",
        "frac",
        "sqrt",
        "accent",
        "font",
        "group",
        "open",
        "begin",
        "dots",
    )
)
_ACCENTS = {"widehat": "hat", "overline": "bar", "widetilde": "tilde", "underline": "bar"}


class Grammar(Reductions):
    """The rules of operators and operands."""

    def chain(self) -> Math:
        """An expression, or a comparison of several."""
        terms, signs = [self.expression()], []
        while self.at("relation"):
            signs.append(self.take().text)
            terms.append(self.expression())
        if not signs:
            return terms[0]
        return Comparison(span_over(terms[0], terms[-1]), tuple(terms), tuple(signs))

    def expression(self) -> Math:
        """Terms with their signs."""
        start = self.start
        terms: list[Math] = []
        signs: list[str] = []
        while not terms or self.at("sum"):
            sign = self.accept("sum")
            signs.append(sign.text if sign else "+")
            terms.append(self.product())
        return _wider(terms, signs, self.span_from(start))

    def product(self) -> Math:
        """Factors with their signs."""
        factors = [self.signed()]
        signs: list[str] = []
        while self.at("times"):
            signs.append(self.take().text)
            factors.append(self.signed())
            if signs[-1] == "/":
                _join(factors, signs)
            if signs and signs[-1] == "/" and _is_run(factors[-1]):
                return self._divided(factors, signs)
        if not signs:
            return factors[0]
        return Product(span_over(factors[0], factors[-1]), tuple(factors), tuple(signs))

    def _divided(self, factors: list[Math], signs: list[str]) -> Math:
        """``1/2x``: divided by the first factor of what follows, or by all of it."""
        run = factors[-1]
        assert isinstance(run, Product)
        start = factors[0].span.start
        head = run.factors[0]
        divided = Product(Span(start, head.span.end), (*factors[:-1], head), tuple(signs))
        first = Product(Span(start, run.span.end), (divided, *run.factors[1:]), ("",) * (len(run.factors) - 1))
        whole = Product(Span(start, run.span.end), tuple(factors), tuple(signs))
        close = run.factors[1].span.start == head.span.end and isinstance(run.factors[1], (Name, Indexed))
        options: list[Math] = [whole, first] if close else [first, whole]
        found = choice(options, "division", "how far a division by side-by-side factors goes")
        if not self.at("times"):
            return found
        sign = self.take().text
        with self.nested():
            rest = self.product()
        return Product(span_over(found, rest), (found, rest), (sign,))

    def signed(self) -> Math:
        """A run of factors, perhaps with a minus before it, as in ``a * -b``."""
        if not self.at("sum"):
            return self.run()
        sign = self.take()
        with self.nested():
            operand = self.signed()
        return Negative(self.span_from(sign.start), operand) if sign.text == "-" else operand

    def run(self) -> Math:
        """Factors that stand side by side."""
        factors = [self.factor()]
        while self._goes_on():
            factors.append(self.factor())
        factors = [piece for factor in factors for piece in _pieces(factor)]
        if len(factors) == 1:
            return factors[0]
        return Product(span_over(factors[0], factors[-1]), tuple(factors), ("",) * (len(factors) - 1))

    def _goes_on(self) -> bool:
        token = self.peek()
        if token.kind in ("bar", "norm"):
            return token.kind not in self.bars
        if token.kind == "words" or (token.kind == "word" and connects(token)):
            return False
        return token.kind in _STARTS

    def factor(self) -> Math:
        """One operand with its scripts."""
        with self.nested():
            token = self.peek()
            if token.kind == "letters" or (token.kind == "word" and not connects(token)):
                return self._names(token)
            called = token.kind in ("name", "accent", "font")
            start = self.start
            operand = self.operand()
            found = dress(operand, self.scripts(calls=called))
            return replace(found, span=self.span_from(start)) if not isinstance(found, Choice) else found

    def _names(self, token: Token) -> Math:
        """A run of letters: one name, or several side by side; scripts belong to the last."""
        self.take()
        named = self.at("sub") or self.at("sup") or self.at("open")
        digits = self._digits(token)
        readings: list[tuple[str, ...]]
        if token.kind == "word":
            readings = [(token.text.replace(" ", "_"),)]
        elif token.text in FUNCTION_WORDS and self.at("open", "("):
            readings = [(token.text,)]
        else:
            readings = segment(token.text, self.known, indices=self.indices, named=named)
        scripts = self.scripts(calls=True)
        options = [self._side_by_side(token, names, digits, scripts) for names in readings]
        return choice(options, f"name {token.text}", "letters: one name, or a product of several")

    def _digits(self, token: Token) -> str:
        """The digits that end a name such as ``x1``."""
        following = self.peek()
        if self.indices or following.kind != "number" or following.start != token.end or token.kind == "word":
            return ""
        return self.take().text

    def _side_by_side(self, token: Token, names: tuple[str, ...], digits: str, scripts: list[Script]) -> Math:
        plain = token.kind != "word"
        found: list[Math] = []
        place = token.start
        for name in names:
            end = place + len(name) if plain and len(names) > 1 else token.end
            found.append(Name(Span(place, end), name, _font(token)))
            place = end
        last = found[-1]
        if digits and isinstance(last, Name):
            span = Span(last.span.start, token.end + len(digits))
            number = Number(Span(token.end, token.end + len(digits)), digits)
            either = [replace(last, name=last.name + digits, span=span), Indexed(span, last, (number,))]
            options = [dress(base, scripts) for base in either]
            known = either[0].name in self.known if isinstance(either[0], Name) else False
            found[-1] = options[0] if known else choice(options, f"digits {last.name}", "a number behind a name")
        else:
            found[-1] = dress(last, scripts)
        if len(found) == 1:
            return found[0]
        return Product(span_over(found[0], found[-1]), tuple(found), ("",) * (len(found) - 1))

    def operand(self) -> Math:
        """One operand without scripts."""
        token = self.peek()
        rules = {
            "group": self.group, "open": self.bracket, "bar": self.bars_, "norm": self.bars_, "begin": self.environment,
            "frac": self.fraction, "differential": self.differential, "big": self.reduction, "function": self.function,
            "sqrt": self._root, "accent": self._accent, "font": self._font,
        }  # fmt: skip
        if token.kind in rules:
            with self.nested():
                return rules[token.kind]()
        if token.kind in ("number", "name", "letters", "word", "words", "dots"):
            self.take()
            span = Span(token.start, token.end)
            if token.kind == "number":
                return Number(span, token.text)
            return Dots(span) if token.kind == "dots" else Name(span, token.text, _font(token))
        raise self.fault(f"{self.shown()} stands where an operand should be")

    def _root(self) -> Math:
        """``\\sqrt{x}``, ``\\sqrt[n]{x}``."""
        start = self.take().start
        degree = None
        if self.accept("open", "["):
            degree = self.expression()
            self.close("[")
        argument = self.argument() if not self.at("open") else self.bracket()
        span = self.span_from(start)
        if degree is None:
            return Apply(span, Name(Span(start, start + 5), "sqrt"), (argument,))
        one = Number(degree.span, "1")
        return Power(span, argument, Product(degree.span, (one, degree), ("/",)))

    def _accent(self) -> Math:
        """``\\hat{y}``: a name of its own."""
        token = self.take()
        inner = self.argument()
        mark = _ACCENTS.get(token.text, token.text)
        if isinstance(inner, Name):
            return Name(self.span_from(token.start), f"{inner.name}_{mark}", inner.font)
        if isinstance(inner, Indexed) and isinstance(inner.base, Name):
            return replace(inner, base=replace(inner.base, name=f"{inner.base.name}_{mark}"))
        raise self.fault(f"what stands under '\\{token.text}' is not a name", self.span_from(token.start))

    def _font(self) -> Math:
        """``\\mathbf{x}``: the same name in another font."""
        token = self.take()
        inner = self.argument()
        if isinstance(inner, Number) and inner.text == "1":
            return Name(inner.span, "1", token.text)
        return replace(inner, font=token.text) if isinstance(inner, Name) else inner


def _font(token: Token) -> str:
    return "" if token.font.startswith("text") or token.font in ("mathrm", "operatorname", "mbox") else token.font


def _pieces(factor: Math) -> list[Math]:
    """The names of ``XW``, which stand side by side with what comes next."""
    if isinstance(factor, Product) and set(factor.signs) == {""} and all(type(f) is Name for f in factor.factors[:-1]):
        return list(factor.factors)
    return [factor]


def _is_run(node: Math) -> bool:
    return isinstance(node, Product) and set(node.signs) == {""}


def _join(factors: list[Math], signs: list[str]) -> None:
    """Make a derivative of ``∂f / ∂z`` at the end."""
    before, after = factors[-2], factors[-1]
    head = list(before.factors) if isinstance(before, Product) and set(before.signs) == {""} else [before]
    tail = list(after.factors) if isinstance(after, Product) and set(after.signs) == {""} else [after]
    found = slashed(head[-1], tail[0])
    if found is None:
        return
    run = [*head[:-1], found, *tail[1:]]
    whole = run[0] if len(run) == 1 else Product(span_over(run[0], run[-1]), tuple(run), ("",) * (len(run) - 1))
    factors[-2:] = [whole]
    signs.pop()


def _wider(terms: list[Math], signs: list[str], span: Span) -> Math:
    """The sum of ``terms``; with the reading in which a Σ covers all that follows, where that has its index."""
    plain = add(terms, signs, span)
    for k, term in enumerate(terms[:-1]):
        if not isinstance(term, Reduction):
            continue
        bound = {_name(binding.index) for binding in term.bindings} - {""}
        used = {node.name for later in terms[k + 1 :] for node in walk(later) if isinstance(node, Name)}
        if bound & used:
            body = add([term.body, *terms[k + 1 :]], ["+", *signs[k + 1 :]], Span(term.body.span.start, span.end))
            wide = replace(term, span=Span(term.span.start, span.end), body=body)
            options = [add([*terms[:k], wide], signs[: k + 1], span), plain]
            return choice(options, "extent of a sum", "how far a sum goes")
    return plain


def _name(index: Math) -> str:
    return index.name if isinstance(index, Name) else ""
