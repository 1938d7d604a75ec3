"""What a ``stop`` does: whether the value would be differentiated to the same gradients without it."""

from __future__ import annotations

from collections.abc import Iterator

from covector.calculus.build import add
from covector.calculus.rules import proved_equal
from covector.calculus.tidy import Tidy
from covector.derivation.record import StopNote
from covector.ir import Apply, Compute, Expr, Input, Program, Read, as_affine, substitute, walk
from covector.ir.affine import free, order

SIZE_LIMIT = 300
"""Nodes of the largest body in which a proof is tried."""


def stop_notes(program: Program, tidy: Tidy) -> Iterator[StopNote]:
    """For every ``stop(e)`` of a program whether the output is the same whatever value stands there.

    The proof puts e + c for e, with a new c for every value of the indices of e, and brings both forms to one
    normal form; so where it holds the derivative by e is zero, and stopping it changes nothing.
    """
    seen: set[Expr] = set()
    for statement in program.statements:
        if not isinstance(statement, Compute):
            continue
        for node in walk(statement.body):
            if isinstance(node, Apply) and node.function.name == "stop" and node not in seen:
                seen.add(node)
                yield StopNote(node.arguments[0], _is_harmless(statement, node, program, tidy))


def _is_harmless(statement: Compute, node: Apply, program: Program, tidy: Tidy) -> bool:
    bodies = [statement.body]
    if statement is not program.output and isinstance(program.output, Compute):
        bodies.append(tidy.inlined(program.output.body))
    return any(_is_shift_invariant(body, node) for body in bodies)


def _is_shift_invariant(body: Expr, node: Apply) -> bool:
    if sum(1 for _ in walk(body)) > SIZE_LIMIT:
        return False
    shifted = substitute(body, {node: add(node.arguments[0], _shift(node))})
    return shifted is not body and proved_equal(shifted, body)


def _shift(node: Apply) -> Read:
    """A new value for every value of the indices of an expression."""
    indices = tuple(sorted(free(node), key=order))
    shift = Input("shift'", tuple(index.extent for index in indices), "float64")
    return Read(shift, tuple(as_affine(index) for index in indices))
