"""Handwritten digits with a small convolutional network, in a loop of one's own: each step is one native call.

`cv.jit` traces the step once, with the weights and the optimiser's state that it updates. The last batch of an epoch is
smaller: its size becomes an argument of the same program.
"""

from __future__ import annotations

import argparse
import time

import covector as cv
from covector import nn


def network() -> nn.Module:
    """Two convolutions, each followed by a pooling, and a linear layer."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(32 * 2 * 2, 10),
    )


def main() -> None:
    """Train with a learning rate that falls, and test after each epoch."""
    parser = argparse.ArgumentParser(description="Digits with a CNN.")
    parser.add_argument("--epochs", type=int, default=12)
    epochs = parser.parse_args().epochs

    cv.random.manual_seed(0)
    train, (images, labels) = cv.data.split(*cv.data.digits(flat=False), test=0.2)
    batches = cv.data.batches(*train, size=32, shuffle=True, seed=0)
    model = network()
    optimizer = cv.optim.Adam(model.parameters(), lr=3e-3)
    scheduler = cv.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs)

    @cv.jit
    def step(images: cv.Tensor, labels: cv.Tensor) -> cv.Tensor:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        return loss.detach()

    print(f"{sum(weight.size for weight in model.parameters())} weights")
    started = time.perf_counter()
    for epoch in range(1, epochs + 1):
        losses = [step(*batch).item() for batch in batches]
        scheduler.step()
        with cv.no_grad():
            accuracy = cv.data.accuracy(model(images), labels).item()
        print(f"epoch {epoch:2}  loss {sum(losses) / len(losses):.4f}  test accuracy {accuracy:.1%}")
    print(f"{time.perf_counter() - started:.1f} s")


if __name__ == "__main__":
    main()
