"""Outputs that take the memory of an input: nothing reads the old value where the new one may already be.

A step of gradient descent, ``w_new = w - lr·dw`` with a product for dw, adds the product to the weight and never stores
the gradient.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from covector.calculus.build import MINUS_ONE, factors_of, mul
from covector.errors import CovectorError
from covector.ir import Apply, Compute, Expr, Input, Program, Read, Reduce, Tensor, as_affine, walk
from covector.ir.affine import free
from covector.ir.tensor import read_tensors
from covector.schedule.lower import nest_of
from covector.schedule.nest import Whole
from covector.schedule.plan import Product
from covector.schedule.reductions import reread
from covector.schedule.statements import computed
from covector.schedule.unit import Unit

Taken = Mapping[Compute, Input]


def check_in_place(in_place: Taken) -> None:
    """Raise `CovectorError` where an output does not fit the input whose memory it shall take."""
    for output, given in in_place.items():
        if output.shape != given.shape or output.dtype != given.dtype:
            raise CovectorError(
                f"{output.name} cannot take the place of {given.name}: {_kind(output)} is not {_kind(given)}",
                hint="an update in place keeps the shape and the dtype",
            )


def _kind(tensor: Tensor) -> str:
    return f"{tensor.dtype}[{', '.join(map(repr, tensor.shape))}]"


def units_of(program: Program, taken: Taken) -> tuple[Program, list[Unit], dict[Compute, Input]]:
    """The statements of a program as units, in an order in which what is overwritten has been read before."""
    program, taken = with_copies(program, taken)
    statements = in_order(program, taken)
    folded = {statement: found for statement in taken if (found := folded_product(program, statement, taken))}
    left_out = {gradient for gradient, _ in folded.values()}
    units = []
    for statement in statements:
        if statement in folded:
            units.append(Unit(folded[statement][1], taken[statement]))
        elif statement not in left_out:
            units.append(Unit(nest_of(statement), taken.get(statement)))
    return program, units, dict(taken)


def with_copies(program: Program, taken: Taken) -> tuple[Program, Taken]:
    """The program with a value of its own for each output that cannot be computed in place, copied at the end."""
    copied = {statement for statement, given in taken.items() if _needs_copy(program, statement, given)}
    copied |= waiting_for_themselves(program, taken)
    if not copied:
        return program, taken
    replaced: dict[Any, Compute] = {}
    ends: dict[Compute, Compute] = {}
    names = {tensor.name for tensor in (*program.inputs, *program.statements)}
    for statement in computed(program):
        body = reread(statement.body, replaced)
        name = statement.name
        while statement in copied and name in names:
            name += "_"
        new = Compute(name, statement.indices, body, statement.cast)
        replaced[statement] = new
        if statement in copied:
            at = tuple(map(as_affine, statement.indices))
            ends[statement] = Compute(statement.name, statement.indices, Read(new, at), statement.cast)
    outputs = tuple(ends.get(output, replaced[output]) for output in computed(Program((), program.outputs, ())))
    moved = {ends.get(statement, replaced[statement]): given for statement, given in taken.items()}
    return Program(program.inputs, (*replaced.values(), *ends.values()), outputs), moved


def _needs_copy(program: Program, statement: Compute, given: Input) -> bool:
    """Whether the old value is still read when the new one is there."""
    at = tuple(map(as_affine, statement.indices))
    reads = [node for node in walk(statement.body) if isinstance(node, Read) and node.tensor is given]
    if any(read.positions != at for read in reads) or (reads and isinstance(statement.body, Reduce)):
        return True
    after: set[Tensor] = {statement}
    for other in program.statements:
        below = read_tensors(other)
        if any(tensor in after for tensor in below):
            after.add(other)
            if given in below:
                return True
    return False


def waiting_for_themselves(program: Program, taken: Taken) -> set[Compute]:
    """Outputs that cannot come after all that reads what they overwrite: of ``a, b = a + b, a - b`` both."""
    before = _before(program, taken)
    found = set()
    for statement in taken:
        reached: set[Compute] = set()
        stack = list(before[statement])
        while stack:
            other = stack.pop()
            if other not in reached:
                reached.add(other)
                stack.extend(before[other])
        if statement in reached:
            found.add(statement)
    return found


def _before(program: Program, taken: Taken) -> dict[Compute, list[Compute]]:
    """The statements that each must come after: what it reads, and what reads the input that it overwrites."""
    statements = computed(program)
    readers: dict[Tensor, list[Compute]] = {given: [] for given in taken.values()}
    for statement in statements:
        for tensor in read_tensors(statement):
            if tensor in readers:
                readers[tensor].append(statement)
    found = {}
    for statement in statements:
        found[statement] = [tensor for tensor in read_tensors(statement) if isinstance(tensor, Compute)]
        if statement in taken:
            found[statement] += [reader for reader in readers[taken[statement]] if reader is not statement]
    return found


def in_order(program: Program, taken: Taken) -> list[Compute]:
    """The statements, each after what it reads and after what reads the input that it overwrites."""
    before = _before(program, taken)
    done: dict[Compute, None] = {}
    stack = list(reversed(computed(program)))
    while stack:
        statement = stack[-1]
        missing = [other for other in before[statement] if other not in done]
        if missing and statement not in done:
            stack.extend(missing)
        else:
            stack.pop()
            done.setdefault(statement)
    return list(done)


def folded_product(program: Program, statement: Compute, taken: Taken) -> tuple[Compute, Whole] | None:
    """For ``w - lr·dw`` the product dw and the step that adds it to w; None where a statement is no such thing."""
    terms = signed_terms(statement.body)
    at = tuple(map(as_affine, statement.indices))
    old = Read(taken[statement], at)
    if len(terms) != 2 or (1, old) not in terms:
        return None
    sign, term = terms[1 - terms.index((1, old))]
    reads = [factor for factor in factors_of(term) if isinstance(factor, Read) and factor.positions == at]
    scale = [factor for factor in factors_of(term) if factor not in reads]
    if len(reads) != 1 or any(free(factor) for factor in scale) or not isinstance(reads[0].tensor, Compute) or not at:
        return None
    gradient = reads[0].tensor
    uses = Counter(tensor for other in computed(program) for tensor in read_tensors(other))
    nest = nest_of(gradient)
    if uses[gradient] != 1 or gradient in program.outputs or not isinstance(nest, Whole):
        return None
    if taken[statement] in read_tensors(gradient) or gradient.dtype != statement.dtype:
        return None
    if sign < 0:
        scale = [MINUS_ONE, *scale]
    return gradient, Whole(statement, tuple(_added(product, statement, scale) for product in nest.products))


def signed_terms(expr: Expr) -> list[tuple[int, Expr]]:
    """The terms of sums and differences with their signs."""
    if isinstance(expr, Apply) and expr.function.name == "add":
        return [term for argument in expr.arguments for term in signed_terms(argument)]
    if isinstance(expr, Apply) and expr.function.name == "sub":
        first, second = expr.arguments
        return [*signed_terms(first), *((-sign, term) for sign, term in signed_terms(second))]
    if isinstance(expr, Apply) and expr.function.name == "neg":
        return [(-sign, term) for sign, term in signed_terms(expr.arguments[0])]
    return [(1, expr)]


def _added(product: Product, target: Compute, scale: list[Expr]) -> Product:
    """A product that is added to what the target holds."""
    factors = (*scale, *((product.scale,) if product.scale is not None else ()))
    return replace(product, target=target, scale=mul(*factors) if factors else None, accumulate=True)
