"""The matrix form: a formula in matrix notation that is equal to an element form, where there is one.

`translate` makes a tree of matrix expressions from an element form, `show` prints the tree, and `verify` reads the
print back and compares it with the element form. What does not come back equal is never shown.
"""

from covector.matrix.recognise import matrix_form
from covector.matrix.record import MatrixForm

__all__ = ["MatrixForm", "matrix_form"]
