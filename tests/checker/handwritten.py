"""Backward passes as people write them in NumPy, all true."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def linear(x: Array, w: Array, b: Array) -> Array:
    return x @ w.T + b


def linear_backward(x: Array, w: Array, b: Array, grad_output: Array) -> tuple[Array, ...]:
    return grad_output @ w, grad_output.T @ x, grad_output.sum(axis=0)


def softmax(x: Array) -> Array:
    e = np.exp(x - (x.max(axis=-1, keepdims=True) if x.size else 0))
    return e / e.sum(axis=-1, keepdims=True)


def softmax_backward(x: Array, grad_output: Array) -> Array:
    y = softmax(x)
    return y * (grad_output - (grad_output * y).sum(axis=-1, keepdims=True))


def logsumexp(x: Array) -> Array:
    m = x.max(axis=-1)
    return np.log(np.exp(x - m[..., None]).sum(axis=-1)) + m


def logsumexp_backward(x: Array, g: Array) -> Array:
    return g[..., None] * softmax(x)


def log_softmax(x: Array) -> Array:
    return x - logsumexp(x)[..., None]


def log_softmax_backward(x: Array, g: Array) -> Array:
    return g - softmax(x) * g.sum(axis=-1, keepdims=True)


LAYER_NORM = """
mu[...] = mean[k](x[..., k])
sigma[...] = sqrt(mean[k]((x[..., k] - mu[...])**2) + 1e-5)
y[..., j] = (x[..., j] - mu[...]) / sigma[...] * w[j] + b[j]
"""


def _normalised(x: Array, axis: int, eps: float = 1e-5) -> tuple[Array, Array]:
    centred = x - x.mean(axis=axis, keepdims=True)
    sigma = np.sqrt((centred**2).mean(axis=axis, keepdims=True) + eps)
    return centred / sigma, sigma


def layer_norm(x: Array, w: Array, b: Array) -> Array:
    return _normalised(x, -1)[0] * w + b


def layer_norm_backward(x: Array, w: Array, b: Array, G: Array) -> tuple[Array, ...]:
    xhat, sigma = _normalised(x, -1)
    g = G * w
    dx = (g - g.mean(axis=-1, keepdims=True) - xhat * (g * xhat).mean(axis=-1, keepdims=True)) / sigma
    axes = tuple(range(x.ndim - 1))
    return dx, (G * xhat).sum(axis=axes), G.sum(axis=axes)


def batch_norm(x: Array, w: Array, b: Array) -> Array:
    return _normalised(x, 0)[0] * w + b


def batch_norm_backward(x: Array, w: Array, b: Array, dout: Array) -> dict[str, Array]:
    xhat, sigma = _normalised(x, 0)
    n = len(x)
    dx = w / (n * sigma) * (n * dout - dout.sum(axis=0) - xhat * (dout * xhat).sum(axis=0))
    return {"x": dx, "w": (dout * xhat).sum(axis=0), "b": dout.sum(axis=0)}


def rms_norm(x: Array, w: Array) -> Array:
    return x / np.sqrt((x**2).mean(axis=-1, keepdims=True) + 1e-6) * w


def rms_norm_backward(x: Array, w: Array, dy: Array) -> tuple[Array, Array]:
    rms = np.sqrt((x**2).mean(axis=-1, keepdims=True) + 1e-6)
    xhat, g = x / rms, dy * w
    return (g - xhat * (g * xhat).mean(axis=-1, keepdims=True)) / rms, (dy * xhat).sum(axis=0)


def conv1d(x: Array, w: Array) -> Array:
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[-1], axis=-1)
    return np.einsum("ncpq,ocq->nop", windows, w)


def conv1d_backward(x: Array, w: Array, dout: Array) -> tuple[Array, Array]:
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[-1], axis=-1)
    dx = np.zeros_like(x)
    for q in range(w.shape[-1]):
        dx[:, :, q : q + dout.shape[-1]] += np.einsum("nop,oc->ncp", dout, w[:, :, q])
    return dx, np.einsum("nop,ncpq->ocq", dout, windows)


def attention(Q: Array, K: Array, V: Array) -> Array:
    return softmax(Q @ K.T / Q.dtype.type(Q.shape[-1] ** 0.5)) @ V


def attention_backward(Q: Array, K: Array, V: Array, dO: Array) -> tuple[Array, ...]:
    scale = Q.dtype.type(Q.shape[-1] ** -0.5)
    P = softmax(Q @ K.T * scale)
    dP = dO @ V.T
    dS = P * (dP - (dP * P).sum(axis=-1, keepdims=True))
    return dS @ K * scale, dS.T @ Q * scale, P.T @ dO


def cross_entropy(x: Array, t: Array) -> Array:
    return -log_softmax(x)[np.arange(len(x)), t].mean()


def cross_entropy_backward(x: Array, t: Array, g: Array) -> Array:
    p = softmax(x)
    p[np.arange(len(x)), t] -= 1
    return p * g / len(x)


def embedding(ids: Array, table: Array) -> Array:
    return table[ids]


def embedding_backward(ids: Array, table: Array, g: Array) -> tuple[None, Array]:
    found = np.zeros_like(table)
    np.add.at(found, ids, g)
    return None, found


def variance_backward(x: Array, g: Array) -> Array:
    return 2 * (x - x.mean(axis=-1, keepdims=True)) * g[..., None] / x.shape[-1]


def sort_backward(x: Array, g: Array) -> Array:
    found = np.empty_like(g)
    np.put_along_axis(found, np.argsort(x, axis=-1), g, axis=-1)
    return found


def three_backward(a: Array, b: Array, c: Array, g: Array) -> tuple[Array, ...]:
    return g @ (b @ c).T, a.T @ g @ c.T, (a @ b).T @ g


def inverse_backward(a: Array, g: Array) -> Array:
    inverse = np.linalg.inv(a + 4 * np.eye(len(a), dtype=a.dtype))
    return -inverse.T @ g @ inverse.T


Function = Callable[[Array], Array]

ELEMENTWISE: tuple[tuple[str, Function, Function, str], ...] = (
    ("exp", np.exp, np.exp, ""),
    ("log", np.log, lambda x: 1 / x, "positive"),
    ("sqrt", np.sqrt, lambda x: 0.5 / np.sqrt(x), "positive"),
    ("sin", np.sin, np.cos, ""),
    ("tanh", np.tanh, lambda x: 1 - np.tanh(x) ** 2, ""),
    ("sigmoid", lambda x: 1 / (1 + np.exp(-x)), lambda x: np.exp(-x) / (1 + np.exp(-x)) ** 2, ""),
    ("relu", lambda x: np.maximum(x, 0), lambda x: x > 0, ""),
    ("abs", np.abs, np.sign, ""),
    ("atan", np.arctan, lambda x: 1 / (1 + x * x), ""),
    ("log1p", np.log1p, lambda x: 1 / (1 + x), "unit"),
)


def text_of(name: str) -> str:
    return f"y[i,j] = {name}(x[i,j])"


if find_spec("torch") is not None:
    import torch

    class TorchLinear(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any, w: Any) -> Any:
            ctx.save_for_backward(x, w)
            return x @ w.T

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            x, w = ctx.saved_tensors
            return g @ w, g.T @ x
