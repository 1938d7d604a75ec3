"""Statements put in where they are read: those that read nothing, and those that are one read, such as a transpose.

The cotangent of a sum is 1: as an array of ones it would hide that what it is multiplied with has a structure.
"""

from __future__ import annotations

from covector.calculus.rules import simplify
from covector.ir import Compute, Expr, Opaque, Program, Read, Reduce, Tensor, is_float, substitute, transform, walk
from covector.ir.bounds import within


def without_views(program: Program) -> Program:
    """The program whose statements read no constants and no views, where the elements of these are surely there.

    >>> from covector.frontend import read_program
    >>> from covector.notation.print import text
    >>> found = without_views(read_program("x: N M; half[i:N] = 0.5; t[j,i] = x[i,j]; y[i,j] = half[i] * t[j,i]"))
    >>> text(found.output)
    'y[i,j] = x[i,j] / 2'
    """
    found: dict[Tensor, Tensor] = {}
    known: dict[Tensor, Compute] = {}

    def put_in(node: object) -> object:
        if not isinstance(node, Read):
            return node
        own = known.get(node.tensor)
        inside = own and all(within(p, extent) for p, extent in zip(node.positions, node.tensor.shape, strict=True))
        if own is None or not inside:
            return Read(found.get(node.tensor, node.tensor), node.positions)
        return substitute(own.body, dict(zip(own.indices, node.positions, strict=True)))

    for statement in program.statements:
        if isinstance(statement, Opaque):
            read = tuple(found.get(tensor, tensor) for tensor in statement.tensors)
            found[statement] = Opaque(statement.name, statement.function, read, statement.shape, statement.dtype)
            continue
        body: Expr = transform(statement.body, put_in)
        if body is not statement.body:
            found[statement] = Compute(statement.name, statement.indices, simplify(body), statement.cast)
        if _is_view(statement):
            known[statement] = Compute(statement.name, statement.indices, body, statement.cast)
    statements = tuple(found.get(statement, statement) for statement in program.statements)
    outputs = tuple(found.get(output, output) for output in program.outputs)
    return Program(program.inputs, statements, outputs)  # type: ignore[arg-type]


def _is_view(statement: Compute) -> bool:
    """Whether a statement is a constant, or one read without a change."""
    body = statement.body
    if isinstance(body, Read):
        return body.tensor.dtype == statement.dtype
    return is_float(statement.dtype) and not any(isinstance(node, Read | Reduce) for node in walk(body))
