"""Costly values that are equal and written in several ways are written in one way, so that they are computed once.

Two things bring this about, and neither changes what is computed where numbers overflow or are no numbers.

A derivative may write an argument differently from the function that it belongs to: ``tanh(c·(x + k·x³))`` and
``tanh(x·c·(1 + k·x²))``. In a derived statement it becomes what the function has. As polynomials the two are equal;
they differ in rounding, and where something in one of them overflows. The derivative then has the value that the
function itself has, so no infinity or NaN comes in that the result did not have already. What a user has written stays.

``exp(x - m - log(s))`` becomes ``exp(x - m)/s`` where s is the sum of ``exp(x - m)`` and m the maximum of x, over the
same elements: a softmax from its logarithm. There every exponential is at most 1 and one of them is 1, so s is between
1 and the number of elements: nothing overflows, the quotient underflows no earlier than the result, and it is rounded
less. If an element is NaN, or the maximum infinite, then s is NaN, and so is every element in both writings. Without
the maximum taken away s may overflow or vanish, and nothing is rewritten.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from covector.ir import Apply, Compute, Expr, Index, Program, Read, Reduce, as_affine, rebuild, substitute, walk
from covector.ir.affine import free
from covector.ir.element import dtype
from covector.ir.tensor import read_tensors
from covector.ir.walk import children, rename
from covector.ops import SCALARS
from covector.schedule.polynomial import Polynomial, normal, plus, polynomial, written_out
from covector.schedule.reductions import reread
from covector.schedule.share import is_costly
from covector.schedule.statements import Signature, computed, depends_on_data, ingredients
from covector.schedule.unify import unify

EXP, DIV = SCALARS["exp"], SCALARS["div"]


def agree(program: Program) -> Program:
    """The program with equal costly values written in one way: as a user has written them, if that is one way."""
    writings, replaced = Writings(), dict[Any, Compute]()
    statements = computed(program)
    for statement in reads_first(sorted(statements, key=lambda statement: statement.is_derived)):
        own = reread(statement.body, replaced)
        body = writings.agreed(own, statement.is_derived)
        changed = body is not statement.body and dtype(body) == dtype(own)
        new = Compute(statement.name, statement.indices, body, statement.cast) if changed else statement
        replaced[statement] = new
    outputs = tuple(replaced[output] for output in computed(Program((), program.outputs, ())))
    return Program(program.inputs, reads_first([replaced[statement] for statement in statements]), outputs)


def reads_first(statements: Sequence[Compute]) -> tuple[Compute, ...]:
    """The statements in their order, but for those that an earlier one reads."""
    known, found = frozenset(statements), dict[Compute, None]()
    stack = list(reversed(statements))
    while stack:
        missing = [tensor for tensor in read_tensors(stack[-1]) if tensor in known and tensor not in found]
        if missing:
            stack.extend(missing)
        else:
            found.setdefault(stack.pop())
    return tuple(found)


class Writings:
    """How the costly values so far are written."""

    def __init__(self) -> None:
        self.known: dict[Signature, list[tuple[Expr, Apply]]] = {}

    def agreed(self, expr: Any, derived: bool) -> Any:
        """An expression with its costly values written as earlier ones are."""
        found: dict[Any, Any] = {}
        for node in walk(expr):
            new = rebuild(node, tuple(found[child] for child in children(node)))
            found[node] = self.costly(new, derived) if is_costly(new) and not depends_on_data(new) else new
        return found[expr]

    def costly(self, expr: Apply, derived: bool) -> Expr:
        """A costly value as an earlier one is written."""
        quotient = exponential_over_its_sum(expr)
        if quotient is not None:
            return quotient
        form: Expr = Apply(expr.function, tuple(normal(polynomial(argument)) for argument in expr.arguments))
        if free(form) != free(expr):
            return expr
        same = self.known.setdefault((dtype(expr), *ingredients(form)), [])
        for other, writing in same if derived else ():
            for names in unify(other, form, {}):
                return rename(writing, names)
        same.append((form, expr))
        return expr


def exponential_over_its_sum(expr: Apply) -> Expr | None:
    """``exp(x - m - log(s))`` as ``exp(x - m)/s``, where s is the sum of these and m the maximum of x."""
    if expr.function is not EXP:
        return None
    form = polynomial(expr.arguments[0])
    for monomial, coefficient in form.items():
        total = _read_of_log(monomial)
        if coefficient == -1 and total is not None and dtype(total) == dtype(expr):
            summand = _summand(total, plus(form, {monomial: coefficient}, -1.0))
            if summand is not None:
                return Apply(DIV, (summand, total))
    return None


def _read_of_log(monomial: frozenset[tuple[Expr, int]]) -> Read | None:
    """The tensor whose logarithm a monomial is."""
    if len(monomial) != 1:
        return None
    ((atom, exponent),) = monomial
    if exponent != 1 or not isinstance(atom, Apply) or atom.function.name != "log":
        return None
    (below,) = atom.arguments
    return below if isinstance(below, Read) else None


def _summand(total: Read, form: Polynomial) -> Expr | None:
    """The exponential of a polynomial as it is written in the sum that a tensor is; None where it is not in there."""
    if not isinstance(total.tensor, Compute) or depends_on_data(total):
        return None
    body = total.tensor.body
    if not isinstance(body, Reduce) or body.operation != "sum" or len(body.indices) != 1:
        return None
    at = dict(zip(total.tensor.indices, total.positions, strict=True))
    reduced: Reduce = substitute(body, at)
    inner = reduced.body
    if isinstance(inner, Read):
        inner = written_out(inner) or inner
    if (
        not isinstance(inner, Apply)
        or inner.function is not EXP
        or depends_on_data(inner)
        or dtype(inner) != total.tensor.dtype
    ):
        return None
    exponent = polynomial(inner.arguments[0])
    if not _is_shifted_by_its_maximum(exponent, reduced.indices[0]):
        return None
    fixed = {index: index for index in free(reduced)}
    for names in unify(normal(exponent), normal(form), fixed):
        result: Expr = rename(inner, names)
        return result
    return None


def _is_shifted_by_its_maximum(form: Polynomial, index: Index) -> bool:
    """Whether a polynomial is what is left when the maximum over an index is taken away."""
    for monomial, coefficient in form.items():
        atoms = [atom for atom, exponent in monomial if exponent == 1]
        if coefficient != -1 or len(monomial) != 1 or not atoms or index in free(atoms[0]):
            continue
        (largest,) = atoms
        if not isinstance(largest, Read) or not isinstance(largest.tensor, Compute) or depends_on_data(largest):
            continue
        body = largest.tensor.body
        if isinstance(body, Reduce) and body.operation == "max" and len(body.indices) == 1:
            at = dict(zip(largest.tensor.indices, largest.positions, strict=True))
            reduced: Reduce = substitute(body, at)
            inside = substitute(reduced.body, {reduced.indices[0]: as_affine(index)})
            if reduced.indices[0].extent is index.extent and polynomial(inside) == plus(form, {monomial: 1.0}):
                return True
    return False
