"""The part of ``covector tour`` that trains: linear regression as on paper, then on data, and a network on digits."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from covector.cli.tour_picture import Curve, terminal
from covector.data import Batches, accuracy, batches, diabetes, digits, split
from covector.nn import Linear, Module, ReLU, Sequential
from covector.nn.functional import cross_entropy
from covector.optim import SGD, AdamW
from covector.optim.lr_scheduler import CosineAnnealingLR
from covector.tensors.backward import no_grad
from covector.tensors.creation import tensor, zeros
from covector.tensors.dtypes import float64
from covector.tensors.random import manual_seed
from covector.tensors.tensor import Tensor

REGRESSION = """\
X: n 4; W: 1 4; b: 1; T: n 1
Y = X @ W.T + b
E = Y - T
Cost = sum(E ** 2 / 2)
Loss = Cost / n"""

_X = np.array([[1.0, 2.0, 3.0, 4.0], [2.0, 0.0, -1.0, 1.0]])
_T = np.array([[3.0], [1.0]])
_RATE, _SHOWN, _STEPS = 0.02, 2, 200
_EPOCHS = 25


@dataclass(frozen=True)
class Part:
    """A part of the tour: what is done, and, once it is done, what came of it."""

    title: str
    says: str
    text: str
    curve: Curve | None = None


def training() -> Iterator[Part]:
    """The parts, each worked out when it is asked for; the last one shows the losses of those before."""
    curves = []
    for part in (on_two_samples, on_diabetes, on_digits):
        found = part()
        curves += [found.curve] if found.curve is not None else []
        yield found
    yield Part("Both losses", "Downwards is better; the heights are logarithmic.", terminal(curves))


class Regression:
    """Y = X Wᵀ + b and its training: the loss of the note, its gradients by ``backward``, the update by SGD."""

    def __init__(self, x: NDArray[np.float64], target: NDArray[np.float64], rate: float) -> None:
        self.x, self.target = tensor(x), tensor(target)
        self.weight = zeros((1, x.shape[1]), dtype=float64, requires_grad=True)
        self.bias = zeros(1, dtype=float64, requires_grad=True)
        self.optimizer = SGD([self.weight, self.bias], lr=rate)
        self.prediction = self.target

    def step(self) -> float:
        """The loss, after whose gradients weight and bias are updated."""
        self.optimizer.zero_grad()
        self.prediction = self.x @ self.weight.T + self.bias
        self.prediction.retain_grad()
        error = self.prediction - self.target
        cost = (error**2 / 2).sum()
        loss = cost / len(self.x)
        loss.backward()
        self.optimizer.step()
        return float(loss.item())


def on_two_samples() -> Part:
    """The batch of two of the note, every value of the first steps."""
    model = Regression(_X, _T, _RATE)
    lines = [
        f"X = {_row(_X[0])}   T = {_row(_T[0])}   W = {_row(np.zeros(4))}   b = 0   n = 2   lr = {_RATE}",
        f"    {_row(_X[1])}       {_row(_T[1])}",
    ]
    losses = []
    for number in range(1, _STEPS + 1):
        losses.append(model.step())
        if number <= _SHOWN:
            lines += ["", *_written_out(model, number, losses[-1])]
    reached = _row(model.prediction.detach().numpy().ravel())
    lines += ["", f"step {_STEPS}   Loss = {losses[-1]:.1e}    Y = {reached}"]
    return Part(
        "Linear regression, step by step",
        "The note's batch of two: what the formulas give is compared with what loss.backward() finds.",
        "\n".join(lines),
    )


def _written_out(model: Regression, number: int, loss: float) -> list[str]:
    """One step on paper; each gradient that ``backward`` gave is compared with the note's formula."""
    x, error = model.x.numpy(), model.prediction.detach().numpy() - model.target.numpy()
    g = error / len(x)
    formulas = {model.prediction: g, model.weight: g.T @ x, model.bias: g.sum(axis=0)}
    agree = all(np.allclose(_gradient(found), formula) for found, formula in formulas.items())
    verdict = "as backward() found them" if agree else "NOT what backward() found"
    return [
        f"step {number}     E  = Y - T       = {_row(error.ravel())}    Loss = {loss:.6g}",
        f"           G  = E / n       = {_row(g.ravel())}",
        f"           ∇W = Gᵀ X        = {_row((g.T @ x).ravel())}",
        f"           ∇b = sum(G)      = {_row(g.sum(axis=0))}    G, ∇W and ∇b are {verdict}",
        f"           W  ← W - lr·∇W   = {_row(model.weight.detach().numpy().ravel())}",
        f"           b  ← b - lr·∇b   = {_row(model.bias.detach().numpy())}",
    ]


def _gradient(parameter: Tensor) -> NDArray[np.float64]:
    gradient = parameter.grad
    assert gradient is not None
    return gradient.numpy()


def _row(values: NDArray[np.float64]) -> str:
    """Numbers in brackets.

    >>> _row(np.array([1.0, -0.25, 1 / 3]))
    '[1, -0.25, 0.3333]'
    """
    return f"[{', '.join(f'{value:.4g}' for value in values)}]"


def on_diabetes() -> Part:
    """The same model on measurements of patients; least squares says what it could reach at best."""
    measurements, progression = (found.numpy() for found in diabetes())
    target = progression.reshape(-1, 1)
    model = Regression(measurements, target, rate=0.1)
    started = time.perf_counter()
    losses = [model.step() for _ in range(_STEPS)]
    seconds = time.perf_counter() - started
    columns = np.column_stack([measurements, np.ones(len(target))])
    exact = np.linalg.lstsq(columns, target, rcond=None)[0]
    best = float(((columns @ exact - target) ** 2).mean() / 2)
    explained = 1 - losses[-1] / (np.var(target) / 2)
    lines = [
        f"Loss {losses[0]:.1f} → {losses[-1]:.2f} in {_STEPS} steps, {seconds:.1f} s",
        f"     {best:.2f} is the least that any W and b can reach (least squares)",
        f"     {explained:.1%} of the variance is explained",
    ]
    return Part(
        "Linear regression on the diabetes data",
        f"The same loss and update on {len(target)} patients with {measurements.shape[1]} measurements each.",
        "\n".join(lines),
        Curve("diabetes: Loss", "steps", losses),
    )


def on_digits() -> Part:
    """A network with one hidden layer on images of digits; a fifth of them is kept for testing."""
    manual_seed(0)
    train, test = split(*digits(), test=0.2)
    model = Sequential(Linear(64, 256), ReLU(), Linear(256, 10))
    optimizer = AdamW(model.parameters(), lr=3e-3)
    data = batches(*train, size=32, shuffle=True, seed=0)
    started = time.perf_counter()
    scheduler = CosineAnnealingLR(optimizer, T_max=_EPOCHS)
    losses = []
    for _ in range(_EPOCHS):
        losses.append(_epoch(model, optimizer, data))
        scheduler.step()
    seconds = time.perf_counter() - started
    with no_grad():
        share = float(accuracy(model(test[0]), test[1]).item())
    lines = [
        "model = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 10))",
        f"Loss {losses[0]:.3f} → {losses[-1]:.4f} in {_EPOCHS} epochs of {len(train[0])} images, {seconds:.1f} s",
        f"{share:.1%} of {len(test[0])} images that it has not seen are read right",
    ]
    return Part(
        "A network that reads digits",
        "The same three lines in a loop: loss, backward, step; all gradients come from the derivations above.",
        "\n".join(lines),
        Curve("digits: cross entropy", "epochs", losses),
    )


def _epoch(model: Module, optimizer: AdamW, data: Batches) -> float:
    """The mean loss of one pass over the data."""
    losses = []
    for images, labels in data:
        optimizer.zero_grad()
        loss = cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        losses.append(float(loss.item()))
    return sum(losses) / len(losses)
