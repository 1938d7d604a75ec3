"""Sums of products of many factors as statements that each multiply two.

Which two come first is chosen greedily by how much smaller what comes of them is than what went in, as opt_einsum does;
the Jacobian of a chain of layers is thereby multiplied out in whichever order is cheap (cross-country elimination).
Sums that do not depend on every index around them are computed once, in a statement of their own.
"""

from __future__ import annotations

from collections.abc import Iterable

from covector.calculus.build import MUL, factors_of, mul, total
from covector.ir import (
    Affine,
    Apply,
    Compute,
    Expr,
    Index,
    Literal,
    Program,
    Read,
    Reduce,
    as_affine,
    children,
    rebuild,
    walk,
)
from covector.ir.affine import free, order
from covector.ir.tensor import program_of
from covector.ir.walk import rename_bound, unshadowed
from covector.jacobians.factorise import Part, Sizes, absorbed, array_key


def lowered(program: Program, sizes: Sizes) -> Program:
    """The program with the sums of its derived statements multiplied out two factors at a time."""
    lowering = _Lowering(program, sizes)
    outputs = tuple(lowering.statement(output) if isinstance(output, Compute) else output for output in program.outputs)
    return program_of(outputs, program.inputs)


class _Lowering:
    """The statements as they are rewritten."""

    def __init__(self, program: Program, sizes: Sizes) -> None:
        self.sizes = sizes
        self.taken = set(program.tensors())
        self.done: dict[Compute, Compute] = {}
        self.apart: dict[Expr, Compute] = {}
        self.cast = ""

    def statement(self, statement: Compute) -> Compute:
        """A statement, rewritten where the calculus made it."""
        if not statement.is_derived:
            return statement
        if statement not in self.done:
            before, self.cast = self.cast, statement.cast
            body = self.value(unshadowed(statement.body, statement.indices), frozenset(statement.indices))
            self.cast = before
            self.done[statement] = Compute(statement.name, statement.indices, body, statement.cast)
        return self.done[statement]

    def value(self, expr: Expr, around: frozenset[Index]) -> Expr:
        """An expression that stands where some indices run."""
        if isinstance(expr, Read) and isinstance(expr.tensor, Compute):
            return Read(self.statement(expr.tensor), expr.positions)
        if isinstance(expr, (Affine, Literal, Read)):
            return expr
        if not isinstance(expr, Reduce):
            parts = tuple(self.value(child, around) for child in children(expr))
            result: Expr = rebuild(expr, parts)
            return result
        body = self.value(expr.body, around | frozenset(expr.indices))
        summed = expr.operation == "sum"
        reduced = self.summed(expr.indices, body) if summed else Reduce(expr.operation, expr.indices, body)
        return self.hoisted(reduced) if free(reduced) < around else reduced

    def summed(self, indices: tuple[Index, ...], body: Expr) -> Expr:
        """A sum of a product, two factors at a time."""
        parts = absorbed((Part(factor, free(factor)) for factor in factors_of(body)), self.sizes)
        while len(parts) > 2:
            first, second = min(_pairs(parts), key=lambda pair: self.growth(pair, parts, indices))
            parts = [part for part in parts if part is not first and part is not second]
            gone = _only_in((first, second), parts, indices)
            product = self.product((first, second), gone)
            parts = absorbed((*parts, Part(self.hoisted(product), free(product))), self.sizes)
            indices = tuple(index for index in indices if index not in gone)
        return self.product(parts, indices)

    def growth(self, pair: tuple[Part, Part], parts: Iterable[Part], indices: tuple[Index, ...]) -> tuple[int, int]:
        """How many more elements the product of two parts has than both, and how much work it is."""
        first, second = pair
        rest = [part for part in parts if part not in pair]
        over = first.over | second.over
        after = over - frozenset(_only_in(pair, rest, indices))
        before = self.sizes.of(first.over) + self.sizes.of(second.over)
        return self.sizes.of(after) - before, self.sizes.of(over)

    def product(self, parts: Iterable[Part], indices: tuple[Index, ...]) -> Expr:
        """``Σ_indices`` of a product, of reads alone where it is a product of matrices."""
        parts = tuple(parts)
        matrices = len(parts) == 2 and bool(indices) and not any(a.over <= b.over for a, b in (parts, parts[::-1]))
        factors = (self.hoisted(part.expr) if matrices else part.expr for part in parts)
        flat = (inner for factor in factors for inner in _factors(factor))
        return total(indices, mul(*flat))

    def hoisted(self, expr: Expr) -> Expr:
        """A read of a statement that computes an expression."""
        if isinstance(expr, (Read, Literal, Affine)):
            return expr
        over = _memory_order(expr)
        key = array_key(expr, over)
        if key not in self.apart:
            self.apart[key] = Compute(self.name(), over, rename_bound(expr, frozenset(over)), self.cast)
        return Read(self.apart[key], tuple(map(as_affine, over)))

    def name(self) -> str:
        """A name that no tensor has yet."""
        number = len(self.taken)
        while f"t{number}" in self.taken:
            number += 1
        self.taken.add(f"t{number}")
        return f"t{number}"


def _memory_order(expr: Expr) -> tuple[Index, ...]:
    """The indices of an expression in the order of the axes of what it reads, the widest first."""
    reads = [node for node in walk(expr) if isinstance(node, Read)]
    reads.sort(key=lambda read: -len(read.positions))
    own = free(expr)
    found = (index for read in reads for position in read.positions if (index := position.index) is not None)
    return tuple(dict.fromkeys(index for index in (*found, *sorted(own, key=order)) if index in own))


def _factors(expr: Expr) -> tuple[Expr, ...]:
    flat = isinstance(expr, Apply) and expr.function is MUL
    return tuple(part for factor in factors_of(expr) for part in _factors(factor)) if flat else (expr,)


def _pairs(parts: list[Part]) -> Iterable[tuple[Part, Part]]:
    return ((first, second) for place, first in enumerate(parts) for second in parts[place + 1 :])


def _only_in(pair: tuple[Part, Part], rest: Iterable[Part], indices: tuple[Index, ...]) -> tuple[Index, ...]:
    """The summed indices that occur in two parts and in no other."""
    elsewhere = frozenset().union(*(part.over for part in rest))
    own = pair[0].over | pair[1].over
    return tuple(index for index in indices if index in own and index not in elsewhere)
