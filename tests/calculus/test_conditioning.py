"""Gradients keep the digits that their forward has: earlier values are read where that costs none."""

from __future__ import annotations

import numpy as np
import pytest

import covector as cv

LARGE = 1e7

SUMS = {
    "a penalty": ("f = log(sum[i](exp(x[i]))) + c*sum[i](x[i]**2)", lambda p, x, c: p + 2 * c * x),
    "a number": ("f = c + log(sum[i](exp(x[i])))", lambda p, x, c: p),
    "an element": ("f = log(sum[i](exp(x[i]))) - c*x[0]", lambda p, x, c: p - c * np.eye(len(x))[0]),
    "a shift that is not in the exponents": (
        "f = log(sum[i](exp(x[i] - stop(max[j](x[j]))))) + stop(max[j](x[j])) + c",
        lambda p, x, c: p,
    ),
}


@pytest.mark.parametrize("name", SUMS)
def test_a_large_term_stays_out_of_the_exponent(name: str) -> None:
    source, by_hand = SUMS[name]
    x = np.array([0.3, -0.2, 0.9, 0.1])
    p = np.exp(x) / np.exp(x).sum()
    for c in (1.0, LARGE, -LARGE):
        found = cv.derive(source)["x"](x=x, c=np.float64(c))
        np.testing.assert_allclose(found - by_hand(0, x, c), p, atol=4 * np.spacing(abs(by_hand(p, x, c)).max()))


@pytest.mark.parametrize(
    ("source", "formula"),
    [
        ("f = log(sum[i](exp(x[i])))", "exp(x - f)"),
        ("m = max[j](x[j]); f = stop(m) + log(sum[i](exp(x[i] - stop(m))))", "exp(x - f)"),
        ("f = log(sum[i](exp(x[i]))) + sum[i](x[i]**2)", "2 * x + softmax(x)"),
        ("y[i] = log(1 + exp(x[i])) + x[i]**2", "G * (sigmoid(x) + 2 * x)"),
    ],
)
def test_where_the_value_is_read(source: str, formula: str) -> None:
    assert f"= {formula} " in cv.derive(source).text(less=True)
