"""Sums over an index that a bracket fixes need no loop: ``Σ_q [q = t[i]]·f[q]`` is f[t[i]]."""

from __future__ import annotations

from collections.abc import Sequence

from covector.calculus.build import at_least_zero, delta_form, mul
from covector.ir import Bracket, Compute, Expr, Index, Program, Reduce, substitute
from covector.ir.affine import free
from covector.ir.bounds import within
from covector.schedule.factors import flat_factors
from covector.schedule.reductions import reread
from covector.schedule.scatter import is_plain, solved
from covector.schedule.statements import computed


def eliminate_deltas(program: Program) -> Program:
    """The program without sums over what a bracket fixes."""
    replaced: dict[Compute, Compute] = {}
    for statement in computed(program):
        body = reread(statement.body, replaced)
        if isinstance(body, Reduce) and body.operation == "sum":
            body = without_deltas(body, statement.is_derived)
        new = statement if body is statement.body else Compute(statement.name, statement.indices, body, statement.cast)
        if new.dtype != statement.dtype:
            new = Compute(statement.name, statement.indices, body, statement.dtype)
        replaced[statement] = new
    outputs = tuple(replaced[output] for output in computed(Program((), program.outputs, ())))
    return Program(program.inputs, tuple(replaced.values()), outputs)


def without_deltas(body: Reduce, derived: bool) -> Expr:
    """A sum over the indices that no bracket fixes.

    What is not derived keeps an index that would become data: a position that depends on data is held to its bounds.
    """
    indices, factors = list(body.indices), list(flat_factors(body.body))
    while (found := _fixed(indices, factors, derived)) is not None:
        place, index = found
        form = delta_form(factors.pop(place))
        position = solved(form, index) if form is not None else None
        assert position is not None
        factors = [substitute(factor, {index: position}) for factor in factors]
        if not within(position, index.extent):
            factors += [at_least_zero(position), at_least_zero(index.extent - 1 - position)]
        indices.remove(index)
    if len(indices) == len(body.indices):
        return body
    return Reduce("sum", tuple(indices), mul(*factors)) if indices else mul(*factors)


def _fixed(indices: Sequence[Index], factors: Sequence[Expr], derived: bool) -> tuple[int, Index] | None:
    """The first factor that fixes a summed index, and that index."""
    for place, factor in enumerate(factors):
        form = delta_form(factor) if isinstance(factor, Bracket) else None
        for index in indices:
            if form is None or index not in free(form) or solved(form, index) is None:
                continue
            if derived or is_plain(form, index, factors):
                return place, index
    return None
