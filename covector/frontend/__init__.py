"""The front end: what a person writes becomes a program of the IR.

Text comes in through `read_program` (declarations, statements in element form and in matrix form), Python functions of
arrays through `trace`. Both meet in `arrays`: symbolic arrays whose operations are inlined into statements in element
form.
"""

from covector.frontend.arrays import Array
from covector.frontend.lazy import TraceError
from covector.frontend.program import read_program
from covector.frontend.trace import trace

__all__ = ["Array", "TraceError", "read_program", "trace"]
