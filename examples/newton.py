"""Newton's method on logistic regression and on a matrix factorisation, beside L-BFGS, with the gradient of each step.

Near the minimum the digits of a Newton step double: the number of zeros after the point does. For the factorisation the
Hessian is one matrix of blocks over both factors, which `H.solve` takes apart by its structure.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import covector as cv

ENOUGH = 1e-9
STEPS = 40


def main() -> None:
    """Print the steps on both problems."""
    parser = argparse.ArgumentParser(description="Newton's method beside L-BFGS.")
    parser.add_argument("--samples", type=int, default=2000, help="samples of the regression (default: 2000)")
    parser.add_argument("--rows", type=int, default=100, help="rows of the matrix (default: 100)")
    options = parser.parse_args()
    generator = np.random.default_rng(0)
    print(f"logistic regression, {options.samples} samples, 21 weights")
    compare(*regression(generator, options.samples))
    print(f"\nfactorisation of a {options.rows}×60 matrix, rank 3")
    compare(*factorisation(generator, options.rows))


Loss = Callable[[], Any]


def regression(generator: np.random.Generator, samples: int) -> tuple[list[cv.Tensor], Loss]:
    """The weights and the bias, and the loss with a ridge."""
    x = generator.normal(size=(samples, 20))
    labels = np.sign(x @ generator.normal(size=20) + generator.normal(size=samples))
    w = cv.zeros(20, dtype=cv.float64, requires_grad=True)
    b = cv.zeros((), dtype=cv.float64, requires_grad=True)
    given, wanted = cv.tensor(x), cv.tensor(labels)
    return [w, b], lambda: cv.softplus(-wanted * (given @ w + b)).sum() + 0.1 * (w**2).sum()


def factorisation(generator: np.random.Generator, rows: int) -> tuple[list[cv.Tensor], Loss]:
    """Both factors, and the squared distance with a ridge."""
    target = generator.normal(size=(rows, 3)) @ generator.normal(size=(3, 60)) + 0.1 * generator.normal(size=(rows, 60))
    u, v = (cv.tensor(generator.normal(size=(size, 3)), requires_grad=True) for size in (rows, 60))
    given = cv.tensor(target)
    return [u, v], lambda: ((given - u @ v.T) ** 2).sum() + 0.1 * ((u**2).sum() + (v**2).sum())


def compare(parameters: list[cv.Tensor], loss: Loss) -> None:
    """Print what Newton's method does step by step, and L-BFGS to the same accuracy, as far as it comes."""
    start = [parameter.detach().numpy().copy() for parameter in parameters]
    slopes = [slope(parameters, loss)]
    optimizer = cv.optim.Newton(parameters, solver="direct", max_iter=1, tolerance_grad=ENOUGH)
    while slopes[-1] > ENOUGH and len(slopes) <= STEPS:
        optimizer.step(loss)
        slopes.append(slope(parameters, loss))
    for step, size in enumerate(slopes):
        print(f"  step {step:2}  largest gradient {size:.1e}")
    for name, solve in (("Newton", newton), ("L-BFGS", bfgs)):
        put(parameters, start)
        solve(parameters, loss)  # compiles
        put(parameters, start)
        began = time.perf_counter()
        steps = solve(parameters, loss)
        taken = 1e3 * (time.perf_counter() - began)
        print(f"  {name}  {steps} steps, {taken:.0f} ms, loss {loss().item():.6f}")


def newton(parameters: list[cv.Tensor], loss: Loss) -> int:
    """The steps of Newton's method."""
    optimizer = cv.optim.Newton(parameters, max_iter=STEPS, tolerance_grad=ENOUGH)
    optimizer.step(loss)
    return int(optimizer.memory["n_iter"])


def bfgs(parameters: list[cv.Tensor], loss: Loss) -> int:
    """The steps of L-BFGS."""
    optimizer = cv.optim.LBFGS(parameters, max_iter=2000, tolerance_grad=ENOUGH, line_search_fn="strong_wolfe")

    def closure() -> Any:
        optimizer.zero_grad()
        value = loss()
        value.backward()
        return value

    optimizer.step(closure)
    return int(optimizer.memory["n_iter"])


def slope(parameters: list[cv.Tensor], loss: Loss) -> float:
    """The largest element of the gradient."""
    return max(float(abs(part).max()) for part in cv.autograd.grad(loss(), parameters))


def put(parameters: list[cv.Tensor], values: list[np.ndarray]) -> None:
    """Give the parameters values."""
    with cv.no_grad():
        for parameter, value in zip(parameters, values, strict=True):
            parameter.copy_(cv.tensor(value))


if __name__ == "__main__":
    main()
