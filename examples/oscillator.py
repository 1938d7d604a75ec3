"""A network that obeys a differential equation: the damped oscillator u″ + 2d·u′ + w²·u = 0, u(0) = 1, u′(0) = 0.

No solution is shown to the network; the loss is how far it is from the equation, which has its second derivative in
it, and training differentiates that once more. Writing u(t) = 1 + t²·N(t) makes the start exact.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

import covector as cv
from covector import nn

DAMPING, FREQUENCY, END, POINTS = 0.5, 3.0, 3.0, 64


def displacement(model: nn.Module, t: cv.Tensor) -> cv.Tensor:
    """What the network says of u at times t."""
    return 1 + t**2 * model(t)


def residual(model: nn.Module, t: cv.Tensor) -> cv.Tensor:
    """u″ + 2d·u′ + w²·u at times t; it is zero where the equation holds."""
    u = displacement(model, t)
    (velocity,) = cv.autograd.grad(u.sum(), t, create_graph=True)
    (acceleration,) = cv.autograd.grad(velocity.sum(), t, create_graph=True)
    return acceleration + 2 * DAMPING * velocity + FREQUENCY**2 * u


def solution(t: np.ndarray) -> np.ndarray:
    """The solution that physics books give."""
    rate = np.sqrt(FREQUENCY**2 - DAMPING**2)
    return np.exp(-DAMPING * t) * (np.cos(rate * t) + DAMPING / rate * np.sin(rate * t))


def main() -> None:
    """Train, and compare with the solution."""
    parser = argparse.ArgumentParser(description="A physics-informed network.")
    parser.add_argument("--steps", type=int, default=3000)
    steps = parser.parse_args().steps

    cv.random.manual_seed(0)
    model = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 1))
    optimizer = cv.optim.Adam(model.parameters(), lr=5e-3)
    scheduler = cv.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)
    times = cv.linspace(0, END, POINTS).reshape(-1, 1)

    @cv.jit
    def step(times: cv.Tensor) -> cv.Tensor:
        optimizer.zero_grad()
        loss = (residual(model, times.detach().requires_grad_()) ** 2).mean()
        loss.backward()
        optimizer.step()
        return loss.detach()

    started = time.perf_counter()
    for number in range(1, steps + 1):
        loss = step(times)
        scheduler.step()
        if number == 1 or number % 500 == 0 or number == steps:
            print(f"step {number:4}  squared residual {loss.item():.2e}")
    with cv.no_grad():
        found = displacement(model, times).numpy()
    error = np.abs(found - solution(times.numpy())).max()
    print(f"{time.perf_counter() - started:.1f} s, largest error of u on [0, {END:g}]: {error:.1e}")


if __name__ == "__main__":
    main()
