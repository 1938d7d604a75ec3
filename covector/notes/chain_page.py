"""Changes to a term that need something else of the page: another of its tensors, a factor, a sum, a difference."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

from covector.notes import math as m
from covector.notes.chain_repairs import Edit
from covector.notes.context import Context
from covector.notes.read import Notes
from covector.notes.show import show

T = TypeVar("T")

MOST_PARTS = 24
MOST_CHARACTERS = 60


@dataclass(frozen=True)
class Parts:
    """What a page writes, as it writes it: names by what they mean, factors, the heads of sums, and differences."""

    names: dict[str, str]
    factors: tuple[str, ...]
    terms: tuple[str, ...]
    sums: tuple[str, ...]
    differences: tuple[tuple[str, str], ...]


def parts_of(notes: Notes) -> Parts:
    """The parts of the formulas of a page, the commonest first."""
    names: dict[str, str] = {}
    factors: Counter[str] = Counter()
    terms: Counter[str] = Counter()
    sums: Counter[str] = Counter()
    differences: Counter[tuple[str, str]] = Counter()
    for reading in notes.formulas:
        if reading.formula is None:
            continue
        source = reading.snippet.text
        for statement in next(reading.formula.readings(1)).statements:
            for node in (node for term in statement.terms for node in m.walk(term)):
                text = source[node.span.start : node.span.end].strip()
                if len(text) > MOST_CHARACTERS:
                    continue
                if isinstance(node, m.Name):
                    names.setdefault(node.name, text)
                elif isinstance(node, m.Product):
                    for factor in node.factors:
                        found = source[factor.span.start : factor.span.end].strip()
                        if isinstance(factor, _FACTORS) and len(found) <= MOST_CHARACTERS:
                            factors[found] += 1
                elif isinstance(node, m.Reduction) and node.body.span.start > node.span.start:
                    sums[source[node.span.start : node.body.span.start].strip()] += 1
                elif isinstance(node, m.Sum):
                    terms.update(source[one.span.start : one.span.end].strip() for one in node.terms)
                    if len(node.terms) == 2 and node.signs[-1] == "-":
                        first = source[node.terms[0].span.start : node.terms[0].span.end].strip()
                        differences[(first, text)] += 1
    return Parts(names, _commonest(factors), _commonest(terms), _commonest(sums), _commonest(differences))


_FACTORS = (m.Indexed, m.Name, m.Fraction, m.Derivative, m.Power, m.Number, m.Sum)


def _commonest(found: Counter[T]) -> tuple[T, ...]:
    return tuple(part for part, _ in found.most_common(MOST_PARTS))


def page_edits(text: str, node: m.Math, offset: int, parts: Parts, context: Context) -> Iterator[Edit]:
    """Texts that differ from ``text`` by one change, made with parts of the page."""
    yield Edit("0", "not zero", "this is 0 here")
    yield from _differences(text, node, offset, parts)
    yield from _powers(text, node, offset)
    yield from _tensors(text, node, offset, parts, context)
    yield from _factors(text, node, offset, parts)
    yield from _missing(text, node, offset, parts)
    yield from _dropped(text, parts)
    yield from _sums(text, node, offset, parts)


def _values(node: m.Math) -> Iterator[m.Math]:
    """The parts of a tree that stand for values: a derivative is one, and what it is of and by are none."""
    yield node
    if not isinstance(node, (m.Derivative, m.Differential)):
        for child in [node.base] if isinstance(node, m.Indexed) else m.children(node):
            if not isinstance(child, m.Binding):
                yield from _values(child)


def _at(node: m.Math, offset: int) -> tuple[int, int]:
    return node.span.start - offset, node.span.end - offset


def _differences(text: str, node: m.Math, offset: int, parts: Parts) -> Iterator[Edit]:
    """What the page subtracts elsewhere: ``X_{ij}`` where ``X_{ij} - \\mu_j`` belongs."""
    for found in m.walk(node):
        start, end = _at(found, offset)
        for first, whole in parts.differences:
            if isinstance(found, (m.Name, m.Indexed, m.Number)) and text[start:end] == first:
                sentence = f"{first} stands where {whole} belongs"
                new = whole if whole.startswith("(") else f"({whole})"
                yield Edit(f"{text[:start]}{new}{text[end:]}", "dropped term", sentence)


def _tensors(text: str, node: m.Math, offset: int, parts: Parts, context: Context) -> Iterator[Edit]:
    """Each tensor in the place of another with as many axes."""
    ranks = {name: len(shape) for name in parts.names if (shape := context.shapes.get(name)) is not None}
    for one in _values(node):
        if not isinstance(one, m.Name) or one.name not in ranks:
            continue
        start, end = _at(one, offset)
        for other, shown in parts.names.items():
            if other != one.name and ranks.get(other) == ranks[one.name]:
                sentence = f"{text[start:end]} stands where {shown} belongs"
                between = " " if shown[-1:].isalpha() and text[end : end + 1].isalpha() else ""
                yield Edit(f"{text[:start]}{shown}{between}{text[end:]}", "another tensor", sentence)


def _powers(text: str, node: m.Math, offset: int) -> Iterator[Edit]:
    """Another exponent, and one where there is none."""
    for found in _values(node):
        start, end = _at(found, offset)
        if isinstance(found, m.Power):
            base, exponent = _at(found.base, offset)[1], text[start:end]
            for new in ("2", "3", "-1", "1/2", "-1/2", "-3/2"):
                sentence = f"{show(found.base)} has the exponent {show(found.exponent)}, and {new} belongs there"
                yield Edit(f"{text[:base]}^{{{new}}}{text[end:]}", "wrong exponent", sentence)
            yield Edit(
                text[:base] + text[end:], "wrong exponent", f"{exponent} stands where {show(found.base)} belongs"
            )
        elif isinstance(found, (m.Name, m.Indexed)) and 0 <= start < end:
            shown = text[start:end]
            yield Edit(f"{text[:end]}^2{text[end:]}", "wrong exponent", f"{shown} stands where {shown}^2 belongs")


def _sums(text: str, node: m.Math, offset: int, parts: Parts) -> Iterator[Edit]:
    """A sum that the page has elsewhere, before the whole or before one of its factors."""
    for found in _values(node):
        if found is node or isinstance(found, (m.Reduction, m.Product, m.Indexed, m.Derivative)):
            start = _at(found, offset)[0]
            for head in parts.sums:
                if start >= 0:
                    yield Edit(f"{text[:start]}{head} {text[start:]}", "missing sum", f"the sum {head} is missing")


def _factors(text: str, node: m.Math, offset: int, parts: Parts) -> Iterator[Edit]:
    """A factor that the page has elsewhere, instead of a number."""
    for found in m.walk(node):
        for one in found.factors if isinstance(found, m.Product) else ():
            start, end = _at(one, offset)
            if isinstance(one, (m.Fraction, m.Number)) and 0 <= start < end:
                for factor in parts.factors:
                    sentence = f"{text[start:end]} stands where {factor} belongs"
                    yield Edit(f"{text[:start]}{factor}{text[end:]}", "another factor", sentence)


def dropped_factors(text: str, node: m.Math, parts: Parts) -> Iterator[Edit]:
    """A factor that the page has elsewhere, before the whole: what is dropped most often."""
    whole = f"\\left({text}\\right)" if isinstance(node, (m.Sum, m.Negative)) else text
    for factor in parts.factors:
        if not factor.isdigit():
            yield Edit(f"{factor} {whole}", "missing factor", f"the factor {factor} is missing")


def _dropped(text: str, parts: Parts) -> Iterator[Edit]:
    """A term that the page has elsewhere, added to the whole or taken from it."""
    for term in parts.terms:
        for sign in "-+":
            yield Edit(f"{text} {sign} {term}", "dropped term", f"the term {sign} {term} is missing")


def _missing(text: str, node: m.Math, offset: int, parts: Parts) -> Iterator[Edit]:
    """A factor that the page has elsewhere, before each term."""
    for found in m.walk(node):
        terms = found.terms if isinstance(found, m.Sum) else (found,) if found is node else ()
        bodies = (found.body,) if isinstance(found, m.Reduction) else ()
        for term in (*terms, *bodies):
            start, end = _at(term, offset)
            for factor in parts.factors:
                if 0 <= start < end:
                    whole = f"({text[start:end]})" if isinstance(term, m.Sum) else text[start:end]
                    new = f"{text[:start]}{factor} {whole}{text[end:]}"
                    yield Edit(new, "missing factor", f"the factor {factor} is missing")
