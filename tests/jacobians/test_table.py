"""Jacobians and Hessians of every operation of the table, dense and by structure, as PyTorch and JAX have them."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from covector.calculus.build import mul, total
from covector.ir import Compute, Input, Program, Read, as_affine, is_float
from covector.jacobians.entry import gradient_program, jacobian_of
from covector.jacobians.jacobian import Jacobian
from covector.jacobians.operator import Operator
from covector.run.extents import bind_extents
from tests.ops.cases import CASES
from tests.ops.oracles import HAS_TORCH, ORACLES, Oracle
from tests.ops.sampling import Setting
from tests.ops.test_oracles import arguments, program, symbolic_inputs

if HAS_TORCH:
    import torch

FIRST = 1
"""Settings of each operation that are tried; the first is of a general shape."""

SETTINGS = [
    pytest.param(
        name,
        setting,
        id=f"{name}-{n}",
        marks=[] if name in ORACLES else pytest.mark.skip(reason="its oracle is PyTorch, which is not installed"),
    )
    for name, case in CASES.items()
    for n, setting in enumerate(case.settings[:FIRST])
]


def expected_jacobian(function: Callable, arrays: list[np.ndarray], at: int, framework: str) -> np.ndarray:
    """The dense Jacobian as a framework gives it."""
    if framework == "jax":
        return np.asarray(jax.jacrev(function, argnums=at)(*map(jnp.asarray, arrays)))
    values = list(map(torch.tensor, arrays))

    def of_one(value: torch.Tensor) -> torch.Tensor:
        result = function(*values[:at], value, *values[at + 1 :])
        return result if result.requires_grad else result + 0 * value.sum()

    return torch.autograd.functional.jacobian(of_one, values[at]).numpy()


def expected_hessian(
    oracle: Oracle, arrays: list[np.ndarray], parameters: dict, cotangent: np.ndarray, at: int
) -> np.ndarray:
    """The dense Hessian of the result's product with a cotangent."""
    if oracle.framework == "jax":
        scalar = lambda *values: jnp.sum(oracle.function(*values, **parameters) * cotangent)  # noqa: E731
        return np.asarray(jax.jacfwd(jax.grad(scalar, argnums=at), argnums=at)(*map(jnp.asarray, arrays)))
    values, weights = list(map(torch.tensor, arrays)), torch.tensor(cotangent)

    def of_one(value: torch.Tensor) -> torch.Tensor:
        result = oracle.function(*values[:at], value, *values[at + 1 :], **parameters)
        # A result that does not depend on the argument, or only linearly, has a graph all the same.
        return (result * weights).sum() + 0 * (value**2).sum()

    return torch.autograd.functional.hessian(of_one, values[at]).numpy()


def close(found: np.ndarray, expected: np.ndarray, scale: float | None = None) -> None:
    scale = np.max(np.abs(expected), initial=1.0) if scale is None else scale
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10 * scale)


def structured_agrees(found: Jacobian, dense: np.ndarray, operator: Operator) -> None:
    """What is computed from the factors, and without them, is what the dense array gives."""
    rng = np.random.default_rng(1)
    rows, columns = found.output_shape, found.input_shape
    vector, cotangent = rng.normal(size=columns), rng.normal(size=rows)
    several = rng.normal(size=(*columns, 2))
    forward, backward = np.tensordot(dense, vector, len(columns)), np.tensordot(cotangent, dense, len(rows))
    close(found @ vector, forward)
    close(found @ several, np.tensordot(dense, several, len(columns)))
    close(cotangent @ found, backward)
    close(operator.forward(vector), forward)
    close(operator.backward(cotangent), backward)
    order = (*range(len(rows), dense.ndim), *range(len(rows)))
    close(found.T.dense(), dense.transpose(order))
    matrix = dense.reshape(int(np.prod(rows)), -1)
    close(found.sparse().toarray(), matrix)
    close((found + found * 2.0).dense(), 3 * dense)
    if matrix.size <= 4000 and len(found.form.terms) <= 4:
        close((found.T @ found).dense().reshape(matrix.shape[1], -1), matrix.T @ matrix)
    if rows == columns:
        close(found.diagonal().ravel(), np.diag(matrix))
    assert found.structure.kind == "zero" or found.form.terms


@pytest.mark.parametrize(("name", "setting"), SETTINGS)
def test_the_jacobian_agrees(name: str, setting: Setting) -> None:
    given = arguments(name, setting)
    operation = program(name, setting, symbolic_inputs(name, setting))
    if not is_float(operation.output.dtype):
        pytest.skip("its result has no derivative")
    extents = tuple(sorted(bind_extents(operation.inputs, given, setting.sizes).items()))
    oracle, arrays = ORACLES[name], list(given.values())
    for at, tensor in enumerate(operation.inputs):
        if is_float(tensor.dtype):
            found = jacobian_of(operation, tensor, given, extents)
            expected = expected_jacobian(
                lambda *values: oracle.function(*values, **setting.parameters), arrays, at, oracle.framework
            )
            close(found.dense(), expected)
            operator = Operator(operation, tensor, given, dict(extents), given[tensor.name].shape, found.output_shape)
            structured_agrees(found, expected, operator)


def projected(operation: Program) -> tuple[Program, str]:
    """The sum of the products of a result's elements with a cotangent, and what the cotangent is called."""
    output = operation.output
    assert isinstance(output, Compute)
    weights = Input("W_", output.shape, output.dtype)
    at = tuple(map(as_affine, output.indices))
    loss = Compute("L_", (), total(output.indices, mul(Read(weights, at), Read(output, at))))
    return Program((*operation.inputs, weights), (*operation.statements, loss), (loss,)), weights.name


@pytest.mark.parametrize(("name", "setting"), SETTINGS)
def test_the_hessian_agrees(name: str, setting: Setting) -> None:
    given = arguments(name, setting)
    operation = program(name, setting, symbolic_inputs(name, setting))
    if not is_float(operation.output.dtype):
        pytest.skip("its result has no derivative")
    loss, weights = projected(operation)
    oracle, arrays = ORACLES[name], list(given.values())
    shape = oracle(*arrays, **setting.parameters).shape
    cotangent = np.random.default_rng(2).normal(size=shape)
    every = {**given, weights: cotangent}
    extents = tuple(sorted(bind_extents(loss.inputs, every, setting.sizes).items()))
    for at, tensor in enumerate(operation.inputs):
        if is_float(tensor.dtype):
            gradient = gradient_program(loss, tensor)
            found = jacobian_of(gradient, tensor, every, extents)
            expected = expected_hessian(oracle, arrays, dict(setting.parameters), cotangent, at)
            close(found.dense(), expected)
            operator = Operator(gradient, tensor, every, dict(extents), found.input_shape, found.output_shape)
            structured_agrees(found, expected, operator)
