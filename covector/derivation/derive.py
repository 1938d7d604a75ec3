"""Deriving: from a program to the record of all its gradients, each checked before anybody sees it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

from covector.calculus.build import ZERO, add
from covector.calculus.reverse import Gradients, gradients
from covector.calculus.shrink import size
from covector.derivation.record import Gradient, Path, Record
from covector.derivation.steps import path_of
from covector.derivation.stops import stop_notes
from covector.derivation.verify import Candidate, verify
from covector.errors import DtypeError, UnknownNameError, nearest
from covector.ir import Compute, Program, Read, Tensor, check, is_float, substitute, transform, walk
from covector.ir.affine import Affine, Index
from covector.ir.walk import unshadowed
from covector.matrix import MatrixForm, matrix_form

WHOLE_EXTRA = 11
"""Nodes that a gradient as written out may have more than in terms of the cotangents of statements."""

WHOLE_SIZE = 120
"""Nodes of the longest gradient that is written out in terms of the output's cotangent alone."""


def derive_record(program: Program, wrt: Iterable[str] | None = None) -> Record:
    """The derivation of the gradient of the program's output with respect to each wanted tensor (default: every
    float input).

    Raises `UnknownNameError` for a name that the program does not have, `DtypeError` for a tensor that has no
    gradient, and `VerificationError` where a derived gradient does not pass its check.
    """
    wanted = _wanted(program, wrt)
    found = gradients(program, wanted)
    derived = check(found.gradient_program(wanted))
    wholes = {tensor: _written_out(tensor, found) for tensor in wanted}
    candidates = [Candidate(tensor, _claims(found.cotangents[tensor], wholes[tensor])) for tensor in wanted]
    checked = verify(program, found.seed, _with(derived, wholes.values()), candidates)
    records = {
        tensor: Gradient(
            tensor=tensor,
            at=_indices(found, tensor),
            explain=partial(_paths, found, tensor),
            statement=statement,
            whole=wholes.get(tensor) or statement,
            matrix=_matrix(wholes.get(tensor), statement),
            verification=checked.get(tensor.name),
        )
        for tensor, statement in found.cotangents.items()
    }
    return Record(
        program=program,
        seed=found.seed,
        gradients={tensor.name: records[tensor] for tensor in wanted},
        intermediate={tensor.name: record for tensor, record in records.items() if tensor not in wanted},
        forward=_forward(program),
        stops=tuple(stop_notes(program)),
        gradient_program=derived,
    )


def _paths(found: Gradients, tensor: Tensor) -> tuple[Path, ...]:
    return tuple(path_of(contribution, found.tidy) for contribution in found.contributions[tensor])


def _wanted(program: Program, wrt: Iterable[str] | None) -> tuple[Tensor, ...]:
    tensors = program.tensors()
    if wrt is None:
        wanted: tuple[Tensor, ...] = tuple(tensor for tensor in program.inputs if is_float(tensor.dtype))
        if not wanted:
            raise DtypeError("no input is of a floating dtype, so there is nothing to differentiate with respect to")
        return wanted
    for name in (names := list(dict.fromkeys(wrt))):
        if name not in tensors:
            close = nearest(name, tensors)
            hint = f"did you mean {close!r}?" if close else "known: " + ", ".join(tensors)
            raise UnknownNameError(f"the program has no tensor {name!r} to differentiate with respect to", hint=hint)
        if tensors[name] is program.output:
            raise UnknownNameError(f"{name} is the output itself", hint="differentiate with respect to what it reads")
    return tuple(tensors[name] for name in names)


def _indices(found: Gradients, tensor: Tensor) -> tuple[Index, ...]:
    statement = found.cotangents[tensor]
    if statement is not None:
        return statement.indices
    given = found.contributions.get(tensor, ())
    return given[0].at if given else ()


def _claims(statement: Compute | None, whole: Compute | None) -> tuple[Compute | None, ...]:
    return (statement,) if whole is None or whole is statement else (statement, whole)


def _with(derived: Program, more: Iterable[Compute | None]) -> Program:
    """The derived program that computes the written-out gradients too."""
    extra = tuple(statement for statement in more if statement is not None)
    return Program(derived.inputs, (*derived.statements, *extra), derived.outputs)


def _written_out(tensor: Tensor, found: Gradients) -> Compute | None:
    """The gradient with the cotangents of statements written out, where it has such and stays short enough to read."""
    statement = found.cotangents[tensor]
    cotangents = {c for c in found.cotangents.values() if c is not None}
    if statement is None or not _reads(statement, cotangents):
        return None
    body = statement.body
    while any(isinstance(node, Read) and node.tensor in cotangents for node in walk(body)):
        body = transform(
            body, lambda node: _body_at(node) if isinstance(node, Read) and node.tensor in cotangents else node
        )
        if sum(1 for _ in walk(body)) > 4 * WHOLE_SIZE:
            return None
    body = found.tidy.finish(add(body))
    longest = min(WHOLE_SIZE, size(statement.body) + WHOLE_EXTRA, _size_of_parts(statement, cotangents))
    if body is ZERO or size(body) > longest:
        return None
    return Compute(f"{statement.name}'", statement.indices, unshadowed(body, statement.indices), statement.cast)


def _size_of_parts(statement: Compute, cotangents: set[Compute]) -> int:
    """The size of a gradient together with the cotangents of statements that it is written in."""
    parts, waiting = {statement}, [statement]
    while waiting:
        for node in walk(waiting.pop().body):
            if isinstance(node, Read) and node.tensor in cotangents and node.tensor not in parts:
                assert isinstance(node.tensor, Compute)
                parts.add(node.tensor)
                waiting.append(node.tensor)
    return sum(size(part.body) for part in parts)


def _reads(statement: Compute, tensors: set[Compute]) -> bool:
    return any(isinstance(node, Read) and node.tensor in tensors for node in walk(statement.body))


def _body_at(read: Read) -> object:
    assert isinstance(read.tensor, Compute)
    positions: dict[Index, Affine] = dict(zip(read.tensor.indices, read.positions, strict=True))
    return substitute(read.tensor.body, positions)


def _matrix(whole: Compute | None, statement: Compute | None) -> MatrixForm | None:
    """The matrix form of the gradient as written out, or else of its statement."""
    for candidate in (whole, statement):
        if candidate is not None and (form := matrix_form(candidate)) is not None:
            return form
    return None


def _forward(program: Program) -> Mapping[str, MatrixForm]:
    found = {s.name: matrix_form(s) for s in program.statements if isinstance(s, Compute)}
    return {name: form for name, form in found.items() if form is not None}
