"""Products and quotients of values as one line of operators."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from covector.export.code import ATOM, MUL, Term
from covector.export.values import Layout, Value, promoted


class Arithmetic:
    """Multiplies and divides values."""

    def __init__(self, layout: Layout) -> None:
        self.layout, self.code = layout, layout.code

    def weakened(self, value: Value) -> Value:
        """A number that NumPy computed as one of Python's, so that it does not widen what it meets."""
        return Value(self.code.term(ATOM, "float(", (value.term, 0), ")"), (), "float")

    def fraction(self, number: Fraction, tops: Sequence[Value], bottoms: Sequence[Value]) -> Value:
        """``number · tops / bottoms``, written as one line of operators."""
        tops = [self.layout.countable(top) for top in tops]
        bottoms = list(bottoms)
        above, below = above_and_below(number)
        if below != 1 and (tops or bottoms or above == int(above)):
            bottoms.insert(0, self.layout.number(below))
        if above != 1 or not tops:
            if above == -1 and tops:
                tops[0] = self.layout.negative(tops[0])
            else:
                tops.insert(0, self.layout.number(above))
        kind = promoted(value.kind for value in (*tops, *bottoms))
        if bottoms and not kind.startswith("float"):
            kind = "float64" if any(not value.is_weak for value in (*tops, *bottoms)) else "float"
        if len(tops) + len(bottoms) == 1:
            return tops[0]
        top = self.layout.joined(tops, "*", MUL, kind)
        if not bottoms:
            return top
        bottom = self.layout.joined(bottoms, "*", MUL, promoted(value.kind for value in bottoms))
        if kind == "float" and not all(_is_number(value.term) for value in bottoms):
            return self.weakened(self.layout.call("np.divide", (top, bottom), "float64"))
        return self.layout.joined([*tops, bottom], ["*"] * (len(tops) - 1) + ["/"], MUL, kind)


def above_and_below(number: Fraction) -> tuple[int | float, int]:
    """A coefficient as what stands above and below the line: 3, 0.044715, or 1 and 3."""
    if number.denominator == 1:
        return int(number), 1
    text = repr(float(number))
    if abs(number.numerator) != 1 and len(text) <= 10 and "e" not in text and Fraction(text) == number:
        return float(number), 1
    return number.numerator, number.denominator


def _is_number(term: Term) -> bool:
    """Whether a piece is made of numbers that are written out, and none of them is 0."""
    return all(word in ("np", "pi") or (word[0].isdigit() and word.strip("0")) for word in words(term))


def words(term: Term) -> list[str]:
    """The names in a piece."""
    text = "".join(part if isinstance(part, str) else " ".join(words(part[0])) for part in term.parts)
    return "".join(letter if letter.isalnum() or letter == "_" else " " for letter in text).split()
