"""The derivative of one element expression: linearity, the product rule, and the table of scalar functions.

``∂T[pos]/∂T[t] = δ(pos, t)`` is the only place where tensors are looked at, so the same walk gives the entries
of a Jacobian (`partial`) and the tangent of a statement (`tangent`). Laue, Mitterreiter, Giesen: Computing
Higher Order Derivatives of Matrix and Tensor Expressions (2018), section 3, in element form.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

from covector.calculus.build import AND, EQ, NOT, ONE, ZERO, add, mul, power, total
from covector.calculus.literals import LITERALS
from covector.calculus.rewrite import Rewriter
from covector.errors import CovectorError
from covector.ir import (
    Affine,
    Apply,
    Bracket,
    Expr,
    Index,
    Literal,
    Read,
    Reduce,
    ScalarFunction,
    Select,
    Tensor,
    as_affine,
    substitute,
)
from covector.ir.affine import free
from covector.ir.walk import rename, unused
from covector.notation.element import scalar_expression

Leaf = Callable[[Read], Expr]

# The derivative of x**2 holds select(2 == 0, …, 2*x**(2 - 1)): what is about numbers alone is settled at once.
_LITERALS = Rewriter(LITERALS)


def partial(expr: Expr, tensor: Tensor, at: tuple[Affine, ...]) -> Expr:
    """``∂expr/∂tensor[at]``: every read of the tensor leaves a Kronecker delta for each axis.

    >>> from covector.ir import Input, Index, Symbol, as_affine
    >>> n = as_affine(Symbol("N"))
    >>> x, i, j = Input("x", (n,), "float64"), Index("i", n), Index("j", n)
    >>> partial(Read(x, (as_affine(i),)), x, (as_affine(j),))
    [eq(i, j)]
    """

    def leaf(read: Read) -> Expr:
        if read.tensor is not tensor:
            return ZERO
        return mul(*(Bracket(Apply(EQ, (here, there))) for here, there in zip(read.positions, at, strict=True)))

    return derivative(expr, leaf)


def tangent(expr: Expr, tangents: Mapping[Tensor, Tensor]) -> Expr:
    """The tangent of an expression: every read of a tensor is replaced, once in each term, by the read of its
    tangent.
    """
    return derivative(
        expr, lambda read: Read(tangents[read.tensor], read.positions) if read.tensor in tangents else ZERO
    )


def derivative(expr: Expr, leaf: Leaf) -> Expr:
    """The derivative of an expression, where ``leaf`` gives the derivative of a read."""
    if isinstance(expr, Read):
        return leaf(expr)
    if isinstance(expr, (Literal, Affine, Bracket)):
        return ZERO
    if isinstance(expr, Select):
        # Brackets are strong zeros: what the other branch holds, infinite or not a number, does not come through.
        chosen = _product(Bracket(expr.condition), derivative(expr.then, leaf))
        return _sum(chosen, _product(Bracket(Apply(NOT, (expr.condition,))), derivative(expr.otherwise, leaf)))
    if isinstance(expr, Reduce):
        return _reduce(expr, leaf)
    return _apply(expr, leaf)


def _apply(expr: Apply, leaf: Leaf) -> Expr:
    name, arguments = expr.function.name, expr.arguments
    if name == "add":
        return _sum(*(derivative(argument, leaf) for argument in arguments))
    if name == "mul":
        return _sum(
            *(
                _product(*arguments[:n], derivative(argument, leaf), *arguments[n + 1 :])
                for n, argument in enumerate(arguments)
            )
        )
    return _sum(
        *(
            _product(derivative_of(expr.function, n, arguments), derivative(argument, leaf))
            for n, argument in enumerate(arguments)
        )
    )


def _reduce(expr: Reduce, leaf: Leaf) -> Expr:
    inner = derivative(expr.body, leaf)
    if inner is ZERO or expr.operation in ("any", "all"):
        return ZERO
    if expr.operation == "sum":
        return total(expr.indices, inner)
    if expr.operation == "prod":
        return total(expr.indices, _product(inner, _others(expr)))
    ties = Bracket(Apply(EQ, (expr.body, _apart(expr))))
    return _product(total(expr.indices, _product(ties, inner)), power(total(expr.indices, ties), -1))


def _apart(expr: Reduce) -> Reduce:
    """The same reduction over indices of other names, to stand beside its own body."""
    renamed = _fresh_indices(expr)
    return Reduce(expr.operation, tuple(renamed.values()), rename(expr.body, renamed))


def _fresh_indices(expr: Reduce) -> dict[Index, Index]:
    taken = free(expr.body) | frozenset(expr.indices)
    renamed: dict[Index, Index] = {}
    for index in expr.indices:
        renamed[index] = unused(index, set(taken) | set(renamed.values()))
    return renamed


def _others(expr: Reduce) -> Expr:
    """The product of all elements but the one at hand, which holds where some of them are zero."""
    renamed = _fresh_indices(expr)
    same = [Apply(EQ, (as_affine(old), as_affine(new))) for old, new in renamed.items()]
    here = same[0] if len(same) == 1 else Apply(AND, tuple(same))
    return Reduce("prod", tuple(renamed.values()), Select(here, ONE, rename(expr.body, renamed)))


def derivative_of(function: ScalarFunction, argument: int, at: tuple[Expr, ...]) -> Expr:
    """``∂function/∂argument`` at the given arguments, from its line in the table."""
    if not function.derivatives or function.derivatives[argument] is None:
        return ZERO
    placeholders, template = _template(function, argument)
    return _LITERALS(substitute(template, dict(zip(placeholders, at, strict=True))))


@cache
def _template(function: ScalarFunction, argument: int) -> tuple[tuple[Expr, ...], Expr]:
    text = function.derivatives[argument]
    assert text is not None
    if len(function.parameters) != len(function.derivatives):
        raise CovectorError(f"{function.name}: one derivative for every parameter is wanted")
    return scalar_expression(text, function.parameters)


def _sum(*terms: Expr) -> Expr:
    return add(*(term for term in terms if term is not ZERO))


def _product(*factors: Expr) -> Expr:
    if any(factor is ZERO for factor in factors):
        return ZERO
    return mul(*(factor for factor in factors if factor is not ONE))
