"""Programs from text: declarations, statements in element form and statements in matrix form, in one scope."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from numbers import Integral
from typing import Any

from covector.errors import NotationError, UnknownNameError, nearest
from covector.frontend.matrix import define_matrix
from covector.ir import Compute, Input, Opaque, Program, check
from covector.notation import syntax
from covector.notation.element import Scope, declare, define
from covector.notation.parse import parse_program, parse_shape
from covector.notation.scope import names_in, syntax_walk

Shape = str | int | Sequence[int | str]
MatrixForm = Callable[[syntax.Definition, Scope, str], Sequence[Compute | Opaque]]


def read_program(source: str, shapes: Mapping[str, Shape] | None = None, matrix: MatrixForm = define_matrix) -> Program:
    """The program that a text writes; its output is the last statement.

    ``shapes`` declares inputs beside the text: ``"M infs"``, ``"N int64"`` or ``("M", 4)``. ``matrix`` reads the
    statements in matrix form. Raises the errors of the notation, each with the place at fault.

    >>> read_program("y[i] = sum[k](x[i,k] ** 2)", {"x": "M 3"})
    x: M 3 float64
    y[i] = sum[k](pow(x[i, k], 2))
    """
    tree = parse_program(source)
    scope = _declared(tree, shapes or {})
    statements: list[Compute | Opaque] = []
    for node in tree.statements:
        if isinstance(node, syntax.Declaration):
            scope = _declare(node, scope, source, shapes or {})
        elif is_matrix_form(node):
            for statement in matrix(node, scope, source):
                statements.append(statement)
                scope = scope.with_tensor(statement)
        else:
            compute, scope = define(node, scope, source)
            statements.append(compute)
    if not statements:
        raise NotationError("nothing is defined", hint="a program defines an array: y[i] = x[i] ** 2")
    return check(Program(scope.inputs(), tuple(statements), (statements[-1],)))


def is_matrix_form(definition: syntax.Definition) -> bool:
    """Whether a statement is in matrix form: no brackets on its left, nothing subscripted on its right.

    >>> [is_matrix_form(statement) for statement in parse_program("y = a @ b; z = sum[i](y[i])").statements]
    [True, False]
    """
    element = (syntax.Subscript, syntax.Reduction, syntax.Iverson)
    return definition.indices is None and not any(isinstance(node, element) for node in syntax_walk(definition.body))


def _declared(tree: syntax.Program, shapes: Mapping[str, Shape]) -> Scope:
    """The scope with the inputs whose shapes are given beside the text."""
    scope, spoken = Scope(), _names(tree)
    for name, shape in shapes.items():
        if name not in spoken:
            close = nearest(name, spoken)
            hint = f"did you mean '{close}'?" if close else f"it names {', '.join(sorted(spoken))}"
            raise UnknownNameError(f"a shape is given for '{name}', which the program does not name", hint=hint)
        text = _shape_text(name, shape)
        scope = declare(parse_shape(text), scope, text)[1]
    return scope


def _declare(node: syntax.Declaration, scope: Scope, source: str, shapes: Mapping[str, Shape]) -> Scope:
    """A declaration in the text; a shape given beside it must say the same."""
    given = scope.tensors.get(node.name)
    if node.name not in shapes or not isinstance(given, Input):
        return declare(node, scope, source)[1]
    others = {name: tensor for name, tensor in scope.tensors.items() if name != node.name}
    again, _ = declare(node, Scope(tensors=others, extents=scope.extents), source)
    if again is not given:
        message = f"{node.name} is declared here, and given another shape beside the program: {given!r}"
        raise scope.fault(message, node, source, "say it once")
    return scope


def _names(tree: syntax.Program) -> set[str]:
    """The names of the arrays that a program declares, reads or defines."""
    nodes = list(syntax_walk(tree))
    named = (syntax.Subscript, syntax.Declaration, syntax.Definition)
    arrays = {node.name for node in nodes if isinstance(node, named)}
    return arrays | (names_in(tree) - {node.name for node in nodes if isinstance(node, syntax.IndexBinding)})


def _shape_text(name: str, shape: Any) -> str:
    """A declaration in the notation."""
    if not isinstance(shape, bool) and isinstance(shape, Integral):
        shape = (int(shape),)
    if not isinstance(shape, str):
        _check_shape(name, shape)
        shape = " ".join(_extent_text(extent) for extent in shape)
    return f"{name}: {shape if shape.strip() else '()'}"


def _check_shape(name: str, shape: object) -> None:
    """Raise where something else than a shape is given as one."""
    extents = shape if isinstance(shape, (tuple, list)) else [None]
    if not all(isinstance(extent, (str, Integral)) and not isinstance(extent, bool) for extent in extents):
        message = f"the shape of {name} is {type(shape).__name__} {shape!r}"
        raise NotationError(message, hint=f'write it as text, {name}="M N", or as a tuple, ("M", 3)')


def _extent_text(extent: int | str) -> str:
    text = str(extent)
    return text if text.isidentifier() or text.isdecimal() else f"({text})"
