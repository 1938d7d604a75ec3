"""The front end: what a person writes becomes a program of the IR.

Text comes in through `read_program` (declarations, statements in element form and in matrix form), Python functions of
arrays through `trace`. Both meet in `arrays`: symbolic arrays whose operations are inlined into statements in element
form.
"""

from __future__ import annotations

from collections.abc import Mapping

from covector.frontend import program
from covector.frontend.arrays import Array
from covector.frontend.lazy import TraceError
from covector.frontend.matrix import define_matrix
from covector.frontend.trace import trace
from covector.ir import Program

__all__ = ["Array", "TraceError", "read_program", "trace"]


def read_program(source: str, shapes: Mapping[str, program.Shape] | None = None) -> Program:
    """The program that a text writes, in element form, in matrix form or in both; its output is the last statement.

    ``shapes`` declares inputs beside the text: ``"M infs"``, ``"N int64"`` or ``("M", 4)``. Raises the errors of the
    notation, each with the place at fault.

    >>> read_program("y = x @ w.T; loss = sum[i,j](y[i,j] ** 2)", {"x": "M K", "w": "N K"})
    x: M K float64
    w: N K float64
    y[i, j] = sum[k](mul(x[i, k], w[j, k]))
    loss = sum[i, j](pow(y[i, j], 2))
    """
    return program.read_program(source, shapes, define_matrix)
