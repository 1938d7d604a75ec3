"""The operations of `elementwise`, each one record: its inputs, and how every library writes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import pi, sqrt
from typing import Any

import numpy as np

import covector as cv

EPSILON = 1e-5
SLOPE, CUBE = sqrt(2 / pi), 0.044715


@dataclass(frozen=True)
class Form:
    """One operation; ``wanted`` are the inputs whose gradients follow the value in the results."""

    name: str
    title: str
    bar: float
    arrays: int
    """How many large arrays it must read or write."""
    results: tuple[str, ...]
    wanted: tuple[str, ...]
    inputs: Callable[[np.random.Generator, int, int], dict[str, np.ndarray]]
    numpy: Callable[..., tuple[Any, ...]]
    torch: Callable[..., Any]
    jax: Callable[..., Any]
    covector: Callable[..., cv.Tensor]


def normal(*names: str) -> Callable[[np.random.Generator, int, int], dict[str, np.ndarray]]:
    """Inputs of normal numbers: ``weight`` and ``bias`` have one for each column, the others are whole."""

    def inputs(generator: np.random.Generator, rows: int, columns: int) -> dict[str, np.ndarray]:
        shapes = {name: (columns,) if name in ("weight", "bias") else (rows, columns) for name in names}
        return {name: generator.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}

    return inputs


def tanh_affine(x: np.ndarray, weight: np.ndarray, bias: np.ndarray, target: np.ndarray) -> tuple[Any, ...]:
    """The squared error of tanh(x·weight + bias), and its gradients."""
    y = x * weight
    y += bias
    np.tanh(y, out=y)
    error = y - target
    loss = np.vdot(error, error)
    np.multiply(y, y, out=y)
    np.subtract(1, y, out=y)
    error *= 2
    error *= y
    return loss, error * weight, np.einsum("ij,ij->j", error, x), error.sum(axis=0)


def cross_entropy(x: np.ndarray, labels: np.ndarray) -> tuple[Any, ...]:
    """The mean cross entropy of scores, and its gradient."""
    rows = np.arange(len(x))
    p = x - x.max(axis=1, keepdims=True)
    right = p[rows, labels]
    np.exp(p, out=p)
    total = p.sum(axis=1, keepdims=True)
    loss = (np.log(total[:, 0]) - right).mean()
    p /= total
    p[rows, labels] -= 1
    p /= len(x)
    return loss, p


def gelu(x: np.ndarray, cotangent: np.ndarray) -> tuple[Any, ...]:
    """GELU by its tanh, and the pullback of a cotangent."""
    square = x * x
    t = np.tanh(SLOPE * x * (1 + CUBE * square))
    half = 0.5 * (1 + t)
    slope = half + 0.5 * x * (1 - t * t) * SLOPE * (1 + 3 * CUBE * square)
    return x * half, cotangent * slope


def layer_norm(x: np.ndarray, weight: np.ndarray, bias: np.ndarray, cotangent: np.ndarray) -> tuple[Any, ...]:
    """Layer norm over the columns, and the pullback of a cotangent."""
    scaled = x - x.mean(axis=1, keepdims=True)
    inverse = 1 / np.sqrt(np.einsum("ij,ij->i", scaled, scaled)[:, None] / x.shape[1] + EPSILON)
    scaled *= inverse
    pulled = cotangent * weight
    mean = pulled.mean(axis=1, keepdims=True)
    product = np.einsum("ij,ij->i", pulled, scaled)[:, None] / x.shape[1]
    pulled -= mean
    pulled -= scaled * product
    pulled *= inverse
    return scaled * weight + bias, pulled, np.einsum("ij,ij->j", cotangent, scaled), cotangent.sum(axis=0)


def labelled(generator: np.random.Generator, rows: int, columns: int) -> dict[str, np.ndarray]:
    """Scores, and the right column of each row."""
    return {
        "x": generator.normal(size=(rows, columns)).astype(np.float32),
        "labels": generator.integers(0, columns, rows),
    }


def jax_cross_entropy(jax: Any, x: Any, labels: Any) -> Any:
    """The mean cross entropy in JAX."""
    scores = jax.nn.log_softmax(x)
    return -jax.numpy.take_along_axis(scores, labels[:, None], axis=1).mean()


def jax_layer_norm(jax: Any, x: Any, weight: Any, bias: Any) -> Any:
    """Layer norm in JAX."""
    centred = x - x.mean(axis=1, keepdims=True)
    return centred * jax.lax.rsqrt((centred**2).mean(axis=1, keepdims=True) + EPSILON) * weight + bias


def cross_entropy_of(x: cv.Tensor, labels: cv.Tensor) -> cv.Tensor:
    """The mean cross entropy in covector."""
    return cv.nn.functional.cross_entropy(x, labels)


FORMS = (
    Form(
        name="tanh",
        title="tanh-affine with squared error",
        bar=3.0,
        arrays=3,
        results=("loss", "dx", "dweight", "dbias"),
        wanted=("x", "weight", "bias"),
        inputs=normal("x", "weight", "bias", "target"),
        numpy=tanh_affine,
        torch=lambda torch, x, weight, bias, target: ((torch.tanh(x * weight + bias) - target) ** 2).sum(),
        jax=lambda jax, x, weight, bias, target: ((jax.numpy.tanh(x * weight + bias) - target) ** 2).sum(),
        covector=lambda x, weight, bias, target: ((cv.tanh(x * weight + bias) - target) ** 2).sum(),
    ),
    Form(
        name="cross-entropy",
        title="softmax cross entropy",
        bar=3.0,
        arrays=2,
        results=("loss", "dx"),
        wanted=("x",),
        inputs=labelled,
        numpy=cross_entropy,
        torch=lambda torch, x, labels: torch.nn.functional.cross_entropy(x, labels),
        jax=jax_cross_entropy,
        covector=cross_entropy_of,
    ),
    Form(
        name="gelu",
        title="GELU",
        bar=3.0,
        arrays=4,
        results=("y", "dx"),
        wanted=("x",),
        inputs=normal("x", "cotangent"),
        numpy=gelu,
        torch=lambda torch, x: torch.nn.functional.gelu(x, approximate="tanh"),
        jax=lambda jax, x: jax.nn.gelu(x, approximate=True),
        covector=lambda x: cv.nn.functional.gelu(x, approximate="tanh"),
    ),
    Form(
        name="layer-norm",
        title="layer norm",
        bar=2.0,
        arrays=4,
        results=("y", "dx", "dweight", "dbias"),
        wanted=("x", "weight", "bias"),
        inputs=normal("x", "weight", "bias", "cotangent"),
        numpy=layer_norm,
        torch=lambda torch, x, weight, bias: torch.nn.functional.layer_norm(x, (x.shape[1],), weight, bias, EPSILON),
        jax=jax_layer_norm,
        covector=lambda x, weight, bias: cv.nn.functional.layer_norm(x, (x.shape[1],), weight, bias, EPSILON),
    ),
)
