"""Every schedule against PyTorch's: rates, and momenta where they go with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import covector as cv  # noqa: E402 (after the skip)
from covector.errors import CovectorError  # noqa: E402

STEPS = 30


def sequential(s: Any, optimizer: Any) -> Any:
    parts = [
        s.LinearLR(optimizer, start_factor=0.1, total_iters=4),
        s.CosineAnnealingLR(optimizer, T_max=10),
        s.ExponentialLR(optimizer, gamma=0.9),
    ]
    return s.SequentialLR(optimizer, parts, milestones=[4, 14])


SCHEDULES: dict[str, Callable[[Any, Any], Any]] = {
    "StepLR": lambda s, o: s.StepLR(o, step_size=4, gamma=0.5),
    "MultiStepLR": lambda s, o: s.MultiStepLR(o, milestones=[3, 10, 10, 25], gamma=0.3),
    "ConstantLR": lambda s, o: s.ConstantLR(o, factor=0.25, total_iters=6),
    "LinearLR": lambda s, o: s.LinearLR(o, start_factor=0.2, end_factor=0.8, total_iters=9),
    "ExponentialLR": lambda s, o: s.ExponentialLR(o, gamma=0.93),
    "PolynomialLR": lambda s, o: s.PolynomialLR(o, total_iters=20, power=2.0),
    "CosineAnnealingLR": lambda s, o: s.CosineAnnealingLR(o, T_max=20, eta_min=1e-3),
    "LambdaLR": lambda s, o: s.LambdaLR(o, [lambda epoch: 0.9**epoch, lambda epoch: 1 / (1 + epoch)]),
    "OneCycleLR": lambda s, o: s.OneCycleLR(o, max_lr=[1.0, 2.0], total_steps=STEPS + 1),
    "OneCycleLR linear": lambda s, o: s.OneCycleLR(
        o, max_lr=1.0, epochs=4, steps_per_epoch=8, anneal_strategy="linear", pct_start=0.25, div_factor=10.0
    ),
    "OneCycleLR of three phases": lambda s, o: s.OneCycleLR(o, 1.0, 40, three_phase=True, base_momentum=0.8),
    "OneCycleLR of the rate alone": lambda s, o: s.OneCycleLR(o, 1.0, 40, cycle_momentum=False, final_div_factor=10),
    "SequentialLR": sequential,
}
each_schedule = pytest.mark.parametrize("name", SCHEDULES)


def optimizer_of(library: Any, kind: str = "SGD") -> Any:
    weights = [library.zeros(2, requires_grad=True), library.zeros(3, requires_grad=True)]
    groups = [{"params": [weights[0]], "lr": 0.5}, {"params": [weights[1]]}]
    settings = {"momentum": 0.9} if kind == "SGD" else {}
    return getattr(library.optim, kind)(groups, lr=0.1, **settings)


def settings_of(optimizer: Any) -> list[Any]:
    return [
        [group["lr"], *([group["betas"][0]] if "betas" in group else [group["momentum"]])]
        for group in optimizer.param_groups
    ]


@pytest.mark.filterwarnings("ignore::UserWarning:torch")
@pytest.mark.parametrize("kind", ["SGD", "Adam"])
@each_schedule
def test_schedules_are_pytorchs(name: str, kind: str) -> None:
    ours, theirs = optimizer_of(cv, kind), optimizer_of(torch, kind)
    mine, other = SCHEDULES[name](cv.optim.lr_scheduler, ours), SCHEDULES[name](torch.optim.lr_scheduler, theirs)
    for _ in range(STEPS):
        for found, expected in zip(settings_of(ours), settings_of(theirs), strict=True):
            assert found == pytest.approx(expected, rel=1e-10, abs=1e-15)
        assert mine.get_last_lr() == [group["lr"] for group in ours.param_groups]
        mine.step()
        theirs.step()
        other.step()


@each_schedule
def test_a_schedule_goes_on_from_its_state(name: str) -> None:
    first = optimizer_of(cv)
    schedule = SCHEDULES[name](cv.optim.lr_scheduler, first)
    for _ in range(7):
        schedule.step()
    second = optimizer_of(cv)
    again = SCHEDULES[name](cv.optim.lr_scheduler, second)
    again.load_state_dict(schedule.state_dict())
    assert settings_of(second) == settings_of(first)
    schedule.step()
    again.step()
    assert settings_of(second) == settings_of(first)


FIGURES = [1.0, 0.9, 0.9, 0.90001, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8, 0.7999, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]
PLATEAUS: list[dict[str, Any]] = [
    {"patience": 1, "factor": 0.5},
    {"patience": 2, "factor": 0.1, "cooldown": 2, "min_lr": 1e-3},
    {"patience": 0, "mode": "max", "threshold": 0.05, "threshold_mode": "abs"},
    {"patience": 1, "mode": "max", "eps": 0.04},
    {"patience": 1, "threshold_mode": "abs", "min_lr": [0.2, 0.01]},
]


@pytest.mark.parametrize("settings", PLATEAUS)
def test_reduce_on_plateau_is_pytorchs(settings: dict[str, Any]) -> None:
    ours, theirs = optimizer_of(cv), optimizer_of(torch)
    mine = cv.optim.lr_scheduler.ReduceLROnPlateau(ours, **settings)
    other = torch.optim.lr_scheduler.ReduceLROnPlateau(theirs, **settings)
    for figure in FIGURES:
        mine.step(figure)
        other.step(figure)
        assert mine.get_last_lr() == pytest.approx([group["lr"] for group in theirs.param_groups], rel=1e-12)
    again = cv.optim.lr_scheduler.ReduceLROnPlateau(optimizer_of(cv), **settings)
    again.load_state_dict(mine.state_dict())
    assert again.state_dict() == mine.state_dict()


def test_reduce_on_plateau_takes_a_nan_for_no_better() -> None:
    optimizer = optimizer_of(cv)
    schedule = cv.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, factor=0.5)
    schedule.step(float("nan"))
    assert schedule.get_last_lr() == [0.25, 0.05]


def test_a_cycle_stays_at_its_end() -> None:
    optimizer = optimizer_of(cv)
    schedule = cv.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1.0, total_steps=5)
    for _ in range(9):
        schedule.step()
    assert schedule.get_last_lr() == pytest.approx([1 / 25 / 1e4] * 2)


MISTAKES: dict[str, tuple[Callable[[Any, Any], Any], str]] = {
    "functions": (lambda s, o: s.LambdaLR(o, [abs]), "1 functions are given for 2 groups"),
    "length": (lambda s, o: s.OneCycleLR(o, 1.0), "length of the cycle"),
    "curve": (lambda s, o: s.OneCycleLR(o, 1.0, 5, anneal_strategy="sine"), "one of cos, linear"),
    "rates": (lambda s, o: s.OneCycleLR(o, [1.0], 5), "1 maximal rates"),
    "milestones": (lambda s, o: s.SequentialLR(o, [s.ConstantLR(o)], [3]), "give 0"),
    "other optimiser": (lambda s, o: s.SequentialLR(o, [s.ConstantLR(optimizer_of(cv))], []), "another optimiser"),
    "factor": (lambda s, o: s.ReduceLROnPlateau(o, factor=1.0), "would not reduce"),
    "mode": (lambda s, o: s.ReduceLROnPlateau(o, mode="least"), "'min' or 'max'"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes_are_named(case: str) -> None:
    act, text = MISTAKES[case]
    with pytest.raises(CovectorError, match=text):
        act(cv.optim.lr_scheduler, optimizer_of(cv))
