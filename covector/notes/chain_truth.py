"""The right form of a term, derived, where no single change to what was written gives it."""

from __future__ import annotations

import re

from covector.calculus.rules import simplify
from covector.errors import CovectorError
from covector.ir import Affine, Compute, Expr, Index, Input, Read, Reduce, as_affine, transform, walk
from covector.ir.walk import substitute
from covector.matrix import matrix_form
from covector.notation.print import text
from covector.notes.chain_compare import statements
from covector.notes.translate import Translator
from covector.notes.translate_derivatives import SEED
from covector.notes.translate_values import Value

MOST_NODES = 60
MOST_CHARACTERS = 240
_STAND_IN = "cotangent"
_STOOD_IN = re.compile(r"\{?\\mathrm\{cotangent\}\}?(_\{[^{}]*\})?")
LETTERS = "pqrstuvklmnabcdegh"


def right_form(translator: Translator, true: Value, cotangent: str) -> str | None:
    """What is true, in LaTeX with the letters of the page; None where that is too long to read."""
    try:
        statement, _ = statements(translator, true, true, [])
        body = _lettered(simplify(statement.body), statement)
        plain = cotangent.isalnum()
        body = _named(body, cotangent if plain else _STAND_IN)
        if sum(1 for _ in walk(body)) > MOST_NODES or (translator.context.base and _numbered(body)):
            return None
        if true.shape:
            form = matrix_form(Compute(statement.name, statement.indices, body))
            found = form.latex if form is not None else None
        else:
            found = text(body, "latex")
        if found is None or len(found) > MOST_CHARACTERS:
            return None
        return found if plain else _STOOD_IN.sub(lambda m: _with_indices(cotangent, m.group(1) or ""), found)
    except (CovectorError, RecursionError, ValueError, KeyError):
        return None


def _with_indices(cotangent: str, indices: str) -> str:
    """``\\frac{\\partial L}{\\partial Y}`` with indices on its Y."""
    return f"{cotangent[:-1]}{indices}}}" if indices else cotangent


def _numbered(body: Expr) -> bool:
    """Whether elements are named by numbers, which count from zero here."""
    reads = [node for node in walk(body) if isinstance(node, Read)]
    return any(position.is_constant for read in reads for position in read.positions)


def _named(body: Expr, cotangent: str) -> Expr:
    def change(node: object) -> object:
        if isinstance(node, Read) and isinstance(node.tensor, Input) and node.tensor.name == SEED:
            return Read(Input(cotangent, node.tensor.shape, node.tensor.dtype), node.positions)
        return node

    found: Expr = transform(body, change)
    return found


def _lettered(body: Expr, statement: Compute) -> Expr:
    """The body with letters for the indices that sums bind."""
    taken = {index.name for index in statement.indices}
    letters = iter([letter for letter in LETTERS if letter not in taken])

    def change(node: object) -> object:
        if not isinstance(node, Reduce):
            return node
        new = tuple(Index(next(letters, index.name), index.extent) for index in node.indices)
        placed: dict[Index, Affine] = {
            old: as_affine(index) for old, index in zip(node.indices, new, strict=True) if old is not index
        }
        return Reduce(node.operation, new, substitute(node.body, placed))

    found: Expr = transform(body, change)
    return found
