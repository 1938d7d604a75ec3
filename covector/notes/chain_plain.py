"""Verdicts in the words of the page: extents and indices that only the reader has names for are described instead."""

from __future__ import annotations

import re
from dataclasses import replace

from covector.checker.verdict import Verdict

_AXIS = re.compile(r"(?<![\w?])([A-Za-z]\w*(?:\^\([\w,]*\))?)_(\d+)'\d+")
_RANGE = re.compile(r"\?([A-Za-z]+)[\w]*'\d+")
_SUM = re.compile(r"\bthe sum over s'\d+")
_INDEX = re.compile(r"\bs'\d+")
_SAMPLES = re.compile(r"\bsamples'\d+")


def plainly(verdict: Verdict) -> Verdict:
    """A verdict without the names that the reader made up.

    >>> in_words("at A_0'408 = 2: the sum over s'423 (of A_0'408) is missing")
    'at A.shape[0] = 2: a sum (of A.shape[0]) is missing'
    """
    cause, found = verdict.cause, verdict.counterexample
    if cause is not None:
        cause = replace(cause, sentence=in_words(cause.sentence))
    if found is not None:
        found = replace(found, extents={in_words(name): size for name, size in found.extents.items()})
    message, reading = in_words(verdict.message), in_words(verdict.reading)
    return replace(verdict, message=message, reading=reading, cause=cause, counterexample=found)


def in_words(text: str) -> str:
    """A text without the names that the reader made up."""
    if "'" not in text:
        return text
    text = _AXIS.sub(r"\1.shape[\2]", text)
    text = _RANGE.sub(r"the range of \1", text)
    text = _SAMPLES.sub("samples", text)
    return _INDEX.sub("an index", _SUM.sub("a sum", text))
