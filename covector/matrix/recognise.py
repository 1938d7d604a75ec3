"""The one entrance: the matrix form of a statement."""

from __future__ import annotations

from collections.abc import Iterator

from covector.calculus.factor import factored
from covector.calculus.rules import simplify
from covector.errors import CovectorError
from covector.ir import Compute, Expr, walk
from covector.matrix.record import MatrixForm
from covector.matrix.show import latex, notation
from covector.matrix.tree import Node, NoForm
from covector.matrix.verify import case, verified
from covector.matrix.whole import whole

NODE_LIMIT = 600
"""Nodes of a body beyond which no matrix form is looked for: nobody would read it."""


def matrix_form(statement: Compute) -> MatrixForm | None:
    """The shortest matrix form of a statement that is verified to be equal to it, or None where there is none.

    >>> from covector.frontend.program import read_program
    >>> source = "G: M N; x: M K; dw[i,j] = sum[p](G[p,i] * x[p,j])"
    >>> matrix_form(read_program(source).output)
    MatrixForm(text='G.T @ x', latex='G^{\\\\top}\\\\,x', proved=True)
    """
    compared = None
    for node in candidates(statement):
        compared = compared or case(statement)
        if compared is None:
            break
        text = notation(node)
        proved = verified(compared, text)
        if proved is not None:
            return MatrixForm(text, latex(node), proved)
    return None


def candidates(statement: Compute) -> Iterator[Node]:
    """Matrix expressions that should be equal to a statement: of its body as it stands, then of normal forms."""
    if sum(1 for _ in walk(statement.body)) > NODE_LIMIT:
        return
    yield from _translated(statement, statement.body)
    try:
        normal = simplify(statement.body)
    except CovectorError:
        return
    for body in dict.fromkeys((factored(normal), normal)):
        if body is not statement.body:
            yield from _translated(statement, body)


def _translated(statement: Compute, body: Expr) -> Iterator[Node]:
    try:
        yield whole(body, statement.indices)
    except (NoForm, RecursionError):
        return
