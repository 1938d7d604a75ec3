"""The right form of a wrong claim: in its notation, with its names, its indices and its word for the cotangent."""

from __future__ import annotations

import re
from collections.abc import Mapping

from covector.calculus.factor import factored
from covector.calculus.rules import simplify
from covector.checker.reading import Reading
from covector.checker.truth import Forward, inlined, scaled
from covector.errors import CovectorError
from covector.ir import Affine, Compute, Expr, Index, Input, Reduce, Tensor, as_affine, substitute, transform, walk
from covector.ir.affine import free
from covector.ir.walk import rename, rename_bound
from covector.ir.walk import unshadowed as without_shadows
from covector.matrix import matrix_form
from covector.notation import syntax
from covector.notation.print import text
from covector.notation.scope import syntax_walk
from covector.notation.syntax import Syntax

MOST_SPELT = 90
"""Nodes of the longest statement that is spelt out."""


def suggestion(reading: Reading, forward: Forward | None) -> str | None:
    """What the claim should say; None where its left side does not name what it is about.

    >>> from covector.checker.claims import parse_claim
    >>> from covector.checker.reading import read_claim
    >>> from covector.frontend import read_program
    >>> forward = Forward(read_program("y[i] = x[i] ** 2"))
    >>> (claim,) = parse_claim("dx[n] = x[n] * dy[n]")
    >>> suggestion(read_claim(claim, claim.cases[0], forward), forward)
    'dx[n] = 2 * dy[n] * x[n]'
    """
    statement = right_statement(reading, forward)
    if statement is None:
        return None
    left = reading.source[reading.left.span.start : reading.left.span.end].strip()
    if not reading.element:
        form = matrix_form(statement)
        if form is not None:
            return f"{left} = {_renamed(form.text, reading, forward)}"
        left += f"[{','.join(index.name for index in statement.indices)}]" if statement.indices else ""
        return f"{left} = {_renamed(text(unshadowed(statement).body), reading, forward)}"
    body = _lettered(statement, reading)
    if body is None:
        return None
    return f"{left} = {_renamed(text(without_shadows(body)), reading, forward)}"


def unshadowed(statement: Compute) -> Compute:
    """The statement with other names for bound indices that are called as those around them, which no text can say."""
    body = without_shadows(statement.body, statement.indices)
    return Compute(statement.name, statement.indices, body, statement.cast)


def right_statement(reading: Reading, forward: Forward | None) -> Compute | None:
    """The statement that the claim should be: a gradient in terms of the cotangents that the claim uses."""
    if forward is None or reading.tensor is None or reading.kind == "equality":
        return None
    if reading.kind == "value":
        return _spelt_out(reading.tensor, forward) if isinstance(reading.tensor, Compute) else None
    if reading.kind == "jacobian":
        found = reading.scope.tensors[reading.left.name]  # type: ignore[attr-defined]
        return found if isinstance(found, Compute) else None
    statement = forward.gradient(reading.tensor)
    if not isinstance(statement, Compute):
        return None
    if not _names_intermediate(reading, forward):
        statement = forward.written_out(reading.tensor) or statement
    return scaled(statement, forward.seed) if reading.reader.scalar_seed else statement


def _spelt_out(statement: Compute, forward: Forward) -> Compute:
    """A statement of the forward without those that only its reading made: the parts ``y2`` of ``y``."""
    names = {one.name for one in forward.program.statements}
    made = [one for one in forward.program.statements if one.name.rstrip("0123456789") in names - {one.name}]
    body = inlined(statement.body, [one for one in made if one is not statement], MOST_SPELT)
    return statement if body is None else Compute(statement.name, statement.indices, body, statement.cast)


def _names_intermediate(reading: Reading, forward: Forward) -> bool:
    """Whether the right side reads the cotangent of a statement before the last."""
    return any(
        tensor is not None and tensor is not forward.program.output
        for tensor in (_cotangent(name, forward) for name in _names(reading.right))
    )


def _cotangent(name: str, forward: Forward) -> Tensor | None:
    """The tensor whose cotangent a name in a resolved tree means."""
    return forward.tensor(name.rpartition("∂")[2]) if name.startswith("∂L/∂") else forward.gradient_of(name)


def _names(tree: Syntax) -> set[str]:
    return {node.name for node in syntax_walk(tree) if isinstance(node, (syntax.Name, syntax.Subscript))}


def _lettered(statement: Compute, reading: Reading) -> Expr | None:
    """The body with the claim's letters for the indices: those on the left, and those that its sums bind."""
    left = reading.left
    positions = left.positions if isinstance(left, syntax.Subscript) else ()
    names = [position.name if isinstance(position, syntax.Name) else "" for position in positions]
    if len(names) != len(statement.indices) or not all(names):
        return None
    outer = [Index(name, index.extent) for name, index in zip(names, statement.indices, strict=True)]
    body = rename_bound(statement.body, frozenset(outer))
    placed: Mapping[Index, Affine] = {
        old: as_affine(new) for old, new in zip(statement.indices, outer, strict=True) if old is not new
    }
    body = _bound_letters(substitute(body, placed), reading)
    if len(set(names)) < len(names):
        try:
            body = factored(simplify(body))
        except CovectorError:
            return None
    return body


def _bound_letters(body: Expr, reading: Reading) -> Expr:
    """The body with its sums over the letters that the claim sums over, where the extents are the same."""
    wanted: dict[Affine, list[str]] = {}
    for node in walk(reading.claimed.body) if reading.claimed is not None else ():
        for index in node.indices if isinstance(node, Reduce) else ():
            wanted.setdefault(index.extent, []).append(index.name)

    def change(node: object) -> object:
        if not isinstance(node, Reduce):
            return node
        taken = {part.name for part in walk(node.body) if isinstance(part, Index)} | {i.name for i in free(node)}
        renamed: dict[Index, Index] = {}
        for index in node.indices:
            letters = [name for name in wanted.get(index.extent, ()) if name == index.name or name not in taken]
            renamed[index] = Index(letters[0], index.extent) if letters else index
            taken.add(renamed[index].name)
        if len({index.name for index in renamed.values()}) < len(renamed):
            return node
        inner = rename(node.body, {old: new for old, new in renamed.items() if old is not new})
        return Reduce(node.operation, tuple(renamed.values()), inner)

    return transform(body, change)  # type: ignore[no-any-return]


def _renamed(shown: str, reading: Reading, forward: Forward | None) -> str:
    """The text with the claim's own names for cotangents."""
    assert forward is not None
    words: dict[str, str] = {}
    if reading.seed_named is not None:
        words[forward.seed.name] = reading.seed_named
    for name in _names(reading.right):
        tensor = reading.scope.tensors.get(name)
        if isinstance(tensor, (Compute, Input)) and name not in forward.tensors and tensor is not forward.seed:
            words[tensor.name] = name
    if not words:
        return shown
    pattern = "|".join(rf"(?<![\w∂]){re.escape(word)}(?!\w)" for word in sorted(words, key=len, reverse=True))
    return re.sub(pattern, lambda found: words[found.group()], shown)
