"""How each form looks in text: the notation itself, and Unicode for the terminal; `latex` has the third style.

A style puts pieces together: text with how loosely it binds, so that parentheses stand only where they are needed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from fractions import Fraction


class Level(IntEnum):
    """How tightly a piece of text holds together, the loosest first."""

    CASES = 0
    OR = 1
    AND = 2
    NOT = 3
    COMPARE = 4
    SUM = 5
    QUOTIENT = 6
    PRODUCT = 7
    PREFIX = 8
    POWER = 9
    ATOM = 10


@dataclass(frozen=True, slots=True)
class Piece:
    """Text that stands for an expression.

    ``negative`` says that a minus sign belongs before the text; ``reaching``, that it ends in a reduction whose body
    would take in a factor written after it.
    """

    text: str
    level: Level = Level.ATOM
    negative: bool = False
    reaching: bool = False


@dataclass(frozen=True, slots=True)
class Bound:
    """An index where it is bound: its name, and its extent where that must be said."""

    name: str
    extent: str | None = None


_MOST_DIGITS = 17


def decimal(value: Fraction) -> tuple[int, int] | None:
    """The integer m and the exponent e for which ``value = m·10^e``, or None where there are none of a readable length.

    >>> decimal(Fraction(44715, 1000000)), decimal(Fraction(1, 3))
    ((44715, -6), None)
    """
    digits, rest = 0, value.denominator
    for prime in (2, 5):
        count = 0
        while rest % prime == 0:
            rest, count = rest // prime, count + 1
        digits = max(digits, count)
    if rest != 1 or digits > 400:
        return None
    whole, exponent = int(value * 10**digits), -digits
    while whole and whole % 10 == 0:
        whole, exponent = whole // 10, exponent + 1
    return (whole, exponent) if whole < 10**_MOST_DIGITS else None


def filled(template: str, parts: Sequence[str]) -> str:
    """The template with ``#1``, ``#2`` … replaced by the parts."""
    return re.sub(r"#(\d)", lambda match: parts[int(match[1]) - 1], template)


class Style:
    """The notation as the parser reads it; other styles change what looks otherwise there."""

    times = " * "
    equal_alone, equal_in_bracket = "==", "="
    signs: Mapping[str, str] = {"ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
    words: Mapping[str, str] = {"and": " and ", "or": " or ", "not": "not "}
    constants: Mapping[str, str] = {"true": "true", "false": "false", "inf": "inf", "nan": "nan"}
    calls: Mapping[str, tuple[str, Level]] = {"pi": ("pi", Level.ATOM)}
    flat = False
    """Whether a sum in a sum, or a product in a product, loses its parentheses."""
    exact = True
    """Whether the text is read back: reads that need it say ``pad``, indices that need it say their extent."""

    def name(self, name: str) -> str:
        """The name of a tensor, an index or an extent."""
        return name

    def group(self, text: str) -> str:
        """The text in parentheses."""
        return f"({text})"

    def tight(self, text: str) -> str:
        """An integer expression as it stands in a position: without the spaces around its operators."""
        return re.sub(r" (\+|-|\*|//|%|·|/) ", r"\1", text)

    def show(self, piece: Piece, least: Level = Level.CASES, closed: bool = False) -> str:
        """The text with its sign, in parentheses where it holds less tightly than ``least``."""
        text = f"-{piece.text}" if piece.negative else piece.text
        level = Level.SUM if piece.negative else piece.level
        return self.group(text) if level < least or (closed and piece.reaching) else text

    def negated(self, piece: Piece) -> Piece:
        """The negative of a piece."""
        if piece.level <= Level.SUM:
            return Piece(self.group(piece.text), Level.ATOM, True)
        return replace(piece, negative=not piece.negative)

    def number(self, value: Fraction) -> Piece:
        """A number that is not negative: as a decimal where that is exact and short, otherwise as a quotient."""
        found = decimal(value)
        if found is None:
            return self.ratio(value)
        whole, exponent = found
        digits = str(whole)
        point = len(digits) + exponent
        if -4 < point <= 0:
            return Piece("0." + "0" * -point + digits)
        if exponent < 0 < point:
            return Piece(f"{digits[:point]}.{digits[point:]}")
        if 0 <= exponent < 10:
            return Piece(digits + "0" * exponent)
        return self.scientific(digits[0] + ("." + digits[1:] if digits[1:] else ""), point - 1)

    def ratio(self, value: Fraction) -> Piece:
        """A number that has no short decimal."""
        if value.denominator == 1:
            return Piece(str(value.numerator))
        return self.quotient(Piece(str(value.numerator)), Piece(str(value.denominator)))

    def scientific(self, mantissa: str, exponent: int) -> Piece:
        """A number as ``mantissa·10^exponent``."""
        return Piece(f"{mantissa}e{exponent}")

    def access(self, name: str, positions: Sequence[str], padded: bool) -> Piece:
        """An element of a tensor."""
        if not positions:
            return Piece(self.name(name))
        text = f"{self.name(name)}[{','.join(self.tight(position) for position in positions)}]"
        return Piece(f"pad({text})" if padded else text)

    def target(self, name: str, bounds: Sequence[Bound]) -> str:
        """The left side of a definition."""
        return f"{self.name(name)}[{self.bounds(bounds)}]" if bounds else self.name(name)

    def bounds(self, bounds: Sequence[Bound]) -> str:
        """Indices where they are bound."""
        return ",".join(
            self.name(b.name) if b.extent is None else f"{self.name(b.name)}:{self.tight(b.extent)}" for b in bounds
        )

    def sum(self, terms: Sequence[Piece], lead: bool = False) -> Piece:
        """Terms with their signs; with ``lead``, a first term that is itself a sum needs no parentheses."""
        if len(terms) == 1:
            return terms[0]
        text = ""
        for number, term in enumerate(terms):
            negative, part = term.negative, term.text
            merges = term.level == Level.SUM and not negative and (self.flat or (lead and number == 0))
            if merges and part.startswith("-"):
                negative, part = True, part[1:]
            elif term.level <= Level.SUM and not merges:
                part = self.group(part)
            signs = ("+", "-") if number == 0 else (" + ", " - ")
            text += signs[negative] + part
        return Piece(text.removeprefix("+"), Level.SUM)

    def product(self, factors: Sequence[Piece], lead: bool = False) -> Piece:
        """Factors side by side; with ``lead``, a first factor that is itself a quotient needs no parentheses."""
        if len(factors) == 1:
            return factors[0]
        first, *rest = factors
        least = [Level.PRODUCT if self.flat else Level.PREFIX] * len(factors)
        if lead and not self.flat:
            least[0] = min(least[0], Level.QUOTIENT)
        bare = [replace(first, negative=False), *rest]
        parts = [
            self.show(factor, at_least, closed=number < len(rest))
            for number, (factor, at_least) in enumerate(zip(bare, least, strict=True))
        ]
        reaching = factors[-1].reaching and factors[-1].level >= least[-1] and not factors[-1].negative
        return Piece(self.join(parts), Level.PRODUCT, first.negative, reaching)

    def join(self, factors: Sequence[str]) -> str:
        """Factors that have the parentheses they need, multiplied."""
        return self.times.join(factors)

    def quotient(self, top: Piece, bottom: Piece, lead: bool = True) -> Piece:
        """``top / bottom``; with ``lead``, a top that is itself a product needs no parentheses."""
        above = self.show(replace(top, negative=False), Level.QUOTIENT if lead else Level.PREFIX, closed=True)
        return Piece(f"{above} / {self.show(bottom, Level.PREFIX)}", Level.QUOTIENT, top.negative)

    def coefficient(self, top: Piece, bottom: Piece) -> Piece:
        """A quotient that stands before other factors."""
        return self.quotient(top, bottom)

    def power(self, base: Piece, exponent: Piece) -> Piece:
        """``base`` to the power ``exponent``."""
        return Piece(f"{self.show(base, Level.ATOM)} ** {self.show(exponent, Level.POWER)}", Level.POWER)

    def exponent(self, value: Fraction) -> Piece:
        """A number where it is an exponent."""
        return self.number(value)

    def call(self, function: str, arguments: Sequence[Piece]) -> Piece:
        """A function of arguments."""
        parts = [self.show(argument) for argument in arguments]
        if function in self.calls:
            template, level = self.calls[function]
            return Piece(filled(template, parts), level)
        return Piece(f"{function}({', '.join(parts)})")

    def reduction(self, operation: str, bounds: Sequence[Bound], body: Piece) -> Piece:
        """A reduction over indices."""
        return Piece(f"{operation}[{self.bounds(bounds)}]({self.show(body)})")

    def comparison(self, operands: Sequence[Piece], names: Sequence[str], in_bracket: bool = False) -> Piece:
        """A chain of comparisons, such as ``0 <= i < n``."""
        equal = self.equal_in_bracket if in_bracket else self.equal_alone
        text = self.show(operands[0], Level.SUM)
        for name, operand in zip(names, operands[1:], strict=True):
            text += f" {self.signs.get(name, equal)} {self.show(operand, Level.SUM)}"
        return Piece(text, Level.COMPARE)

    def logic(self, word: str, operands: Sequence[Piece]) -> Piece:
        """Conditions joined by ``and`` or ``or``."""
        level, least = (Level.AND, Level.NOT) if word == "and" else (Level.OR, Level.AND)
        return Piece(self.words[word].join(self.show(operand, least) for operand in operands), level)

    def negation(self, operand: Piece) -> Piece:
        """``not operand``."""
        return Piece(self.words["not"] + self.show(operand, Level.NOT), Level.NOT)

    def bracket(self, condition: Piece) -> Piece:
        """An Iverson bracket."""
        return Piece(f"[{self.show(condition)}]")

    def delta(self, left: Piece, right: Piece) -> Piece:
        """A Kronecker delta."""
        return self.bracket(self.comparison((left, right), ("eq",), in_bracket=True))

    def select(self, rows: Sequence[tuple[Piece, Piece]], otherwise: Piece) -> Piece:
        """Cases: the value of the first row whose condition holds."""
        text = self.show(otherwise)
        for condition, value in reversed(rows):
            text = f"select({self.show(condition)}, {self.show(value)}, {text})"
        return Piece(text)

    def floor(self, top: Piece, bottom: Piece) -> Piece:
        """``⌊top / bottom⌋``."""
        return Piece(f"{self.show(top, Level.QUOTIENT)} // {self.show(bottom, Level.PREFIX)}", Level.QUOTIENT)

    def modulo(self, top: Piece, bottom: Piece) -> Piece:
        """``top mod bottom``."""
        return Piece(f"{self.show(top, Level.QUOTIENT)} % {self.show(bottom, Level.PREFIX)}", Level.QUOTIENT)

    def shape(self, extents: Sequence[Piece]) -> str:
        """The extents of a tensor."""
        return " ".join(self.tight(self.show(extent, Level.ATOM)) for extent in extents) or "()"

    def declaration(self, name: str, extents: Sequence[Piece], dtype: str) -> str:
        """What a given tensor is."""
        return f"{self.name(name)}: {self.shape(extents)}" + ("" if dtype == "float64" else f" {dtype}")

    def equation(self, left: str, right: str) -> str:
        """A definition."""
        return f"{left} = {right}"

    def program(self, lines: Sequence[str]) -> str:
        """Declarations and definitions, one a line."""
        return "\n".join(lines)


class Unicode(Style):
    """For the terminal: ``Σ_k input[i,k]·weight[j,k] + bias[j]``."""

    times = "·"
    equal_alone = "="
    signs: Mapping[str, str] = {"ne": "≠", "lt": "<", "le": "≤", "gt": ">", "ge": "≥"}
    constants: Mapping[str, str] = {"true": "true", "false": "false", "inf": "∞", "nan": "nan"}
    calls: Mapping[str, tuple[str, Level]] = {
        "pi": ("π", Level.ATOM),
        "maximum": ("max(#1, #2)", Level.ATOM),
        "minimum": ("min(#1, #2)", Level.ATOM),
    }
    flat, exact = True, False

    _repeated: Mapping[str, str] = {"sum": "Σ", "prod": "Π"}
    _joined = ("max", "min")
    _superscripts: Mapping[str, str] = {"2": "²", "3": "³"}

    def ratio(self, value: Fraction) -> Piece:
        """A number that has no short decimal; one that came from a float, as that float."""
        if value.denominator > 10**_MOST_DIGITS or value.numerator > 10**_MOST_DIGITS:
            return Piece(f"{float(value):.15g}")
        return super().ratio(value)

    def quotient(self, top: Piece, bottom: Piece, lead: bool = True) -> Piece:
        """``a/b`` where both are short, otherwise ``a / b``."""
        above = self.show(replace(top, negative=False), Level.PRODUCT, closed=True)
        below = self.show(bottom, Level.PREFIX)
        if " " in above + below:
            return Piece(f"{above} / {below}", Level.QUOTIENT, top.negative, bottom.reaching)
        return Piece(f"{above}/{below}", Level.PRODUCT, top.negative)

    def coefficient(self, top: Piece, bottom: Piece) -> Piece:
        """A quotient that stands before other factors, without spaces."""
        found = self.quotient(top, bottom)
        return replace(found, text=self.tight(found.text), level=Level.PRODUCT)

    def power(self, base: Piece, exponent: Piece) -> Piece:
        """``x²``, or ``x^n``."""
        raised = self.show(exponent, Level.ATOM)
        return Piece(self.show(base, Level.ATOM) + self._superscripts.get(raised, f"^{raised}"), Level.POWER)

    def exponent(self, value: Fraction) -> Piece:
        """A number where it is an exponent: ``3/2`` rather than ``1.5``."""
        return self.number(value) if value.denominator in (1, 10, 100) else self.ratio(value)

    def reduction(self, operation: str, bounds: Sequence[Bound], body: Piece) -> Piece:
        """``Σ_k``, ``Σ_p Σ_q``, ``max_k`` before a product; ``mean_k(…)``."""
        subscript = bounds[0].name if len(bounds) == 1 else f"{{{self.bounds(bounds)}}}"
        if operation in self._repeated:
            head = " ".join(f"{self._repeated[operation]}_{bound.name}" for bound in bounds)
        elif operation in self._joined:
            head = f"{operation}_{subscript}"
        else:
            return Piece(f"{operation}_{subscript}({self.show(body)})")
        return self.prefixed(head, body)

    def prefixed(self, head: str, body: Piece) -> Piece:
        """A reduction that reaches over the product after it."""
        level = Level.PREFIX if body.level >= Level.PREFIX and not body.negative else Level.PRODUCT
        return Piece(f"{head} {self.show(body, Level.PRODUCT)}", level, reaching=True)

    def delta(self, left: Piece, right: Piece) -> Piece:
        """``δ(q,i)``."""
        return Piece(f"δ({self.tight(self.show(left))},{self.tight(self.show(right))})")

    def floor(self, top: Piece, bottom: Piece) -> Piece:
        """``⌊a/b⌋``."""
        return Piece(f"⌊{self.show(self.coefficient(top, bottom))}⌋")

    def modulo(self, top: Piece, bottom: Piece) -> Piece:
        """``a mod b``."""
        return Piece(f"{self.show(top, Level.PREFIX)} mod {self.show(bottom, Level.PREFIX)}", Level.QUOTIENT)

    def shape(self, extents: Sequence[Piece]) -> str:
        """``M×outfs``."""
        return "×".join(self.tight(self.show(extent, Level.ATOM)) for extent in extents) or "()"
