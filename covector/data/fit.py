"""`fit`: the loop of a training, with validation, callbacks and a progress bar."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from covector.data.batches import Batches, batches
from covector.data.callbacks import Callback, Training
from covector.data.history import History
from covector.data.progress import Bar
from covector.errors import CovectorError
from covector.nn import Module
from covector.nn.ops import ops
from covector.nn.utils import clip_grad_norm_
from covector.optim import Optimizer
from covector.optim.lr_scheduler import ReduceLROnPlateau
from covector.tensors.backward import no_grad
from covector.tensors.creation import asarray
from covector.tensors.tensor import Tensor

Figure = Callable[[Tensor, Tensor], Any]
"""A loss or a metric: of what the model returns and the target."""

_TRAINED, _VALIDATED = 32, 256  # samples in a batch where arrays are given rather than batches


def fit(
    model: Module,
    loss: Figure,
    data: Iterable[Any],
    optimizer: Optimizer,
    epochs: int = 1,
    callbacks: Sequence[Callback] = (),
    *,
    validation: Iterable[Any] | None = None,
    metrics: Mapping[str, Figure] | None = None,
    scheduler: Any = None,
    step_scheduler: Any = None,
    max_norm: float | None = None,
    progress: bool = True,
) -> History:
    """Train a model: for each batch forward, loss, backward and a step of the optimiser.

    ``data`` gives, each time it is gone through, batches ``(inputs…, target)``: `batches`, or a list; a tuple of arrays
    is taken in shuffled batches of 32. ``loss`` and each of ``metrics`` is called with what the model returns and the
    target. On ``validation``, more data, the figures ``validation_…`` are computed after each epoch. ``scheduler`` is
    stepped after each epoch (`ReduceLROnPlateau` with the validation loss, or else the loss), ``step_scheduler`` after
    each batch. ``max_norm`` clips the norm of the gradients. ``callbacks`` are called after each epoch, in order, with
    a `Training`.

    Returns the `History`. Raises `CovectorError` where there are no batches, or the loss becomes NaN or infinite.

    >>> import covector as cv
    >>> x = cv.linspace(-1, 1, 64).reshape(64, 1)
    >>> model = cv.nn.Linear(1, 1)
    >>> optimizer = cv.optim.SGD(model.parameters(), lr=0.5)
    >>> history = cv.fit(model, cv.nn.MSELoss(), (x, 3 * x), optimizer, epochs=20, progress=False)
    >>> history["loss"][-1] < 1e-3
    True
    """
    train = batches(*data, size=_TRAINED, shuffle=True) if isinstance(data, tuple) else data
    held_out = batches(*validation, size=_VALIDATED) if isinstance(validation, tuple) else validation
    training = Training(model, optimizer, History())
    run = _Run(training, {"loss": loss, **(metrics or {})}, step_scheduler, max_norm)
    was_training = model.training
    try:
        with Bar(epochs, len(train) if isinstance(train, (Batches, Sequence)) else None, progress) as bar:
            for epoch in range(1, epochs + 1):
                bar.begin(epoch)
                figures = run.train(train, bar)
                if held_out is not None:
                    figures |= {f"validation_{name}": value for name, value in run.validate(held_out).items()}
                training.history.add(figures)
                bar.end(figures)
                _adjust(scheduler, figures)
                for callback in callbacks:
                    callback(training)
                if training.stop:
                    break
    finally:
        model.train(was_training)
    for callback in callbacks:
        if hasattr(callback, "finish"):
            callback.finish(training)
    return training.history


class _Run:
    """The passes over batches of one training."""

    def __init__(
        self, training: Training, figures: Mapping[str, Figure], step_scheduler: Any, max_norm: float | None
    ) -> None:
        self.training, self.figures = training, figures
        self.step_scheduler, self.max_norm = step_scheduler, max_norm

    def train(self, data: Iterable[Any], bar: Bar) -> dict[str, float]:
        """One epoch; the means of the figures."""
        self.training.model.train()
        means = _Means("data")
        for batch in data:
            *inputs, target = _parts(batch)
            figures = self._step(inputs, target)
            means.add({name: float(value) for name, value in figures.items()}, len(target))
            self._check(means)
            if self.step_scheduler is not None:
                self.step_scheduler.step()
            bar.advance(means)
        return means.all()

    def validate(self, data: Iterable[Any]) -> dict[str, float]:
        """The means of the figures over data that is not trained on."""
        self.training.model.eval()
        means = _Means("validation")
        with no_grad():
            for batch in data:
                *inputs, target = _parts(batch)
                figures = self._figures(self.training.model(*inputs), target)
                means.add({name: float(value) for name, value in figures.items()}, len(target))
        return means.all()

    def _step(self, inputs: list[Any], target: Any) -> dict[str, Any]:
        """One step of the optimiser; the figures before it."""
        model, optimizer = self.training.model, self.training.optimizer
        found: dict[str, Any] = {}

        def closure() -> Any:
            optimizer.zero_grad()
            output = model(*inputs)
            loss = self.figures["loss"](output, target)
            loss.backward()
            if self.max_norm is not None:
                clip_grad_norm_(model.parameters(), self.max_norm)
            if not found:
                with no_grad():
                    found.update(self._figures(_detached(output), target, loss.detach()))
            return loss

        optimizer.step(closure)
        return found

    def _figures(self, output: Any, target: Any, loss: Any = None) -> dict[str, Any]:
        """Every figure of a batch; the loss need not be computed twice."""
        known = {} if loss is None else {"loss": loss}
        return known | {name: figure(output, target) for name, figure in self.figures.items() if name not in known}

    def _check(self, means: _Means) -> None:
        if not math.isfinite(means.last["loss"]):
            where = f"batch {means.batches} of epoch {self.training.epoch + 1}"
            hint = "a smaller learning rate, max_norm=1.0, or inputs scaled to about 1"
            raise CovectorError(f"the loss is {means.last['loss']} at {where}", hint=hint)


class _Means:
    """The means of figures over samples."""

    def __init__(self, source: str) -> None:
        self.source, self.batches, self.samples = source, 0, 0
        self.last: dict[str, float] = {}
        self._sums: dict[str, float] = {}

    def add(self, figures: dict[str, float], samples: int) -> None:
        """Take the figures of a batch in."""
        self.last, self.batches, self.samples = figures, self.batches + 1, self.samples + samples
        for name, value in figures.items():
            self._sums[name] = self._sums.get(name, 0.0) + samples * value

    def all(self) -> dict[str, float]:
        """The means; raises `CovectorError` where there was nothing."""
        if not self.samples:
            hint = "a generator is used up after one pass: give a list, arrays, or cv.data.batches"
            raise CovectorError(f"the {self.source} gave no batches", hint=hint)
        return {name: total / self.samples for name, total in self._sums.items()}


def accuracy(output: Tensor, target: Tensor) -> Tensor:
    """The share of samples whose largest score is that of their class: a metric for `fit`.

    >>> from covector import data, tensor
    >>> data.accuracy(tensor([[1.0, 2.0], [3.0, 0.0]]), tensor([1, 1])).item()
    0.5
    """
    return ops.mean(ops.astype(ops.eq(ops.argmax(output, -1), target), "float32"))


def _parts(batch: Any) -> list[Any]:
    """The inputs and the target of a batch, as tensors."""
    if not isinstance(batch, (tuple, list)) or len(batch) < 2:
        what = f"a {type(batch).__name__}" if not isinstance(batch, (tuple, list)) else f"{len(batch)} parts"
        raise CovectorError(f"a batch of the data is {what}", hint="a batch is a tuple of inputs and, last, the target")
    return [part if isinstance(part, Tensor) else asarray(part) for part in batch]


def _detached(output: Any) -> Any:
    """What a model returned, without its gradient."""
    if isinstance(output, (tuple, list)):
        return type(output)(_detached(part) for part in output)
    return output.detach() if isinstance(output, Tensor) else output


def _adjust(scheduler: Any, figures: Mapping[str, float]) -> None:
    """Step a schedule of epochs."""
    if isinstance(scheduler, ReduceLROnPlateau):
        scheduler.step(figures.get("validation_loss", figures["loss"]))
    elif scheduler is not None:
        scheduler.step()
