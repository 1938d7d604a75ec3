"""What declarations say together: extents that are the same, and one that has the name of its tensor."""

from __future__ import annotations

import re
from itertools import pairwise

from covector.checker.verdict import Cause, Verdict
from covector.ir import Symbol
from covector.notes import math as m
from covector.notes.chain_define import implied_sums
from covector.notes.context import Context
from covector.notes.declarations import Declaration
from covector.notes.formula import Statement
from covector.notes.page import Heading, Paragraph, Prose, Snippet
from covector.notes.read import Notes, Reading
from covector.notes.show import show

NEAR = 30
"""Lines after a formula in which what it uses may be declared."""

SYMMETRIC = re.compile(r"(?<!skew-)(?<!anti)\bsymmetric|(?<!反)对称", re.IGNORECASE)
_IS_ONE_HOT = re.compile(r"[^.,;。，；]{0,30}(?:\bone[- ]hot\b|独热)", re.IGNORECASE)
_ONE_HOT_BEFORE = re.compile(r"(?:\bone[- ]hot|独热)[^.,;。，；]{0,20}$", re.IGNORECASE)
_NAMED = re.compile(r"\s*([A-Za-z]+)\s*(?:$|\\in\b|∈)")
EINSTEIN = re.compile(r"\bEinstein|summation convention|爱因斯坦|求和约定", re.IGNORECASE)
_IF = re.compile(r"\b(?:if|when|for|assuming|suppose)\b|若|如果|当|假设", re.IGNORECASE)


def same_extents(notes: Notes, context: Context) -> None:
    """Extents that are the same because one tensor is another: ``A = input`` makes A's those of input."""
    last = {item.name: item for item in notes.declarations.shapes if not item.open}
    for item in notes.declarations.definitions:
        body = item.body
        flipped = isinstance(body, m.Transpose)
        body = body.operand if isinstance(body, m.Transpose) else body
        if item.indices is not None or not isinstance(body, m.Name):
            continue
        if item.name not in last or body.name not in last:
            continue
        own = [context.extent(e) for e in last[item.name].extents]
        other = [context.extent(e) for e in last[body.name].extents]
        for left, right in zip(own, other[::-1] if flipped else other, strict=False):
            symbol = left.atom
            if isinstance(symbol, Symbol) and left != right:
                context.extents.loose.add(symbol)
                context.extents.unify(left, right)


def declare_ahead(notes: Notes, reading: Reading, waiting: list[Declaration], context: Context) -> None:
    """Take what a page declares only after it uses it, as in "… where t is a vector", in the same part of the page."""
    if reading.formula is None:
        return
    statements = next(reading.formula.readings(1)).statements
    used = {n.name for s in statements for term in s.terms for n in m.walk(term) if isinstance(n, m.Name)}
    for item in waiting:
        known = item.name in context.shapes or item.name in context.defined
        if item.name in used and not known and item.how in ("space", "words") and item.line < _end(notes, reading):
            context.declare(item)


def _end(notes: Notes, reading: Reading) -> int:
    """The line up to which what a formula uses may be declared: some way on, but in its part of the page."""
    top = reading.section[0].level if reading.section else 7
    later = [b.line for b in notes.page.blocks if isinstance(b, Heading) and b.level <= top]
    return min([reading.snippet.line + NEAR, *(line for line in later if line > reading.snippet.line)])


def symmetric_names(notes: Notes, reading: Reading) -> set[str]:
    """The matrices that are said to be symmetric: for good, or by an "if" in the paragraph of a formula."""
    found: set[str] = set()
    for block in notes.page.blocks:
        if not isinstance(block, Paragraph) or block.line > reading.snippet.line:
            continue
        words = "".join(piece.text for piece in block.pieces if isinstance(piece, Prose))
        if not SYMMETRIC.search(words) or (_IF.search(words) and block is not reading.block):
            continue
        for one, other in pairwise(block.pieces):
            for name, prose in ((one, other), (other, one)):
                if isinstance(name, Snippet) and isinstance(prose, Prose) and SYMMETRIC.search(prose.text):
                    found |= {name.text.strip()} if name.text.strip().isalpha() else set()
    return found


def one_hot_names(notes: Notes, reading: Reading) -> set[str]:
    """The tensors that are said to be one-hot: their last axis has the sum 1."""
    found: set[str] = set()
    for block in notes.page.blocks:
        if not isinstance(block, Paragraph) or block.line > reading.snippet.line:
            continue
        for one, other in pairwise(block.pieces):
            if isinstance(one, Snippet) and isinstance(other, Prose) and _IS_ONE_HOT.match(other.text):
                named = _NAMED.match(one.text)
            elif isinstance(one, Prose) and isinstance(other, Snippet) and _ONE_HOT_BEFORE.search(one.text):
                named = _NAMED.match(other.text)
            else:
                continue
            found |= {named.group(1)} if named else set()
    return found


def implies_sums(notes: Notes) -> bool:
    """Whether a page leaves sums unwritten: it says so, or defines an element with a letter that is summed over."""
    if EINSTEIN.search(notes.page.source):
        return True
    statements = [s for r in notes.formulas if r.formula is not None for s in next(r.formula.readings(1)).statements]
    return any(
        len(s.terms) > 1
        and not s.continues
        and isinstance(s.terms[0], m.Indexed)
        and isinstance(s.terms[0].base, m.Name)
        and implied_sums(s.terms[0], s.terms[1])
        for s in statements
    )


def own_extent(notes: Notes, reading: Reading, statement: Statement, own: m.Math) -> Verdict:
    """An extent that has the name of its tensor: with the right one, where a product says it."""
    snippet, name = reading.snippet, show(own)
    text = snippet.text[statement.span.start : statement.span.end]
    line, column = snippet.place(own.span.start)
    message = f"the extent {name} has the name of the tensor itself"
    right = None
    for other in notes.declarations.definitions:
        body = other.body
        if isinstance(body, m.Product) and len(body.factors) == 2 and show(body.factors[1]) == name:
            before = notes.declarations.shape(show(body.factors[0]))
            if before is not None and before.extents:
                place, end = (at - statement.span.start for at in (own.span.start, own.span.end))
                wanted = show(before.extents[-1])
                right = (text[:place] + wanted + text[end:]).strip()
                message += f"; {show(body)} needs {wanted} rows, as many as {before.name} has columns"
    cause = Cause("wrong extent", message)
    return Verdict("wrong", text.strip(), message, cause=cause, suggestion=right, line=line, column=column)
