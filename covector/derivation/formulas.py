r"""The formulas of a derivation that are no expressions of the IR: ``∂y[p]/∂x[i]``, ``Σ_p G[p]·∂y[p]/∂x[i]``.

One object speaks one style, ``unicode`` or ``latex``, so that whoever lays a derivation out need not know which.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from covector.derivation.record import Case, Step
from covector.ir import Affine, Apply, Bracket, Compute, Expr, Index, Input, Read, Tensor, as_affine
from covector.matrix import MatrixForm
from covector.notation.print import equation, name_text, shape_text, text
from covector.ops import SCALARS

Node = Expr | Index | Compute | Input


@dataclass(frozen=True)
class _Marks:
    """How a style writes what the printer of expressions does not know."""

    partial: str
    grouped: str
    through: str
    sum_of_each: bool
    times: str
    and_: str


_MARKS: Mapping[str, _Marks] = {
    "unicode": _Marks("∂{top}/∂{bottom}", "({top})", "{left}|{name}", True, "·", ", "),
    "latex": _Marks(
        r"\frac{{\partial {top}}}{{\partial {bottom}}}",
        r"\left({top}\right)",
        r"\left.{left}\right|_{{{name}}}",
        False,
        r"\,",
        r",\; ",
    ),
}


class Formulas:
    """Formulas in one style, for a derivation whose differentiated scalar is called ``loss``.

    >>> Formulas("unicode", "L").gradient(Input("x", (), "float64"), ())
    '∂L/∂x'
    """

    def __init__(self, style: str, loss: str) -> None:
        self.style, self.loss_name = style, loss
        self._marks = _MARKS[style]
        self.loss = name_text(loss, style)

    def expr(self, node: Node) -> str:
        """An expression."""
        return text(node, self.style)

    def name(self, name: str) -> str:
        """A name."""
        return name_text(name, self.style)

    def shape(self, tensor: Tensor) -> str:
        """The shape of a tensor; empty for a scalar."""
        return shape_text(tensor.shape, self.style) if tensor.shape else ""

    def element(self, tensor: Tensor, at: Iterable[Index]) -> str:
        """One element: ``y[p,q]``."""
        return text(Read(tensor, tuple(as_affine(index) for index in at)), self.style)

    def sides(self, statement: Tensor) -> tuple[str, str]:
        """The left and the right side of a statement."""
        if isinstance(statement, Compute):
            return self.element(statement, statement.indices), text(statement.body, self.style)
        assert not isinstance(statement, Input)
        left, _, right = equation(statement, self.style).partition(" = ")
        return left, right

    def partial(self, top: str, bottom: str, group: bool = False) -> str:
        """``∂top/∂bottom``."""
        shown = self._marks.grouped.format(top=top) if group else top
        return self._marks.partial.format(top=shown, bottom=bottom)

    def entry(self, statement: Compute, outputs: Iterable[Index], tensor: Tensor, at: Iterable[Index]) -> str:
        """``∂y[p]/∂x[i]``."""
        return self.partial(self.element(statement, outputs), self.element(tensor, at))

    def gradient(self, tensor: Tensor, at: Iterable[Index], through: str = "") -> str:
        """``∂L/∂x[i]``, or the part of it that comes ``through`` one statement."""
        whole = self.partial(self.loss, self.element(tensor, at))
        return self._marks.through.format(left=whole, name=self.name(through)) if through else whole

    def whole_gradient(self, tensor: Tensor) -> str:
        """``∂L/∂x``, without indices."""
        return self.partial(self.loss, self.name(tensor.name))

    def step(self, step: Step) -> str:
        """The right side of a step."""
        if step.of is None:
            return text(step.expr, self.style)
        tensor, at = step.of
        plain = isinstance(step.expr, Read)
        return self.partial(text(step.expr, self.style), self.element(tensor, at), group=not plain)

    def chain(self, cotangent: str, outputs: Sequence[Index], entry: str) -> str:
        """``Σ_p G[p]·∂y[p]/∂x[i]``."""
        names = [self.name(index.name) for index in outputs]
        if not names:
            return self.name(cotangent) + self._marks.times + entry
        if self._marks.sum_of_each:
            head, access = " ".join(f"Σ_{name}" for name in names), f"[{','.join(names)}]"
        else:
            head, access = rf"\sum_{{{','.join(names)}}}", f"_{{{','.join(names)}}}"
        return f"{head} {self.name(cotangent)}{access}{self._marks.times}{entry}"

    def matrix(self, form: MatrixForm) -> str:
        """A formula in matrix form; transposes as a person writes them."""
        return form.latex if self.style == "latex" else re.sub(r"(?<=[\w)\]′'])\.T\b", "ᵀ", form.text)

    def condition(self, case: Case) -> str:
        """``q = i, k ≠ j``: when a case holds; empty where it always does."""
        holding = [text(bracket.condition, self.style) for bracket in case.equal]
        failing = [text(_negation(bracket), self.style) for bracket in case.unequal]
        return self._marks.and_.join((*holding, *failing))


_OPPOSITES = {"eq": ("ne", False), "ne": ("eq", False), "lt": ("le", True), "le": ("lt", True)}


def _negation(bracket: Bracket) -> Expr:
    """The condition under which a bracket is 0."""
    condition = bracket.condition
    if isinstance(condition, Apply) and condition.function.name in _OPPOSITES:
        name, turned = _OPPOSITES[condition.function.name]
        arguments: tuple[Expr | Affine, ...] = condition.arguments
        return Apply(SCALARS[name], arguments[::-1] if turned else arguments)
    return Apply(SCALARS["not"], (condition,))
