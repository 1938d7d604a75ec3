"""What several statements compute is computed once: sums of what another statement is, and costly functions."""

from __future__ import annotations

from collections import Counter
from typing import Any

from covector.ir import Apply, Compute, Expr, Index, Program, Read, Reduce, children, rebuild, walk
from covector.ir.affine import free
from covector.ir.node import cached
from covector.schedule.reductions import reread
from covector.schedule.statements import Statements, cast_of, computed, depends_on_data, in_layout, ingredients
from covector.schedule.work import COSTLY


def share(program: Program) -> Program:
    """The program with costly values that occur in several places, and summands that are a statement, read from one."""
    return _Sharing(program).run()


class _Sharing:
    """The statements so far, and how often each kind of costly value occurs."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.statements = Statements(program)
        self.counts: Counter[Any] = Counter()
        self.bodies = {ingredients(statement.body) for statement in computed(program)}
        for statement in computed(program):
            self.counts.update(ingredients(node) for node in costly_parts(statement.body))

    def run(self) -> Program:
        """Every statement."""
        replaced: dict[Compute, Compute] = {}
        for statement in computed(self.program):
            body = self.shared(reread(statement.body, replaced), statement)
            new = statement
            if body is not statement.body:
                new = Compute(statement.name, statement.indices, body, statement.cast)
            replaced[statement] = new
            self.statements.add(new)
        return self.statements.finish(replaced[output] for output in computed(Program((), self.program.outputs, ())))

    def shared(self, body: Expr, statement: Compute) -> Expr:
        """A body with what it shares with others read."""
        if not statement.is_derived and depends_on_data(body):
            return body
        if isinstance(body, Reduce):
            scope = (*statement.indices, *body.indices)
            known = self.known(body.body, scope, statement)
            inner: Expr = known or self.costly(body.body, scope, statement, {})
            return body if inner is body.body else Reduce(body.operation, body.indices, inner)
        found: Expr = self.costly(body, statement.indices, statement, {}, top=True)
        return found

    def known(self, expr: Expr, scope: tuple[Index, ...], statement: Compute) -> Expr | None:
        """A read of an earlier statement that a summand is; None where there is none."""
        if not isinstance(expr, Apply) or ingredients(expr) not in self.bodies:
            return None
        indices = tuple(index for index in scope if index in free(expr))
        return self.statements.earlier(Compute("", indices, expr, cast_of(expr, statement)))

    def costly(
        self, expr: Any, scope: tuple[Index, ...], statement: Compute, found: dict[Any, Any], top: bool = False
    ) -> Any:
        """An expression with its costly parts read from statements of their own where they occur again."""
        if expr not in found:
            parts = tuple(self.costly(child, scope, statement, found) for child in children(expr))
            again = not top and is_costly(expr) and self.counts[ingredients(expr)] > 1
            new = rebuild(expr, parts)
            if again:
                indices = in_layout(new, [index for index in scope if index in free(new)])
                new = self.statements.read(statement.name, indices, new, cast_of(new, statement))
            found[expr] = new
        return found[expr]


def costly_parts(expr: Expr) -> tuple[Expr, ...]:
    """The parts of an expression that cost much and differ from element to element."""
    found: tuple[Expr, ...] = cached(expr, "costly", lambda node: tuple(part for part in walk(node) if is_costly(part)))
    return found


def is_costly(expr: Any) -> bool:
    """Whether an expression applies a costly function to what is read at an index."""
    return (
        isinstance(expr, Apply)
        and expr.function.name in COSTLY
        and expr.function.name != "pow"
        and bool(free(expr))
        and any(isinstance(node, Read) for node in walk(expr))
    )
