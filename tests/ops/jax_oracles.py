"""Operations for which JAX is the oracle, in float64: those that PyTorch has not, or has otherwise."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array

jax.config.update("jax_enable_x64", True)  # type: ignore[no-untyped-call]


def _rotary_embedding(x: Array, angle: Array) -> Array:
    half = x.shape[-1] // 2
    turned = (x[..., :half] + 1j * x[..., half:]) * jnp.exp(1j * angle)
    return jnp.concatenate([turned.real, turned.imag], -1)


def _lora_linear(input: Array, weight: Array, A: Array, B: Array, bias: Array | float = 0.0, alpha: float = 1) -> Array:
    return input @ (weight + alpha / A.shape[0] * B @ A).T + bias


def _column_parallel_linear(input: Array, weight: Array, bias: Array) -> Array:
    return jnp.concatenate([input @ block.T + shift for block, shift in zip(weight, bias, strict=True)], -1)


def _row_parallel_linear(input: Array, weight: Array, bias: Array) -> Array:
    return input @ jnp.concatenate(list(weight), -1).T + bias


def _matrix_factorisation_loss(T: Array, U: Array, V: Array, mask: Array | float = 1.0) -> Array:
    return jnp.sum(mask * (T - U @ V.T) ** 2)


def _pairwise_squared_distances(a: Array, b: Array) -> Array:
    return jnp.sum((a[..., :, None, :] - b[..., None, :, :]) ** 2, -1)


OPERATIONS: dict[str, Callable[..., Array]] = {
    "matmul": jnp.matmul,
    "dot": jnp.dot,
    "inner": jnp.inner,
    "outer": jnp.outer,
    "trace": jnp.trace,
    "diag": jnp.diag,
    "diagonal": lambda a: jnp.diagonal(a, axis1=-2, axis2=-1),
    "transpose": lambda a: jnp.swapaxes(a, -1, -2),
    "norm": lambda a: jnp.linalg.norm(a.ravel()),
    "pairwise_squared_distances": _pairwise_squared_distances,
    "cumsum": lambda x: jnp.cumsum(x, -1),
    "logsumexp": lambda x: jax.nn.logsumexp(x, -1),
    "gelu": lambda x: jax.nn.gelu(x, approximate=False),
    "gelu_tanh": lambda x: jax.nn.gelu(x, approximate=True),
    "swiglu": lambda gate, x: jax.nn.silu(gate) * x,
    "squared_error_sum": lambda prediction, target: jnp.sum((prediction - target) ** 2) / 2,
    "one_hot": lambda ids, classes=10: jax.nn.one_hot(ids, classes, dtype=int),
    "rotary_embedding": _rotary_embedding,
    "lora_linear": _lora_linear,
    "column_parallel_linear": _column_parallel_linear,
    "row_parallel_linear": _row_parallel_linear,
    "matrix_factorisation_loss": _matrix_factorisation_loss,
}
