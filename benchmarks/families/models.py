"""Models whose training steps are measured, by peer: the same weights, the same batch, plain SGD.

A step is the loss, the gradients of every weight, and their update. What is compared is the loss of the first step and
its updates divided by the learning rate, which are the gradients as they were used.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from benchmarks import peers
from benchmarks.record import Outcome, Work

RATE = 0.1


@dataclass(frozen=True)
class Model:
    """A chain of linear layers with ReLU between; with one output it is a regression on half the mean squared error."""

    sizes: tuple[int, ...]
    batch: int

    @property
    def is_regression(self) -> bool:
        """Whether the targets are numbers rather than classes."""
        return self.sizes[-1] == 1

    @cached_property
    def weights(self) -> list[np.ndarray]:
        """Weight and bias of each layer, in turn, float32."""
        generator = np.random.default_rng(0)
        found = []
        for inner, outer in zip(self.sizes, self.sizes[1:], strict=False):
            found.append((generator.normal(size=(outer, inner)) / np.sqrt(inner)).astype(np.float32))
            found.append(generator.normal(size=outer).astype(np.float32))
        return found

    @cached_property
    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """A batch and its targets."""
        generator = np.random.default_rng(1)
        batch = generator.normal(size=(self.batch, self.sizes[0])).astype(np.float32)
        if self.is_regression:
            return batch, generator.normal(size=(self.batch, 1)).astype(np.float32)
        return batch, generator.integers(0, self.sizes[-1], self.batch)

    @property
    def work(self) -> Work:
        """Products: forward, weights' gradients, and inputs' gradients but the first's. Bytes: batch and weights once
        in, and the weights once out."""
        pairs = list(zip(self.sizes, self.sizes[1:], strict=False))
        products = 3 * sum(inner * outer for inner, outer in pairs) - pairs[0][0] * pairs[0][1]
        elements = self.batch * self.sizes[0] + 2 * sum(weight.size for weight in self.weights)
        return Work(2.0 * self.batch * products, 4.0 * elements)

    def expected(self) -> Outcome:
        """The first step in float64, by hand."""
        weights = [weight.astype(np.float64) for weight in self.weights]
        before = [weight.copy() for weight in weights]
        batch, targets = self.data
        loss = hand_step(self, weights, batch.astype(np.float64), targets)()
        return outcome(loss, before, weights)


def outcome(loss: Any, before: Sequence[np.ndarray], after: Sequence[np.ndarray]) -> Outcome:
    """A step's loss, and its updates over the learning rate."""
    found = {"loss": np.asarray(loss)}
    for number, (old, new) in enumerate(zip(before, after, strict=True)):
        found[f"gradient of weight {number}"] = (np.asarray(old) - np.asarray(new)) / RATE
    return found


Step = Callable[[], Any]
"""One training step that ends when everything is computed; its result is the loss."""


def hand_step(model: Model, weights: list[np.ndarray], batch: np.ndarray, targets: np.ndarray) -> Step:
    """NumPy by hand, in place where that saves an array."""
    count, rows = len(weights) // 2, np.arange(len(batch))

    def forward() -> list[np.ndarray]:
        layers = [batch]
        for number in range(count):
            layer = layers[-1] @ weights[2 * number].T
            layer += weights[2 * number + 1]
            if number < count - 1:
                np.maximum(layer, 0, out=layer)
            layers.append(layer)
        return layers

    def squared(output: np.ndarray) -> tuple[Any, np.ndarray]:
        error = output - targets
        return np.vdot(error, error) / (2 * len(batch)), error / len(batch)

    def entropy(scores: np.ndarray) -> tuple[Any, np.ndarray]:
        scores -= scores.max(axis=1, keepdims=True)
        right = scores[rows, targets]
        np.exp(scores, out=scores)
        total = scores.sum(axis=1, keepdims=True)
        loss = (np.log(total[:, 0]) - right).mean()
        scores /= total
        scores[rows, targets] -= 1
        scores /= len(batch)
        return loss, scores

    criterion = squared if model.is_regression else entropy

    def step() -> Any:
        layers = forward()
        loss, cotangent = criterion(layers[-1])
        for number in reversed(range(count)):
            update, bias_update = cotangent.T @ layers[number], cotangent.sum(axis=0)
            if number:
                cotangent = cotangent @ weights[2 * number]
                cotangent *= layers[number] > 0
            update *= RATE
            bias_update *= RATE
            weights[2 * number] -= update
            weights[2 * number + 1] -= bias_update
        return loss

    return step


def torch_loss(model: Model) -> Callable[..., Any]:
    """The loss in PyTorch, as a function of weights, batch and targets."""
    functional = peers.torch().nn.functional

    def loss(weights: Sequence[Any], batch: Any, targets: Any) -> Any:
        layer = batch
        for number in range(0, len(weights), 2):
            layer = functional.linear(layer, weights[number], weights[number + 1])
            if number < len(weights) - 2:
                layer = functional.relu(layer)
        if model.is_regression:
            return functional.mse_loss(layer, targets) / 2
        return functional.cross_entropy(layer, targets)

    return loss


def torch_step(model: Model, weights: list[Any], batch: Any, targets: Any) -> Step:
    """PyTorch eager: a loss, its gradients, and one update of all weights."""
    torch, loss_of = peers.torch(), torch_loss(model)

    def step() -> Any:
        loss = loss_of(weights, batch, targets)
        gradients = torch.autograd.grad(loss, weights)
        with torch.no_grad():
            torch._foreach_add_(weights, gradients, alpha=-RATE)
        return loss

    return step


def compiled_step(model: Model, weights: list[Any], batch: Any, targets: Any) -> Step:
    """The whole step given to torch.compile: forward, backward and update in place in one graph."""
    torch, loss_of = peers.compiler(), torch_loss(model)
    weights = [weight.detach() for weight in weights]

    def whole(weights: list[Any], batch: Any, targets: Any) -> Any:
        gradients, loss = torch.func.grad_and_value(loss_of)(weights, batch, targets)
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.sub_(gradient, alpha=RATE)
        return loss

    compiled = torch.compile(whole, dynamic=False)

    def step() -> Any:
        with torch.no_grad():
            return compiled(weights, batch, targets)

    return step


def jax_step(model: Model) -> Any:
    """The whole step under jax.jit, with the old weights given away: weights, batch, targets → loss, weights."""
    jax = peers.jax()
    jnp = jax.numpy

    def loss_of(weights: list[Any], batch: Any, targets: Any) -> Any:
        layer = batch
        for number in range(0, len(weights), 2):
            layer = layer @ weights[number].T + weights[number + 1]
            if number < len(weights) - 2:
                layer = jax.nn.relu(layer)
        if model.is_regression:
            return ((layer - targets) ** 2).mean() / 2
        scores = jax.nn.log_softmax(layer)
        return -jnp.take_along_axis(scores, targets[:, None], axis=1).mean()

    def whole(weights: list[Any], batch: Any, targets: Any) -> Any:
        loss, gradients = jax.value_and_grad(loss_of)(weights, batch, targets)
        return loss, [weight - RATE * gradient for weight, gradient in zip(weights, gradients, strict=True)]

    return jax.jit(whole, donate_argnums=0)
