"""The published traps: wrong backwards that pass the tests people write for them."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

from covector.checker.functions import check_function
from covector.checker.verdict import Verdict
from tests.checker import handwritten as hand

Array = np.ndarray[Any, Any]
LINEAR = {"x": "M I", "w": "O I", "b": "O"}
NORM = {"x": "... D", "w": "D", "b": "D"}
CROSS = "l = mean[n](log(sum[c](exp(x[n,c]))) - x[n,t[n]])"


def wrong(verdict: Verdict, cause: str) -> Verdict:
    assert verdict.verdict == "wrong", verdict.message
    assert verdict.cause is not None
    assert verdict.cause.name == cause, verdict.cause
    return verdict


@pytest.mark.parametrize("of", [lambda x, b: x + b, "y[i,j] = x[i,j] + b[j]"])
def test_a_gradient_of_shape_4_3_for_an_input_of_shape_3(of: Any) -> None:
    verdict = check_function(lambda x, b, G: (G, G), of=of, inputs={"x": (4, 3), "b": (3,)})
    wrong(verdict, "missing sum over the batch")
    assert "the gradient of b has the shape (4, 3), and b has (3,)" in verdict.message


@pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is not installed")
def test_autograd_sums_silently_what_broadcasts_and_the_check_does_not() -> None:
    import torch

    class AddBias(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any, b: Any) -> Any:
            return x + b

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g, g

    wrong(check_function(AddBias, inputs={"x": (4, 3), "b": (3,)}), "missing sum over the batch")


def layer_norm_backward(x: Array, w: Array, b: Array, G: Array) -> tuple[Array, ...]:
    dx, dw, db = hand.layer_norm_backward(x, w, b, G)
    if x.ndim == 3:
        dw = (G * hand._normalised(x, -1)[0]).mean(axis=0).sum(axis=0)
    return dx, dw, db


@pytest.mark.parametrize("of", [hand.layer_norm, hand.LAYER_NORM])
def test_a_layer_norm_wrong_only_for_rank_3(of: Any) -> None:
    verdict = wrong(check_function(layer_norm_backward, of=of, inputs=NORM), "only for rank 3")
    assert verdict.message.startswith("at D = 3, B1 = 5, B2 = 2: the gradient of w (3) is wrong in every entry")
    assert "what is true over B1" in verdict.cause.sentence  # type: ignore[union-attr]


def test_one_entry_of_a_32_by_32_matrix_off_by_one_per_cent() -> None:
    def backward(x: Array, w: Array, G: Array) -> tuple[Array, Array]:
        dw = G.T @ x
        dw[17, 5] *= 1.01
        return G @ w, dw

    verdict = check_function(backward, of=lambda x, w: x @ w.T, inputs={"x": (8, 32), "w": (32, 32)})
    wrong(verdict, "wrong in one entry")
    assert verdict.counterexample is not None
    assert verdict.counterexample.where == (17, 5)
    assert "w (32×32) is wrong in one entry, [17, 5]" in verdict.message


@pytest.mark.parametrize("of", [lambda x, t: ((x - t) ** 2).mean(), "l = mean[i,j]((x[i,j] - t[i,j])**2)"])
def test_a_loss_scaled_by_the_steps_of_accumulation(of: Any) -> None:
    steps = 4
    inputs = {"x": "M N", "t": "M N"}
    verdict = check_function(lambda x, t, g: 2 * (x - t) / x.size * g * steps, of=of, inputs=inputs, wrt="x")
    wrong(verdict, "factor 4")


def test_a_double_subtraction_that_passes_at_a_tolerance_of_one_half() -> None:
    def backward(x: Array, t: Array, g: Array) -> Array:
        p = hand.softmax(x)
        p[np.arange(len(x)), t] -= 1
        p[np.arange(len(x)), t] -= 1
        return p * g / len(x)

    verdict = check_function(backward, of=CROSS, inputs={"x": "N C", "t": "N int<C"})
    wrong(verdict, "doubled term")
    assert "one entry in each row" in verdict.message


@pytest.mark.parametrize("of", [hand.linear, "y[m,o] = sum[i](x[m,i]*w[o,i]) + b[o]"])
def test_a_bias_without_the_sum_over_the_batch(of: Any) -> None:
    verdict = check_function(lambda x, w, b, G: (G @ w, G.T @ x, G), of=of, inputs=LINEAR)
    wrong(verdict, "missing sum over the batch")
    assert verdict.message.startswith("at M = 3, I = 5, O = 2: the gradient of b")


@pytest.mark.parametrize(
    ("backward", "cause"),
    [
        (lambda x, w, b, G: (G @ w, x.T @ G, G.sum(0)), "transposed"),
        (lambda x, w, b, G: (-(G @ w), G.T @ x, G.sum(0)), "sign"),
        (lambda x, w, b, G: (G @ w, G.T @ x / len(x), G.sum(0)), "extra factor 1/M"),
        (lambda x, w, b, G: (G @ w, G.T @ x, G.mean(0)), "extra factor 1/M"),
        (lambda x, w, b, G: (G @ w, G.T @ x * len(w), G.sum(0)), "missing factor 1/O"),
        (lambda x, w, b, G: (G @ w, G.T @ x * 2, G.sum(0)), "factor 2"),
        (lambda x, w, b, G: (G @ w, G.T @ x * 0, G.sum(0)), "zero"),
        (lambda x, w, b, G: (G @ w, G.T @ x + w, G.sum(0)), "extra term"),
        (lambda x, w, b, G: (G @ w, (G.T @ x)[::-1], G.sum(0)), "reversed"),
        (lambda x, w, b, G: (G @ w, np.roll(G.T @ x, 1, 1), G.sum(0)), "shifted by one"),
        (lambda x, w, b, G: (G @ w, G.T @ x, G.sum(0, keepdims=True)), "axes of extent 1"),
        (lambda x, w, b, G: (G @ w, G.T @ x, G.sum()), "extra sum"),
        (lambda x, w, b, G: (G @ w, G.T @ x, None), "no gradient"),
        (lambda x, w, b, G: (G @ w, G.T @ x), "wrong number of gradients"),
        (lambda x, w, b, G: (G @ w, G.T @ x, G.sum(0).astype("float64")), "only for float32"),
    ],
)
def test_the_cause_is_named(backward: Any, cause: str) -> None:
    wrong(check_function(backward, of=hand.linear, inputs=LINEAR), cause)
