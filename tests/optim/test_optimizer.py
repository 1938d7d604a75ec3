"""Optimisers: state, groups, closures, and one program for a step whatever the settings are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import covector as cv  # noqa: E402 (after the skip)
from covector import nn  # noqa: E402
from covector.errors import CovectorError, StateError  # noqa: E402
from covector.tensors import programs  # noqa: E402
from tests.nn.peers import arrays, assert_close, drawn, pair  # noqa: E402
from tests.optim.curves import OPTIMISERS, mlp  # noqa: E402

X, Y = drawn(8, 6), np.array([0, 1, 2, 0, 1, 2, 0, 1])


def steps(model: Any, optimizer: Any, library: Any, count: int) -> None:
    x, y = library.tensor(X), library.tensor(Y)
    for _ in range(count):
        optimizer.zero_grad()
        library.nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()


def made(optimiser: str, library: Any, model: Any) -> Any:
    name, settings = OPTIMISERS[optimiser]
    return getattr(library.optim, name)(model.parameters(), **settings)


@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_the_state_of_pytorch_is_taken_over(optimiser: str) -> None:
    ours, theirs = pair(mlp)
    their_optimizer = made(optimiser, torch, theirs)
    steps(theirs, their_optimizer, torch, 3)
    ours.load_state_dict(arrays(theirs.state_dict()))
    our_optimizer = made(optimiser, cv, ours)
    state = their_optimizer.state_dict()
    held = {
        number: {name: np.asarray(value) for name, value in entry.items() if value is not None}
        for number, entry in state["state"].items()
    }
    if optimiser == "sgd dampening":
        held = {number: {**entry, "step": np.array(3.0)} for number, entry in held.items()}
    our_optimizer.load_state_dict({"state": held, "param_groups": state["param_groups"]})
    steps(ours, our_optimizer, cv, 3)
    steps(theirs, their_optimizer, torch, 3)
    for name, parameter in ours.named_parameters():
        assert_close(parameter, theirs.state_dict()[name])


@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_a_training_goes_on_from_a_file(optimiser: str, tmp_path: Any) -> None:
    first, _ = pair(mlp)
    optimizer = made(optimiser, cv, first)
    steps(first, optimizer, cv, 2)
    cv.save(tmp_path / "training.safetensors", {"model": first.state_dict(), "optimizer": optimizer.state_dict()})
    second, _ = pair(mlp)
    again = made(optimiser, cv, second)
    saved = cv.load(tmp_path / "training.safetensors")
    second.load_state_dict(saved["model"])
    again.load_state_dict(saved["optimizer"])
    steps(first, optimizer, cv, 2)
    steps(second, again, cv, 2)
    for one, other in zip(first.parameters(), second.parameters(), strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())


def test_the_names_of_the_state_are_pytorchs() -> None:
    for optimiser in OPTIMISERS:
        ours, theirs = pair(mlp)
        mine, other = made(optimiser, cv, ours), made(optimiser, torch, theirs)
        steps(theirs, other, torch, 1)
        expected = {name for name, value in other.state_dict()["state"].get(0, {}).items() if value is not None}
        found = set(mine.state_dict()["state"].get(0, {}))
        assert found - {"step"} == expected - {"step"}


def test_another_rate_is_no_other_program() -> None:
    model, _ = pair(mlp)
    optimizer = cv.optim.Adam(model.parameters(), lr=1e-2)
    steps(model, optimizer, cv, 2)
    before = programs.compiled_count
    schedule = cv.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=8)
    for _ in range(5):
        steps(model, optimizer, cv, 1)
        schedule.step()
    assert programs.compiled_count == before


def test_a_step_under_jit_follows_a_schedule() -> None:
    first, _ = pair(mlp)
    second, _ = pair(mlp)
    optimizers = [cv.optim.SGD(model.parameters(), lr=0.1, momentum=0.9) for model in (first, second)]
    schedules = [cv.optim.lr_scheduler.OneCycleLR(optimizer, 0.3, 8) for optimizer in optimizers]

    @cv.jit
    def step(x: cv.Tensor, y: cv.Tensor) -> cv.Tensor:
        optimizers[1].zero_grad()
        loss = nn.functional.cross_entropy(second(x), y)
        loss.backward()
        optimizers[1].step()
        return loss

    for _ in range(6):
        steps(first, optimizers[0], cv, 1)
        step(cv.tensor(X), cv.tensor(Y))
        for schedule in schedules:
            schedule.step()
    for one, other in zip(first.parameters(), second.parameters(), strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-12)


def test_groups_have_settings_of_their_own() -> None:
    slow, fast = cv.tensor([1.0], requires_grad=True), cv.tensor([1.0], requires_grad=True)
    optimizer = cv.optim.SGD([{"params": slow, "lr": 0.125}, {"params": [fast]}], lr=0.5)
    (slow + fast).sum().backward()
    optimizer.step()
    assert (slow.item(), fast.item()) == (0.875, 0.5)


def test_a_parameter_without_a_gradient_stays() -> None:
    used, unused = cv.tensor([1.0], requires_grad=True), cv.tensor([1.0], requires_grad=True)
    optimizer = cv.optim.AdamW([used, unused], lr=0.5)
    used.sum().backward()
    optimizer.step()
    assert (used.item() < 1, unused.item()) == (True, 1.0)
    assert optimizer.state[unused]["step"].item() == 0


def test_zero_grad() -> None:
    w = cv.tensor([1.0], requires_grad=True)
    optimizer = cv.optim.SGD([w], lr=0.5)
    w.sum().backward()
    optimizer.zero_grad(set_to_none=False)
    assert w.grad.tolist() == [0.0]
    optimizer.zero_grad()
    assert w.grad is None


def test_a_closure_is_called_with_gradients_and_its_loss_returned() -> None:
    w = cv.tensor([2.0], requires_grad=True)
    optimizer = cv.optim.SGD([w], lr=0.25)

    def closure() -> cv.Tensor:
        loss = (w * w).sum()
        loss.backward()
        return loss

    with cv.no_grad():
        assert optimizer.step(closure).item() == 4.0
    assert w.item() == 1.0


def test_parameters_and_state_of_float32_stay_float32() -> None:
    for optimiser, (name, settings) in OPTIMISERS.items():
        w = cv.tensor([1.0, 2.0], requires_grad=True)
        optimizer = getattr(cv.optim, name)([w], **settings)
        (w * w).sum().backward()
        optimizer.step()
        held = [value.dtype for key, value in optimizer.state[w].items() if key != "step"]
        assert {w.dtype, *held} == {"float32"}, optimiser


def test_the_repr_is_pytorchs() -> None:
    ours, theirs = (repr(library.optim.SGD([library.zeros(1, requires_grad=True)], lr=0.1)) for library in (cv, torch))
    lines = set(theirs.splitlines())
    assert set(ours.splitlines()) <= lines


def mistakes() -> dict[str, tuple[Any, type[Exception], str]]:
    w = cv.ones(2, requires_grad=True)
    v = cv.ones(2, requires_grad=True)
    two = cv.optim.Adam([w, v])
    return {
        "no parameters": (lambda: cv.optim.SGD([], lr=0.1), CovectorError, "used up after one pass"),
        "a number": (lambda: cv.optim.SGD([3.0], lr=0.1), CovectorError, "model.parameters()"),
        "a module": (lambda: cv.optim.SGD([nn.Linear(1, 1)], lr=0.1), CovectorError, "Linear"),
        "computed": (lambda: cv.optim.SGD([w * 2], lr=0.1), CovectorError, "was computed"),
        "twice": (lambda: cv.optim.SGD([w, w], lr=0.1), CovectorError, "twice"),
        "negative rate": (lambda: cv.optim.Adam([w], lr=-1.0), CovectorError, "Adam: lr is -1.0"),
        "nan": (lambda: cv.optim.RMSprop([w], alpha=float("nan")), CovectorError, "alpha is nan"),
        "betas": (lambda: cv.optim.AdamW([w], betas=(0.9, 1.0)), CovectorError, "betas are"),
        "nesterov": (lambda: cv.optim.SGD([w], nesterov=True), CovectorError, "needs a momentum"),
        "other groups": (
            lambda: cv.optim.Adam([w]).load_state_dict(two.state_dict()),
            StateError,
            r"groups of \[2\] parameters, and Adam has groups of \[1\]",
        ),
        "other shapes": (
            lambda: cv.optim.Adam([cv.ones(3, requires_grad=True), v]).load_state_dict(two.state_dict()),
            StateError,
            r"exp_avg of parameter 0 has the shape \(2,\), not \(3,\)",
        ),
        "line search": (lambda: cv.optim.LBFGS([w], line_search_fn="armijo"), CovectorError, "strong_wolfe"),
        "no closure": (lambda: cv.optim.LBFGS([w]).step(), CovectorError, "closure"),
        "groups": (lambda: cv.optim.LBFGS([{"params": [w]}, {"params": [v]}]), CovectorError, "one group"),
    }


@pytest.mark.parametrize("case", mistakes())
def test_mistakes_are_named(case: str) -> None:
    act, error, text = mistakes()[case]
    with pytest.raises(error, match=text):
        act()


def test_a_state_that_does_not_fit_changes_nothing() -> None:
    w, v = cv.ones(2, requires_grad=True), cv.ones(3, requires_grad=True)
    optimizer = cv.optim.Adam([w, v])
    state = cv.optim.Adam([cv.ones(2, requires_grad=True), cv.ones(4, requires_grad=True)], lr=7.0).state_dict()
    state["state"][0]["exp_avg"] = cv.ones(2)
    with pytest.raises(StateError):
        optimizer.load_state_dict(state)
    assert optimizer.param_groups[0]["lr"] == 1e-3
    assert optimizer.state[w]["exp_avg"].tolist() == [0.0, 0.0]
