"""Cases and the conditions that part them."""

from __future__ import annotations

from covector.calculus.build import ZERO
from covector.ir import Apply, Expr, Select
from covector.notes import math as m
from covector.notes.show import show
from covector.notes.translate_letters import index_name
from covector.notes.translate_names import Names
from covector.notes.translate_values import UnreadError, Value, constant, elementwise
from covector.ops import SCALARS

COMPARISONS = {
    "=": ("eq", False, False), "≠": ("eq", False, True), "<": ("lt", False, False), "≤": ("le", False, False),
    ">": ("lt", True, False), "≥": ("le", True, False),
}  # fmt: skip
"""Signs: the function, whether its sides change places, whether it is negated."""


class CaseReader(Names):
    """The part of the translator that is about cases."""

    def cases(self, node: m.Cases) -> Value:
        """Cases: the last may be said to be what is otherwise so."""
        found = self.value(node.cases[-1].value) if node.cases[-1].condition is None else constant(ZERO)
        conditional = [case for case in node.cases if case.condition is not None]
        if len(conditional) < len(node.cases) - 1:
            raise UnreadError("a case lacks its condition", node.span)
        if len(conditional) == len(node.cases):
            found, conditional = self.value(conditional[-1].value), self.exhaustive(conditional, node)
        for case in reversed(conditional):
            assert case.condition is not None
            condition, value, rest = self.condition(case.condition), self.value(case.value), found
            found = elementwise(
                self.extents, node, [value, rest], lambda x, y, c=condition: Select(c, x, y), "the cases"
            )
        return found

    def exhaustive(self, cases: list[m.Case], node: m.Cases) -> list[m.Case]:
        """All but the last of cases that leave nothing out: ``i = j`` and ``i ≠ j``."""
        pairs = [
            (show(t.terms[0]), t.signs[0], show(t.terms[1]))
            for c in cases
            if isinstance(t := c.condition, m.Comparison)
        ]
        opposite = {"=": "≠", "≠": "=", "<": "≥", "≥": "<", ">": "≤", "≤": ">"}
        if len(pairs) == len(cases) == 2:
            (a, sign, b), (c, other, d) = pairs
            if {a, b} == {c, d} and opposite.get(sign) == other and ((a, b) == (c, d) or sign in "=≠"):
                return cases[:-1]
        raise UnreadError("it is not clear that these cases are all there are", node.span)

    def condition(self, node: m.Math) -> Expr:
        """A comparison of letters, or of numbers."""
        if not isinstance(node, m.Comparison) or len(node.signs) != 1 or node.signs[0] not in COMPARISONS:
            raise UnreadError(f"the condition {show(node)[:40]} is not understood", node.span)
        name, swapped, negated_ = COMPARISONS[node.signs[0]]
        sides = [self.compared(term) for term in (node.terms[::-1] if swapped else node.terms)]
        found: Expr = Apply(SCALARS[name], tuple(sides))
        return Apply(SCALARS["not"], (found,)) if negated_ else found

    def compared(self, node: m.Math) -> Expr:
        """A side of a comparison: a letter of the formula, or a number."""
        letters = {index_name(n) for n in m.walk(node) if isinstance(n, m.Name)}
        if letters and letters <= {*self.free, *(name for name, _ in self.bound)}:
            return self.position(node)
        value = self.value(node)
        if value.shape:
            raise UnreadError(f"{show(node)[:40]} is compared, and is no number", node.span)
        return value.at(())
