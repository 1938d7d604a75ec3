"""Derivatives: Jacobians, their entries, and gradients of the loss."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from covector.calculus.build import ONE, add, mul
from covector.calculus.derivative import partial
from covector.errors import CovectorError
from covector.ir import Affine, Expr, Index, Input, Read, as_affine, transform, walk
from covector.ir.affine import free
from covector.ir.walk import rename_bound
from covector.notes import math as m
from covector.notes.context import COTANGENTS
from covector.notes.show import show
from covector.notes.translate_names import Names
from covector.notes.translate_values import (
    Extents,
    Positions,
    UnreadError,
    Value,
    constant,
    grid,
    summed,
    transposed,
)

SEED = "G"
"""What the gradient by the output is called in the expressions."""


class Derivatives(Names):
    """The part of the translator that is about derivatives."""

    @contextmanager
    def holding(self, name: str) -> Iterator[None]:
        """While this lasts, ``name`` stands for itself."""
        before, self.held = self.held, (*self.held, name)
        try:
            yield
        finally:
            self.held = before

    def target(self, node: m.Math) -> tuple[str, tuple[m.Math, ...] | None, bool]:
        """What is differentiated by: a name, positions, and whether it is transposed."""
        if isinstance(node, m.Name):
            return node.name, None, False
        if isinstance(node, m.Tuple) and len(node.items) == 1:
            return self.target(node.items[0])
        if isinstance(node, m.Transpose):
            name, positions, flipped = self.target(node.operand)
            return name, positions, not flipped
        if isinstance(node, m.Indexed) and isinstance(node.base, m.Name):
            return node.base.name, node.positions, False
        if isinstance(node, m.Indexed):
            return self.target(node.base)[0], node.positions, False
        if isinstance(node, m.Apply) and isinstance(node.function, m.Name):
            name = self.function_name(node)
            return name, (node.arguments if name == node.function.name and self.indices_in(node) else None), False
        raise UnreadError(f"what this is differentiated by is not understood: {show(node)[:40]}", node.span)

    def indices_in(self, node: m.Apply) -> bool:
        """Whether the round brackets hold indices, and not tensors."""
        return not all(isinstance(a, m.Name) and self.is_tensor(a.name) for a in node.arguments)

    def is_tensor(self, name: str) -> bool:
        """Whether the page knows a tensor of that name."""
        return name in self.context.shapes or name in self.context.defined or name in self.context.ranks

    def function_name(self, node: m.Apply) -> str:
        """The tensor that ``linear(input)`` or ``convolution(input)`` means."""
        assert isinstance(node.function, m.Name)
        name = node.function.name
        if self.is_tensor(name) or not node.arguments or self.indices_in(node):
            return name
        out = next((n for n in reversed(self.context.order) if not self.context.is_loss(n)), None)
        if out is None:
            return name
        self.note(f"{name}({', '.join(map(show, node.arguments))}) is read as {out}")
        return out

    def called(self, node: m.Apply, name: str) -> Value:
        """A tensor as a function of others, or its element in round brackets."""
        function = node.function
        if isinstance(function, m.Prime) and function.order == 1 and len(node.arguments) == 1:
            of = m.Apply(node.span, function.operand, node.arguments)
            found = self.derivative(m.Derivative(node.span, "d", of, node.arguments))
            return self.diagonal(node, found) if found.split and len(found.shape) > found.split else found
        if not isinstance(node.function, m.Name):
            raise UnreadError(f"the function {show(node.function)[:40]} is not understood", node.function.span)
        name = self.function_name(node)
        if self.context.is_loss(name) and name not in self.context.defined:
            raise UnreadError("the loss itself has no value here", node.span)
        if not self.is_tensor(name):
            cotangent = self.cotangent(name, node)
            if cotangent is None:
                raise UnreadError(f"the function {name} is not known", node.function.span)
            return self.element(cotangent, node.arguments, node, name)
        value = self.named(name, node)
        return self.element(value, node.arguments, node, name) if self.indices_in(node) else value

    def is_loss_node(self, node: m.Math) -> bool:
        """Whether a numerator is the loss: ``L``, or a function called like one of anything."""
        if isinstance(node, m.Name):
            return self.context.is_loss(node.name)
        if isinstance(node, m.Apply) and isinstance(node.function, m.Name):
            return self.context.is_loss(node.function.name)
        return False

    def derivative(self, node: m.Derivative) -> Value:
        """``∂of/∂by``: whole, or an entry."""
        if node.order != 1 or len(node.by) != 1:
            raise UnreadError("derivatives of higher order are not checked", node.span)
        by = node.by[0]
        name, positions, flipped = self.target(by)
        abstract = self.abstract(node.of, name)
        if abstract is not None:
            return abstract
        if self.is_loss_node(node.of):
            value = self.gradient(name, node)
            value = transposed(value) if flipped else value
            return value if positions is None else self.element(value, positions, by, name)
        return self.laid_out(self.jacobian(node, name, positions, flipped))

    def laid_out(self, value: Value) -> Value:
        """A whole Jacobian of a vector by a vector as the matrix that the page's layout makes of it."""
        if not self.layout or value.split != 1 or len(value.shape) != 2:
            return value
        matrix = Value(value.shape, value.at)
        return transposed(matrix) if self.layout == "denominator" else matrix

    def jacobian(self, node: m.Derivative, name: str, positions: tuple[m.Math, ...] | None, flipped: bool) -> Value:
        """The derivative of something that is not the loss."""
        of_name = node.of.name if isinstance(node.of, m.Name) else name
        known = self.is_tensor(of_name) or any(other.startswith(of_name) for other in self.context.order)
        if of_name != name and not known and of_name not in self.context.future:
            raise UnreadError(f"nothing on the page says what {of_name} is made of", node.of.span)
        with self.holding(name):
            of = self.value(self.spelt_out(node.of, name))
            shape = self.shape_of(name)
        value = self.differentiated(of, name, shape)
        if flipped:
            raise UnreadError("a derivative by a transpose is not understood", node.span)
        if positions is None:
            return value
        own = len(of.shape)
        lead = as_indices(self.extents, of.shape)
        last = self.element(Value(shape, lambda at: value.at((*lead, *at))), positions, node.by[0], name)
        if not own:
            return last
        first_positions = self.placed_all(positions, shape, name)
        return Value(of.shape, lambda at: value.at((*at, *first_positions)), own)

    def spelt_out(self, of: m.Math, name: str) -> m.Math:
        """For ``C`` where C does not depend on ``name``, but ``Cost`` does: that."""
        if not isinstance(of, m.Name) or len(of.name) != 1 or of.name == name:
            return of
        tensor = Input(name, self.shape_of(name), "float64")
        for other in (of.name, *reversed(self.context.order)):
            if other not in self.context.defined or not other.startswith(of.name) or other in self.busy:
                continue
            value = self.definition(other)
            probe = value.at(as_indices(self.extents, value.shape))
            if any(isinstance(n, Read) and n.tensor is tensor for n in walk(probe)):
                if other != of.name:
                    self.note(f"{of.name} is read as {other}")
                return m.Name(of.span, other)
        return of

    def placed_all(self, positions: tuple[m.Math, ...], shape: tuple[Affine, ...], name: str) -> Positions:
        """Every position as a place."""
        keep = shape
        if len(positions) != len(shape):
            raise UnreadError(f"all indices of {name} are wanted here", positions[0].span)
        return tuple(self.placed(p, extent, name, n) for n, (p, extent) in enumerate(zip(positions, keep, strict=True)))

    def differentiated(self, of: Value, name: str, shape: tuple[Affine, ...]) -> Value:
        """The Jacobian of a value that was read while ``name`` was held."""
        tensor, own = Input(name, shape, "float64"), len(of.shape)

        def at(positions: Positions) -> Expr:
            by = positions[own:]
            body = rename_bound(of.at(positions[:own]), frozenset(i for p in positions for i in free(p)))
            return self.released(partial(body, tensor, by), tensor)

        return Value((*of.shape, *shape), at, own or None)

    def released(self, expr: Expr, tensor: Input) -> Expr:
        """An expression in which what was held is again what the page defines it as."""
        name = tensor.name
        if name in self.held or name in self.busy:
            return expr
        value = self.definition(name) if name in self.context.defined else self.capital(name)
        if value is None or len(value.shape) != len(tensor.shape):
            return expr
        there = value

        def change(node: object) -> object:
            return there.at(node.positions) if isinstance(node, Read) and node.tensor is tensor else node

        found: Expr = transform(expr, change)
        return found

    def loss_name(self) -> str | None:
        """The loss that the page defines last, if it does."""
        return next((name for name in reversed(self.context.order) if self.context.is_loss(name)), None)

    def gradient(self, name: str, node: m.Math) -> Value:
        """The gradient of the loss by a tensor."""
        loss = self.loss_name()
        if loss is not None and loss != name:
            found = self.by_loss(loss, name, node)
            if found is not None:
                return found
        if loss == name:
            return constant(ONE)
        for out in self.reached(self.outputs()):
            found = self.through(out, name, seeded=True) if out != name else None
            if found is not None:
                return found
        if not self.is_tensor(name) and name not in self.context.used:
            raise UnreadError(f"{name} is nothing that the forward has", node.span)
        return self.seed(name, node)

    def by_loss(self, loss: str, name: str, node: m.Math) -> Value | None:
        """The gradient of a loss that the page defines; None where that does not depend on the name.

        What another part of the page said of a loss need not hold here, and may not even be readable here.
        """
        try:
            return self.through(loss, name, seeded=False) or self.by_entries(name, node) or self.short(loss, name)
        except CovectorError:
            if self.context.defined[loss][0].section[:1] == self.context.top:
                raise
            return None

    def seed(self, name: str, node: m.Math) -> Value:
        """The gradient by what the loss is a function of: it stands for itself."""
        with self.holding(name):
            shape = self.shape_of(name)
        if not self.is_tensor(name) and name.lower() in ("b", "bias") and (out := self.out_shape()):
            self.note(f"{name} is read as a bias, added to the rows of what the forward gives")
            tensor = Input(SEED, out, "float64")
            own = out[1:] if len(out) > 1 else out
            if len(out) > 1:
                return Value(own, lambda at: summed(self.extents, out[0], lambda k: Read(tensor, (k, *at))))
        seeded = name in self.context.defined or not self.context.defined
        tensor = Input(SEED if seeded else f"∂L/∂{name}", shape, "float64")
        return Value(shape, lambda at: Read(tensor, at))

    def out_shape(self) -> tuple[Affine, ...]:
        """The shape of the last thing that the page defines."""
        names = self.outputs()
        return self.shape_of(names[0]) if names else ()

    def outputs(self) -> list[str]:
        """What the loss may be a function of: what it is said to be, then the latest definitions."""
        given = self.context.loss_of
        first = [given.name] if isinstance(given, m.Name) and given.name in self.context.defined else []
        rest = [
            name
            for name in reversed(self.context.order)
            if name not in COTANGENTS and not self.context.is_loss(name) and not self.is_alias(name)
        ]
        return [*first, *(name for name in rest if name not in first)]

    def reached(self, outs: list[str]) -> list[str]:
        """Those of some outputs that depend on all tensors whose gradients the claim speaks of; all where none does."""
        found = [out for out in outs if self.spoken <= self.context.reads(out)]
        return found or outs

    def is_alias(self, name: str) -> bool:
        """Whether a name is only another name, or made of entries."""
        body = self.context.defined[name][0].body
        while isinstance(body, (m.Transpose, m.Tuple)) and not (isinstance(body, m.Tuple) and len(body.items) > 1):
            body = body.operand if isinstance(body, m.Transpose) else body.items[0]
        return isinstance(body, (m.Name, m.Matrix, m.Derivative))

    def through(self, out: str, name: str, seeded: bool) -> Value | None:
        """The gradient by ``name`` through ``out``; None where that does not read it."""
        if out in self.busy:
            return None
        with self.holding(name):
            shape = self.shape_of(name)
            of = self.definition(out)
        tensor = Input(name, shape, "float64")
        probe = of.at(as_indices(self.extents, of.shape))
        if not any(isinstance(n, Read) and n.tensor is tensor for n in walk(probe)):
            return None
        value = self.differentiated(of, name, shape)
        if not seeded:
            return value if not of.shape else None
        seed = Input(SEED, tuple(map(self.extents.resolve, of.shape)), "float64")
        own = of.shape

        def at(positions: Positions) -> Expr:
            def over(axes: tuple[Affine, ...], found: Positions) -> Expr:
                if axes:
                    return summed(self.extents, axes[0], lambda k: over(axes[1:], (*found, k)))
                return mul(Read(seed, found), value.at((*found, *positions)))

            return over(own, ())

        return Value(shape, at)

    def by_entries(self, name: str, node: m.Math) -> Value | None:
        """The gradient by a matrix of entries, entry by entry."""
        bodies = [one.body for one in self.context.defined.get(name, ())]
        if not bodies and name in self.context.future:
            bodies = [self.context.future[name]]
        for body in bodies:
            if not isinstance(body, m.Matrix):
                continue
            rows = [list(row.entries) for row in body.rows]
            flat = [entry for row in rows for entry in row]
            bases = {e.base.name for e in flat if isinstance(e, m.Indexed) and isinstance(e.base, m.Name)}
            if len(bases) == 1 and all(isinstance(e, m.Indexed) for e in flat):
                (base,) = bases
                whole = self.gradient(base, node)
                return grid([[self.element(whole, e.positions, e, base) for e in row] for row in rows])  # type: ignore[attr-defined]
        return None

    def short(self, loss: str, name: str) -> Value | None:
        """For ``C`` where the loss does not read C but ``Cost``, the gradient by that."""
        if len(name) != 1:
            return None
        for other in reversed(self.context.order):
            if other not in (name, loss) and len(other) > 1 and other.startswith(name):
                found = self.through(loss, other, seeded=False)
                if found is not None:
                    self.note(f"{name} is read as {other}")
                    return found
        return None

    def abstract(self, of: m.Math, name: str) -> Value | None:
        """The derivative of a function of which nothing is said: it stands for itself."""
        if not isinstance(of, m.Name):
            return None
        known = self.context.abstract
        own = next((key for key, (function, _) in known.items() if of.name in (key, function)), None)
        if own is None or own in self.context.defined:
            return None
        terms: list[Expr] = []
        for argument in known[own][1]:
            if not isinstance(argument, m.Name):
                return None
            direct = Read(Input(f"∂{own}/∂{argument.name}", (), "float64"), ())
            if argument.name == name:
                terms.append(direct)
            elif (inner := self.abstract(argument, name)) is not None:
                terms.append(mul(direct, inner.at(())))
        return constant(add(*terms)) if terms else None


def as_indices(extents: Extents, shape: tuple[Affine, ...]) -> Positions:
    """An index for each axis."""
    return tuple(as_affine(axis_index(n, extents.resolve(extent))) for n, extent in enumerate(shape))


def axis_index(number: int, extent: Affine) -> Index:
    """The index of an axis of a result."""
    return Index(f"a{number}'", extent)
