"""Newton's method to a given accuracy, from the start to the end: logistic regression, and a matrix factorisation.

Double precision, for the accuracy is one that single precision does not have: no element of the gradient is larger than
`ENOUGH`. PyTorch takes L-BFGS with its line search, JAX Newton's method with jitted dense Hessians, damped where they
are not positive definite as covector's is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from importlib import import_module
from typing import Any

import numpy as np

import covector as cv
from benchmarks import peers
from benchmarks.measure import Effort, timed
from benchmarks.record import Bar, Contender, Outcome, Row

NEWTON = "covector"
DIRECT = "covector direct"
LBFGS = "PyTorch L-BFGS"
JAX_NEWTON = "JAX Newton"
ENOUGH = 1e-6
RIDGE = 0.1
SAMPLES, FEATURES = 5000, 100
ROWS, COLUMNS, RANK = 100, 80, 5
MOST_STEPS = 500


@dataclass(frozen=True)
class Problem:
    """A loss of parameters for a library, where it starts, and the loss at the minimum."""

    name: str
    title: str
    loss: Callable[..., Any]
    draw: Callable[[np.random.Generator], tuple[list[np.ndarray], list[np.ndarray]]]
    minimum: Callable[..., float]

    @cached_property
    def arrays(self) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """The parameters at the start, and the data."""
        return self.draw(np.random.default_rng(0))

    def expected(self) -> Outcome:
        """The loss at the minimum."""
        return {"loss": np.array(self.minimum(*self.arrays[1]))}


def logistic(library: Any, w: Any, b: Any, x: Any, t: Any) -> Any:
    """Logistic regression with a ridge; labels are of either sign."""
    return library.log1p(library.exp(-t * (x @ w + b))).sum() + RIDGE * (w**2).sum()


def logistic_data(generator: np.random.Generator) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Noisy labels of normal samples."""
    x = generator.normal(size=(SAMPLES, FEATURES))
    t = np.sign(x @ generator.normal(size=FEATURES) / 3 + generator.normal(size=SAMPLES))
    return [np.zeros(FEATURES), np.array(0.0)], [x, t]


def logistic_minimum(x: np.ndarray, t: np.ndarray) -> float:
    """The loss after plain steps by hand."""
    whole, ridge = np.c_[x, np.ones(len(x))], np.diag([2 * RIDGE] * x.shape[1] + [0.0])
    values = np.zeros(x.shape[1] + 1)
    for _ in range(20):
        odds = 1 / (1 + np.exp(t * (whole @ values)))
        curved = whole.T @ (whole * (odds * (1 - odds))[:, None]) + ridge
        values = values - np.linalg.solve(curved, ridge @ values - whole.T @ (t * odds))
    return float(np.log1p(np.exp(-t * (whole @ values))).sum() + RIDGE * (values[:-1] ** 2).sum())


def factorisation(library: Any, u: Any, v: Any, target: Any) -> Any:
    """The squared distance of a matrix from u vᵀ, with a ridge."""
    return ((target - u @ v.T) ** 2).sum() + RIDGE * ((u**2).sum() + (v**2).sum())


def factorisation_data(generator: np.random.Generator) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """A noisy matrix of low rank, and factors to start from."""
    target = generator.normal(size=(ROWS, RANK)) @ generator.normal(size=(RANK, COLUMNS))
    start = [0.5 * generator.normal(size=(size, RANK)) for size in (ROWS, COLUMNS)]
    return start, [target + 0.1 * generator.normal(size=target.shape)]


def factorisation_minimum(target: np.ndarray) -> float:
    """The loss where the largest singular values are made smaller by the ridge, and the others are zero."""
    values = np.linalg.svd(target, compute_uv=False)
    kept = np.maximum(values[:RANK] - RIDGE, 0)
    return float(((values[:RANK] - kept) ** 2 + 2 * RIDGE * kept).sum() + (values[RANK:] ** 2).sum())


PROBLEMS = (
    Problem(
        "logistic",
        f"logistic regression, {SAMPLES} samples, {FEATURES + 1} weights",
        logistic,
        logistic_data,
        logistic_minimum,
    ),
    Problem(
        "factorisation",
        f"‖T - UVᵀ‖² by U and V, {ROWS}×{COLUMNS} of rank {RANK}",
        factorisation,
        factorisation_data,
        factorisation_minimum,
    ),
)


def rows(effort: Effort) -> list[Row]:
    """A row for each problem."""
    makers: Mapping[str, Callable[..., Contender]] = {
        NEWTON: partial(covector, "auto"),
        DIRECT: partial(covector, "direct"),
        LBFGS: torch,
        JAX_NEWTON: jax,
    }
    return [
        Row(
            f"newton-{problem.name}",
            f"to a gradient of {ENOUGH:g}: {problem.title}",
            {name: partial(make, problem, effort) for name, make in makers.items()},
            (Bar(NEWTON, 1.0, (LBFGS, JAX_NEWTON)),),
            expected=problem.expected,
            tolerance=1e-9,
            rounds=7,
        )
        for problem in PROBLEMS
    ]


def covector(solver: Any, problem: Problem, effort: Effort) -> Contender:
    """`covector.optim.Newton`."""
    start, data = problem.arrays
    parameters, given = [cv.tensor(array, requires_grad=True) for array in start], [cv.tensor(a) for a in data]

    def loss() -> Any:
        return problem.loss(cv, *parameters, *given)

    def solve() -> float:
        with cv.no_grad():
            for parameter, array in zip(parameters, start, strict=True):
                parameter.copy_(cv.tensor(array))
        cv.optim.Newton(parameters, solver=solver, max_iter=MOST_STEPS, tolerance_grad=ENOUGH).step(loss)
        return float(loss())

    found = solve()
    slope = max(float(abs(part).max()) for part in cv.autograd.grad(loss(), parameters))
    return Contender(timed(solve, effort), _outcome(found, slope))


def torch(problem: Problem, effort: Effort) -> Contender:
    """``torch.optim.LBFGS`` with a strong Wolfe line search."""
    library = peers.torch()
    start, data = problem.arrays
    parameters = [library.tensor(array, requires_grad=True) for array in start]
    given = [library.tensor(array) for array in data]

    def loss() -> Any:
        return problem.loss(library, *parameters, *given)

    def solve() -> float:
        with library.no_grad():
            for parameter, array in zip(parameters, start, strict=True):
                parameter.copy_(library.from_numpy(array))
        optimizer = library.optim.LBFGS(
            parameters,
            max_iter=10 * MOST_STEPS,
            max_eval=20 * MOST_STEPS,
            tolerance_grad=ENOUGH,
            tolerance_change=0.0,
            line_search_fn="strong_wolfe",
        )

        def closure() -> Any:
            optimizer.zero_grad()
            value = loss()
            value.backward()
            return value

        optimizer.step(closure)
        return float(closure().detach())

    found = solve()
    slope = max(float(parameter.grad.abs().max()) for parameter in parameters)
    return Contender(timed(solve, effort), _outcome(found, slope))


def jax(problem: Problem, effort: Effort) -> Contender:
    """Newton's method with ``jax.hessian`` under jax.jit, and the damping of Levenberg and Marquardt."""
    library = peers.jax()
    numpy, linalg = library.numpy, library.scipy.linalg
    start, data = problem.arrays
    with library.enable_x64(True):
        flat, rebuilt = import_module("jax.flatten_util").ravel_pytree([numpy.asarray(array) for array in start])
        given = [numpy.asarray(array) for array in data]

        def loss(values: Any, given: Any) -> Any:
            return problem.loss(numpy, *rebuilt(values), *given)

        @library.jit
        def curved(values: Any, given: Any) -> Any:
            return library.hessian(loss)(values, given)

        @library.jit
        def tried(values: Any, slope: Any, hessian: Any, damping: Any, given: Any) -> Any:
            factor = linalg.cho_factor(hessian + damping * numpy.eye(len(values)))
            step = -linalg.cho_solve(factor, slope)
            there = values + step
            promised = (damping * (step @ step) - slope @ step) / 2
            return there, promised, *library.value_and_grad(loss)(there, given)

        first = library.jit(library.value_and_grad(loss))

    def solve() -> tuple[float, float]:
        with library.enable_x64(True):
            values, (here, slope) = flat, first(flat, given)
            trust, largest = 0.0, float(abs(slope).max())
            for _ in range(MOST_STEPS):
                if largest <= ENOUGH:
                    break
                hessian, size = curved(values, given), float(numpy.linalg.norm(slope))
                for tries in range(40):
                    there, promised, value, bent = tried(values, slope, hessian, trust * size, given)
                    share = (float(here) - float(value)) / float(promised)
                    is_smaller = float(abs(bent).max()) < largest
                    if share >= 1e-4 or (is_smaller and float(promised) <= 1e-14 * abs(float(here))):
                        trust = trust / 4 if share >= 0.75 and not tries else trust
                        break
                    trust = max(4 * trust, 1e-3 * float(abs(numpy.diag(hessian)).max()) / size)
                values, here, slope = there, value, bent
                largest = float(abs(slope).max())
            return float(here), largest

    return Contender(timed(solve, effort), _outcome(*solve()))


def _outcome(loss: float, slope: float) -> Outcome:
    """What is compared; nothing where the accuracy was not reached."""
    return {"loss": np.array(loss if slope <= ENOUGH else np.nan)}
