"""Newton's method: its steps, how many it takes, what it does where the loss is not convex, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import covector as cv
from covector.errors import BudgetError, CovectorError, GradientError, JitError
from covector.jacobians.blocks import SingularError

Loss = Callable[[], Any]


def parameter(array: Any) -> cv.Tensor:
    return cv.tensor(np.asarray(array, dtype=np.float64), requires_grad=True)


def gradient(loss: Loss, parameters: list[cv.Tensor]) -> float:
    """The largest element of the gradient."""
    return max(float(abs(part).max()) for part in cv.autograd.grad(loss(), parameters))


def logistic(samples: int = 200, features: int = 10) -> tuple[list[cv.Tensor], Loss, Callable[[np.ndarray], Any]]:
    """Regularised logistic regression with a bias: parameters, loss, and gradient and Hessian by hand."""
    generator = np.random.default_rng(0)
    x, noise = generator.normal(size=(samples, features)), generator.normal(size=samples)
    t = np.sign(x @ generator.normal(size=features) + 0.5 + noise)
    parameters = [parameter(np.zeros(features)), parameter(0.0)]
    w, b = parameters
    given, labels = cv.tensor(x), cv.tensor(t)

    def loss() -> Any:
        return cv.softplus(-labels * (given @ w + b)).sum() + 0.05 * (w**2).sum()

    def by_hand(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        whole, ridge = np.c_[x, np.ones(samples)], np.diag([0.1] * features + [0.0])
        odds = 1 / (1 + np.exp(t * (whole @ values)))
        curved = whole.T @ (whole * (odds * (1 - odds))[:, None]) + ridge
        return -whole.T @ (t * odds) + ridge @ values, curved

    return parameters, loss, by_hand


def factorisation(reg: float, seed: int = 0) -> tuple[list[cv.Tensor], Loss]:
    """A noisy matrix of rank 3 as a product of two factors."""
    generator = np.random.default_rng(seed)
    target = generator.normal(size=(30, 3)) @ generator.normal(size=(3, 20)) + 0.1 * generator.normal(size=(30, 20))
    u, v = parameter(0.3 * generator.normal(size=(30, 3))), parameter(0.3 * generator.normal(size=(20, 3)))
    given = cv.tensor(target)
    return [u, v], lambda: ((given - u @ v.T) ** 2).sum() + reg * ((u**2).sum() + (v**2).sum())


def test_plain_steps_are_those_by_hand() -> None:
    (w, b), loss, by_hand = logistic()
    values = np.zeros(11)
    optimizer = cv.optim.Newton([w, b], max_iter=1, strategy=None)
    for _ in range(6):
        slope, curved = by_hand(values)
        values = values - np.linalg.solve(curved, slope)
        optimizer.step(loss)
        np.testing.assert_allclose(np.r_[w.detach().numpy(), b.item()], values, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("strategy", ["trust", "line_search", None])
@pytest.mark.parametrize("solver", ["auto", "direct", "cg"])
def test_logistic_regression_takes_a_few_steps(strategy: Any, solver: Any) -> None:
    parameters, loss, _ = logistic()
    optimizer = cv.optim.Newton(parameters, strategy=strategy, solver=solver, tolerance_grad=1e-10)
    first = optimizer.step(loss)
    np.testing.assert_allclose(first.item(), 200 * np.log(2))
    assert gradient(loss, parameters) <= 1e-10
    assert optimizer.memory["n_iter"] <= (8 if solver == "direct" else 10)


@pytest.mark.parametrize("reg", [0.0, 0.2])
@pytest.mark.parametrize("strategy", ["trust", "line_search"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_factorisation_converges_quadratically(reg: float, strategy: Any, seed: int) -> None:
    # Rotations of the factors change nothing, so the Hessian is singular at the minimum.
    parameters, loss = factorisation(reg, seed)
    optimizer = cv.optim.Newton(parameters, solver="direct", strategy=strategy, max_iter=1, tolerance_grad=1e-9)
    slopes = [gradient(loss, parameters)]
    for _ in range(40):
        optimizer.step(loss)
        slopes.append(gradient(loss, parameters))
        if slopes[-1] <= 1e-9:
            break
    assert slopes[-1] <= 1e-9
    assert len(slopes) <= 25
    final = [slope for slope in slopes if slope < 1][-3:]
    assert final[-1] <= 1e-2 * final[-2]
    low_rank = np.linalg.svd(loss.__closure__[0].cell_contents.numpy(), compute_uv=False)  # type: ignore[union-attr]
    if reg == 0:
        np.testing.assert_allclose(loss().item(), (low_rank[3:] ** 2).sum(), rtol=1e-9)


QUADRATICS = {
    "diagonal": lambda x: ((cv.tensor(np.arange(1.0, 13).reshape(4, 3)) * (x - 1)) ** 2).sum(),
    "kronecker": lambda x: ((cv.tensor(np.tri(5, 4)) @ x - 2) ** 2).sum(),
    "diagonal and low rank": lambda x: (x**2).sum() + (x - 1).sum() ** 2,
    "dense": lambda x: ((x.reshape(-1) @ cv.tensor(np.tri(12) + np.eye(12)) - 1) ** 2).sum(),
}


@pytest.mark.parametrize("name", QUADRATICS)
def test_a_quadratic_loss_takes_one_step(name: str) -> None:
    x = parameter(np.random.default_rng(0).normal(size=(4, 3)))
    optimizer = cv.optim.Newton([x], solver="direct", tolerance_grad=1e-9)
    optimizer.step(lambda: QUADRATICS[name](x))
    assert optimizer.memory["n_iter"] == optimizer.memory["n_solves"] == 1
    assert gradient(lambda: QUADRATICS[name](x), [x]) <= 1e-9


def test_a_million_parameters() -> None:
    x = parameter(np.linspace(-1, 1, 1_000_000))
    optimizer = cv.optim.Newton([x], tolerance_grad=1e-10)
    optimizer.step(lambda: cv.exp(x).sum() - 2 * x.sum())
    np.testing.assert_allclose(x.detach().numpy(), np.log(2), rtol=1e-9)
    assert optimizer.memory["n_iter"] <= 7


def test_a_saddle_point_is_left() -> None:
    def loss_of(x: cv.Tensor) -> Any:
        return x[0] ** 4 / 4 - x[0] ** 2 / 2 + x[1] ** 2

    for strategy in ("trust", "line_search"):
        x = parameter([0.1, 1.0])
        cv.optim.Newton([x], strategy=strategy, max_iter=50).step(lambda x=x: loss_of(x))
        np.testing.assert_allclose(x.tolist(), [1, 0], atol=1e-6)
    x = parameter([0.1, 1.0])
    cv.optim.Newton([x], strategy=None).step(lambda: loss_of(x))
    np.testing.assert_allclose(x.tolist(), [0, 0], atol=1e-6)


def test_rosenbrock() -> None:
    for strategy in ("trust", "line_search"):
        for solver in ("auto", "direct", "cg"):
            x = parameter([-1.2, 1.0])
            optimizer = cv.optim.Newton([x], strategy=strategy, solver=solver, max_iter=60, tolerance_grad=1e-9)
            optimizer.step(lambda x=x: (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2)
            np.testing.assert_allclose(x.tolist(), [1, 1], atol=1e-7)
            assert optimizer.memory["n_iter"] <= 40


def test_the_parameters_of_a_model_and_a_closure_as_pytorch_wants_it() -> None:
    cv.random.manual_seed(0)
    model = cv.nn.Sequential(cv.nn.Linear(2, 4), cv.nn.Tanh(), cv.nn.Linear(4, 1))
    x = cv.tensor(np.random.default_rng(0).normal(size=(40, 2)).astype(np.float32))
    y = cv.sin(x[:, :1]) * x[:, 1:]
    optimizer = cv.optim.Newton(model.parameters(), max_iter=30, tolerance_grad=1e-4, damping=1e-4)

    def closure() -> Any:
        optimizer.zero_grad()
        loss = cv.nn.functional.mse_loss(model(x), y)
        loss.backward()
        return loss

    before = closure().item()
    kept = model[0].weight.grad
    assert optimizer.step(closure).item() == pytest.approx(before, rel=1e-5)
    assert model[0].weight.grad is kept
    assert closure().item() < 0.2 * before
    assert all(p.requires_grad and p.is_leaf and p.dtype == cv.float32 for p in model.parameters())


def test_a_singular_hessian() -> None:
    x = parameter([1.0, 2.0])

    def loss() -> Any:
        return (x[0] + x[1] - 1) ** 2

    with pytest.raises(SingularError, match="damp"):
        cv.optim.Newton([x], strategy=None).step(loss)
    cv.optim.Newton([x], strategy=None, damping=1e-3, max_iter=50).step(loss)
    assert loss().item() < 1e-10
    y = parameter([1.0, 2.0])
    optimizer = cv.optim.Newton([y])
    optimizer.step(lambda: (y[0] + y[1] - 1) ** 2)
    np.testing.assert_allclose(y.tolist(), [0, 1], atol=1e-6)


def test_what_does_not_fit_is_refused_and_cg_does_it() -> None:
    generator = np.random.default_rng(0)
    x = parameter(generator.normal(size=(4000,)))
    matrix = cv.tensor(generator.normal(size=(50, 4000)) / 60)

    def loss() -> Any:
        return cv.exp(matrix @ x).sum() + ((x**2).sum() + 1) ** 2 / 100

    def dense() -> Any:
        return cv.log(1 + cv.cumsum(x, 0) ** 2).sum() + (x**2).sum()

    with pytest.raises(BudgetError, match=r"244\.1 MiB"):
        cv.optim.Newton([x], budget=1 << 24, solver="direct").step(dense)
    for solver in ("cg", "auto"):
        x.data = cv.tensor(generator.normal(size=(4000,)))
        cv.optim.Newton([x], budget=1 << 24, solver=solver, max_iter=40).step(loss)
        assert gradient(loss, [x]) <= 1e-7


def test_dense_matrices_from_where_products_do_not_get_there() -> None:
    generator = np.random.default_rng(0)
    scales = cv.tensor(np.logspace(0, 4, 120))
    turned = cv.tensor(np.linalg.qr(generator.normal(size=(120, 120)))[0])
    x = parameter(generator.normal(size=120))

    def loss() -> Any:
        return (scales * (turned @ x) ** 2).sum() + (x**4).sum()

    optimizer = cv.optim.Newton([x], tolerance_grad=1e-9)
    optimizer.step(loss)
    assert gradient(loss, [x]) <= 1e-9
    assert optimizer.memory["dense"]
    y = parameter(np.ones(500))
    plain = cv.optim.Newton([y])
    plain.step(lambda: cv.exp(2 * y).sum() - y.sum())
    assert not plain.memory["dense"]


@pytest.mark.parametrize(
    ("loss", "error", "words"),
    [
        (None, CovectorError, "given no closure"),
        (lambda x: x, GradientError, "a loss is one float, and this has the shape 2"),
        (lambda x: (x > 0).sum(), GradientError, "a loss is one float"),
        (lambda x: float(x.sum()), JitError, "looks at the value"),
        (lambda x: 3.0, CovectorError, "returns no tensor"),
        (lambda x: cv.log(x - 5).sum(), CovectorError, "the loss is nan where Newton's method starts"),
    ],
)
def test_bad_losses(loss: Any, error: type, words: str) -> None:
    x = parameter([1.0, 2.0])
    with pytest.raises(error, match=words):
        cv.optim.Newton([x]).step(loss and (lambda: loss(x)))
    assert x.tolist() == [1, 2]
    assert x.requires_grad


def test_bad_settings() -> None:
    x = parameter([1.0])
    for settings in ({"strategy": "luck"}, {"solver": "inverse"}, {"damping": -1.0}, {"lr": float("nan")}):
        with pytest.raises(CovectorError, match="Newton"):
            cv.optim.Newton([x], **settings)
    with pytest.raises(CovectorError, match="one group"):
        cv.optim.Newton([{"params": [x]}, {"params": [parameter(2.0)]}])
    with pytest.raises(JitError, match=r"Newton\.step looks at the loss"):
        cv.jit(lambda: cv.optim.Newton([x]).step(lambda: x**2))()


def test_state_dict() -> None:
    (u, v), loss = factorisation(0.2)
    optimizer = cv.optim.Newton([u, v], max_iter=4)
    optimizer.step(loss)
    saved = optimizer.state_dict()
    other = cv.optim.Newton([u, v])
    other.load_state_dict(saved)
    assert other.memory == optimizer.memory
    assert other.memory["n_iter"] == 4
    assert other.param_groups[0]["max_iter"] == 4
