"""Bringing derived expressions to the form that a person would write, in the light of a program.

The normal form of the rules, with earlier values of the program recognised, and with sums that are a number
whatever the inputs are, such as ``Σ (x - mean) = 0`` or ``Σ softmax = 1``, replaced by it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from covector.calculus.build import ADD, ONE, factors_of
from covector.calculus.factor import factored, oriented, signature
from covector.calculus.match import Binding, match
from covector.calculus.recognise import Recogniser, Value
from covector.calculus.rewrite import Rewriter, Rule
from covector.calculus.rules import FIRST, RULES, expand
from covector.calculus.shrink import shrunk
from covector.calculus.sums import lower_form
from covector.ir import (
    Affine,
    Apply,
    Bracket,
    Compute,
    Expr,
    Index,
    Literal,
    Program,
    Read,
    Reduce,
    Tensor,
    substitute,
    transform,
    walk,
)
from covector.ir.affine import atoms, free
from covector.ir.bounds import within
from covector.ir.node import Node
from covector.ir.walk import unshadowed

PASSES = 8
"""How often recognition and simplification may call for each other."""

CONSTANT_SUM_SIZE = 200
"""Nodes of the largest sum that is examined for being constant."""


class Tidy:
    """The normal form of expressions of one program; ``settled`` lists the sums that were found constant, as they
    were met.
    """

    def __init__(self, program: Program) -> None:
        known = in_range(program)
        self.first, self.simplifier = Rewriter((known, *FIRST)), Rewriter((known, *RULES))
        self.inputs: frozenset[Tensor] = frozenset(program.inputs)
        self.values: Mapping[Tensor, Value] = {
            statement: Value(statement, self.simplifier(statement.body))
            for statement in program.statements
            if isinstance(statement, Compute)
        }
        self.recogniser = Recogniser(self.values.values())
        self.differences = frozenset(
            (signature(node.arguments[0]), signature(node.arguments[1]))
            for statement in self.values
            if isinstance(statement, Compute)
            for node in walk(statement.body)
            if isinstance(node, Apply) and node.function.name == "sub"
        )
        self.constants: dict[Node, Literal | None] = {}
        self.settled: list[tuple[Expr, Literal]] = []

    def __call__(self, expr: Expr) -> Expr:
        """The normal form, with earlier values read."""
        return self.recognised(expr, self.simplifier)

    def recognised(self, expr: Expr, simplifier: Rewriter) -> Expr:
        """The normal form under some of the rules, with earlier values read."""
        expr = self.first(expr)
        for _ in range(PASSES):
            changed = self.recogniser(simplifier(expr))
            changed = simplifier(self.constant_sums(changed))
            if changed is expr:
                break
            expr = changed
        return expr

    def finish(self, expr: Expr) -> Expr:
        """The form to show: common factors taken out."""
        short = shrunk(factored(self(expr)), self.simplifier)
        return self.shown(self.recogniser(short))

    def finish_entry(self, expr: Expr) -> Expr:
        """The form of an entry to show: deltas that the chain rule will eliminate are left to it."""
        return self.shown(self.recognised(expr, self.first))

    def shown(self, expr: Expr) -> Expr:
        """A normal form with common factors taken out, and differences as the user wrote them."""
        shown: Expr = unshadowed(oriented(factored(expr), self.differences))
        return shown

    def constant_sums(self, expr: Expr) -> Expr:
        """The expression with sums that are constant replaced by their value."""
        found = {node: value for node in walk(expr) if _sums_up(node) and (value := self.constant(node)) is not None}
        self.settled += found.items()
        result: Expr = substitute(expr, found)
        return result

    def constant(self, node: Expr) -> Literal | None:
        """The number that a sum is whatever the inputs are, or None."""
        if node not in self.constants:
            value = expand(self.inlined(node), through_stops=False) if self._may_be_constant(node) else node
            self.constants[node] = value if isinstance(value, Literal) else None
        return self.constants[node]

    def _may_be_constant(self, node: Expr) -> bool:
        """Whether it reads earlier values, and nothing that the program does not compute from inputs."""
        parts = list(walk(node))
        reads = [part.tensor for part in parts if isinstance(part, Read)]
        computed = [tensor for tensor in reads if tensor in self.values]
        known = all(tensor in self.values or tensor in self.inputs for tensor in reads)
        return bool(computed) and known and len(parts) < CONSTANT_SUM_SIZE

    def inlined(self, expr: Expr) -> Expr:
        """The expression with every read of a statement replaced by its body, down to the inputs."""

        def inline(node: object) -> object:
            value = self.values.get(node.tensor) if isinstance(node, Read) else None
            if not isinstance(node, Read) or value is None:
                return node
            positions: dict[Index, Affine] = dict(zip(value.tensor.indices, node.positions, strict=True))
            return self.inlined(substitute(value.body, positions))

        result: Expr = transform(expr, inline)
        return result


def in_range(program: Program) -> Rule:
    """The rule that a data-dependent position at which the program reads is inside the bounds of what it reads."""
    known = [
        (form, frozenset(free(form)))
        for statement in program.statements
        if isinstance(statement, Compute)
        for read in _unguarded_reads(statement.body)
        for position, extent in zip(read.positions, read.tensor.shape, strict=True)
        if any(isinstance(atom, Read) for atom in atoms(position))
        for form in (position, extent - 1 - position)
    ]

    def apply(node: Bracket) -> Expr | None:
        form = lower_form(node)
        if form is None or not any(isinstance(atom, Read) for atom in atoms(form)):
            return None
        found = any(_stays_inside(binding) for pattern, own in known for binding in match(pattern, form, own))
        return ONE if found else None

    return Rule("in-range", "Bracket", "[0 <= ids[n]] * a", "a", apply, where="the program reads at ids[n]")


def _stays_inside(binding: Binding) -> bool:
    """Whether every index of a pattern is bound to a position that lies in its range."""
    return all(within(value, index.extent) for index, value in binding.items() if isinstance(index, Index))


def _unguarded_reads(expr: Expr) -> Iterator[Read]:
    """The reads of an expression that no bracket and no select keeps from being made."""
    if isinstance(expr, Read):
        yield expr
    elif isinstance(expr, Reduce):
        yield from _unguarded_reads(expr.body)
    elif isinstance(expr, Apply) and not any(isinstance(argument, Bracket) for argument in expr.arguments):
        for argument in expr.arguments:
            yield from _unguarded_reads(argument)


def _sums_up(node: object) -> bool:
    """Whether a node is a sum over an index, or adds such sums to something."""
    if isinstance(node, Apply) and node.function is ADD:
        return any(_sums_up(factor) for term in node.arguments for factor in factors_of(term))
    return isinstance(node, Reduce) and node.operation == "sum"
