"""What was recognised."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MatrixForm:
    """A formula in matrix notation that was found equal to an element form.

    ``text`` is in the notation; ``proved`` says whether the rules proved it (otherwise it agrees at random points).

    >>> MatrixForm("G.T @ x", r"G^{\\top}\\,x", True).text
    'G.T @ x'
    """

    text: str
    latex: str
    proved: bool
