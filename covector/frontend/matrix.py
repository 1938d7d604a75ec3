"""Statements in matrix form: whole arrays, combined by operators and functions, become statements in element form."""

from __future__ import annotations

import inspect
import operator
import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from covector.errors import CovectorError, NotationError, UnknownNameError, nearest
from covector.frontend.arrays import Array, Extent, array_of, number_of
from covector.frontend.elementwise import elementwise
from covector.frontend.functions import CREATORS, NAMESPACE
from covector.frontend.lazy import Trace
from covector.frontend.products import matmul
from covector.ir import Apply, Compute, Input, Opaque, as_affine
from covector.ir.tensor import program_of
from covector.notation import syntax
from covector.notation.element import Scope
from covector.notation.integers import exact, excess
from covector.notation.scope import CONSTANTS, NAN, NAN_HINT
from covector.notation.syntax import Syntax
from covector.ops import SCALARS

_OPERATORS = {
    "+": "add",
    "-": "sub",
    "*": "mul",
    "/": "div",
    "**": "pow",
    "neg": "neg",
    "==": "eq",
    "!=": "ne",
    "<": "lt",
    "<=": "le",
    "and": "and",
    "or": "or",
    "not": "not",
}
_PLAIN: dict[str, Callable[..., Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "neg": operator.neg,
}
_PLAIN_NAMES = {"true": True, "false": False, "none": None, "None": None}
_ELEMENTS = ("select", "where", *SCALARS)
_WORD = re.compile(r"[^\W\d]\w*['′’]*")
_ELEMENT_FORM = "in element form the left side has indices: {name}[i,j] = …"


def define_matrix(definition: syntax.Definition, scope: Scope, source: str) -> list[Compute | Opaque]:
    """The statements that a definition in matrix form defines, the last of its name.

    Names are the tensors, extents and parameters of the scope. Raises `UnknownNameError`, `ShapeError`, `NotationError`
    or `DtypeError`, each with the place at fault.

    >>> from covector.notation.element import declare
    >>> from covector.notation.parse import parse_program
    >>> source = "x: M K; w: N K; y = x @ w.T"
    >>> x, w, y = parse_program(source).statements
    >>> scope = declare(w, declare(x, Scope(), source)[1], source)[1]
    >>> define_matrix(y, scope, source)
    [y[i, j] = sum[k](mul(x[i, k], w[j, k]))]
    """
    _refuse_name(definition, scope, source)
    own = {tensor.name for tensor in scope.tensors.values()}
    trace = Trace({definition.name, *own, *scope.tensors, *scope.extents}, words=_WORD.findall(source))
    result = _Reader(trace, scope, source, definition.name).value(definition.body)
    last = trace.state(definition.name, result.indices, result.body)
    made = set(trace.statements)
    return [statement for statement in program_of([last]).statements if statement in made]


def _refuse_name(definition: syntax.Definition, scope: Scope, source: str) -> None:
    """Raise where the name means something else already."""
    name, start = definition.name, definition.span.start
    head = Syntax(syntax.Span(start, start + len(name)))
    if name in scope.extents:
        raise scope.fault(f"'{name}' is an extent", head, source, "a tensor needs another name")
    if name in CONSTANTS:
        raise scope.fault(f"'{name}' is a constant", head, source, "a tensor needs another name")
    if name in scope.tensors:
        what = "an input, and is defined here" if isinstance(scope.tensors[name], Input) else "defined twice"
        raise scope.fault(f"{name} is {what}", head, source, f"each statement defines a new name, such as {name}2")


class _Reader:
    """One right side being read."""

    def __init__(self, trace: Trace, scope: Scope, source: str, own: str) -> None:
        self.trace, self.scope, self.source, self.own = trace, scope, source, own

    def value(self, node: Syntax) -> Array:
        """The array that a node of the tree is; an error that says no place gets that of the node."""
        try:
            return self._value(node)
        except CovectorError as error:
            if error.span is not None:
                raise
            raise self.scope.fault(error.message, node, self.source, error.hint, type(error)) from None

    def _value(self, node: Syntax) -> Array:
        if isinstance(node, syntax.Number):
            return number_of(self.trace, self.number(node))
        if isinstance(node, syntax.Name):
            return self.name(node)
        if isinstance(node, syntax.Operator):
            return self.operator(node)
        if isinstance(node, syntax.Transpose):
            return self.value(node.operand).T
        if isinstance(node, syntax.Call):
            return self.call(node)
        raise self.misplaced(node)

    def fault(
        self, message: str, node: Syntax, hint: str | None = None, kind: type[CovectorError] = NotationError
    ) -> CovectorError:
        """An error at a place."""
        return self.scope.fault(message, node, self.source, hint, kind)

    def misplaced(self, node: Syntax) -> CovectorError:
        """What belongs to element form, and stands in matrix form."""
        text = self.source[node.span.start : node.span.end]
        if isinstance(node, (syntax.Subscript, syntax.Reduction, syntax.Iverson)):
            hint = _ELEMENT_FORM.format(name=self.own)
            return self.fault(f"{text} is element form, and stands in matrix form", node, hint)
        what = "a string" if isinstance(node, syntax.Text) else "a list" if isinstance(node, syntax.Sequence) else text
        return self.fault(f"{what} cannot stand where an array is wanted", node)

    def number(self, node: syntax.Number) -> Fraction:
        """A literal, exactly."""
        number = exact(node.text)
        if number is None:
            raise self.fault(excess(node.text), node, "the largest float64 is about 1.8e308")
        return number

    def name(self, node: syntax.Name) -> Array:
        """A tensor, an extent, a parameter or a constant."""
        name, scope = node.name, self.scope
        if name in scope.tensors:
            return array_of(self.trace, scope.tensors[name])
        if name in scope.parameters:
            return number_of(self.trace, scope.parameters[name])
        if name in scope.extents:
            return number_of(self.trace, scope.extents[name])
        if name == "pi":
            return Array(self.trace, (), Apply(SCALARS["pi"], ()))
        if name in ("inf", "true", "false"):
            return number_of(self.trace, float("inf") if name == "inf" else name == "true")
        if name == "nan":
            raise self.fault(NAN, node, NAN_HINT)
        raise self.unknown(node)

    def unknown(self, node: syntax.Name) -> CovectorError:
        """A name that is nothing here."""
        name = node.name
        message = f"unknown name '{name}'"
        if name == self.own:
            message, hint = f"{name} reads itself", "a statement reads inputs and earlier statements only"
            return self.fault(message, node, hint)
        if name in NAMESPACE:
            return self.fault(f"'{name}' is a function, used like an array", node, f"write {name}(…)")
        close = nearest(name, [*self.scope.tensors, *self.scope.extents, *self.scope.parameters])
        hint = f"declare the shape of {name}: write {name}: M N, or --shape {name}:M,N"
        hint = f"did you mean '{close}'? Otherwise {hint}" if close else hint
        return self.fault(message, node, hint, UnknownNameError)

    def operator(self, node: syntax.Operator) -> Array:
        """An operator, element by element, or a matrix product."""
        if node.symbol in ("//", "%"):
            found = self.plain(node)
            return found if isinstance(found, Array) else number_of(self.trace, found)
        operands = [self.value(operand) for operand in node.operands]
        if node.symbol == "@":
            result = operands[0]
            for operand in operands[1:]:
                result = matmul(result, operand)
            return result
        return elementwise(_OPERATORS[node.symbol], *operands)

    def call(self, node: syntax.Call) -> Array:
        """A function of the namespace."""
        function = NAMESPACE.get(node.function)
        if function is None:
            raise self.unknown_function(node)
        elements = node.function in _ELEMENTS
        arguments = [self.argument(argument, elements) for argument in node.arguments]
        if node.function in CREATORS:
            arguments = [self.extent(argument) for argument in arguments]
        keywords = {key: self.argument(value, False) for key, value in node.keywords}
        try:
            inspect.signature(function).bind(*arguments, **keywords)
        except TypeError as error:
            raise self.fault(f"{node.function}: {error}", node, f"write {_form(node.function)}") from None
        return function(*arguments, **keywords)

    def unknown_function(self, node: syntax.Call) -> CovectorError:
        """A function that is not known."""
        name = node.function
        message = f"unknown function '{name}'"
        head = Syntax(syntax.Span(node.span.start, node.span.start + len(name)))
        if name in self.scope.tensors:
            return self.fault(f"'{name}' is an array, not a function", head, f"a product is written {name} * (…)")
        close = nearest(name, NAMESPACE)
        hint = f"did you mean '{close}'?" if close else "covector ops lists the functions"
        return self.fault(message, head, hint, UnknownNameError)

    def argument(self, node: Syntax, elements: bool) -> Any:
        """An argument: an array, or where it is no element either a plain number, a string or a tuple."""
        if isinstance(node, syntax.Text):
            return node.value
        if isinstance(node, syntax.Sequence):
            return tuple(self.argument(item, False) for item in node.items)
        if not elements and self.is_plain(node):
            return self.plain(node)
        return self.value(node)

    def extent(self, value: Any) -> Any:
        """An integer that is given as an extent, made one of this trace."""
        if isinstance(value, tuple):
            return tuple(map(self.extent, value))
        return Extent(self.trace, (), as_affine(value)) if type(value) is int else value

    def is_plain(self, node: Syntax) -> bool:
        """Whether a node is a number that is known here, or computed from extents."""
        if isinstance(node, syntax.Number):
            return True
        if isinstance(node, syntax.Name):
            known = node.name in _PLAIN_NAMES or node.name in self.scope.parameters or node.name in self.scope.extents
            return known and node.name not in self.scope.tensors
        return isinstance(node, syntax.Operator) and node.symbol in _PLAIN and all(map(self.is_plain, node.operands))

    def plain(self, node: Syntax) -> Any:
        """A number, an extent, a truth value or none."""
        if isinstance(node, syntax.Number):
            number = self.number(node)
            return int(number) if number.denominator == 1 else number
        if isinstance(node, syntax.Name) and self.is_plain(node):
            if node.name in self.scope.parameters:
                return self.scope.parameters[node.name]
            extent = self.scope.extents.get(node.name)
            return _PLAIN_NAMES[node.name] if extent is None else Extent(self.trace, (), extent)
        if not self.is_plain(node) or not isinstance(node, syntax.Operator):
            hint = "arrays are divided with /; in element form integers take // and %"
            raise self.fault("'//' and '%' take numbers and extents here", node, hint)
        first, *rest = (self.plain(operand) for operand in node.operands)
        if not rest:
            return _PLAIN[node.symbol](first)
        for other in rest:
            if node.symbol in ("/", "//", "%") and isinstance(other, (int, Fraction)) and other == 0:
                raise self.fault("a division by zero", node)
            exactly = node.symbol == "/" and isinstance(first, int)
            first = _PLAIN[node.symbol](Fraction(first) if exactly else first, other)
        return first


def _form(name: str) -> str:
    """How a function is called: ``sum(x, axis=None, keepdims=False)``."""
    parameters = inspect.signature(NAMESPACE[name]).parameters.values()
    parts = [p.name if p.default is p.empty else f"{p.name}={p.default}" for p in parameters]
    return f"{name}({', '.join(parts)})"
