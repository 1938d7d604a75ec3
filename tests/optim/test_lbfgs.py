"""L-BFGS against PyTorch's, in float64, with and without the line search."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import covector as cv  # noqa: E402 (after the skip)
from tests.nn.peers import assert_close, drawn, pair  # noqa: E402

SETTINGS: list[dict[str, Any]] = [
    {"line_search_fn": "strong_wolfe"},
    {"line_search_fn": "strong_wolfe", "max_iter": 7, "history_size": 3, "lr": 0.5},
    {"lr": 0.1, "max_iter": 4},
    {"lr": 0.1, "max_iter": 12, "max_eval": 5, "history_size": 2},
]


def run(optimizer: Any, loss_of: Any, count: int) -> list[float]:
    def closure() -> Any:
        optimizer.zero_grad()
        loss = loss_of()
        loss.backward()
        return loss

    return [optimizer.step(closure).item() for _ in range(count)]


@pytest.mark.parametrize("settings", SETTINGS)
def test_rosenbrock(settings: dict[str, Any]) -> None:
    losses = []
    for library in (cv, torch):
        w = library.tensor(np.array([-1.2, 1.0]), requires_grad=True)
        optimizer = library.optim.LBFGS([w], **settings)
        losses.append(run(optimizer, lambda w=w: 100 * (w[1] - w[0] ** 2) ** 2 + (1 - w[0]) ** 2, 4))
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-6, atol=1e-14)


@pytest.mark.parametrize("settings", SETTINGS)
def test_a_network(settings: dict[str, Any]) -> None:
    ours, theirs = pair(lambda nn: nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3)))
    x, y = drawn(8, 6), drawn(8, 3, seed=1)
    mine, other = cv.optim.LBFGS(ours.parameters(), **settings), torch.optim.LBFGS(theirs.parameters(), **settings)
    found = run(mine, lambda: cv.nn.functional.mse_loss(ours(cv.tensor(x)), cv.tensor(y)), 3)
    expected = run(other, lambda: torch.nn.functional.mse_loss(theirs(torch.tensor(x)), torch.tensor(y)), 3)
    np.testing.assert_allclose(found, expected, rtol=1e-8)
    for name, parameter in ours.named_parameters():
        assert_close(parameter, theirs.state_dict()[name], 1e-7)
    assert mine.memory["func_evals"] == other.state_dict()["state"][0]["func_evals"]


def test_it_goes_on_from_a_file(tmp_path: Any) -> None:
    def start(values: Any) -> tuple[cv.Tensor, cv.optim.LBFGS]:
        w = cv.tensor(values, requires_grad=True)
        return w, cv.optim.LBFGS([w], lr=0.1, max_iter=3)

    def loss(w: cv.Tensor) -> cv.Tensor:
        return ((w * w - 2) ** 2).sum()

    w, optimizer = start(drawn(3))
    run(optimizer, lambda: loss(w), 2)
    cv.save(tmp_path / "state.safetensors", optimizer.state_dict())
    v, again = start(w.detach().numpy().copy())
    again.load_state_dict(cv.load(tmp_path / "state.safetensors"))
    run(optimizer, lambda: loss(w), 2)
    run(again, lambda: loss(v), 2)
    np.testing.assert_array_equal(w.numpy(), v.numpy())


def test_it_survives_a_loss_that_overflows() -> None:
    w = cv.tensor(np.array([1.0]), requires_grad=True)
    optimizer = cv.optim.LBFGS([w], lr=1e200, line_search_fn="strong_wolfe", max_iter=5)
    run(optimizer, lambda: cv.sum(w**4), 1)
    assert np.isfinite(w.numpy()).all()
