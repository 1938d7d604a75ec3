"""One change to what was written that makes it right: the cause, and the right form in the note's own notation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, pairwise

from covector.notes import math as m
from covector.notes.show import show

MOST = 90


@dataclass(frozen=True)
class Edit:
    """A changed text, the name of the mistake that it undoes, and a sentence."""

    text: str
    cause: str
    sentence: str


def edits(text: str, node: m.Math, offset: int, letters: list[str], extents: list[str]) -> Iterator[Edit]:
    """Texts that differ from ``text`` by one change; ``node`` is its tree, ``offset`` where it stood in its formula."""
    found: set[str] = set()
    for edit in _all(text, node, offset, letters, extents):
        if edit.text not in found and edit.text != text:
            found.add(edit.text)
            yield edit
        if len(found) >= MOST:
            return


def _all(text: str, node: m.Math, offset: int, letters: list[str], extents: list[str]) -> Iterator[Edit]:
    yield from _bounds(text, node, offset, extents)
    yield from _signs(text, node, offset)
    yield from _denominators(text, node, offset)
    yield from _numbers(text, node, offset)
    yield from _letters(text, node, offset, letters)
    yield from _sums(text, node, offset)
    yield from _positions(text, node, offset)
    yield from _products(text, node, offset)
    yield from _transposes(text, node, offset)
    yield from _factors(text, node, offset)
    yield from _names(text, node, offset)


def _bounds(text: str, node: m.Math, offset: int, extents: list[str]) -> Iterator[Edit]:
    """Another extent where a sum ends."""
    for found in m.walk(node):
        upper = found.upper if isinstance(found, m.Binding) else None
        for name in m.walk(upper) if isinstance(upper, m.Math) else ():
            if isinstance(name, m.Name):
                start, end = _at(name, offset)
                for extent in extents:
                    if extent != name.name and text[start:end] == name.name:
                        sentence = f"the sum ends at {name.name} where {extent} belongs"
                        yield Edit(_cut(text, start, end, extent), "wrong bound", sentence)


def _cut(text: str, start: int, end: int, new: str) -> str:
    return text[:start] + new + text[end:]


def _at(node: m.Math, offset: int) -> tuple[int, int]:
    return node.span.start - offset, node.span.end - offset


def _indexed(node: m.Math) -> Iterator[tuple[m.Math, m.Math]]:
    """Every position that is written, with what it is a position of."""
    for found in m.walk(node):
        if isinstance(found, m.Indexed):
            yield from ((found, position) for position in found.positions)
        elif isinstance(found, m.Apply):
            yield from ((found, position) for position in found.arguments)


def _numbers(text: str, node: m.Math, offset: int) -> Iterator[Edit]:
    """Another number in all entries of one row, or in one place."""
    groups = [n for n in m.walk(node) if isinstance(n, (m.Row, m.Sum, m.Tuple, m.Derivative))]
    for group in reversed(groups):
        places = [p for _, p in _indexed(group) if isinstance(p, m.Number)]
        for old in {p.text for p in places}:
            for new in ("1", "2", "3", "4"):
                if new != old:
                    spans = [_at(p, offset) for p in places if p.text == old]
                    yield from _several(text, spans, new, old)
    for _, place in _indexed(node):
        if isinstance(place, m.Number):
            for new in ("1", "2", "3", "4"):
                yield from _several(text, [_at(place, offset)], new, place.text)


def _denominators(text: str, node: m.Math, offset: int) -> Iterator[Edit]:
    """All derivatives by the same thing."""
    found = [n for n in m.walk(node) if isinstance(n, m.Derivative) and len(n.by) == 1]
    if len({show(n.by[0]) for n in found}) < 2:
        return
    for one in found[:3]:
        start, end = _at(one.by[0], offset)
        wanted, changed = text[start:end], text
        for other in sorted(found, key=lambda n: n.by[0].span.start, reverse=True):
            a, b = _at(other.by[0], offset)
            changed = _cut(changed, a, b, wanted)
        sentence = f"every entry is a derivative by {show(one.by[0])}"
        yield Edit(changed, "wrong denominator", sentence)


def _several(text: str, spans: list[tuple[int, int]], new: str, old: str) -> Iterator[Edit]:
    changed = text
    for start, end in sorted(set(spans), reverse=True):
        if text[start:end] != old:
            return
        changed = _cut(changed, start, end, new)
    yield Edit(changed, "wrong index", f"the index {old} stands where {new} belongs")


def _letters(text: str, node: m.Math, offset: int, letters: list[str]) -> Iterator[Edit]:
    """Another letter at one place, then at all places where it stands."""
    places = [(of, p) for of, p in _indexed(node) if isinstance(p, m.Name)]
    for of, place in places:
        start, end = _at(place, offset)
        base = show(of.base if isinstance(of, m.Indexed) else of.function)  # type: ignore[attr-defined]
        for letter in letters:
            assert isinstance(place, m.Name)
            if letter != place.name and text[start:end].strip() == place.name:
                sentence = f"the index of {base} is {place.name} where {letter} belongs"
                yield Edit(_cut(text, start, end, letter), "wrong index", sentence)
                yield Edit(
                    _cut(text, start, end, f"{place.name}{letter}"), "missing index", f"{base} lacks an index {letter}"
                )


def _positions(text: str, node: m.Math, offset: int) -> Iterator[Edit]:
    """Two letters of one element exchanged, or all of its positions with the other sign: ``x_{i-p}``."""
    for found in m.walk(node):
        if not isinstance(found, m.Indexed):
            continue
        spans = [_at(n, offset) for p in found.positions for n in m.walk(p) if isinstance(n, m.Name)]
        for (a, b), (c, d) in combinations(sorted(set(spans)), 2):
            if 0 <= a < b <= c < d:
                swapped = text[:a] + text[c:d] + text[b:c] + text[a:b] + text[d:]
                yield Edit(swapped, "swapped indices", f"the indices of {show(found.base)} are swapped")
        start, end = found.base.span.end - offset, found.span.end - offset
        if 0 <= start < end and "-" in text[start:end]:
            turned = text[:start] + text[start:end].replace("-", "+") + text[end:]
            yield Edit(turned, "wrong index", f"the positions of {show(found.base)} have the wrong sign")


def _names(text: str, node: m.Math, offset: int) -> Iterator[Edit]:
    """Each name of a product in the place of another."""
    names = [n for n in m.walk(node) if isinstance(n, m.Name) and len(n.name) >= 1]
    for one in names:
        for other in names:
            start, end = _at(one, offset)
            if one.name != other.name and text[start:end] == one.name:
                sentence = f"{one.name} stands where {other.name} belongs"
                yield Edit(_cut(text, start, end, other.name), "wrong operand", sentence)


def _sums(text: str, node: m.Math, offset: int) -> Iterator[Edit]:
    """The other axis of a slice: ``df_{:q}`` summed over q, where the first axis is to be summed."""
    for found in m.walk(node):
        if isinstance(found, m.Indexed) and len(found.positions) == 2:
            first, second = found.positions
            (a, b), (c, d) = _at(first, offset), _at(second, offset)
            if 0 <= a < b <= c < d:
                swapped = text[:a] + text[c:d] + text[b:c] + text[a:b] + text[d:]
                yield Edit(swapped, "swapped indices", f"the indices of {show(found.base)} are swapped")


def _products(text: str, node: m.Math, offset: int) -> Iterator[Edit]:
    """Two factors in the other order, perhaps one of them transposed too."""
    for found in m.walk(node):
        if not isinstance(found, m.Product):
            continue
        for left, right in pairwise(found.factors):
            (a, b), (c, d) = _at(left, offset), _at(right, offset)
            if not 0 <= a < b <= c < d:
                continue
            one, two, sign = text[a:b].strip(), text[c:d].strip(), text[b:c]
            swap = "the factors are in the wrong order"
            yield Edit(text[:a] + _between(two, sign, one) + text[d:], "swapped operands", swap)
            bare, turned = _upright(one), _upright(two)
            for new in (
                _between(_turn(turned), sign, bare), _between(turned, sign, _turn(bare)),
                _between(_turn(two), sign, _turn(one)),
            ):  # fmt: skip
                yield Edit(
                    text[:a] + new + text[d:], "transposed", "as it stands, this is the transpose of what is true"
                )


def _upright(text: str) -> str:
    """A factor without its transpose."""
    return re.sub(r"\s*\^(?:T|\{T\}|\\top|\{\\top\})$", "", text)


def _between(left: str, sign: str, right: str) -> str:
    """Two factors with the sign that was between them."""
    return " ".join(part for part in (left, sign.strip(), right) if part)


def _turn(text: str) -> str:
    simple = text.replace("\\", "").isalnum() or text.endswith("}")
    return f"{text}^T" if simple and not text.startswith("\\frac") else f"\\left({text}\\right)^T"


def _transposes(text: str, node: m.Math, offset: int) -> Iterator[Edit]:
    """A transpose more or less."""
    for found in m.walk(node):
        start, end = _at(found, offset)
        if start < 0 or end > len(text):
            continue
        if isinstance(found, m.Transpose):
            inner = _at(found.operand, offset)
            sentence = f"{show(found.operand)} must not be transposed"
            yield Edit(text[:start] + text[inner[0] : inner[1]] + text[end:], "transposed", sentence)
        elif isinstance(found, (m.Name, m.Derivative)):
            sentence = f"{show(found)} must be transposed"
            yield Edit(_cut(text, start, end, _turn(text[start:end])), "transposed", sentence)


def _signs(text: str, node: m.Math, offset: int) -> Iterator[Edit]:
    """One sign of a sum, the sign of a factor."""
    for found in m.walk(node):
        if isinstance(found, m.Negative):
            start, end = found.span.start - offset, found.operand.span.start - offset
            if 0 <= start < end and text[start:end].strip() == "-":
                yield Edit(_cut(text, start, end, ""), "sign", "the sign does not belong here")
        if isinstance(found, m.Sum):
            for term, sign in zip(found.terms[1:], found.signs[1:], strict=True):
                place = text.rfind(sign, 0, max(0, term.span.start - offset))
                if place >= 0 and sign in "+-":
                    other = "-" if sign == "+" else "+"
                    yield Edit(_cut(text, place, place + 1, other), "sign", "the sign of one term is wrong")
    turned = f"-({text})" if isinstance(node, m.Sum) else f"-{text}"
    yield Edit(turned, "sign", "the sign is wrong")


def _factors(text: str, node: m.Math, offset: int) -> Iterator[Edit]:
    """Without one factor, without one term."""
    for found in m.walk(node):
        parts = found.factors if isinstance(found, m.Product) else ()
        for part in parts:
            start, end = _at(part, offset)
            if 0 <= start < end <= len(text):
                sentence = f"the factor {show(part)} does not belong here"
                yield Edit(_cut(text, start, end, " "), "extra factor", sentence)
