"""Elaboration: statements in element form, and the templates of the table of operations, become IR.

`define` elaborates one statement, `expression` one expression, `instantiate` an operation of the table. What a name
can mean is a `Scope`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import lru_cache

from covector.errors import ShapeError, UnknownNameError, nearest
from covector.ir import (
    Affine,
    Apply,
    Compute,
    Expr,
    Floor,
    Index,
    Input,
    Mod,
    Read,
    Reduce,
    Select,
    Tensor,
    as_affine,
    transform,
)
from covector.ir.bounds import within
from covector.ir.fold import fold
from covector.notation import syntax
from covector.notation.extents import Extents
from covector.notation.parse import parse_expression
from covector.notation.reads import check_read
from covector.notation.scope import CONSTANTS, Number, Scope, axes_text, syntax_walk
from covector.notation.statement import Env, Statement
from covector.notation.syntax import Syntax
from covector.notation.template import batch_indices, broadcast, choose, declared_extents, names_spoken
from covector.notation.values import DELTAS, INSIDE, inside, value
from covector.ops import Operation

__all__ = ["Scope", "broadcast", "declare", "define", "expression", "instantiate", "scalar_expression"]


def declare(declaration: syntax.Declaration, scope: Scope, source: str) -> tuple[Input, Scope]:
    """The input that a declaration declares, and the scope with it.

    Raises `NotationError` where the name is taken, and `ShapeError` where an extent is negative.

    >>> from covector.notation.parse import parse_shape
    >>> declare(parse_shape("x: M 3"), Scope(), "x: M 3")[0]
    x: M 3 float64
    """
    name = declaration.name
    if name in scope.tensors:
        what = "read before it is declared" if name in scope.assumed else "declared twice"
        if not isinstance(scope.tensors[name], Input):
            what = "declared after it is defined"
        raise scope.fault(f"{name} is {what}", declaration, source, "declare each input once, before its first use")
    _refuse_name(name, declaration, scope, source)
    for extent in declaration.extents:
        if isinstance(extent, syntax.Ellipsis):
            hint = f"write the extents one after the other: {name}: M N"
            raise scope.fault("'...' is for templates: a declaration gives every extent", extent, source, hint)
    statement = Statement(scope, source)
    shape = tuple(statement.extent(extent) for extent in declaration.extents)
    given = Input(name, shape, declaration.dtype or "float64")
    if name in statement.extents:
        raise scope.fault(f"'{name}' is both a tensor and an extent", declaration, source, "give one another name")
    return given, replace(scope.with_tensor(given), extents={**scope.extents, **statement.extents})


def define(definition: syntax.Definition, scope: Scope, source: str) -> tuple[Compute, Scope]:
    """The statement that a definition in element form defines, and the scope with it and with the inputs it adds.

    Raises `NotationError`, `UnknownNameError`, `ShapeError`, `DtypeError` or `BoundsError`, with the place at fault.

    >>> from covector.notation.parse import parse_program
    >>> source = "y[i] = sum[k](x[i,k] ** 2)"
    >>> statement, scope = define(parse_program(source).statements[0], Scope(), source)
    >>> statement, scope.inputs()
    (y[i] = sum[k](pow(x[i, k], 2)), (x: I K float64,))
    """
    name = definition.name
    if name in scope.tensors:
        raise _defined_twice(definition, scope, source)
    _refuse_name(name, definition, scope, source)
    statement = Statement(scope, source, name, _dtypes(definition, scope))
    batch = batch_indices(definition, scope) if definition.ellipsis else ()
    env = Env(batch=batch)
    indices: list[Index] = []
    for binding in definition.indices or ():
        index = statement.bind(binding, env, f"{name}[{binding.name}:…]")
        env = env.bound({binding.name: index})
        indices.append(index)
    body = value(definition.body, env, statement)
    extents = Extents(statement)
    at = len(batch) + 1 + scope.axis if len(indices) == 1 else len(batch)
    ordered = (*batch[:at], *indices, *batch[at:])
    final, scope = _finish(statement, extents, body)
    compute = Compute(name, tuple(_as_index(extents.replace(index)) for index in ordered), final)
    return compute, scope.with_tensor(compute)


def expression(
    tree: Syntax, source: str, scope: Scope | None = None, indices: Mapping[str, Index] | None = None
) -> tuple[Expr, Scope]:
    """A single expression over the given free indices, and the scope with the inputs that it adds.

    Names that are not known are inputs: scalars where they stand alone. ``scope.values`` puts expressions in the place
    of names. Raises as `define` does.

    >>> from covector.notation.parse import parse_expression
    >>> text = "1 - tanh(x)**2"
    >>> expression(parse_expression(text), text)[0]
    sub(1, pow(tanh(x), 2))
    """
    scope = scope or Scope()
    statement = Statement(scope, source, dtypes=_dtypes(tree, scope))
    body = value(tree, Env(dict(indices or {})), statement)
    return _finish(statement, Extents(statement), body)


@lru_cache(maxsize=1024)
def scalar_expression(text: str, parameters: tuple[str, ...]) -> tuple[tuple[Read, ...], Expr]:
    """An expression in scalar parameters, and the reads that stand for them in it, to be substituted.

    Raises `UnknownNameError` where the text holds other names.

    >>> scalar_expression("1 - tanh(x)**2", ("x",))
    ((x,), sub(1, pow(tanh(x), 2)))
    """
    reads = tuple(Read(Input(name, (), "float64"), ()) for name in parameters)
    scope = Scope(values=dict(zip(parameters, reads, strict=True)), closed=True)
    return reads, expression(parse_expression(text), text, scope)[0]


def instantiate(
    operation: Operation,
    arguments: Mapping[str, Tensor],
    parameters: Mapping[str, Number] | None = None,
    *,
    axis: int | None = None,
    name: str | None = None,
) -> list[Compute]:
    """The statements of an operation of the table for these arguments; the last is the result.

    ``axis`` takes the place of the last axis, where the operation allows it; ``name`` names the result, and the
    statements before it after the result. Raises `ShapeError` where the arguments do not fit, and `UnknownNameError`
    for a parameter that the operation does not have.

    >>> from covector.ir import Symbol
    >>> operation = Operation("double", ("x",), ("double[...] = 2 * x[...]",), "", "", "")
    >>> instantiate(operation, {"x": Input("x", (as_affine(Symbol("N")),), "float32")})
    [double[i] = mul(2, x[i])]
    """
    program = choose(operation, arguments)
    scope = Scope(
        tensors=arguments,
        parameters=_parameters(operation, parameters or {}),
        closed=True,
        operation=operation.name,
        spoken=names_spoken(program),
    )
    if axis is not None:
        scope = replace(scope, axis=_from_the_end(operation, axis, program, arguments))
    scope = replace(scope, extents=declared_extents(program, arguments, scope))
    definitions = [node for node in program.statements if isinstance(node, syntax.Definition)]
    statements: list[Compute] = []
    for definition in definitions:
        compute, scope = define(definition, scope, program.source)
        final = name if definition is definitions[-1] else f"{name}_{definition.name}"
        compute = Compute(definition.name if name is None else str(final), compute.indices, fold(compute.body))
        scope = scope.with_tensor(compute, definition.name)
        statements.append(compute)
    return statements


def _finish(statement: Statement, extents: Extents, body: Expr) -> tuple[Expr, Scope]:
    """Put the extents in that were found, check every read, and add what is new to the scope."""
    inputs = {name: extents.tensor(given) for name, given in statement.unknown.items()}

    def change(node: object) -> object:
        if isinstance(node, Read):
            return Read(inputs.get(node.tensor.name, node.tensor), node.positions) if _is_new(node) else node
        if isinstance(node, Reduce):
            return Reduce(node.operation, tuple(_as_index(extents.replace(index)) for index in node.indices), node.body)
        if isinstance(node, Select) and isinstance(node.condition, Apply) and node.condition.function is INSIDE:
            return _padded(node)
        return _whole(extents.replace(node))

    def _is_new(read: Read) -> bool:
        return statement.unknown.get(read.tensor.name) is read.tensor

    for site in statement.sites:
        check_read(site, transform(site.read, change), statement)
    scope = statement.scope
    added: dict[str, Affine] = dict(statement.extents)
    for given in inputs.values():
        scope = scope.with_tensor(given)
    scope = replace(
        scope,
        extents={**scope.extents, **added},
        letters={**scope.letters, **extents.letters},
        assumed=scope.assumed | frozenset(inputs),
    )
    return transform(body, change), scope


def _padded(node: Select) -> Expr:
    read = node.then
    assert isinstance(read, Read)
    shape = read.tensor.shape
    surely = tuple(within(position, extent) for position, extent in zip(read.positions, shape, strict=True))
    return read if all(surely) else Select(inside(read.positions, shape, surely), read, node.otherwise)


def _whole(node: object) -> object:
    """``a // b`` and ``a % b`` without the floor where ``0 <= a < b`` is proved: ``o // (O//groups)`` for one group."""
    part = node.atom if isinstance(node, Affine) else node
    if isinstance(part, (Floor, Mod)) and within(part.numerator, part.denominator):
        return as_affine(0) if isinstance(part, Floor) else part.numerator
    return node


def _as_index(node: object) -> Index:
    assert isinstance(node, Index)
    return node


def _dtypes(tree: Syntax, scope: Scope) -> dict[str, str]:
    """The dtypes of inputs that nobody declared, by their places: int64 in positions, bool as conditions."""
    bound = {node.name for node in syntax_walk(tree) if isinstance(node, syntax.IndexBinding)}
    found: dict[str, str] = {}
    for node in syntax_walk(tree):
        if isinstance(node, syntax.Subscript):
            inner = (part for position in node.positions for part in syntax_walk(position))
            found.update(dict.fromkeys(_subscripted(inner), "int64"))
        for part in _compared_with_index(node, bound):
            found[part] = "int64"
        for part in _subscripted(_conditions(node)):
            found.setdefault(part, "bool")
    return found


def _subscripted(nodes: Iterable[Syntax]) -> Iterable[str]:
    return (node.name for node in nodes if isinstance(node, syntax.Subscript))


def _compared_with_index(node: Syntax, bound: set[str]) -> Iterable[str]:
    """The tensor in ``[v = ids[n]]``, where v is an index."""
    if isinstance(node, syntax.Operator) and node.symbol in ("==", "!="):
        pair = node.operands
    elif isinstance(node, syntax.Call) and node.function in DELTAS and len(node.arguments) == 2:
        pair = node.arguments
    else:
        return ()
    if any(isinstance(side, syntax.Name) and side.name in bound for side in pair):
        return _subscripted(pair)
    return ()


def _conditions(node: Syntax) -> Iterable[Syntax]:
    """The nodes directly below that must be conditions."""
    if isinstance(node, syntax.Iverson):
        return (node.condition,)
    if isinstance(node, syntax.Operator) and node.symbol in ("and", "or", "not"):
        return node.operands
    if isinstance(node, syntax.Call) and node.function == "select":
        return node.arguments[:1]
    if isinstance(node, syntax.Reduction) and node.operation in ("any", "all"):
        return (node.body,)
    return ()


def _refuse_name(name: str, node: Syntax, scope: Scope, source: str) -> None:
    """Raise where a name means something else already."""
    if name in scope.extents and not scope.closed:
        raise scope.fault(f"'{name}' is an extent", node, source, "a tensor needs another name")
    if name in CONSTANTS:
        raise scope.fault(f"'{name}' is a constant", node, source, "a tensor needs another name")


def _defined_twice(definition: syntax.Definition, scope: Scope, source: str) -> Exception:
    name = definition.name
    head = _head(definition, len(name))
    if name in scope.assumed:
        hint = f"put the definition of {name} before the statement that reads it"
        return scope.fault(f"{name} is read before it is defined", head, source, hint)
    if isinstance(scope.tensors[name], Input):
        hint = f"an input is given, not computed: remove its declaration, or define another name, such as {name}2"
        return scope.fault(
            f"{name} is an input with {axes_text(scope.tensors[name])}, and is defined here", head, source, hint
        )
    return scope.fault(f"{name} is defined twice", head, source, f"each statement defines a new name, such as {name}2")


def _head(node: Syntax, length: int) -> Syntax:
    """The first characters of a node, to point at."""
    return Syntax(syntax.Span(node.span.start, node.span.start + length))


def _parameters(operation: Operation, given: Mapping[str, Number]) -> dict[str, Number]:
    for name in given:
        if name not in operation.parameters:
            close = nearest(name, operation.parameters)
            known = ", ".join(operation.parameters) or "none"
            hint = f"did you mean '{close}'?" if close else f"its parameters: {known}"
            raise UnknownNameError(f"{operation.name} has no parameter '{name}'", hint=hint)
    return {**operation.parameters, **given}


def _from_the_end(operation: Operation, axis: int, program: syntax.Program, arguments: Mapping[str, Tensor]) -> int:
    """An axis as PyTorch counts it, as a negative number; it belongs to the argument of the highest rank."""
    if not operation.axis:
        raise ShapeError(f"{operation.name} takes no axis")
    rank = max(len(tensor.shape) for tensor in arguments.values())
    if not -rank <= axis < rank:
        message = f"Dimension out of range (expected to be in range of [{-rank}, {rank - 1}], but got {axis})"
        raise ShapeError(f"{operation.name}: {message}")
    return axis - rank if axis >= 0 else axis
