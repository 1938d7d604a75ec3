"""How a Jacobian is written: its element form, and its cases as LaTeX."""

from __future__ import annotations

from covector.calculus.factor import factored
from covector.derivation.formulas import Formulas
from covector.derivation.steps import cases_of
from covector.ir import Expr
from covector.jacobians.terms import Groups
from covector.notation.print import text


def element_text(groups: Groups, expr: Expr, name: str = "J", style: str = "notation") -> str:
    """``J[p; i] = …`` in the notation."""
    return f"{entry_name(groups, name)} = {text(factored(expr), style)}"


def entry_name(groups: Groups, name: str) -> str:
    """``J[p, q; i, j]``."""
    sides = (", ".join(index.name for index in side) for side in (groups.outputs, groups.inputs))
    return f"{name}[{'; '.join(sides)}]"


def latex_text(groups: Groups, expr: Expr, name: str = "J") -> str:
    """The element form and, where its deltas tell cases apart, its cases."""
    letters = ", ".join(index.name for index in groups.all)
    left = f"{name}_{{{letters}}}" if letters else name
    return f"{left} = {cases_latex(factored(expr))}"


def cases_latex(expr: Expr) -> str:
    """An expression, and its cases where its deltas tell some apart."""
    shown, formulas = text(expr, "latex"), Formulas("latex", "L")
    found = cases_of(expr)
    if not found:
        return shown
    rows = (f"{text(case.value, 'latex')} & {formulas.condition(case) or 'otherwise'}" for case in found)
    return shown + r" = \begin{cases} " + r" \\ ".join(rows) + r" \end{cases}"
