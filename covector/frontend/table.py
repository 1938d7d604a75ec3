"""The functions that the tables of operations give: one for each scalar function and for each tensor operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from inspect import Parameter, Signature
from numbers import Real
from operator import index as whole
from typing import TYPE_CHECKING, Any

from covector.errors import CovectorError, UnknownNameError, nearest
from covector.frontend.elementwise import elementwise, lift_all, listing
from covector.frontend.lazy import TraceError, is_array, read, reduces, replace_reads, weight
from covector.frontend.letters import wish
from covector.ir import (
    Affine,
    Compute,
    Expr,
    Input,
    Read,
    Reduce,
    ScalarFunction,
    Tensor,
    as_affine,
    children,
    rebuild,
    substitute,
    walk,
)
from covector.ir.affine import free
from covector.ir.node import Node
from covector.notation.element import instantiate
from covector.ops import Operation

if TYPE_CHECKING:
    from covector.frontend.arrays import Array

Function = Callable[..., Any]

_SMALL = 8  # the weight up to which an elementwise argument that is read several times is written out each time


def scalar_function(function: ScalarFunction, name: str | None = None) -> Function:
    """The function of arrays that applies a scalar function element by element, broadcasting."""
    wanted = len(function.parameters)

    def call(*values: Any) -> Array:
        if len(values) != wanted and not (function.variadic and len(values) > wanted):
            takes = "1 argument" if wanted == 1 else f"{wanted} arguments"
            raise TraceError(f"{call.__name__} takes {takes}, and {len(values)} {_is(len(values))} given")
        return elementwise(function.name, *values)

    signature = f"{name or function.name}({', '.join(function.parameters)})"
    _dress(call, name or function.name, f"{function.doc}\n\n``{signature}``, element by element, broadcasting.")
    kind = Parameter.POSITIONAL_ONLY
    call.__signature__ = Signature([Parameter(p, kind) for p in function.parameters])  # type: ignore[attr-defined]
    return call


def tensor_function(operation: Operation) -> Function:
    """The function of arrays that an operation of the table is: arrays in order, parameters by keyword."""

    def call(*arrays: Any, **keywords: Any) -> Array:
        given = _arguments(operation, arrays, keywords)
        axis = keywords.pop("axis", None) if operation.axis else None
        keywords = {name: _plain(value) for name, value in keywords.items()}
        _refuse_unknown(operation, keywords)
        return apply_operation(operation, given, keywords, axis)

    arguments = ", ".join((*operation.arguments, *(f"{name}={value}" for name, value in operation.parameters.items())))
    arguments += ", axis=-1" if operation.axis else ""
    example = f"Shapes such as ``{operation.example}``."
    _dress(call, operation.name, f"{operation.doc}\n\n``{operation.name}({arguments})``. {example}")
    positional, keyword = Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY
    first, *others = operation.arguments
    parameters = [Parameter(first, positional), *(Parameter(name, positional, default=None) for name in others)]
    parameters += [Parameter(name, keyword, default=value) for name, value in operation.parameters.items()]
    parameters += [Parameter("axis", keyword, default=-1)] if operation.axis else []
    call.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    return call


def _dress(function: Function, name: str, doc: str) -> None:
    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc


def _is(count: int) -> str:
    return "is" if count == 1 else "are"


def _arguments(operation: Operation, arrays: Sequence[Any], keywords: dict[str, Any]) -> dict[str, Any]:
    """The array arguments by name; None says that an optional one is not given."""
    if len(arrays) > len(operation.arguments):
        message = f"{operation.name} takes the arrays {', '.join(operation.arguments)}, and {len(arrays)} are given"
        named = [*operation.parameters, *(["axis"] if operation.axis else [])]
        hint = f"{', '.join(named)}: by keyword, as in {operation.name}(…, {named[0]}=…)" if named else None
        raise TraceError(message, hint=hint)
    given = dict(zip(operation.arguments, arrays, strict=False))
    for name in operation.arguments:
        if name in keywords:
            if name in given:
                raise TraceError(f"{operation.name}: {name} is given twice")
            given[name] = keywords.pop(name)
    return {name: value for name, value in given.items() if value is not None}


def _plain(value: Any) -> Any:
    """A parameter as a number: an extent is one, though it is a symbol."""
    return value.body if is_array(value) and isinstance(value.body, Affine) and not free(value.body) else value


def _refuse_unknown(operation: Operation, keywords: Mapping[str, Any]) -> None:
    known = [*operation.parameters, *(["axis"] if operation.axis else [])]
    for name, value in keywords.items():
        if name not in known:
            close = "axis" if name == "dim" and operation.axis else nearest(name, [*known, *operation.arguments])
            hint = f"did you mean {close!r}?" if close else f"its parameters: {', '.join(known) or 'none'}"
            raise UnknownNameError(f"{operation.name} has no parameter {name!r}", hint=hint)
        if is_array(value) or not isinstance(value, (Real, Affine)):
            message = f"{operation.name}: the parameter {name} is a plain number, not {type(value).__name__} {value!r}"
            raise TraceError(message)


def apply_operation(
    operation: Operation, arguments: Mapping[str, Any], parameters: Mapping[str, Any], axis: Any = None
) -> Array:
    """The result of an operation of the table; statements before the last are added to the trace.

    Raises `ShapeError` where the arguments do not fit the operation, naming their shapes.
    """
    arrays = dict(zip(arguments, lift_all(operation.name, list(arguments.values())), strict=True))
    stands = {name: Input(name, array.extents, array.dtype) for name, array in arrays.items()}
    try:
        statements = instantiate(operation, stands, dict(parameters), axis=None if axis is None else whole(axis))
    except CovectorError as error:
        shapes = f"{operation.name} of {listing(list(arrays.values()))}"
        hint = f"{error.hint}; {shapes}" if error.hint else shapes
        raise type(error)(error.message, hint=hint) from None
    arrays = {name: _settled(array, stands[name], statements) for name, array in arrays.items()}
    return _inline(operation.name, statements, {stands[name]: array for name, array in arrays.items()})


def _settled(array: Array, stand: Input, statements: Sequence[Compute]) -> Array:
    """An argument as it is read: a statement of its own where writing it out at each read would repeat much."""
    reads, reduced = 0, False
    for statement in statements:
        count, under = _count_reads(statement.body, stand)
        reads, reduced = reads + count, reduced or under
    if reduces(array.body):
        return array.trace.keep(array) if reads > 1 or reduced else array
    return array.trace.keep(array) if reads > 1 and weight(array.body) > _SMALL else array


def _count_reads(body: Expr, tensor: Tensor) -> tuple[int, bool]:
    """How often a tensor is read in an expression that is written out, and whether in a reduction."""
    counts: dict[Node, int] = {}
    under = False
    for node in walk(body):
        counts[node] = sum(counts[part] for part in children(node)) + (isinstance(node, Read) and node.tensor is tensor)
        under = under or (isinstance(node, Reduce) and counts[node] > 0)
    return counts[body], under


def _inline(name: str, statements: Sequence[Compute], arrays: Mapping[Tensor, Array]) -> Array:
    """The last statement as an array, its reads of arguments and of the statements before it put in."""
    like = next(iter(arrays.values()))
    trace = like.trace
    found: dict[Tensor, Callable[[tuple[Affine, ...]], Expr]] = {}
    for tensor, array in arrays.items():
        found[tensor] = array.at
    *before, last = statements
    for statement in before:
        body = replace_reads(_unbound(statement.body, like), found)
        found[statement] = read(like, trace.state(trace.unique(statement.name), statement.indices, body)).at
    body = replace_reads(_unbound(last.body, like), found)
    indices = tuple(trace.index(index.extent, wish(index)) for index in last.indices)
    pairs = zip(last.indices, indices, strict=True)
    return like.make(indices, substitute(body, {old: as_affine(new) for old, new in pairs}))


def _unbound(body: Expr, like: Array) -> Expr:
    """The expression with its bound indices made placeholders, which want the same letters."""
    done: dict[Node, Any] = {}
    for node in walk(body):
        new = rebuild(node, tuple(done[part] for part in children(node)))
        if isinstance(new, Reduce):
            bound = tuple(like.trace.index(index.extent, wish(index)) for index in new.indices)
            pairs = zip(new.indices, bound, strict=True)
            new = Reduce(new.operation, bound, substitute(new.body, {old: as_affine(to) for old, to in pairs}))
        done[node] = new
    result: Expr = done[body]
    return result
