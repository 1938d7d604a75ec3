"""From the tree of a formula to a value: what it says, element by element, in terms of the inputs of the page."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from covector.calculus.build import add, equal, mul, number
from covector.ir import Affine, Apply, Expr, Index, Input, Read, Reduce, Symbol, as_affine
from covector.ir.affine import free
from covector.notation.syntax import Span
from covector.notes import math as m
from covector.notes.context import Context
from covector.notes.show import show
from covector.notes.translate_cases import CaseReader
from covector.notes.translate_derivatives import SEED
from covector.notes.translate_differentials import Differentials
from covector.notes.translate_known import softmax, trace
from covector.notes.translate_letters import index_name
from covector.notes.translate_values import (
    MisfitError,
    UnreadError,
    Value,
    constant,
    contracted,
    divide,
    elementwise,
    grid,
    is_one,
    matrix_product,
    negated,
    power_of,
    stretched,
    sum_of_all,
    transposed,
)
from covector.ops import SCALARS

FUNCTIONS = {
    "exp": "exp", "log": "log", "ln": "log", "sqrt": "sqrt", "tanh": "tanh", "sin": "sin", "cos": "cos",
    "sigmoid": "sigmoid", "relu": "relu", "ReLU": "relu", "σ": "sigmoid", "sigma": "sigmoid", "abs": "abs",
}  # fmt: skip
MOST_STEPS = 8_000
"""Parts of trees that are read for one claim."""

ELEMENTWISE = ("⊙", "∘", "*", "×", "/")
TRACES = ("tr", "Tr", "trace")
SOFTMAXES = ("softmax", "Softmax", "\\operatorname{softmax}")
SUMS = ("np.sum", "sum", "torch.sum", "\\operatorname{sum}")


class Translator(CaseReader, Differentials):
    """Reads trees in a context. ``held`` are names that stand for themselves, whatever defines them."""

    def __init__(self, context: Context, condition: dict[str, str] | None = None, layout: str = "") -> None:
        self.context, self.extents, self.layout = context, context.extents, layout
        self.spoken: frozenset[str] = frozenset()
        self.held: tuple[str, ...] = ()
        self.free: dict[str, Affine] = {}
        self.bound: list[tuple[str, Index]] = []
        self.same = condition or {}
        self.notes: dict[str, None] = {}
        self.busy: list[str] = []
        self.depth = self.steps = 0
        self.lowers: dict[str, int] = {}
        self.bounds: dict[tuple[str, int], Affine] = {}
        self.node: m.Math = m.Words(Span(0, 0), "")

    def seed_value(self, shape: tuple[Affine, ...]) -> Value:
        """The gradient by what has that shape."""
        tensor = Input(SEED, tuple(map(self.extents.resolve, shape)), "float64")
        return Value(tensor.shape, lambda at: Read(tensor, at))

    def value(self, node: m.Math) -> Value:
        """What a tree stands for; raises `UnreadError` and `MisfitError`."""
        rule = _RULES.get(type(node))
        if rule is None:
            raise UnreadError(f"{type(node).__name__.lower()} here is not understood: {show(node)[:60]}", node.span)
        self.depth += 1
        self.steps += 1
        try:
            if self.steps > MOST_STEPS:
                raise UnreadError("with what the page defines put in, this has too many parts", node.span)
            if self.depth > 150:
                raise UnreadError("this is nested too deeply", node.span)
            return rule(self, node)
        finally:
            self.depth -= 1

    def number(self, node: m.Number) -> Value:
        """A number as it was written."""
        try:
            return constant(number(Fraction(node.text)))
        except (ValueError, ZeroDivisionError):
            raise UnreadError(f"{node.text} is no number", node.span) from None

    def sum(self, node: m.Sum) -> Value:
        """Terms with their signs; what is added along an axis of one is stretched."""
        if any(sign == "±" for sign in node.signs):
            raise UnreadError("± is two formulas at once", node.span)
        values = [self.value(term) for term in node.terms]
        signed = [negated(v) if s == "-" else v for v, s in zip(values, node.signs, strict=True)]
        return elementwise(self.extents, node, signed, add, "the sum")

    def product(self, node: m.Product) -> Value:
        """Factors from left to right; what a sign means depends on the shapes."""
        value = self.value(node.factors[0])
        row = self.is_row(node.factors[0], value)
        for sign, factor in zip(node.signs, node.factors[1:], strict=True):
            right = self.value(factor)
            row = row or (value.is_number and self.is_row(factor, right))
            value = self.times(node, value, sign, right)
            if row and len(value.shape) == 1 and len(right.shape) == 1:
                vector = value
                value = constant(vector.at((as_affine(0),))) if self.ones(vector) else vector
            row = row and len(value.shape) == 2
        return value

    def is_row(self, node: m.Math, value: Value) -> bool:
        """Whether a factor is the transpose of a vector: times a vector, it is a number."""
        return isinstance(node, m.Transpose) and len(value.shape) == 2 and len(self.value(node.operand).shape) == 1

    def times(self, node: m.Math, left: Value, sign: str, right: Value) -> Value:
        """One product: elementwise, of matrices, or a step of the chain rule."""
        if sign == "/":
            return elementwise(self.extents, node, [left, right], divide, "the quotient")
        if sign == "⊗" and left.shape and right.shape:
            own = len(left.shape)
            return Value((*left.shape, *right.shape), lambda at: mul(left.at(at[:own]), right.at(at[own:])))
        if right.split is not None and left.shape:
            if sign in ("⊙", "∘") or (sign in ("×", "*") and self.fits_diagonal(left, right)):
                return elementwise(self.extents, node, [left, self.diagonal(node, right)], mul, "the product")
            return contracted(self.extents, node, left, right)
        if not left.shape or not right.shape:
            return elementwise(self.extents, node, [left, right], mul, "the product")
        if len(left.shape) == 1 and len(right.shape) == 2 and is_one(self.extents.resolve(right.shape[0])):
            return Value(
                (*left.shape, right.shape[1]), lambda at: mul(left.at(at[:1]), right.at((as_affine(0), at[1])))
            )
        if sign in ("⊙", "∘", "*") or (not sign and len(left.shape) == len(right.shape) == 1):
            return elementwise(self.extents, node, [left, right], mul, "the elementwise product")
        if sign in (".", "·") and [len(left.shape), len(right.shape)] == [1, 1]:
            return matrix_product(self.extents, node, left, right)
        if sign in (".", "·", "×") and len(left.shape) == len(right.shape):
            return self.dot(node, left, right, sign)
        return matrix_product(self.extents, node, left, right)

    def dot(self, node: m.Math, left: Value, right: Value, sign: str) -> Value:
        """``·`` between arrays of one rank: of matrices where that is possible, else the sum of all products."""
        try:
            return matrix_product(self.extents, node, left, right)
        except MisfitError:
            both = elementwise(self.extents, node, [left, right], mul, "the product")
            if sign == "×":
                return both
            self.note("· is read as the sum of all products")
            return constant(sum_of_all(self.extents, both))

    def fits_diagonal(self, left: Value, right: Value) -> bool:
        """Whether a Jacobian is one of an elementwise function of arrays like the other factor."""
        half = right.split or 0
        return len(right.shape) == 2 * half == 2 * len(left.shape) and len(left.shape) > 1

    def diagonal(self, node: m.Math, value: Value) -> Value:
        """The diagonal of the Jacobian of an elementwise function."""
        half = value.split or 0
        if len(value.shape) != 2 * half:
            raise MisfitError("only an elementwise function has a derivative of its own shape", node.span)
        self.note("the derivative is read element by element")
        return Value(value.shape[:half], lambda at: value.at((*at, *at)))

    def negative(self, node: m.Negative) -> Value:
        """``-operand``."""
        return negated(self.value(node.operand))

    def fraction(self, node: m.Fraction) -> Value:
        """A quotient."""
        sides = [self.value(node.numerator), self.value(node.denominator)]
        return elementwise(self.extents, node, sides, divide, "the quotient")

    def power(self, node: m.Power) -> Value:
        """A power, element by element."""
        exponent = self.value(node.exponent)
        context = self.context
        if isinstance(node.base, m.Name) and node.base.name == "e" and not self.is_tensor("e") and not context.values:
            return elementwise(self.extents, node, [exponent], _named("exp"), "the power")
        base = self.value(node.base)
        if exponent.shape:
            raise UnreadError("the exponent is no number", node.exponent.span)
        return elementwise(self.extents, node, [base, exponent], power_of, "the power")

    def transpose(self, node: m.Transpose) -> Value:
        """``operand^T``; of an element it is the element."""
        value = self.value(node.operand)
        if value.split is not None:
            raise UnreadError("the transpose of a whole Jacobian is not understood", node.span)
        if len(value.shape) == 1:
            return Value((as_affine(1), *value.shape), lambda at: value.at(at[1:]))
        return transposed(value)

    def reduction(self, node: m.Reduction) -> Value:
        """A sum or another reduction over its indices; without any, over everything."""
        if node.operation not in ("sum", "prod", "max", "min"):
            raise UnreadError(f"{node.operation} has no derivative here", node.span)
        if not node.bindings or self.over_rows(node):
            return self.whole(node)
        own: list[Index] = []
        before = len(self.bound)
        try:
            for binding in node.bindings:
                own.append(self.bind(binding, node))
            body = self.value(node.body)
            own = [Index(i.name, self.extents.resolve(i.extent)) for i in own]
        finally:
            del self.bound[before:]
        operation = node.operation
        return Value(body.shape, lambda at: Reduce(operation, tuple(own), body.at(at)), body.split)

    def over_rows(self, node: m.Reduction) -> bool:
        """Whether a sum binds an index that is a word such as ``row``: a sum over the first axis."""
        names = [show(b.index) for b in node.bindings if b.condition is None]
        return len(names) == 1 and names[0] in ("row", "rows", "batch", "col", "column")

    def whole(self, node: m.Reduction) -> Value:
        """A sum over everything, or over the rows."""
        body = self.value(node.body)
        if node.operation != "sum" or body.split is not None:
            raise UnreadError(f"{node.operation} says no index", node.span)
        if not node.bindings:
            self.note("the sum without an index is read as that of all elements")
            return constant(sum_of_all(self.extents, body))
        axis = 1 if show(node.bindings[0].index).startswith("col") else 0
        self.note(f"the sum over {show(node.bindings[0].index)} is read as that over axis {axis}")
        return self.sum_over(node, body, axis)

    def sum_over(self, node: m.Math, body: Value, axis: int) -> Value:
        """The sum over one axis."""
        if not -len(body.shape) <= axis < len(body.shape):
            raise MisfitError(f"there is no axis {axis}", node.span)
        axis %= len(body.shape)
        index = Index(f"r{len(self.bound)}_{node.span.start}", self.extents.resolve(body.shape[axis]))
        shape = (*body.shape[:axis], *body.shape[axis + 1 :])
        return Value(shape, lambda at: Reduce("sum", (index,), body.at((*at[:axis], as_affine(index), *at[axis:]))))

    def bind(self, binding: m.Binding, node: m.Math) -> Index:
        """The index that a sum binds."""
        if binding.condition is not None:
            raise UnreadError("a sum under a condition is not understood", binding.span)
        name = index_name(binding.index)
        key = (name, binding.span.start)
        if key not in self.bounds:
            self.bounds[key] = self.extents.fresh(f"?{name}{binding.span.start}")
        extent = self.bounds[key]
        if binding.upper is not None:
            lower = self.integer(binding.lower) if binding.lower is not None else as_affine(self.context.base)
            wanted = self.integer(binding.upper, soft=True) - lower + 1
            if free(wanted):
                raise UnreadError("a sum whose bound is an index is not understood", binding.upper.span)
            other = lower.is_constant and lower.constant != self.context.base
            fits = not (other and lower.constant not in (0, 1)) and self.extents.unify(extent, wanted)
            if other and not fits:
                raise UnreadError(
                    f"the sum begins at {lower}, where the page counts from {self.context.base}", binding.span
                )
            if other:
                self.lowers[name] = lower.constant
            if not fits:
                raise self.wrong_bound(binding, name, extent, wanted)
            self.same_name(binding, name, wanted)
        index = Index(name, self.extents.resolve(extent))
        self.bound.append((name, index))
        return index

    def same_name(self, binding: m.Binding, name: str, wanted: Affine) -> None:
        """Raise where a bound names an extent that the page declares nowhere, and the axis has a declared one."""
        true = self.extents.resolve(wanted).atom
        own = [n.name for n in m.walk(binding.upper) if isinstance(n, m.Name)] if binding.upper is not None else []
        declared = self.context.declared_extents
        if isinstance(true, Symbol) and true.name in declared and own and not set(own) & declared:
            assert binding.upper is not None
            message = f"{name} runs over {true.name}, and {own[0]} is declared nowhere"
            raise MisfitError(message, binding.upper.span, "wrong bound")

    def wrong_bound(self, binding: m.Binding, name: str, extent: Affine, wanted: Affine) -> MisfitError:
        """The bound of a sum is not that of the axis."""
        true = self.extents.resolve(extent)
        span = binding.upper.span if binding.upper is not None else binding.span
        return MisfitError(f"{name} runs over {true!r}, and the sum has {wanted!r} terms", span, "wrong bound")

    def apply(self, node: m.Apply) -> Value:
        """A function of the elements, a sum, a tensor as a function of others, or an element in round brackets."""
        name = show(node.function)
        if name in SUMS:
            return self.summed_call(node)
        if name in ("δ", "delta") and len(node.arguments) == 2:
            return constant(equal(*(self.position(a) for a in node.arguments)))
        if name in FUNCTIONS and name not in self.context.defined and len(node.arguments) == 1:
            function = SCALARS[FUNCTIONS[name]]
            operand = self.value(node.arguments[0])
            return elementwise(self.extents, node, [operand], lambda x: Apply(function, (x,)), name)
        if name in TRACES and name not in self.context.defined and len(node.arguments) == 1:
            return trace(self.extents, node, self.value(node.arguments[0]))
        if name in SOFTMAXES and name not in self.context.defined and len(node.arguments) == 1:
            operand = self.value(node.arguments[0])
            if len(operand.shape) > 1:
                self.note("softmax is read as that of each row")
            return softmax(self.extents, node, operand)
        return self.called(node, name)

    def summed_call(self, node: m.Apply) -> Value:
        """``np.sum(x, axis=0)``."""
        body = self.value(node.arguments[0])
        words = {a.name: a.value for a in node.arguments[1:] if isinstance(a, m.Keyword)}
        axis = words.get("axis", words.get("dim"))
        if axis is None:
            return constant(sum_of_all(self.extents, body))
        return self.sum_over(node, body, int(show(axis)))

    def listed(self, node: m.Tuple) -> Value:
        """``(a, b)``: a row of numbers."""
        values = [self.value(item) for item in node.items]
        if any(value.shape for value in values):
            raise UnreadError("a list of arrays is not understood as one array", node.span)
        return grid([values]) if node.bracket else self.unread(node)

    def matrix(self, node: m.Matrix) -> Value:
        """A matrix of entries."""
        rows = [[self.value(entry) for entry in row.entries] for row in node.rows]
        if len({len(row) for row in rows}) != 1 or not rows[0]:
            raise UnreadError("the rows of the matrix have not the same length", node.span)
        if any(value.shape for row in rows for value in row):
            raise UnreadError("a matrix of arrays is not understood", node.span)
        return grid(rows)

    def absolute(self, node: m.Absolute) -> Value:
        """``|x|``."""
        return elementwise(self.extents, node, [self.value(node.body)], _named("abs"), "the absolute value")

    def norm(self, node: m.Norm) -> Value:
        """``‖x‖``: the root of the sum of squares."""
        if node.order is not None and show(node.order) not in ("2", "F"):
            raise UnreadError("this norm is not understood", node.span)
        body = self.value(node.body)
        square = Value(body.shape, lambda at: mul(body.at(at), body.at(at)))
        return constant(Apply(SCALARS["sqrt"], (sum_of_all(self.extents, square),)))

    def unread(self, node: m.Math) -> Value:
        """Nothing that stands for a value."""
        raise UnreadError(f"'{show(node)[:60]}' is not understood here", node.span)

    def note(self, text: str) -> None:
        """Remember how something ambiguous was read in the formula itself."""
        if not self.busy:
            self.notes[text] = None

    def stretch(self, value: Value, shape: tuple[Affine, ...]) -> Value:
        """A value in a larger shape."""
        return Value(shape, stretched(self.extents, value, len(shape)))

    def ones(self, value: Value) -> bool:
        """Whether all axes are of extent one."""
        return all(is_one(self.extents.resolve(extent)) for extent in value.shape)


def _named(name: str) -> Callable[[Expr], Expr]:
    return lambda x: Apply(SCALARS[name], (x,))


_RULES: dict[type[m.Math], Callable[[Any, Any], Value]] = {
    m.Number: Translator.number,
    m.Name: Translator.name,
    m.Sum: Translator.sum,
    m.Negative: Translator.negative,
    m.Product: Translator.product,
    m.Fraction: Translator.fraction,
    m.Power: Translator.power,
    m.Transpose: Translator.transpose,
    m.Indexed: Translator.indexed,
    m.Apply: Translator.apply,
    m.Derivative: Translator.derivative,
    m.Differential: Translator.differential,
    m.Reduction: Translator.reduction,
    m.Tuple: Translator.listed,
    m.Matrix: Translator.matrix,
    m.Absolute: Translator.absolute,
    m.Norm: Translator.norm,
    m.Cases: Translator.cases,
}
