"""Matrices in place of a Hessian that are positive semidefinite: Gauss-Newton's, and Fisher's of the samples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from covector.errors import DtypeError, ShapeError
from covector.ir import Compute, Program, is_float
from covector.jacobians.entry import Argnums, Names, input_named, jacobian_of, wanted
from covector.jacobians.forward import Forward, Shapes, Source
from covector.jacobians.hessian import hessian_of
from covector.jacobians.jacobian import Jacobian
from covector.jacobians.names import mapped, names_in
from covector.jacobians.objective import Objective
from covector.jacobians.plan import BUDGET
from covector.jacobians.run import run
from covector.run.reference import Array
from covector.tensors.creation import asarray

Middle = Callable[[Jacobian, Array], Jacobian]
"""What a Jacobian is multiplied with from the left, transposed; the array is the value of the function."""


def gauss_newton(
    forward: Forward,
    loss: Callable[..., Any],
    argnums: Argnums = 0,
    *,
    wrt: Names | None = None,
    shapes: Shapes | None = None,
    budget: int = BUDGET,
) -> Callable[..., Any]:
    """What gives the Gauss-Newton matrix ``Jᵀ H J`` of ``loss(forward(…))`` at arrays, by its structure.

    J is the Jacobian of the forward, and H the Hessian of ``loss``, a function of a tensor with one number as its
    value, by what the forward gives. Where the loss is convex it is positive semidefinite. The other arguments, and the
    result, are those of `hessian`; `covector.func.gauss_newton_product` multiplies with it and never forms it. Raises
    `BudgetError` where its factors are over the budget.

    >>> import covector as cv
    >>> import numpy as np
    >>> G = cv.gauss_newton("y[n] = exp(sum[d](X[n,d] * w[d]))", lambda y: (y**2).sum() / 2, wrt="w")
    >>> G(np.array([[1.0, 0.0], [0.0, 2.0]]), np.zeros(2)).dense()
    array([[1., 0.],
           [0., 4.]])
    """

    def bent(jacobian: Jacobian, value: Array) -> Jacobian:
        curved = Objective(loss, [asarray(value)], budget).hessian([value])
        found: Jacobian = curved.blocks[0, 0] @ jacobian
        return found

    return _between(forward, bent, argnums, wrt, shapes, budget)


def fisher(
    forward: Forward,
    argnums: Argnums = 0,
    *,
    wrt: Names | None = None,
    shapes: Shapes | None = None,
    budget: int = BUDGET,
) -> Callable[..., Any]:
    """What gives the empirical Fisher matrix ``Σ_n g_n g_nᵀ = Jᵀ J`` at arrays, by its structure.

    The forward gives the negative log-likelihood of each sample, and g_n is the gradient of one of them. The other
    arguments, and the result, are those of `hessian`. The Fisher matrix of a model, an expectation over what the model
    holds to be likely, is the Gauss-Newton matrix where the likelihood is a Gaussian, or the softmax or sigmoid of what
    the model gives.

    >>> import covector as cv
    >>> import numpy as np
    >>> cv.fisher("y[n] = sum[d](X[n,d] * w[d])", wrt="w")(np.array([[1.0, 0.0], [0.0, 2.0]]), np.zeros(2)).dense()
    array([[1., 0.],
           [0., 4.]])
    """
    return _between(forward, lambda jacobian, _: jacobian, argnums, wrt, shapes, budget)


def _between(
    forward: Forward, middle: Middle, argnums: Argnums, wrt: Names | None, shapes: Shapes | None, budget: int
) -> Callable[..., Any]:
    """What gives ``Jᵀ M J`` by one or several arguments."""
    source = Source(forward, shapes)

    def at(*args: Any, **named: Any) -> Any:
        given, extents = source.at(args, named)
        program, by = given.program, wanted(given, argnums, wrt)
        if len(program.outputs) > 1 or not isinstance(program.output, Compute):
            hint = "concatenate them"
            raise ShapeError(f"a function with one result is wanted, not with {len(program.outputs)}", hint=hint)
        if not is_float(program.output.dtype):
            raise DtypeError(f"the function gives {program.output.dtype}, and only floats have derivatives")
        value = run(program, given.arrays, dict(extents))[0]
        own = Program(program.inputs, program.statements, (program.output,))
        rights = {
            name: jacobian_of(own, input_named(own, name), given.arrays, extents, budget) for name in names_in(by)
        }
        lefts = {name: middle(right, value).T for name, right in rights.items()}

        def row(left: Jacobian) -> Any:
            return mapped(by, lambda name: left @ rights[name])

        return hessian_of(mapped(by, lambda name: row(lefts[name])), by, budget)

    return at
