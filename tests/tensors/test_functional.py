"""`grad` and `value_and_grad` of functions against JAX's rules, and `explain`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import covector as cv
from covector.errors import CovectorError, GradientError
from covector.tensors.explain import reports


def test_gradients_of_trees() -> None:
    def loss(weights: dict[str, Any], x: Any) -> Any:
        return (cv.linear(x, weights["w"], weights["b"]) ** 2).sum()

    weights = {"w": cv.tensor([[1.0, 2.0]]), "b": cv.tensor([0.5])}
    x = cv.tensor([[1.0, 1.0]])
    value, gradient = cv.value_and_grad(loss)(weights, x)
    assert value.item() == 3.5**2
    assert (gradient["w"].tolist(), gradient["b"].tolist()) == ([[7, 7]], [7])
    both = cv.grad(loss, argnums=(0, 1))(weights, x)
    assert both[1].tolist() == [[7, 14]]
    assert weights["w"].grad is None
    assert not weights["w"].requires_grad


def test_something_beside_the_value() -> None:
    (value, aux), gradient = cv.value_and_grad(lambda x: (x * x, "beside"), has_aux=True)(cv.tensor(3.0))
    assert (value.item(), aux, gradient.item()) == (9, "beside", 6)
    assert cv.grad(lambda x: (x * x, 1), has_aux=True)(cv.tensor(3.0))[1] == 1


def test_gradients_of_gradients_of_gradients() -> None:
    derivative = cv.tanh
    x = cv.tensor(0.3, dtype="float64")
    values = []
    for _ in range(3):
        derivative = cv.grad(derivative)
        values.append(derivative(x).item())
    t = np.tanh(0.3)
    assert np.allclose(values, [1 - t**2, -2 * t * (1 - t**2), (1 - t**2) * (6 * t**2 - 2)])


def test_a_gradient_under_jit_and_one_that_vanishes() -> None:
    slope = cv.jit(cv.grad(lambda x: (x**3).sum()))
    assert slope(cv.tensor([1.0, 2.0])).tolist() == [3, 12]
    assert cv.grad(lambda x: cv.tensor(1.0))(cv.tensor([1.0])).tolist() == [0]
    assert cv.grad(lambda x, y: y * 2)(cv.tensor(1.0), cv.tensor(1.0)).item() == 0


def test_an_outer_gradient_flows_through() -> None:
    x = cv.tensor(2.0, requires_grad=True)
    value, slope = cv.value_and_grad(lambda x: x**3)(x)
    (slope + value).backward()
    assert x.grad.item() == 12 + 12  # type: ignore[union-attr]


def test_only_numbers_have_gradients() -> None:
    with pytest.raises(GradientError, match=r"functions that give one number, not a tensor of shape \[2\]"):
        cv.grad(lambda x: x)(cv.ones(2))


def test_explain_says_what_runs(capsys: pytest.CaptureFixture[str]) -> None:
    weight = cv.ones(4, 3, requires_grad=True)
    loss = cv.linear(cv.ones(5, 3), weight).relu().sum()
    loss.backward()
    cv.explain(loss)
    text = capsys.readouterr().out
    for part in ("linear_1[", "relu", "kernels", "operations", "touched", "programs compiled in this process"):
        assert part in text
    (report,) = reports(loss)
    assert report.seconds > 0
    assert abs(sum(row.share for row in report.rows) - 1) < 1e-6
    step = cv.jit(lambda x: x.copy_(x * 2))
    with pytest.raises(CovectorError, match="was not called yet"):
        cv.explain(step)
    step(cv.ones(3))
    assert reports(step)[0].in_place == 1
    with pytest.raises(CovectorError, match="nothing was computed for this tensor"):
        cv.explain(cv.ones(2))
