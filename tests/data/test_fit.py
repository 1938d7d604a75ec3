"""`fit`: the same training as by hand, validation, callbacks, checkpoints and histories."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import covector as cv
from covector import data, nn
from covector.errors import CovectorError
from covector.optim import lr_scheduler

X = np.random.default_rng(0).standard_normal((40, 3)).astype(np.float32)
Y = X @ np.array([[1.0], [-2.0], [0.5]], dtype=np.float32) + 0.3


def start(lr: float = 0.1) -> tuple[nn.Module, cv.optim.Optimizer]:
    cv.random.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Dropout(0.0), nn.Linear(8, 1))
    return model, cv.optim.SGD(model.parameters(), lr=lr)


def fit(model: nn.Module, optimizer: cv.optim.Optimizer, **settings: Any) -> data.History:
    settings = {"epochs": 3, "progress": False} | settings
    given = settings.pop("data", data.batches(X, Y, size=16))
    return cv.fit(model, settings.pop("loss", nn.MSELoss()), given, optimizer, **settings)


def test_it_is_the_loop_that_one_would_write() -> None:
    model, optimizer = start()
    history = fit(model, optimizer)
    other, by_hand = start()
    losses = []
    for _ in range(3):
        total = 0.0
        for x, y in data.batches(X, Y, size=16):
            by_hand.zero_grad()
            loss = nn.functional.mse_loss(other(x), y)
            loss.backward()
            by_hand.step()
            total += len(y) * loss.item()
        losses.append(total / 40)
    np.testing.assert_allclose(history["loss"], losses, rtol=1e-6)
    for one, two in zip(model.parameters(), other.parameters(), strict=True):
        np.testing.assert_allclose(one.numpy(), two.numpy(), rtol=1e-6)


def test_validation_and_metrics_are_of_a_model_in_evaluation() -> None:
    model, optimizer = start()
    seen: list[bool] = []

    def error(output: cv.Tensor, target: cv.Tensor) -> cv.Tensor:
        seen.append(model.training)
        assert not output.requires_grad
        return (output - target).abs().mean()

    model.eval()
    history = fit(model, optimizer, validation=(X[:8], Y[:8]), metrics={"error": error}, epochs=1)
    assert history.names() == ["loss", "error", "validation_loss", "validation_error"]
    assert seen == [True] * 3 + [False]
    assert not model.training  # as it was before
    expected = nn.functional.mse_loss(model(cv.tensor(X[:8])), cv.tensor(Y[:8])).item()
    assert history["validation_loss"][0] == pytest.approx(expected, rel=1e-6)


def test_arrays_are_taken_in_shuffled_batches() -> None:
    model, optimizer = start()
    assert len(fit(model, optimizer, data=(X, Y), epochs=2)) == 2


def test_schedules_and_clipping() -> None:
    model, optimizer = start()
    per_batch = lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.5)
    fit(model, optimizer, step_scheduler=per_batch, epochs=1)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.1 / 8)
    plateau = lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, threshold=10.0)
    fit(model, optimizer, scheduler=plateau, epochs=2)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.1 / 8 * 0.1)
    model, optimizer = start(lr=1.0)
    before = [parameter.numpy().copy() for parameter in model.parameters()]
    fit(model, optimizer, max_norm=1e-3, epochs=1, data=[(X, Y)])
    moved = [parameter.numpy() - old for parameter, old in zip(model.parameters(), before, strict=True)]
    assert np.sqrt(sum((part**2).sum() for part in moved)) == pytest.approx(1e-3, rel=1e-2)


def test_lbfgs_fits_too() -> None:
    model, _ = start()
    optimizer = cv.optim.LBFGS(model.parameters(), line_search_fn="strong_wolfe")
    assert fit(model, optimizer, data=[(X, Y)], epochs=4)["loss"][-1] < 1e-2


def test_early_stopping_restores_the_best_weights() -> None:
    model, optimizer = start(lr=0.0)
    figures = iter([3.0, 1.0, 2.0, 2.0, 2.0, 2.0])

    def worsen(training: data.Training) -> None:
        training.history.epochs[-1]["validation_loss"] = next(figures)
        with cv.no_grad():
            model[0].bias.copy_(cv.full((8,), float(training.epoch)))

    history = fit(model, optimizer, epochs=20, callbacks=[worsen, data.EarlyStopping(patience=2)])
    assert len(history) == 4
    assert model[0].bias.tolist() == [2.0] * 8


def test_early_stopping_of_accuracies_may_leave_the_weights() -> None:
    model, optimizer = start(lr=0.0)
    stopping = data.EarlyStopping("accuracy", patience=1, mode="max", min_delta=0.1, restore_best=False)
    figures = iter([0.5, 0.7, 0.75, 0.9])

    def metric(output: cv.Tensor, target: cv.Tensor) -> float:
        return next(figures)

    history = fit(model, optimizer, epochs=9, metrics={"accuracy": metric}, callbacks=[stopping], data=[(X, Y)])
    assert history["accuracy"] == [0.5, 0.7, 0.75]


def test_checkpoints_go_on(tmp_path: Path) -> None:
    path = tmp_path / "best.safetensors"
    model, optimizer = start()
    fit(model, optimizer, callbacks=[data.Checkpoint(path, every=2)])
    saved = cv.load(path)
    assert saved["epoch"] == 2
    other, another = start()
    other.load_state_dict(saved["model"])
    another.load_state_dict(saved["optimizer"])
    fit(other, another, epochs=1)
    for one, two in zip(model.parameters(), other.parameters(), strict=True):
        np.testing.assert_array_equal(one.numpy(), two.numpy())


def test_a_checkpoint_of_the_best_epoch(tmp_path: Path) -> None:
    path = tmp_path / "best.safetensors"
    model, optimizer = start(lr=0.0)
    figures = iter([3.0, 1.0, 2.0])

    def metric(output: cv.Tensor, target: cv.Tensor) -> float:
        return next(figures)

    callbacks = [data.Checkpoint(path, monitor="figure")]
    fit(model, optimizer, metrics={"figure": metric}, callbacks=callbacks, data=[(X, Y)])
    assert cv.load(path)["epoch"] == 2


def test_a_bar_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    model, optimizer = start()
    fit(model, optimizer, progress=True, epochs=2)
    assert "epoch 2/2" in capsys.readouterr().out


def test_a_history_plots_itself(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    model, optimizer = start()
    history = fit(model, optimizer, validation=(X, Y), metrics={"twice": lambda o, t: 2.0})
    axes = history.plot(str(tmp_path / "curves.png"))
    assert (tmp_path / "curves.png").stat().st_size > 1000
    assert [len(ax.get_lines()) for ax in axes] == [2, 2]
    assert history.best("loss") == (2, min(history["loss"]))
    assert repr(history).startswith("<history of 3 epochs; the last: loss ")


def test_a_history_without_matplotlib_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    history = data.History()
    history.add({"loss": 1.0})
    with pytest.raises(CovectorError, match="pip install matplotlib"):
        history.plot()


def mistakes() -> dict[str, tuple[dict[str, Any], str]]:
    def diverge(output: cv.Tensor, target: cv.Tensor) -> cv.Tensor:
        return (output - target).mean() / 0.0

    return {
        "used up": ({"data": (batch for batch in [(X, Y)]), "epochs": 2}, "used up after one pass"),
        "nothing": ({"data": []}, "gave no batches"),
        "no target": ({"data": [(X,)]}, "1 parts"),
        "an array": ({"data": [X]}, "a ndarray"),
        "infinite": ({"loss": diverge}, r"the loss is -?inf at batch 1 of epoch 1"),
        "monitor": ({"callbacks": [data.EarlyStopping()]}, "no figure 'validation_loss' to watch"),
    }


@pytest.mark.parametrize("case", mistakes())
def test_mistakes_are_named(case: str) -> None:
    settings, text = mistakes()[case]
    with pytest.raises(CovectorError, match=text):
        fit(*start(), **settings)


def test_digits_are_learned() -> None:
    cv.random.manual_seed(0)
    train, test = data.split(*data.digits(), test=0.25)
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = cv.optim.Adam(model.parameters(), lr=3e-3)
    batches = data.batches(*train, size=64, shuffle=True, seed=0)
    cv.fit(model, nn.CrossEntropyLoss(), batches, optimizer, epochs=15, progress=False)
    assert data.accuracy(model(test[0]), test[1]).item() >= 0.965
