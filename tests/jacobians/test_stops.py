"""Structured derivatives of functions of tensors that hold derivatives back, or have rules of their own for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import covector as cv
from covector.errors import GradientError

X = np.array([0.4, -1.3, 2.0])


def _without_gradients(x: Any) -> Any:
    with cv.no_grad():
        y = x**2
    return x * y


STOPPED: dict[str, tuple[Callable[[Any], Any], np.ndarray]] = {
    "stop_gradient": (lambda x: x * cv.stop_gradient(x**2), X**2),
    "detach": (lambda x: x * (x**2).detach(), X**2),
    "no_grad": (_without_gradients, X**2),
    "the argument": (lambda x: cv.stop_gradient(x) * cv.exp(x), X * np.exp(X)),
    "the result": (lambda x: (x**2).detach(), 0 * X),
    "the argument as the result": (lambda x: x.detach(), 0 * X),
    "straight through": (lambda x: x + cv.stop_gradient(cv.round(x) - x), 1 + 0 * X),
    "a gradient inside": (cv.grad(lambda y: (y**2 * cv.stop_gradient(y)).sum()), 2 * X),
    "a gradient inside, of what is detached": (lambda x: cv.grad(lambda y: (y**3).sum())(x.detach()) * x, 3 * X**2),
}


@pytest.mark.parametrize("name", STOPPED)
def test_no_derivative_flows_past_a_stop(name: str) -> None:
    function, expected = STOPPED[name]
    J = cv.jacobian(function)(cv.tensor(X))
    np.testing.assert_allclose(J.dense(), np.diag(expected), rtol=1e-12)
    np.testing.assert_allclose(cv.func.jacobian(function)(cv.tensor(X)).numpy(), J.dense(), rtol=1e-12)


@pytest.mark.parametrize("name", STOPPED)
def test_hessians_know_of_stops(name: str) -> None:
    def loss(x: Any) -> Any:
        return (STOPPED[name][0](x) * x).sum()

    expected = cv.func.hessian(loss)(cv.tensor(X)).numpy()
    np.testing.assert_allclose(cv.hessian(loss)(cv.tensor(X)).dense(), expected, rtol=1e-12)


def test_a_derivative_is_taken_under_no_grad() -> None:
    with cv.no_grad():
        np.testing.assert_allclose(cv.jacobian(cv.sin)(cv.tensor(X)).diagonal(), np.cos(X))


def _square(rule: Callable[[Any, Any], Any], check: bool = True) -> Any:
    @cv.custom_vjp
    def square(x: Any) -> Any:
        return x**2

    square.defvjp(lambda x: (x**2, x), lambda x, g: (rule(x, g),), check=check)
    return square


def test_a_rule_that_is_the_derivative_is_no_obstacle() -> None:
    J = cv.jacobian(_square(lambda x, g: 2 * x * g))(cv.tensor(X))
    np.testing.assert_allclose(J.diagonal(), 2 * X)


@pytest.mark.parametrize("derivative", [cv.jacobian, lambda f: cv.hessian(lambda x: f(x).sum())])
def test_a_rule_that_may_be_another_is_refused(derivative: Any) -> None:
    with pytest.raises(GradientError, match=r"square has a rule of its own.*\n.*cv.func.jacobian"):
        derivative(_square(lambda x, g: 3 * x * g, check=False))(cv.tensor(X))
    with pytest.warns(cv.func.RuleWarning), pytest.raises(GradientError, match="a rule of its own"):
        derivative(_square(lambda x, g: 4 * x * g))(cv.tensor(X))


def test_a_rule_that_no_derivative_goes_through_is_no_obstacle() -> None:
    own = _square(lambda x, g: 3 * x * g, check=False)
    J = cv.jacobian(lambda x: x * cv.stop_gradient(own(x)))(cv.tensor(X))
    np.testing.assert_allclose(J.diagonal(), X**2)
