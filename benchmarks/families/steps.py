"""Training steps: whole, under ``jit``, and define-by-run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

import covector as cv
from benchmarks import peers
from benchmarks.families.models import RATE, Model, compiled_step, hand_step, jax_step, outcome, torch_step
from benchmarks.measure import Effort, timed
from benchmarks.record import COMPILED, EAGER, JAX, JIT, NUMPY, TORCH, Bar, Contender, Row

MODELS = {
    "mlp-784-512-256-10": Model((784, 512, 256, 10), 128),
    "mlp-784-128-10": Model((784, 128, 10), 64),
    "mlp-64-32-10": Model((64, 32, 10), 32),
    "regression-4-1": Model((4, 1), 32),
    "mlp-784-2048-2048-10": Model((784, 2048, 2048, 10), 512),
}
BARS = {
    "mlp-784-512-256-10": (Bar(JIT, 1.5, mkl=True), Bar(JIT, 1.2, mkl=False), Bar(EAGER, 2.0, (TORCH,))),
    "mlp-784-128-10": (Bar(EAGER, 2.0, (TORCH,)),),
    "mlp-64-32-10": (
        Bar(JIT, 10.0, (TORCH, COMPILED, JAX)),
        Bar(JIT, 4.0, (NUMPY,)),
        Bar(EAGER, 2.0, (TORCH,)),
    ),
    "regression-4-1": (Bar(JIT, 15.0),),
    "mlp-784-2048-2048-10": (Bar(JIT, 1.1),),
}


def rows(effort: Effort) -> list[Row]:
    """A row for each model."""
    return [
        Row(f"step-{name}", title(model), contenders(model, effort), BARS[name], model.work, model.expected)
        for name, model in MODELS.items()
    ]


def title(model: Model) -> str:
    """What the row is called.

    >>> title(Model((4, 1), 32))
    'linear regression step 4→1, batch 32'
    """
    kind = "linear regression step " if model.is_regression else "MLP step "
    return kind + ("→" if model.is_regression else "-").join(map(str, model.sizes)) + f", batch {model.batch}"


def contenders(model: Model, effort: Effort) -> Mapping[str, Callable[[], Contender]]:
    """Everybody who trains the model."""
    makers = {JIT: jitted, EAGER: eager, TORCH: torch, COMPILED: compiled, JAX: jax, NUMPY: numpy}
    return {name: partial(make, model, effort) for name, make in makers.items()}


def numpy(model: Model, effort: Effort) -> Contender:
    """The hand-written step."""
    weights = [weight.copy() for weight in model.weights]
    step = hand_step(model, weights, *model.data)
    return Contender(timed(step, effort), outcome(step(), model.weights, weights))


def torch(model: Model, effort: Effort) -> Contender:
    """PyTorch eager."""
    library = peers.torch()
    weights = [library.tensor(weight, requires_grad=True) for weight in model.weights]
    step = torch_step(model, weights, *map(library.tensor, model.data))
    loss = step()
    return Contender(timed(step, effort), outcome(loss.item(), model.weights, [w.detach().numpy() for w in weights]))


def compiled(model: Model, effort: Effort) -> Contender:
    """The step under torch.compile."""
    library = peers.compiler()
    weights = [library.tensor(weight) for weight in model.weights]
    step = compiled_step(model, weights, *map(library.tensor, model.data))
    loss = step()
    return Contender(timed(step, effort), outcome(loss.item(), model.weights, [weight.numpy() for weight in weights]))


def jax(model: Model, effort: Effort) -> Contender:
    """The step under jax.jit."""
    library = peers.jax()
    whole = jax_step(model)
    batch, targets = (library.numpy.asarray(array) for array in model.data)
    weights = [library.numpy.array(weight) for weight in model.weights]

    def step() -> object:
        nonlocal weights
        loss, weights = whole(weights, batch, targets)
        return library.block_until_ready(loss)

    loss = step()
    return Contender(timed(step, effort), outcome(loss, model.weights, [np.array(weight) for weight in weights]))


def covector_step(model: Model) -> tuple[Callable[..., cv.Tensor], list[cv.Tensor]]:
    """The step as a user writes it, and the weights that it updates."""
    layers: list[cv.nn.Module] = []
    for inner, outer in zip(model.sizes, model.sizes[1:], strict=False):
        layers += [cv.nn.Linear(inner, outer), cv.nn.ReLU()]
    network = cv.nn.Sequential(*layers[:-1])
    weights = list(network.parameters())
    network.load_state_dict(dict(zip(network.state_dict(), model.weights, strict=True)))
    optimizer = cv.optim.SGD(weights, lr=RATE)
    criterion = half_squared_error if model.is_regression else cv.nn.functional.cross_entropy

    def step(batch: cv.Tensor, targets: cv.Tensor) -> cv.Tensor:
        optimizer.zero_grad()
        loss = criterion(network(batch), targets)
        loss.backward()
        optimizer.step()
        return loss

    return step, weights


def half_squared_error(output: cv.Tensor, targets: cv.Tensor) -> cv.Tensor:
    """The loss of the note on regression: the mean of half the squared errors."""
    return cv.nn.functional.mse_loss(output, targets) / 2


def eager(model: Model, effort: Effort) -> Contender:
    """The step define-by-run: ``loss.backward()`` and ``optimizer.step()``, compiled by its structure."""
    step, weights = covector_step(model)
    return _ours(model, effort, step, weights)


def jitted(model: Model, effort: Effort) -> Contender:
    """The same step under ``cv.jit``."""
    step, weights = covector_step(model)
    return _ours(model, effort, cv.jit(step), weights)


def _ours(model: Model, effort: Effort, step: Callable[..., cv.Tensor], weights: list[cv.Tensor]) -> Contender:
    given = [cv.tensor(array) for array in model.data]
    loss = step(*given)
    found = outcome(loss.numpy(), model.weights, [weight.numpy().copy() for weight in weights])
    return Contender(timed(lambda: step(*given), effort), found)
