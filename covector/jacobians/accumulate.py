"""The Jacobian of a program, statement by statement from the first one forward, deltas eliminated on the way.

``∂s[o]/∂x[i] = Σ over the reads u[e] in s of ∂s[o]/∂u[e] · ∂u[e]/∂x[i]``. Put in where it is read, the Jacobian of an
earlier statement keeps its deltas, and factors that belong to one group of indices alone stay apart; this is what Laue,
Mitterreiter and Giesen call the compressed form (Computing Higher Order Derivatives of Matrix and Tensor Expressions,
2018, section 4). Where such an expression grows too long it is stored, so that the work stays linear in the program.
"""

from __future__ import annotations

from collections.abc import Callable

from covector.calculus.build import EQ, ZERO, mul
from covector.calculus.derivative import derivative
from covector.calculus.shrink import size
from covector.calculus.tidy import Tidy
from covector.errors import CovectorError, DtypeError
from covector.ir import Apply, Bracket, Compute, Expr, Opaque, Program, Read, Tensor, as_affine, is_float
from covector.ir.tensor import read_tensors
from covector.ir.walk import rename, rename_bound
from covector.jacobians.terms import Groups, Term, collected, groups_of, joined, placed, split

LONGEST = 80
"""Nodes of the longest Jacobian of a statement that is put in where the statement is read; a longer one is stored."""

Store = Callable[[tuple[Term, ...], Groups, str], tuple[Term, ...]]
"""What makes the terms of a Jacobian shorter by storing what they are made of."""


def entries(program: Program, output: Tensor, wrt: Tensor, store: Store) -> tuple[Groups, tuple[Term, ...]]:
    """The terms of ``∂output/∂wrt``.

    Raises `DtypeError` where one of the two is not of a floating dtype, and `CovectorError` where a statement on the
    way has no element form.
    """
    for tensor in (wrt, output):
        if not is_float(tensor.dtype):
            hint = f"declare it float64, or leave {tensor.name} out"
            raise DtypeError(f"{tensor.name} has dtype {tensor.dtype}, and only floats have derivatives", hint=hint)
    groups = groups_of(output.shape, wrt.shape)
    if output is wrt:
        return groups, split(_identity(groups), groups)
    found = _Entries(program, wrt, store).of(output)
    return groups, found


def _identity(groups: Groups) -> Expr:
    pairs = zip(groups.outputs, groups.inputs, strict=True)
    return mul(*(Bracket(Apply(EQ, (as_affine(p), as_affine(i)))) for p, i in pairs))


class _Entries:
    """The Jacobians of the statements of a program by one tensor, as they are found."""

    def __init__(self, program: Program, wrt: Tensor, store: Store) -> None:
        self.program, self.wrt, self.store = program, wrt, store
        self.tidy = Tidy(program)
        self.found: dict[Tensor, tuple[Groups, tuple[Term, ...]]] = {}

    def of(self, output: Tensor) -> tuple[Term, ...]:
        """The terms of the Jacobian of a statement; those of the statements that it reads come first."""
        needed = self._needed(output)
        for statement in self.program.statements:
            if statement in needed:
                last = statement is output
                groups = groups_of(statement.shape, self.wrt.shape)
                terms = self._terms(statement, groups)
                if not last and sum(size(term.expr) for term in terms) > LONGEST:
                    terms = self.store(terms, groups, statement.name)
                self.found[statement] = groups, terms
        return self.found[output][1] if output in self.found else ()

    def _needed(self, output: Tensor) -> set[Tensor]:
        """The statements between the tensor and an output."""
        moving: set[Tensor] = {self.wrt}
        for statement in self.program.statements:
            if is_float(statement.dtype) and any(read in moving for read in read_tensors(statement)):
                moving.add(statement)
        wanted, waiting = {output}, [output]
        while waiting:
            fresh = [read for read in read_tensors(waiting.pop()) if read not in wanted]
            wanted.update(fresh)
            waiting += fresh
        return (moving & wanted) - {self.wrt}

    def _terms(self, statement: Compute | Opaque, groups: Groups) -> tuple[Term, ...]:
        if isinstance(statement, Opaque):
            message = f"{statement.name} = {statement.function}(…) has no element form, and so no Jacobian"
            raise CovectorError(message, hint="take the Jacobian of what comes before it, or by what comes after it")
        body = rename_bound(statement.body, frozenset(groups.all))
        body = rename(body, dict(zip(statement.indices, groups.outputs, strict=True)))
        raw = derivative(body, lambda read: self._leaf(read, groups))
        terms = (tidied for term in split(raw, groups) for tidied in split(self.tidy(term.expr), groups))
        together = self.tidy(joined(collected(terms)))
        return collected(split(together, groups))

    def _leaf(self, read: Read, groups: Groups) -> Expr:
        """The derivative of a read by the tensor."""
        if read.tensor is self.wrt:
            ties = zip(read.positions, groups.inputs, strict=True)
            return mul(*(Bracket(Apply(EQ, (here, as_affine(there)))) for here, there in ties))
        found = self.found.get(read.tensor)
        if found is None:
            return ZERO
        own, terms = found
        return placed(joined(terms), own.outputs, read.positions)
