"""Sentences that declare shapes, in English and Chinese."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from covector.notation.syntax import Span
from covector.notes.math import Math, Name, Number

LINK = re.compile(
    r"[\s*]*(?:都|均|则|也)?(?:is|are|be|has|have|having|denotes?|of|with|in|是|为|的|：|:)(?:[^.;。；$]{0,60})$",
    re.IGNORECASE,
)
NOUN = re.compile(
    r"[\s*-]*(?:dimensional|real|input|weight|column|row|dense|的|维|维度的|实数|大小的|\s|-){0,6}"
    r"(?:matrix|matrices|vectors?|tensors?|arrays?|矩阵|向量|张量|广义矩阵|数组)",
    re.IGNORECASE,
)
SHAPE = re.compile(r"shape|size|dimension|length|entries|components|形状|大小|维度|长度", re.IGNORECASE)
SCALAR = re.compile(
    r"[\s*]*(?:都|均|则|也)?(?:is|are|是|为)[\s*]*(?:a|an|real|一个|实数)?[\s*]*(?:scalars?|标量)", re.IGNORECASE
)

_WORD = r"[A-Za-z0-9_]{1,40}"
_NAME = r"(?<![A-Za-z0-9_])(?P<name>[A-Za-z][A-Za-z0-9_]{0,40})"
_TIMES = r"[ ]{0,3}(?:×|\*|x|X|by)[ ]{0,3}"
_EXTENTS = rf"(?P<extents>{_WORD}(?:{_TIMES}{_WORD}){{1,5}})"
_KIND = r"(?:[a-z]{1,12}[ ])?(?:matrix|tensor|array)"
_IS = rf"{_NAME}[ ](?:is|be|denotes)[ ](?:an?|the)[ ]"
_PATTERNS = [
    re.compile(rf"{_IS}{_EXTENTS}[ -]{_KIND}"),
    re.compile(rf"{_IS}{_KIND}[ ]of[ ](?:shape|size)[ ]\(?{_EXTENTS}"),
    re.compile(rf"{_IS}(?:[a-z]{{1,12}}[ ])?vector[ ]of[ ](?:length|size)[ ](?P<extents>{_WORD})"),
    re.compile(rf"{_IS}(?P<extents>{_WORD})-(?:dimensional[ ])?vector"),
    re.compile(rf"{_NAME}[ ]{{0,3}}(?:是|为)(?:一个|形状为)?[ ]{{0,3}}{_EXTENTS}[ ]{{0,3}}的?(?:矩阵|张量)"),
    re.compile(rf"{_NAME}[ ]{{0,3}}(?:是|为)(?:一个)?[ ]{{0,3}}(?P<extents>{_WORD})[ ]{{0,3}}维(?:列|行)?向量"),
    re.compile(rf"{_NAME}[ ]{{0,3}}∈[ ]{{0,3}}[Rℝ]\^?[({{]?(?P<extents>{_WORD}(?:{_TIMES}{_WORD}){{0,5}})"),
]
_BATCH = re.compile(
    r"\b(?P<name>batch[ _-]?size|learning[ _-]?rate)[ ]{0,3}(?:=|:|：|is|of|为|是)"
    r"[ ]{0,3}(?P<value>[0-9.]{1,12}|[A-Za-z0-9_]{1,40})",
    re.IGNORECASE,
)
_SPLIT = re.compile(r"[ ]{0,3}(?:×|\*|\bby\b|(?<=[0-9 ])[xX](?=[0-9 ])|[ ]x[ ])[ ]{0,3}")


@dataclass(frozen=True, slots=True)
class Stated:
    """What words say of ``name``: its extents, or its value; ``start`` is where."""

    name: str
    extents: tuple[str, ...]
    start: int
    value: str | None = None


def stated(text: str) -> Iterator[Stated]:
    """What a piece of prose declares by itself.

    >>> [(item.name, item.extents) for item in stated("where X is an n × p matrix and b is a vector of length p")]
    [('X', ('n', 'p')), ('b', ('p',))]
    """
    found: list[Stated] = []
    for pattern in _PATTERNS:
        for match in pattern.finditer(text):
            extents = tuple(part.strip() for part in _SPLIT.split(match.group("extents")) if part.strip())
            found.append(Stated(match.group("name"), extents, match.start()))
    for match in _BATCH.finditer(text):
        name = re.sub(r"[ _-]", " ", match.group("name").lower()).replace("batchsize", "batch size")
        found.append(Stated(name, (), match.start(), match.group("value")))
    yield from sorted(found, key=lambda item: item.start)


def said_of(text: str) -> tuple[str, ...] | None:
    """The extents of a name that words go on about: `` is an m by n matrix``, `` a vector of length m``.

    >>> said_of(" a vector of length m. Then"), said_of(" is small")
    (('m',), None)
    """
    rest = text.lstrip()
    for start in ("X ", "X is "):
        found = next((item for item in stated(start + rest) if item.start == 0 and item.value is None), None)
        if found is not None:
            return found.extents
    return None


def extent(text: str) -> Math:
    """An extent that was written in words: a number or a name."""
    span = Span(0, len(text))
    return Number(span, text) if text.isdigit() else Name(span, text)
