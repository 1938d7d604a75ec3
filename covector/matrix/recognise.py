"""The one entrance: the matrix form of a statement."""

from __future__ import annotations

from covector.calculus.factor import factored
from covector.calculus.rules import simplify
from covector.errors import CovectorError
from covector.ir import Compute, Expr, walk
from covector.matrix.record import MatrixForm
from covector.matrix.show import latex, notation
from covector.matrix.translate import Translator
from covector.matrix.tree import NoForm, Node
from covector.matrix.verify import case, verified

NODE_LIMIT = 600
"""Nodes of a body beyond which no matrix form is looked for: nobody would read it."""


def matrix_form(statement: Compute) -> MatrixForm | None:
    """The shortest matrix form of a statement that is verified to be equal to it, or None where there is none.

    >>> from covector.frontend.program import read_program
    >>> source = "G: M N; x: M K; dw[i,j] = sum[p](G[p,i] * x[p,j])"
    >>> matrix_form(read_program(source).output)
    MatrixForm(text='G.T @ x', latex='{G}^{\\\\top}\\\\,x', proved=True)
    """
    compared = None
    for node in candidates(statement):
        compared = compared or case(statement)
        if compared is None:
            return None
        text = notation(node)
        proved = verified(compared, text)
        if proved is not None:
            return MatrixForm(text, latex(node), proved)
    return None


def candidates(statement: Compute) -> list[Node]:
    """Matrix expressions that should be equal to a statement, the best first."""
    if sum(1 for _ in walk(statement.body)) > NODE_LIMIT:
        return []
    found = _translated(statement, statement.body)
    if found is not None:
        return [found]
    try:
        normal = factored(simplify(statement.body))
    except CovectorError:
        return []
    again = _translated(statement, normal) if normal is not statement.body else None
    return [] if again is None else [again]


def _translated(statement: Compute, body: Expr) -> Node | None:
    try:
        node = Translator().value(body, statement.indices)
    except (NoForm, RecursionError):
        return None
    return node if node.axes == statement.indices else None
