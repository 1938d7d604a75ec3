"""Reverse accumulation: the cotangents of a program, statement by statement from the last one backward.

The cotangent of a tensor is ``dT[t] = Σ over the statements that read T of Σ_o G[o]·∂statement[o]/∂T[t]``, each
an element form again, so that the gradient program can be differentiated like any other. No Jacobian is ever
formed: the sum over o is eliminated with the deltas (Griewank and Walther, Evaluating Derivatives, chapter 3).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from covector.calculus.build import ONE, ZERO, add, is_integer_condition, mul, total
from covector.calculus.derivative import partial
from covector.calculus.recognise import guards_of
from covector.calculus.tidy import Tidy
from covector.errors import DtypeError
from covector.ir import (
    Compute,
    Expr,
    Index,
    Input,
    Program,
    Read,
    Reduce,
    Tensor,
    as_affine,
    is_float,
    substitute,
    walk,
)
from covector.ir.tensor import read_tensors
from covector.ir.walk import fresh, rename, rename_bound, unshadowed
from covector.run.extents import symbols

LETTERS = "ijklmnuvwpqrstabcdefgh"


@dataclass(frozen=True)
class Contribution:
    """What one statement adds to the cotangent of a tensor that it reads.

    ``body`` is the statement at the indices ``outputs``, ``entry`` is ∂statement[outputs]/∂tensor[at] as the
    rules of differentiation give it, ``cotangent`` ∂L/∂statement[outputs], and ``result`` the normal form of
    their product, summed over the outputs.
    """

    statement: Compute
    tensor: Tensor
    outputs: tuple[Index, ...]
    at: tuple[Index, ...]
    body: Expr
    entry: Expr
    cotangent: Expr
    result: Expr


@dataclass(frozen=True)
class Gradients:
    """The cotangents of a program.

    ``cotangents`` maps each tensor to the statement that computes its cotangent (None where it is zero because
    nothing depends on it), in the order in which they are computed; ``seed`` is the cotangent of the output
    that everything starts from: an input G of its shape, or None for a scalar output, whose cotangent is 1.
    """

    program: Program
    seed: Input | None
    cotangents: Mapping[Tensor, Compute | None]
    contributions: Mapping[Tensor, tuple[Contribution, ...]]
    tidy: Tidy

    def gradient_program(self, wanted: Iterable[Tensor]) -> Program:
        """The program that computes the forward values and the cotangents of the wanted tensors."""
        outputs = tuple(c for tensor in wanted if (c := self.cotangents[tensor]) is not None)
        inputs = (*self.program.inputs, *([self.seed] if self.seed else []))
        statements = [*self.program.statements, *(c for c in self.cotangents.values() if c is not None)]
        return Program(inputs, tuple(statements), outputs)


def gradients(program: Program, wrt: Iterable[Tensor], seed_name: str = "G") -> Gradients:
    """The cotangents of every tensor on the way from the output of a program to the tensors ``wrt``.

    Raises `DtypeError` where one of them, or the output, is not of a floating dtype.
    """
    wanted = tuple(wrt)
    for tensor in (*wanted, program.output):
        if not is_float(tensor.dtype):
            raise DtypeError(
                f"{tensor.name} has dtype {tensor.dtype}, and only floats have gradients",
                hint=f"declare it float64, or leave {tensor.name} out of wrt",
            )
    return _Accumulation(program, wanted, seed_name).run()


class _Accumulation:
    """The cotangents as they are found."""

    def __init__(self, program: Program, wanted: tuple[Tensor, ...], seed_name: str) -> None:
        self.program, self.wanted = program, wanted
        tensors = program.tensors()
        extents = (name for tensor in tensors.values() for extent in tensor.shape for name in symbols(extent))
        self.taken = {*tensors, *extents}
        self.tidy = Tidy(program)
        output = program.output
        self.seed = Input(self.name(seed_name), output.shape, output.dtype) if output.shape else None
        self.cotangents: dict[Tensor, Compute | None] = {}
        self.contributions: dict[Tensor, tuple[Contribution, ...]] = {}

    def name(self, wanted: str) -> str:
        """A name that no tensor has yet."""
        while wanted in self.taken:
            wanted += "_"
        self.taken.add(wanted)
        return wanted

    def run(self) -> Gradients:
        """Every statement backward, then the inputs."""
        needed = self.needed()
        for tensor in (*reversed(self.program.statements), *self.program.inputs):
            if tensor in needed and tensor is not self.program.output:
                self.accumulate(tensor)
            elif tensor is self.program.output:
                self.contributions[tensor] = ()
        for tensor in self.wanted:
            self.cotangents.setdefault(tensor, None)
        return Gradients(self.program, self.seed, self.cotangents, self.contributions, self.tidy)

    def needed(self) -> set[Tensor]:
        """The tensors on a way from a wanted one to the output."""
        below: set[Tensor] = set(self.wanted)
        for statement in self.program.statements:
            if is_float(statement.dtype) and any(read in below for read in read_tensors(statement)):
                below.add(statement)
        return below

    def cotangent(self, tensor: Compute, at: tuple[Index, ...]) -> Expr | None:
        """The cotangent of one element of a tensor."""
        positions = tuple(as_affine(index) for index in at)
        if tensor is self.program.output:
            return Read(self.seed, positions) if self.seed else ONE
        found = self.cotangents.get(tensor)
        if found is None:
            return None
        # Where the cotangent is a strong zero, so is what it is multiplied with, be that infinite.
        here = dict(zip(found.indices, positions, strict=True))
        guards = (substitute(guard, here) for guard in self.tidy.recogniser.held[found])
        return mul(*guards, Read(found, positions))

    def accumulate(self, tensor: Tensor) -> None:
        """Add up what every statement that reads the tensor gives to its cotangent."""
        at = element_indices(tensor, self.program.tensors())
        given = [
            contribution
            for statement in self.program.statements
            if isinstance(statement, Compute) and tensor in read_tensors(statement)
            if (contribution := self.contribution(statement, tensor, at)) is not None
        ]
        self.contributions[tensor] = tuple(given)
        body = self.tidy.finish(add(*(contribution.result for contribution in given))) if given else ZERO
        if body is ZERO:
            self.cotangents[tensor] = None
        else:
            cotangent = Compute(self.name(f"d{tensor.name}"), at, unshadowed(body, at), tensor.dtype)
            guards = (guard for guard in guards_of(cotangent.body) if not is_integer_condition(guard.condition))
            self.tidy.recogniser.held[cotangent] = tuple(guards)
            self.cotangents[tensor] = cotangent

    def contribution(self, statement: Compute, tensor: Tensor, at: tuple[Index, ...]) -> Contribution | None:
        """What one statement gives, or None where its own cotangent is zero."""
        outputs = output_indices(statement, at, self.program.tensors())
        cotangent = self.cotangent(statement, outputs)
        if cotangent is None:
            return None
        body = rename_bound(statement.body, frozenset((*at, *outputs)))
        body = rename(body, dict(zip(statement.indices, outputs, strict=True)))
        entry = partial(body, tensor, tuple(as_affine(index) for index in at))
        result = self.tidy(total(outputs, mul(cotangent, entry)))
        return Contribution(statement, tensor, outputs, at, body, entry, cotangent, result)


def element_indices(tensor: Tensor, names: Collection[str] = ()) -> tuple[Index, ...]:
    """Letters for the axes of a tensor, i, j, k …, none of them the name of a tensor."""
    letters = [letter for letter in LETTERS if letter not in names]
    letters += [f"{letter}{count}" for count in range(2, 6) for letter in LETTERS]
    return tuple(Index(letter, extent) for letter, extent in zip(letters, tensor.shape, strict=False))


def output_indices(statement: Compute, at: tuple[Index, ...], names: Collection[str] = ()) -> tuple[Index, ...]:
    """Letters for an output element, p, q, r …, apart from those of the element that it is differentiated by."""
    taken = {index.name for index in at} | _bound_names(statement.body) | set(names)
    letters = [letter for letter in "pqrsuvwxyzabcdefgh" if letter not in taken]
    if len(letters) < len(statement.indices):
        letters += [fresh(i, frozenset(at)).name + "_" for i in statement.indices]
    return tuple(Index(letter, i.extent) for letter, i in zip(letters, statement.indices, strict=False))


def _bound_names(body: Expr) -> set[str]:
    return {index.name for node in walk(body) if isinstance(node, Reduce) for index in node.indices}
