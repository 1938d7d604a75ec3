"""Every reduction becomes a statement of its own, over exactly the indices that it depends on.

So what does not change in a loop is computed before it: ``exp(x[i,j] - max[k](x[i,k]))`` takes the maximum once a row.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from covector.calculus.build import ONE, mul
from covector.ir import (
    Affine,
    Apply,
    Bracket,
    Compute,
    Expr,
    Floor,
    Index,
    Program,
    Read,
    Reduce,
    Select,
    as_affine,
    children,
    floor_div,
    rebuild,
    substitute,
    walk,
)
from covector.ir.affine import free
from covector.ir.element import dtype
from covector.ir.walk import bound_in, unshadowed
from covector.ops import SCALARS
from covector.schedule.factors import flat_factors
from covector.schedule.neutral import neutral
from covector.schedule.statements import Statements, cast_of, computed, depends_on_data, has_reduction

AND, NOT, DIV = SCALARS["and"], SCALARS["not"], SCALARS["div"]


def split_reductions(program: Program) -> Program:
    """The program with no reduction inside an expression: where one is, it is the whole body of its statement."""
    statements, replaced = Statements(program), dict[Any, Compute]()
    for statement in computed(program):
        body = reread(statement.body, replaced)
        new = _Splitter(statements, statement).statement(body)
        replaced[statement] = new
        statements.add(new)
    return statements.finish(replaced[output] for output in program.outputs)


def reread(body: Expr, replaced: Mapping[Any, Any]) -> Expr:
    """The expression with reads of other tensors."""
    found: dict[Any, Any] = {}

    def change(node: Any) -> Any:
        if node in found:
            return found[node]
        new = rebuild(node, tuple(change(child) for child in children(node)))
        if isinstance(new, Read) and new.tensor in replaced:
            new = Read(replaced[new.tensor], new.positions)
        found[node] = new
        return new

    result: Expr = change(body)
    return result


class _Splitter:
    """One statement while it is taken apart."""

    def __init__(self, statements: Statements, statement: Compute) -> None:
        self.statements, self.original = statements, statement

    def statement(self, body: Expr) -> Compute:
        """The statement without reductions inside."""
        own = self.original
        if not has_reduction(body):
            return own if body is own.body else Compute(own.name, own.indices, body, own.cast)
        names = {index.name for index in own.indices}
        if any(index.name in names for index in bound_in(body)) or _binds_twice(body):
            body = unshadowed(body, own.indices)
        body = with_factors_inside(body)
        if isinstance(body, Reduce):
            scope = (*own.indices, *body.indices)
            body = Reduce(body.operation, body.indices, self.flat(body.body, scope, None))
        else:
            body = self.flat(body, own.indices, None)
        new = Compute(own.name, own.indices, body, own.cast)
        return new if new.dtype == own.dtype else Compute(own.name, own.indices, body, own.dtype)

    def flat(self, expr: Expr, scope: tuple[Index, ...], guard: Expr | None) -> Expr:
        """The expression with its reductions read from statements of their own; ``guard`` is what holds where it
        counts.
        """
        if not has_reduction(expr):
            return expr
        if isinstance(expr, Reduce):
            return self.hoist(expr, scope, guard)
        if isinstance(expr, Select):
            inside = both(guard, expr.condition), both(guard, Apply(NOT, (expr.condition,)))
            condition = self.flat(expr.condition, scope, guard)
            branches = (expr.then, expr.otherwise)
            parts = (self.flat(part, scope, own) for part, own in zip(branches, inside, strict=True))
            return Select(condition, *parts)
        if isinstance(expr, Apply) and expr.function.name == "mul":
            conditions = [factor.condition for factor in expr.arguments if isinstance(factor, Bracket)]
            inside_product = both(guard, *conditions)
            return Apply(
                expr.function,
                tuple(self.flat(a, scope, guard if isinstance(a, Bracket) else inside_product) for a in expr.arguments),
            )
        result: Expr = rebuild(expr, tuple(self.flat(child, scope, guard) for child in children(expr)))
        return result

    def hoist(self, expr: Reduce, scope: tuple[Index, ...], guard: Expr | None) -> Expr:
        """A read of the statement that computes a reduction."""
        own, inner = self.original, (*scope, *expr.indices)
        body = self.flat(expr.body, inner, guard)
        if guard is not None and not own.is_derived and depends_on_data(expr.body):
            # What is looked up must not be refused where its value does not count.
            body = Select(self.flat(guard, inner, None), body, neutral(expr.operation, dtype(expr.body)))
        reduced: Expr = Reduce(expr.operation, expr.indices, body)
        places: dict[Index, Affine] = {}
        for index in scope:
            if index in free(reduced):
                part, place, reduced = coarser(index, reduced)
                places[part] = place
        read = self.statements.read(own.name, tuple(places), reduced, cast_of(reduced, own))
        result: Expr = substitute(read, places)
        return result


def coarser(index: Index, expr: Expr) -> tuple[Index, Affine, Expr]:
    """An index that an expression depends on through its quotient alone as an index over the quotients, what that is,
    and the expression with it; any other index as it is.
    """
    floors = [node for node in walk(expr) if isinstance(node, Floor) and index in free(node)]
    if not floors or any(floor is not floors[0] for floor in floors) or floors[0].numerator.index is not index:
        return index, as_affine(index), expr
    divisor = floors[0].denominator
    if not divisor.is_constant:
        return index, as_affine(index), expr
    part = Index(index.name, floor_div(index.extent + (divisor - 1), divisor))
    changed = substitute(expr, {floors[0]: as_affine(part)})
    if index in free(changed):
        return index, as_affine(index), expr
    return part, as_affine(floors[0]), changed


def with_factors_inside(body: Expr) -> Expr:
    """A body that is a sum of products times numbers and brackets, as a sum alone; any other as it is."""
    factors = flat_factors(body)
    if isinstance(body, Apply) and body.function is DIV and is_number(body.arguments[1]):
        factors = (Apply(DIV, (ONE, body.arguments[1])), body.arguments[0])
    sums = [factor for factor in factors if isinstance(factor, Reduce) and factor.operation == "sum"]
    others = tuple(factor for factor in factors if factor not in sums)
    simple = all(is_number(f) or (isinstance(f, Bracket) and not has_reduction(f)) for f in others)
    if not others or len(sums) != 1 or not simple or len(flat_factors(sums[0].body)) < 2:
        return body
    return Reduce("sum", sums[0].indices, mul(*others, *flat_factors(sums[0].body)))


def is_number(expr: Expr) -> bool:
    """Whether an expression is one number, the same for every element."""
    return not free(expr) and not has_reduction(expr)


def both(*conditions: Expr | None) -> Expr | None:
    """That all of some conditions hold."""
    given = tuple(condition for condition in conditions if condition is not None)
    if len(given) < 2:
        return given[0] if given else None
    return Apply(AND, given)


def _binds_twice(body: Expr) -> bool:
    """Whether two reductions, one inside the other, bind an index of one name."""
    outer = (node for node in walk(body) if isinstance(node, Reduce) and has_reduction(node.body))
    return any(index.name == inner.name for node in outer for inner in bound_in(node.body) for index in node.indices)
