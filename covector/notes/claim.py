"""A single claim in LaTeX about a forward in any form: read and judged as a formula of a page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from covector.checker.claims import parse_claim
from covector.checker.formula import program_of_source
from covector.checker.verdict import Verdict
from covector.errors import CovectorError, NotationError
from covector.ir import Compute, Program, Symbol
from covector.ir.tensor import read_tensors
from covector.notation.syntax import Span
from covector.notes import math as m
from covector.notes.chain import Walker
from covector.notes.chain_claims import Conditions
from covector.notes.context import Context, Defined
from covector.notes.read import read_page

_LATEX = re.compile(r"\\[a-zA-Z,;!:]|[_^]\s*\{|(?<![\w*])[^\W\d_]_[a-z0-9](?![\w])|\^[T⊤]")
_CONDITION = re.compile(r"\s*(\w+)\s*(==?|≠|!=|\\neq?)\s*(\w+)\s*$")


def is_latex(text: str) -> bool:
    """Whether a formula is written in LaTeX, and not in the notation.

    >>> [is_latex(text) for text in (r"\\nabla W = X^T G", "dx[i] = 2 * x[i] * G[i]", "w_hat = x_1")]
    [True, False, False]
    """
    if not _LATEX.search(text):
        return False
    try:
        parse_claim(text)
    except CovectorError:
        return True
    return False


def check_latex(
    claim: str,
    of: Any = None,
    shapes: Mapping[str, Any] | None = None,
    where: str | None = None,
    cotangent: str | None = None,
) -> Verdict:
    """Whether a formula in LaTeX is right; the arguments are those of `covector.checker.formula.check`.

    >>> found = check_latex(r"\\nabla W = G X^T", of="Y = X @ W", shapes={"X": "n p", "W": "p q"})
    >>> found.verdict, found.cause.name, found.suggestion
    ('wrong', 'swapped operands', '\\\\nabla W = X^T G')
    """
    shapes = shapes or {}
    program = None if of is None else program_or_latex(of, shapes, claim)
    forward = of if program is None else None
    declared = [rf"{name} \in R^{{{_extents(shape)}}}" for name, shape in shapes.items()] if program is None else []
    lines = [*declared, *(forward.replace(";", "\n").splitlines() if forward else []), claim]
    known = [*shapes, *(t.name for t in (*program.inputs, *program.statements))] if program is not None else [*shapes]
    page = read_page("\n\n".join(f"${line.strip()}$" for line in lines if line.strip()), known)
    walker = Walker(page)
    if program is not None:
        give(walker.context, program)
    if cotangent is not None:
        walker.context.cotangents = (cotangent, *walker.context.cotangents)
    found = None
    for reading in page.formulas:
        if reading is page.formulas[-1]:
            walker.local = _conditions(where)
        found = walker.checked(reading)
        if reading is not page.formulas[-1] and found.answer in ("wrong", "not understood"):
            raise NotationError(f"the forward cannot be read: {found.verdict.message if found.verdict else ''}")
    if found is None or found.verdict is None:
        says = found.says if found is not None else "nothing"
        return Verdict("not understood", claim, f"this claims nothing: it is read as {says}")
    column = found.verdict.column - 1 if found.verdict.column is not None else None
    return replace(found.verdict, claim=claim.strip(), line=None, column=column)


def program_or_latex(of: Any, shapes: Mapping[str, Any], claims: str) -> Program | None:
    """The forward as a program; None where it, or else what is claimed of it, is written in LaTeX."""
    try:
        return program_of_source(of, shapes)
    except CovectorError:
        if isinstance(of, str) and (_LATEX.search(of) or _LATEX.search(claims)):
            return None
        raise


def give(context: Context, program: Program) -> None:
    """Tell a context what a program computes, as if the page had said so."""
    for tensor in program.inputs:
        context.shapes[tensor.name] = tensor.shape
        context.declared.add(tensor.name)
        context.declared_extents |= {atom.name for e in tensor.shape if isinstance(atom := e.atom, Symbol)}
    span = Span(0, 0)
    for statement in program.statements:
        if isinstance(statement, Compute):
            read = tuple(m.Name(span, name) for name in _reads(statement))
            body = m.Apply(span, m.Name(span, "of"), read)
            context.shapes[statement.name] = statement.shape
            context.given[statement.name] = statement
            context.define(Defined(statement.name, None, body, 0, ()), fresh=True)


def _reads(statement: Compute) -> list[str]:
    return [tensor.name for tensor in read_tensors(statement)]


def _extents(shape: Any) -> str:
    """A shape as LaTeX writes it."""
    parts = shape.replace(",", " ").split() if isinstance(shape, str) else [str(part) for part in shape]
    return r" \times ".join(parts) or "1"


def _conditions(where: str | None) -> Conditions | None:
    """A condition between two letters."""
    if where is None:
        return None
    found = _CONDITION.match(where)
    if found is None:
        raise NotationError(f"the condition {where!r} is no comparison of two letters", hint="where='q = i'")
    pair = ((found.group(1), found.group(3)),)
    return Conditions(same=pair) if found.group(2).startswith("=") else Conditions(unequal=pair)
