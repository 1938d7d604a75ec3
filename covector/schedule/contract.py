"""Sums of products: what does not change goes out, factors of the same indices are one operand, and more than two
operands are multiplied in the order that costs least.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

import opt_einsum  # type: ignore[import-untyped]

from covector.calculus.build import mul
from covector.ir import (
    Affine,
    Apply,
    Bracket,
    Compute,
    Expr,
    Floor,
    Index,
    Mod,
    Program,
    Read,
    Reduce,
    Symbol,
    as_affine,
    walk,
)
from covector.ir.affine import atoms, free
from covector.ops import SCALARS
from covector.schedule.factors import flat_factors, nonnegative_form
from covector.schedule.reductions import reread
from covector.schedule.scan import scanned
from covector.schedule.scatter import scattered
from covector.schedule.statements import Statements, cast_of, computed, depends_on_data, in_layout
from covector.schedule.unravel import parts_of, unravelled

LT = SCALARS["lt"]
NOMINAL = 64
"""The size that an extent is taken for that is only known in a call."""

Indices = frozenset[Index]


def contract(program: Program) -> Program:
    """The program with its sums of products as products of two operands, or as plain loops."""
    statements, replaced = Statements(program), dict[Compute, Compute]()
    for statement in computed(program):
        body = reread(statement.body, replaced)
        new = statement if body is statement.body else Compute(statement.name, statement.indices, body, statement.cast)
        if isinstance(body, Reduce) and body.operation == "sum" and not is_one_pass(new):
            new = Contraction(statements, new).statement()
        replaced[statement] = new
        statements.add(new)
    return statements.finish(replaced[output] for output in computed(Program((), program.outputs, ())))


def is_one_pass(statement: Compute) -> bool:
    """Whether a sum is a scatter or a running sum, and better left as it is."""
    return scattered(statement) is not None or scanned(statement) is not None


class Contraction:
    """One statement that is a sum."""

    def __init__(self, statements: Statements, statement: Compute) -> None:
        self.statements, self.original = statements, statement
        assert isinstance(statement.body, Reduce)
        self.body = statement.body
        self.scope = (*statement.indices, *self.body.indices)

    def statement(self) -> Compute:
        """The statement, its operands statements of their own where they must be."""
        own, guarded = self.original, not self.original.is_derived and depends_on_data(self.body)
        factors = without_idle_brackets(flat_factors(self.body.body))
        if guarded and any(isinstance(factor, Bracket) for factor in factors):
            return own
        product, split = unravelled(self.body.indices, mul(*factors))
        if split:
            indices = tuple(part for index in self.body.indices for part in parts_of(index, split))
            self.body = Reduce("sum", indices, product)
            self.scope = (*own.indices, *indices)
            factors = flat_factors(product)
        body = self.total(frozenset(self.body.indices), factors)
        if body is own.body:
            return own
        new = Compute(own.name, own.indices, body, own.cast)
        return new if new.dtype == own.dtype else Compute(own.name, own.indices, body, own.dtype)

    def total(self, summed: Indices, factors: Sequence[Expr]) -> Expr:
        """The sum of a product over some indices."""
        outside, inside = divided(summed, factors)
        used = frozenset().union(*(free(factor) for factor in inside)) & summed
        scale = [factor for factor in outside if not free(factor)]
        outside = [factor for factor in outside if free(factor)]
        for index in sorted(summed - used, key=lambda index: index.name):
            scale.append(index.extent)
        if not used:
            return mul(*scale, *outside, *inside)
        operands = [mul(*o) for o in merged([frozenset(free(factor)) for factor in inside], inside)]
        apart = self.apart(used, operands)
        left_over = used & frozenset().union(*(free(operand) for operand in apart))
        if len(apart) == 2 and is_product(left_over, *(frozenset(free(operand)) for operand in apart)):
            apart = [self.operand(operand) for operand in apart]
        elif apart == operands:
            apart = inside
            if not outside and summed == used:
                return self.body
        here = frozenset().union(*(free(operand) for operand in apart))
        if not left_over:
            return mul(*scale, *outside, *apart)
        if outside or frozenset(self.original.indices) - here:
            return mul(*outside, self.separate(left_over, [*scale, *apart]))
        return self.reduce(left_over, [*scale, *apart])

    def apart(self, summed: Indices, operands: list[Expr]) -> list[Expr]:
        """One operand, or two after all others were multiplied into them."""
        if len(operands) < 2:
            return operands
        found = [self.alone(summed, place, operands) for place in range(len(operands))]
        while len(found) > 2:
            first, second = sorted(self.cheapest(summed, found))
            one, other = found[first], found[second]
            rest = [operand for place, operand in enumerate(found) if place not in (first, second)]
            elsewhere = frozenset(self.original.indices).union(*(free(operand) for operand in rest))
            here = (free(one) | free(other)) & summed - elsewhere
            found = [*rest, self.separate(here, [one, other]) if here else mul(one, other)]
        return found

    def alone(self, summed: Indices, place: int, operands: list[Expr]) -> Expr:
        """An operand, summed over the indices that no other has."""
        others = frozenset[Index]().union(*(free(other) for at, other in enumerate(operands) if at != place))
        private = free(operands[place]) & summed - others
        return self.separate(private, flat_factors(operands[place])) if private else operands[place]

    def cheapest(self, summed: Indices, operands: list[Expr]) -> tuple[int, int]:
        """The two operands to multiply first."""
        letters = dict(zip(self.scope, map(opt_einsum.get_symbol, count()), strict=False))
        sets = [{letters[index] for index in free(operand)} for operand in operands]
        sizes = {
            letter: index.extent.constant if index.extent.is_constant else NOMINAL for index, letter in letters.items()
        }
        result = {letters[index] for index in self.original.indices}
        path = opt_einsum.paths.auto(sets, result, sizes)
        first, second = path[0][0], path[0][-1]
        return first, second

    def reduce(self, summed: Indices, factors: Sequence[Expr]) -> Reduce:
        """``Σ factors`` over the indices in their order."""
        return Reduce("sum", tuple(index for index in self.scope if index in summed), mul(*factors))

    def separate(self, summed: Indices, factors: Sequence[Expr]) -> Expr:
        """A read of a sum that becomes a statement of its own."""
        indices = tuple(index for index in self.scope if index in summed)
        body = Reduce("sum", indices, mul(*factors))
        own = tuple(index for index in self.scope if index in free(body))
        statement = Compute(self.original.name, own, body, cast_of(body, self.original))
        inner = Contraction(self.statements, statement)
        inner.scope = self.scope
        return self.statements.read(self.original.name, own, inner.statement().body, statement.cast)

    def operand(self, expr: Expr) -> Expr:
        """An operand as a read: of a tensor as it is where that is affine, otherwise of a statement of its own."""
        if isinstance(expr, Read) and is_affine(expr):
            return expr
        indices = in_layout(expr, [index for index in self.scope if index in free(expr)])
        return self.statements.read(self.original.name, indices, expr, cast_of(expr, self.original))


def without_idle_brackets(factors: Sequence[Expr]) -> tuple[Expr, ...]:
    """The factors without brackets that say of a position, which a factor reads at, that it is inside the bounds: where
    it is not, that factor is zero.
    """
    idle: set[Affine] = set()
    for factor in factors:
        if isinstance(factor, Read):
            for position, extent in zip(factor.positions, factor.tensor.shape, strict=True):
                idle |= {position, extent - 1 - position}
    return tuple(factor for factor in factors if nonnegative_form(factor) not in idle)


def divided(summed: Indices, factors: Sequence[Expr]) -> tuple[list[Expr], list[Expr]]:
    """The factors that can stand before a sum, and those that must stand in it.

    Where a bracket stays in the sum only numbers go out, for it is a strong zero. A number with an extent that the sum
    runs over does not count where that is 0.
    """
    outside = [factor for factor in factors if not free(factor) & summed]
    inside = [factor for factor in factors if free(factor) & summed]
    if any(isinstance(factor, Bracket) for factor in inside):
        inside = [f for f in factors if f in inside or (f in outside and _reads(f))]
        outside = [factor for factor in outside if not _reads(factor)]
    symbols = {node: index for index in summed for node in walk(index.extent) if isinstance(node, Symbol)}
    unsure = {symbols[node] for factor in outside for node in walk(factor) if node in symbols}
    guards = [Bracket(Apply(LT, (as_affine(0), index.extent))) for index in sorted(unsure, key=lambda i: i.name)]
    return [*guards, *outside], inside


def _reads(expr: Expr) -> bool:
    return any(isinstance(node, Read) for node in walk(expr))


def merged(sets: Sequence[Indices], factors: Sequence[Expr]) -> list[list[Expr]]:
    """The factors in operands: those whose indices another operand has too go into the smallest of those."""
    order = sorted(range(len(factors)), key=lambda place: -len(sets[place]))
    operands: list[tuple[Indices, list[Expr]]] = []
    for place in order:
        hosts = [operand for operand in operands if sets[place] <= operand[0]]
        if hosts:
            min(hosts, key=lambda host: len(host[0]))[1].append(factors[place])
        else:
            operands.append((sets[place], [factors[place]]))
    return [operand for _, operand in operands]


def is_product(summed: Indices, left: Indices, right: Indices) -> bool:
    """Whether two operands make a matrix product: each is read again and again for indices that only the other has."""
    roles = (summed, left - right - summed, right - left - summed)
    return all(any(_counts(index) for index in role) for role in roles)


def _counts(index: Index) -> bool:
    return not (index.extent.is_constant and index.extent.constant <= 1)


def is_affine(read: Read) -> bool:
    """Whether the positions of a read are affine in indices."""
    return all(not isinstance(atom, (Floor, Mod, Read)) for position in read.positions for atom in atoms(position))
