"""The value and the derivatives of every operation of the table as PyTorch or JAX computes them.

`ORACLES` and `SCALAR_ORACLES` map names to callables that take NumPy arrays in the order of the record's arguments, and
the parameters as keywords. `gradients` and `second_gradients` differentiate them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from tests.ops import jax_oracles

HAS_TORCH = find_spec("torch") is not None
if HAS_TORCH:
    import torch

    from tests.ops import torch_oracles

Parameters = Mapping[str, int | float | bool]


@dataclass(frozen=True)
class Oracle:
    """A function of arrays of its framework, callable on arrays of NumPy."""

    function: Callable[..., Any]
    framework: str

    def __call__(self, *arguments: np.ndarray, **parameters: float | bool) -> np.ndarray:
        wrap = torch.tensor if self.framework == "torch" else jnp.asarray
        return np.asarray(self.function(*map(wrap, arguments), **parameters))


ORACLES: dict[str, Oracle] = {name: Oracle(function, "jax") for name, function in jax_oracles.OPERATIONS.items()}
SCALAR_ORACLES: dict[str, Oracle] = {}
if HAS_TORCH:
    ORACLES |= {name: Oracle(function, "torch") for name, function in torch_oracles.OPERATIONS.items()}
    SCALAR_ORACLES |= {name: Oracle(function, "torch") for name, function in torch_oracles.SCALARS.items()}


def gradients(
    oracle: Oracle, arguments: Sequence[np.ndarray], parameters: Parameters, cotangent: np.ndarray
) -> list[np.ndarray | None]:
    """The cotangents of the arguments, None for those that are no floats."""
    floats = _floats(arguments)
    found = iter(_first(oracle, arguments, parameters, cotangent, floats))
    return [next(found) if n in floats else None for n in range(len(arguments))]


def second_gradients(
    oracle: Oracle,
    arguments: Sequence[np.ndarray],
    parameters: Parameters,
    cotangent: np.ndarray,
    directions: Sequence[np.ndarray | None],
) -> list[np.ndarray | None]:
    """The gradients of the sum of all products of a gradient with its direction."""
    floats = _floats(arguments)
    along = [np.asarray(directions[n]) for n in floats]
    found = iter(_second(oracle, arguments, parameters, cotangent, floats, along))
    return [next(found) if n in floats else None for n in range(len(arguments))]


def _floats(arguments: Sequence[np.ndarray]) -> list[int]:
    return [n for n, argument in enumerate(arguments) if argument.dtype.kind == "f"]


def _first(
    oracle: Oracle,
    arguments: Sequence[np.ndarray],
    parameters: Parameters,
    cotangent: np.ndarray,
    floats: Sequence[int],
) -> list[np.ndarray]:
    if oracle.framework == "jax":
        scalar = _jax_projection(oracle, arguments, parameters, cotangent, floats)
        found = jax.jit(jax.grad(scalar, tuple(range(len(floats)))))(*(jnp.asarray(arguments[n]) for n in floats))
        return [np.asarray(gradient) for gradient in found]
    leaves, found = _torch_gradients(oracle, arguments, parameters, cotangent, floats)
    return [_or_zeros(gradient, leaf) for gradient, leaf in zip(found, leaves, strict=True)]


def _second(
    oracle: Oracle,
    arguments: Sequence[np.ndarray],
    parameters: Parameters,
    cotangent: np.ndarray,
    floats: Sequence[int],
    directions: Sequence[np.ndarray],
) -> list[np.ndarray]:
    if oracle.framework == "jax":
        every = tuple(range(len(floats)))
        first = jax.grad(_jax_projection(oracle, arguments, parameters, cotangent, floats), every)

        def projected(*values: jax.Array) -> jax.Array:
            return sum(
                (jnp.sum(gradient * along) for gradient, along in zip(first(*values), directions, strict=True)),
                jnp.zeros(()),
            )

        found = jax.jit(jax.grad(projected, every))(*(jnp.asarray(arguments[n]) for n in floats))
        return [np.asarray(gradient) for gradient in found]
    leaves, gradients = _torch_gradients(oracle, arguments, parameters, cotangent, floats)
    total = sum(
        (gradient * torch.tensor(along)).sum()
        for gradient, along in zip(gradients, directions, strict=True)
        if gradient is not None
    )
    if not isinstance(total, torch.Tensor) or not total.requires_grad:
        return [np.zeros(leaf.shape) for leaf in leaves]
    seconds = torch.autograd.grad(total, leaves, allow_unused=True)
    return [_or_zeros(gradient, leaf) for gradient, leaf in zip(seconds, leaves, strict=True)]


def _jax_projection(
    oracle: Oracle,
    arguments: Sequence[np.ndarray],
    parameters: Parameters,
    cotangent: np.ndarray,
    floats: Sequence[int],
) -> Callable[..., jax.Array]:
    """The product of the result with its cotangent, as a function of the arguments that are floats."""

    def projection(*values: jax.Array) -> jax.Array:
        every: list[Any] = [jnp.asarray(argument) for argument in arguments]
        for n, value in zip(floats, values, strict=True):
            every[n] = value
        return jnp.sum(oracle.function(*every, **parameters) * cotangent)

    return projection


def _torch_gradients(
    oracle: Oracle,
    arguments: Sequence[np.ndarray],
    parameters: Parameters,
    cotangent: np.ndarray,
    floats: Sequence[int],
) -> tuple[list[torch.Tensor], Sequence[torch.Tensor | None]]:
    """The leaves for the arguments that are floats, and their gradients, which can be differentiated again."""
    values = [torch.tensor(argument, requires_grad=n in floats) for n, argument in enumerate(arguments)]
    leaves = [values[n] for n in floats]
    result = oracle.function(*values, **parameters)
    if not result.requires_grad:
        return leaves, [None for _ in leaves]
    found = torch.autograd.grad(result, leaves, torch.tensor(cotangent), create_graph=True, allow_unused=True)
    return leaves, found


def _or_zeros(gradient: torch.Tensor | None, leaf: torch.Tensor) -> np.ndarray:
    return np.zeros(leaf.shape) if gradient is None else gradient.numpy(force=True)
