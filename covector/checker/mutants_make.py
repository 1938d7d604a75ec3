"""Mutants of a true backward: programs with one mistake each, made in the IR.

Beside the mistakes that causes are found by, those that tests are known to miss: a sum that is dropped or runs over
another axis, a mean over another extent, an index off by one, operands that changed places.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from typing import Any

from covector.calculus.build import ZERO, mul, number, power
from covector.checker.guess import Guess, Truth
from covector.checker.mistakes import MISTAKES
from covector.checker.mistakes_alike import epsilons, inside
from covector.errors import CovectorError
from covector.ir import (
    Affine,
    Apply,
    Compute,
    Expr,
    Index,
    Program,
    Read,
    Reduce,
    Tensor,
    as_affine,
    check,
    children,
    is_float,
    rebuild,
    substitute,
    transform,
    walk,
)
from covector.ir.affine import atoms, free
from covector.ir.node import Node
from covector.ir.tensor import program_of
from covector.notation.print import text

Change = Callable[[Truth], Iterator[Guess]]


@dataclass(frozen=True)
class Mutant:
    """A backward with one mistake: its kind, what was changed, the program; ``outputs`` name the gradients by input."""

    name: str
    description: str
    program: Program
    outputs: Mapping[str, str]
    original: Compute
    changed: Compute


def mutants_of(program: Program, outputs: Mapping[str, str], forward: Program) -> Iterator[Mutant]:
    """Every mutant of a backward.

    ``program`` computes the gradients, ``outputs`` names the statement for each input, ``forward`` is the part of it
    that is no backward. Statements of the backward take every change, those of the forward that it computes again only
    that of ε.

    >>> from covector.derivation.derivation import derive
    >>> record = derive("y[i] = x[i]**2").record
    >>> found = list(mutants_of(record.gradient_program, {"x": "dx"}, record.program))
    >>> found[0].name, found[0].description
    ('sign', 'dx with the other sign')
    """
    own = set(forward.statements)
    needed = set(program_of([t for t in program.statements if t.name in outputs.values()]).statements)
    for statement in program.statements:
        if not isinstance(statement, Compute) or statement not in needed:
            continue
        truth = Truth(statement, _tensors(program, statement))
        for change in (epsilons,) if statement in own else CHANGES:
            seen: set[Expr] = {statement.body}
            for guess in change(truth):
                body = _body(guess.statement, statement)
                if body is None or body in seen:
                    continue
                seen.add(body)
                changed = Compute(statement.name, statement.indices, body, statement.cast)
                made = replaced(program, statement, changed)
                if _is_sound(made):
                    yield Mutant(guess.name, guess.sentence, made, outputs, statement, changed)


def _is_sound(program: Program) -> bool:
    """Whether a mutant is a program at all: what breaks a rule of the IR would be caught by anything."""
    try:
        check(program)
    except CovectorError:
        return False
    return True


def _body(guess: Compute, statement: Compute) -> Expr | None:
    """What a guess says about the elements of a statement; one with its axes in another order is read by position."""
    if len(guess.indices) != len(statement.indices):
        return None
    pairs = zip(guess.indices, statement.indices, strict=True)
    body: Expr = substitute(guess.body, {old: as_affine(new) for old, new in pairs if old is not new})
    return body


def replaced(program: Program, old: Compute, new: Compute) -> Program:
    """The program with another statement in the place of one, and whatever reads it reading the other."""
    found: dict[Tensor, Tensor] = {old: new}

    def reread(node: object) -> object:
        return Read(found.get(node.tensor, node.tensor), node.positions) if isinstance(node, Read) else node

    statements: list[Compute] = []
    for statement in program.statements:
        assert isinstance(statement, Compute)
        body = transform(statement.body, reread)
        # An unchanged statement stays the object that it is, as others read it.
        same = statement if body is statement.body else Compute(statement.name, statement.indices, body, statement.cast)
        made = new if statement is old else same
        found[statement] = made
        statements.append(made)
    outputs = tuple(found[output] for output in program.outputs)
    return Program(program.inputs, tuple(statements), outputs)  # type: ignore[arg-type]


def _tensors(program: Program, statement: Compute) -> tuple[Tensor, ...]:
    """What a statement may read: the inputs and the statements before it."""
    place = program.statements.index(statement)
    return tuple(t for t in (*program.inputs, *program.statements[:place]) if is_float(t.dtype))


def whole(truth: Truth) -> Iterator[Guess]:
    """The whole gradient with another sign or factor, or zero."""
    s = truth.statement
    extents = list(dict.fromkeys([*s.shape, *(i.extent for i in _bound(s))]))
    yield _as(truth, mul(number(-1), s.body), "sign", f"{s.name} with the other sign")
    yield _as(truth, mul(number(2), s.body), "factor 2", f"{s.name} twice")
    yield _as(truth, mul(number(Fraction(1, 2)), s.body), "factor 1/2", f"half of {s.name}")
    for extent in extents[:3]:
        shown = text(extent)
        yield _as(truth, mul(extent, s.body), "missing factor 1/n", f"{s.name} times {shown}")
        yield _as(truth, mul(power(extent, -1), s.body), "extra factor 1/n", f"{s.name} over {shown}")
    yield _as(truth, ZERO, "zero", f"{s.name} is zero")


def axes(truth: Truth) -> Iterator[Guess]:
    """Two axes of the result exchanged, or the positions of one read."""
    s = truth.statement
    for one, other in combinations(s.indices, 2):
        body = substitute(s.body, {one: as_affine(other), other: as_affine(one)})
        yield _as(truth, body, "transposed", f"the axes {one.name} and {other.name} of {s.name} are exchanged")
    for read in _reads(s):
        for first, second in combinations(range(len(read.positions)), 2):
            positions = list(read.positions)
            positions[first], positions[second] = positions[second], positions[first]
            yield _part(truth, read, Read(read.tensor, tuple(positions)), "transposed", f"{text(read)} is transposed")


def dropped_sums(truth: Truth) -> Iterator[Guess]:
    """A sum that takes only its first or only its last element."""
    for node in _reductions(truth.statement):
        for index in node.indices:
            rest = tuple(other for other in node.indices if other is not index)
            for place, word in ((as_affine(0), "first"), (index.extent - 1, "last")):
                body = substitute(node.body, {index: place})
                new = Reduce(node.operation, rest, body) if rest else body
                sentence = f"the {node.operation} over {index.name} takes its {word} element alone"
                yield _part(truth, node, new, "dropped sum", sentence)


def stale_means(truth: Truth) -> Iterator[Guess]:
    """A mean over the extent of another axis."""
    s = truth.statement
    extents = list(dict.fromkeys([*s.shape, *(i.extent for i in _bound(s))]))
    for node in walk(s.body):
        if isinstance(node, Apply) and node.arguments and isinstance(node.arguments[0], Affine):
            if node.function.name != "pow" or free(node.arguments[0]):
                continue
            for extent in extents:
                if extent is not node.arguments[0]:
                    new = Apply(node.function, (extent, *node.arguments[1:]))
                    sentence = f"a mean over {text(node.arguments[0])} divides by {text(extent)}"
                    yield _part(truth, node, new, "stale mean", sentence)


def shifts(truth: Truth) -> Iterator[Guess]:
    """A read that is off by one."""
    for read in _reads(truth.statement):
        for axis, position in enumerate(read.positions):
            if any(isinstance(atom, Read) for atom in atoms(position)):
                continue
            for step in (1, -1):
                moved = Read(read.tensor, (*read.positions[:axis], position + step, *read.positions[axis + 1 :]))
                yield _part(truth, read, moved, "off by one", f"{text(moved)} stands where {text(read)} belongs")


def operands(truth: Truth) -> Iterator[Guess]:
    """Two tensors of a product that changed places, and the arguments of a function of two."""
    s = truth.statement
    for node in walk(s.body):
        if not isinstance(node, Apply):
            continue
        if node.function.name == "mul":
            reads = [part for part in node.arguments if isinstance(part, Read)]
            for one, other in combinations(reads, 2):
                if one.tensor is other.tensor or len(one.positions) != len(other.positions):
                    continue
                swapped: dict[Expr, Expr] = {
                    one: Read(other.tensor, one.positions),
                    other: Read(one.tensor, other.positions),
                }
                new = Apply(node.function, tuple(swapped.get(part, part) for part in node.arguments))
                sentence = f"{one.tensor.name} and {other.tensor.name} changed places"
                yield _part(truth, node, new, "swapped operands", sentence)
        elif len(node.arguments) == 2 and not node.function.variadic and node.function.name in ("sub", "div", "atan2"):
            new = Apply(node.function, node.arguments[::-1])
            yield _part(truth, node, new, "swapped operands", f"{text(node)} with its arguments exchanged")


CHANGES: tuple[Change, ...] = (
    whole,
    axes,
    dropped_sums,
    stale_means,
    shifts,
    operands,
    *(m for m in MISTAKES if m is not inside),
)
"""Every change that is made to the statements of a backward."""


def _as(truth: Truth, body: Expr, name: str, sentence: str) -> Guess:
    return Guess(Compute("mutant", truth.statement.indices, body), name, sentence)


def _part(truth: Truth, node: Expr, new: Expr, name: str, sentence: str) -> Guess:
    """The statement with one part replaced; the part itself is looked for, not what becomes of it."""
    done: dict[Node, Any] = {}
    for part in walk(truth.statement.body):
        done[part] = new if part is node else rebuild(part, tuple(done[child] for child in children(part)))
    return _as(truth, done[truth.statement.body], name, sentence)


def _bound(statement: Compute) -> list[Index]:
    return [index for node in _reductions(statement) for index in node.indices]


def _reductions(statement: Compute) -> list[Reduce]:
    return [node for node in walk(statement.body) if isinstance(node, Reduce)]


def _reads(statement: Compute) -> list[Read]:
    return [node for node in walk(statement.body) if isinstance(node, Read)]
