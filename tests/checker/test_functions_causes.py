"""Backwards with the mistakes that people make, against forwards that are functions: found, and their causes named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import covector as cv

EPSILON = 1e-5


def layer_norm(x: Any) -> Any:
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + EPSILON)


def layer_norm_backward(x: Any, G: Any) -> Any:
    h, deviation = layer_norm(x), np.sqrt(x.var(-1, keepdims=True) + EPSILON)
    return (G - G.mean(-1, keepdims=True) - h * (G * h).mean(-1, keepdims=True)) / deviation


def stale_mean(x: Any, G: Any) -> Any:
    h, deviation = layer_norm(x), np.sqrt(x.var(-1, keepdims=True) + EPSILON)
    return (G - h * (G * h).mean(-1, keepdims=True)) / deviation


def epsilon_outside(x: Any, G: Any) -> Any:
    deviation = np.sqrt(x.var(-1, keepdims=True)) + EPSILON
    h = (x - x.mean(-1, keepdims=True)) / deviation
    return (G - G.mean(-1, keepdims=True) - h * (G * h).mean(-1, keepdims=True)) / deviation


SOFTMAX = "y = softmax(x, axis=1)"


def softmax(x: Any, axis: int = 1) -> Any:
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def softmax_backward(x: Any, G: Any, forward_axis: int = 1, axis: int = 1) -> Any:
    y = softmax(x, forward_axis)
    return y * (G - (G * y).sum(axis, keepdims=True))


def variance(x: Any) -> Any:
    return ((x - x.mean(1, keepdims=True)) ** 2).mean(1)


def variance_backward(x: Any, G: Any, less: int = 0) -> Any:
    return 2 * G[:, None] * (x - x.mean(1, keepdims=True)) / (x.shape[1] - less)


def relu(x: Any) -> Any:
    return np.maximum(x, 0)


CASES: list[tuple[Callable[..., Any] | str, Callable[..., Any], str]] = [
    (layer_norm, layer_norm_backward, ""),
    (layer_norm, stale_mean, "dropped term"),
    (layer_norm, epsilon_outside, "ε in the wrong place"),
    (SOFTMAX, softmax_backward, ""),
    (SOFTMAX, lambda x, G: softmax_backward(x, G, axis=0), "sum over the wrong axis"),
    (SOFTMAX, lambda x, G: softmax_backward(x, G, forward_axis=0), "sum over the wrong axis"),
    (SOFTMAX, lambda x, G: softmax_backward(x, G, forward_axis=0, axis=0), "sum over the wrong axis"),
    (variance, variance_backward, ""),
    (variance, lambda x, G: variance_backward(x, G, less=1), "wrong extent"),
    (relu, lambda x, G: G * (x > 0), ""),
    (relu, lambda x, G: G, "missing condition"),
    (lambda x: x.mean(), lambda x, G: G * np.ones_like(x), "missing factor 1/N·D"),
]


@pytest.mark.parametrize(("forward", "backward", "cause"), CASES)
def test_the_cause_is_found_in_the_derivation_of_a_function(
    forward: Callable[..., Any] | str, backward: Callable[..., Any], cause: str
) -> None:
    verdict = cv.check(backward, of=forward, inputs={"x": "N D"})
    assert verdict.verdict == ("wrong" if cause else "agrees")
    assert (verdict.cause.name if verdict.cause else "") == cause


def test_a_torch_function_is_checked_against_another_forward() -> None:
    torch = pytest.importorskip("torch")

    class Square(torch.autograd.Function):  # type: ignore[misc, name-defined]
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x**2

        @staticmethod
        def backward(ctx: Any, G: Any) -> Any:
            return 2 * ctx.saved_tensors[0] * G

    assert cv.check(Square, of=lambda x: x * x, inputs={"x": "N D"}).verdict == "agrees"
    other = cv.check(Square, of=lambda x: x * x + 1, inputs={"x": "N D"})
    assert other.cause is not None
    assert other.cause.name == "another forward"
    assert cv.check(Square, of=lambda x: x**3, inputs={"x": "N D"}).verdict == "wrong"


def test_a_jax_function_is_checked_against_another_forward() -> None:
    jax = pytest.importorskip("jax")
    sigmoid = jax.custom_vjp(lambda x: 1 / (1 + jax.numpy.exp(-x)))
    sigmoid.defvjp(lambda x: (sigmoid(x), sigmoid(x)), lambda y, G: (G * y * (1 - y),))
    assert cv.check(sigmoid, of=jax.nn.sigmoid, inputs={"x": "N"}).verdict == "agrees"
