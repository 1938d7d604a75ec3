"""What declarations say together: extents that are the same, and one that has the name of its tensor."""

from __future__ import annotations

from covector.checker.verdict import Cause, Verdict
from covector.ir import Symbol
from covector.notes import math as m
from covector.notes.context import Context
from covector.notes.formula import Statement
from covector.notes.read import Notes, Reading
from covector.notes.show import show


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
