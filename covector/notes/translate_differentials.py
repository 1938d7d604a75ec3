"""``∇W``, ``∇f(x)``, ``∇²f(x)``, ``dy``: gradients that are written without a fraction."""

from __future__ import annotations

from covector.notes import math as m
from covector.notes.show import show
from covector.notes.translate_derivatives import Derivatives
from covector.notes.translate_values import UnreadError, Value, transposed


class Differentials(Derivatives):
    """The part of the translator that is about gradients without a fraction."""

    def differential(self, node: m.Differential) -> Value:
        """``∇W`` is the gradient of the loss by W; ``dy`` beside an index is that of y."""
        if node.symbol == "∇" and node.by is not None and not self.is_loss_node(node.operand) and node.order == 1:
            return self.derivative(m.Derivative(node.span, "d", node.operand, (node.by,)))
        if node.symbol == "∇" and (by := self.argument(node)) is not None:
            return self.by_argument(node, *by)
        if node.order != 1 or node.symbol not in ("∇", "d") or self.is_loss_node(node.operand):
            if not (node.symbol == "∇" and node.by is not None and self.is_loss_node(node.operand)):
                raise UnreadError(f"{show(node)[:40]} is not understood here", node.span)
            name, positions, flipped = self.target(node.by)
        else:
            name, positions, flipped = self.target(node.operand)
        if (own := self.own_gradient(name, node)) is not None:
            return own
        value = self.gradient(name, node)
        value = transposed(value) if flipped else value
        return value if positions is None else self.element(value, positions, node, name)

    def argument(self, node: m.Differential) -> tuple[str, str] | None:
        """The function and the argument that ``∇f(x)``, ``∇f`` and ``∇²f(x)`` speak of, where ``f(x)`` is a number."""
        operand, by = node.operand, node.by
        function = operand.function if isinstance(operand, m.Apply) else operand
        if not isinstance(function, m.Name) or function.name not in self.context.defined:
            return None
        by = by or (operand.arguments[0] if isinstance(operand, m.Apply) and len(operand.arguments) == 1 else None)
        by = by or self.context.defined[function.name][0].of
        if not isinstance(by, m.Name) or self.context.defined[function.name][0].of is None:
            return None
        return None if self.shape_of(function.name) else (function.name, by.name)

    def by_argument(self, node: m.Differential, function: str, by: str) -> Value:
        """The gradient of a function by its argument; its Hessian, where the order is two."""
        gradient = self.through(function, by, seeded=False)
        if gradient is None or node.order not in (1, 2):
            raise UnreadError(f"{show(node)[:40]} is not understood here", node.span)
        if node.order == 1:
            return gradient
        with self.holding(by):
            shape = self.shape_of(by)
            held = self.through(function, by, seeded=False)
        assert held is not None
        hessian = self.differentiated(held, by, shape)
        return Value(hessian.shape, hessian.at)

    def own_gradient(self, name: str, node: m.Differential) -> Value | None:
        """``∇s`` of a number that the page defines, where it speaks of no loss: its gradient by what it is made of."""
        context = self.context
        if name not in context.defined or self.loss_name() is not None or self.shape_of(name):
            return None
        names = {n.name for n in m.walk(context.defined[name][0].body) if isinstance(n, m.Name)}
        inputs = [own for own in sorted(names) if own != name and self.shape_of(own)]
        if len(inputs) != 1 or node.symbol != "∇":
            return None
        self.note(f"∇{name} is read as the gradient of {name} by {inputs[0]}")
        return self.through(name, inputs[0], seeded=False)
