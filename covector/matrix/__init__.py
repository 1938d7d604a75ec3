"""The matrix form: a formula in matrix notation that is equal to an element form, where there is one.

`recognise` translates an element form into a tree of matrix expressions, `show` prints the tree, and `verify` reads the print
back and compares it with the element form. What does not come back equal is never shown.
"""

from covector.matrix.recognise import matrix_form
from covector.matrix.record import MatrixForm

__all__ = ["MatrixForm", "matrix_form"]
