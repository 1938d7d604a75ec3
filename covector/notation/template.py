"""Templates: which form of an operation fits the arguments, what ``...`` stands for, and what declared extents are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

from covector.errors import ShapeError
from covector.ir import Affine, Index, Symbol, Tensor, as_affine
from covector.ir.affine import exact_quotient
from covector.notation import syntax
from covector.notation.integers import integer
from covector.notation.parse import parse_program
from covector.notation.scope import Scope, axes_text, shape_text, syntax_walk
from covector.notation.statement import Env, Statement
from covector.ops import Operation

_ONE = as_affine(1)


@lru_cache(maxsize=1024)
def parsed(form: str) -> syntax.Program:
    """The syntax of a form."""
    return parse_program(form)


def choose(operation: Operation, arguments: Mapping[str, Tensor]) -> syntax.Program:
    """The first form that reads exactly these arguments and whose ranks fit them.

    Raises `ShapeError` where there is none.
    """
    programs = [parsed(form) for form in operation.forms]
    named = [program for program in programs if _read_names(program, operation) == set(arguments)]
    if not named:
        sets = dict.fromkeys(_signature(program, operation) for program in programs)
        given = f"{operation.name}({', '.join(arguments)})"
        raise ShapeError(f"{given}: no form of {operation.name} takes these arguments", hint=" or ".join(sets))
    faults = [_misfit(program, arguments) for program in named]
    for program, fault in zip(named, faults, strict=True):
        if fault is None:
            return program
    raise ShapeError(f"{operation.name}: {faults[0]}", hint=_ranks_hint(named))


def _read_names(program: syntax.Program, operation: Operation) -> set[str]:
    """The arguments that a form declares or reads."""
    found: set[str] = set()
    for statement in program.statements:
        if isinstance(statement, syntax.Declaration):
            found.add(statement.name)
            continue
        nodes = list(syntax_walk(statement))
        bound = {node.name for node in nodes if isinstance(node, syntax.IndexBinding)}
        found |= {node.name for node in nodes if isinstance(node, syntax.Subscript)}
        found |= {node.name for node in nodes if isinstance(node, syntax.Name)} - bound
    return found & set(operation.arguments)


def _signature(program: syntax.Program, operation: Operation) -> str:
    names = _read_names(program, operation)
    return f"{operation.name}({', '.join(name for name in operation.arguments if name in names)})"


def _misfit(program: syntax.Program, arguments: Mapping[str, Tensor]) -> str | None:
    """Why the ranks of the arguments do not fit a form, or None where they do."""
    for node in syntax_walk(program):
        if isinstance(node, syntax.Subscript) and node.name in arguments:
            wanted, parts = len(node.positions), node.positions
        elif isinstance(node, syntax.Declaration) and node.name in arguments:
            wanted, parts = len(node.extents), node.extents
        else:
            continue
        rank = len(arguments[node.name].shape)
        open_ended = bool(parts) and isinstance(parts[0], syntax.Ellipsis)
        if rank < wanted - 1 or (rank != wanted and not open_ended):
            least = f"at least {wanted - 1}" if open_ended else str(wanted)
            return f"{node.name} has {axes_text(arguments[node.name])}, and it must have {least}"
    return None


def _ranks_hint(programs: Iterable[syntax.Program]) -> str:
    return "it is " + ", or ".join(" ; ".join(program.source.strip().splitlines()) for program in programs)


def declared_extents(program: syntax.Program, arguments: Mapping[str, Tensor], scope: Scope) -> dict[str, Affine]:
    """What the symbols in the declarations of a form are for these arguments.

    Raises `ShapeError` where a declaration does not fit.
    """
    declarations = [node for node in program.statements if isinstance(node, syntax.Declaration)]
    found: dict[str, Affine] = {}
    pairs = [(node, *pair) for node in declarations for pair in _declared(node, arguments[node.name], scope.axis)]
    for _, wanted, extent in pairs:
        if isinstance(wanted, syntax.Name) and wanted.name not in scope.parameters:
            found.setdefault(wanted.name, extent)
    for _, wanted, extent in pairs:
        found.update(_solved(wanted, extent, replace(scope, extents=found, closed=False), program.source))
    known = replace(scope, extents=found)
    for node, wanted, extent in pairs:
        if integer(wanted, Env(declares=True), Statement(known, program.source)) is not extent:
            raise _declared_otherwise(node, arguments[node.name], known, program.source)
    return found


def _solved(wanted: syntax.Syntax, extent: Affine, scope: Scope, source: str) -> dict[str, Affine]:
    """The one symbol of a declared extent such as ``2*F`` that no other extent tells."""
    unknown = {part.name for part in syntax_walk(wanted) if isinstance(part, syntax.Name)}
    unknown -= {*scope.extents, *scope.parameters}
    if len(unknown) != 1:
        return {}
    (name,) = unknown
    form = integer(wanted, Env(declares=True), Statement(scope, source))
    coefficient = form.coefficient(Symbol(name))
    if coefficient is None or coefficient is as_affine(0):
        return {}
    quotient = exact_quotient(extent - (form - coefficient * Symbol(name)), coefficient)
    return {} if quotient is None else {name: quotient}


def _declared(node: syntax.Declaration, tensor: Tensor, axis: int) -> list[tuple[syntax.Syntax, Affine]]:
    """Each extent as declared, with the actual one; the axes of ``...`` are free."""
    extents = [extent for extent in node.extents if not isinstance(extent, syntax.Ellipsis)]
    if len(extents) == 1 < len(tensor.shape):
        return [(extents[0], tensor.shape[axis])]
    return list(zip(extents, tensor.shape[len(tensor.shape) - len(extents) :], strict=True))


def _declared_otherwise(node: syntax.Declaration, tensor: Tensor, scope: Scope, source: str) -> Exception:
    texts = [source[extent.span.start : extent.span.end] for extent in node.extents]
    names = {part.name for extent in node.extents for part in syntax_walk(extent) if isinstance(part, syntax.Name)}
    values = {name: repr(scope.extents[name]) for name in sorted(names) if name in scope.extents}
    known = ", ".join(f"{name} = {text}" for name, text in values.items() if name != text)
    expected = "×".join(texts) + (f" with {known}" if known else "")
    message = f"{node.name} has shape {shape_text(tensor.shape)}, expected {expected}"
    return scope.fault(message, node, source, kind=ShapeError)


def batch_indices(definition: syntax.Definition, scope: Scope) -> tuple[Index, ...]:
    """The indices that ``...`` stands for in a definition: the leading axes of all its reads, broadcast.

    Raises `ShapeError` where they do not broadcast.
    """
    reads = [node for node in syntax_walk(definition.body) if isinstance(node, syntax.Subscript)]
    open_ended = [node for node in reads if node.positions and isinstance(node.positions[0], syntax.Ellipsis)]
    shapes = [
        (node.name, _leading(scope.tensors[node.name].shape, len(node.positions) - 1, scope.axis))
        for node in open_ended
        if node.name in scope.tensors
    ]
    extents = broadcast(shapes, scope.operation)
    names = _batch_names(len(extents), names_spoken(definition) | scope.spoken)
    return tuple(Index(name, extent) for name, extent in zip(names, extents, strict=True))


def names_spoken(tree: syntax.Syntax) -> frozenset[str]:
    """Every name in a tree: of tensors, indices, extents and parameters."""
    named = (syntax.Name, syntax.Subscript, syntax.IndexBinding, syntax.Definition)
    return frozenset(node.name for node in syntax_walk(tree) if isinstance(node, named))


def _leading(shape: tuple[Affine, ...], trailing: int, axis: int) -> tuple[Affine, ...]:
    """The extents that ``...`` stands for in one read."""
    if trailing == 1:
        at = len(shape) + axis
        return (*shape[:at], *shape[at + 1 :]) if at >= 0 else shape[:-1]
    return shape[: len(shape) - trailing]


def broadcast(shapes: Sequence[tuple[str, tuple[Affine, ...]]], operation: str = "") -> tuple[Affine, ...]:
    """The shape that arrays, given by name and shape, broadcast to by PyTorch's rules.

    Raises `ShapeError` where two extents differ and neither is 1.

    >>> broadcast([("a", (as_affine(5), as_affine(1))), ("b", (as_affine(3),))])
    (5, 3)
    """
    rank = max((len(shape) for _, shape in shapes), default=0)
    result, origin = [_ONE] * rank, [""] * rank
    for name, shape in shapes:
        for axis, extent in enumerate(shape, rank - len(shape)):
            if extent is _ONE or extent is result[axis]:
                continue
            if result[axis] is not _ONE:
                first, second = f"{origin[axis]} ({result[axis]!r})", f"{name} ({extent!r})"
                message = f"The size of tensor {first} must match the size of tensor {second}"
                prefix = f"{operation}: " if operation else ""
                hint = "axes are aligned from the last one; an axis of extent 1 is repeated"
                raise ShapeError(f"{prefix}{message} at non-singleton dimension {axis}", hint=hint)
            result[axis], origin[axis] = extent, name
    return tuple(result)


def _batch_names(count: int, taken: frozenset[str]) -> list[str]:
    """Names for leading axes: i, j, k, … where those are free, else i last and before it what the form does not use."""
    if not taken & set("ijkl"):
        return [*"ijkl"[:count], *(f"i{number}" for number in range(2, count - 2))]
    names = [letter for letter in "ibhnmpqrst" if letter not in taken][:count]
    number = 2
    while len(names) < count:
        if f"b{number}" not in taken:
            names.append(f"b{number}")
        number += 1
    return names[::-1]
