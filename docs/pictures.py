"""Draw the pictures of the lesson on Jacobians: ``python docs/pictures.py`` writes them beside it."""

from __future__ import annotations

import time
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np

import covector as cv

PICTURES = Path(__file__).resolve().parent / "pictures"
BLUE, RED, GREY = "#1f5fbf", "#c2452d", "#8a8f98"
LOSSES = {
    "diagonal": ("f = sum[i](log(1 + x[i]**2))", lambda n: {"x": (n,)}),
    "Kronecker": (
        "f = sum[i,j]((T[i,j] - sum[k](x[i,k]*V[j,k]))**2)",
        lambda n: {"x": (n // 10, 10), "T": (n // 10, 50), "V": (50, 10)},
    ),
    "diagonal + low rank": ("f = log(sum[i](exp(x[i]))) + sum[i](x[i]**2)", lambda n: {"x": (n,)}),
}
SIZES = (100, 300, 1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
LARGEST_DENSE = 3_000


def main() -> None:
    """Write every picture."""
    mpl.rcParams.update({"svg.hashsalt": "covector", "font.size": 10, "svg.fonttype": "none"})
    PICTURES.mkdir(exist_ok=True)
    linear_approximation()
    sparsities()
    growth()


def linear_approximation() -> None:
    """The error of the linear approximation of a layer over the length of the step."""
    rng = np.random.default_rng(0)
    x, w, direction = rng.normal(size=(4, 5)), rng.normal(size=(5, 3)), rng.normal(size=(4, 5))
    jacobian = cv.jacobian("y[i,j] = tanh(sum[k](x[i,k]*w[k,j]))", wrt="x")(x, w)
    slope = jacobian @ direction
    steps = np.logspace(-6, 0, 25)
    figure, axes = plt.subplots(figsize=(5.5, 3.6), layout="constrained")
    for label, wanted, colour in (("right derivative", slope, BLUE), ("1 % too large", 1.01 * slope, RED)):
        errors = [np.abs(np.tanh((x + s * direction) @ w) - np.tanh(x @ w) - s * wanted).max() for s in steps]
        axes.loglog(steps, errors, "o-", color=colour, markersize=3, label=label)
    axes.set_xlabel("length of the step")
    axes.set_ylabel("largest error of y + (∂y/∂x)·Δx")
    axes.set_ylim(1e-16, 10)
    axes.legend(frameon=False)
    save(figure, "linear-approximation")


def sparsities() -> None:
    """Where some Jacobians are not zero."""
    rng = np.random.default_rng(0)
    found = {
        "softmax": cv.jacobian("x: M N\ny = softmax(x, axis=1)")(rng.normal(size=(6, 9))),
        "convolution": cv.jacobian("y[i] = sum[k](w[k]*x[i+k])", wrt="x")(
            w=np.hanning(61)[1:-1], x=rng.normal(size=400)
        ),
        "layer-norm": cv.jacobian("x: M N\ny = layer_norm(x)")(rng.normal(size=(4, 8))),
    }
    for name, jacobian in found.items():
        (PICTURES / f"{name}.svg").write_text(jacobian.svg(), encoding="utf-8")


def growth() -> None:
    """Time and memory of Hessians over the number of parameters."""
    figure, (times, memory) = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
    rng = np.random.default_rng(0)
    for (name, (source, shapes)), colour in zip(LOSSES.items(), (BLUE, RED, "#2a8a57"), strict=True):
        hessian = cv.hessian(source, wrt="x", budget=1 << 40)
        taken, dense, bytes_ = [], [], []
        for size in SIZES:
            arrays = {key: rng.normal(size=shape) for key, shape in shapes(size).items()}
            taken.append(shortest(lambda arrays=arrays, hessian=hessian: hessian(**arrays)))
            bytes_.append(max(hessian(**arrays).nbytes, 8))
            if size <= LARGEST_DENSE:
                dense.append(shortest(lambda arrays=arrays, hessian=hessian: hessian(**arrays).dense()))
        times.loglog(SIZES, taken, "o-", color=colour, markersize=3, label=name)
        times.loglog(SIZES[: len(dense)], dense, "--", color=colour, linewidth=1, label=f"{name}, dense")
        memory.loglog(SIZES, bytes_, "o-", color=colour, markersize=3)
    memory.loglog(SIZES, [8.0 * size**2 for size in SIZES], "--", color=GREY, linewidth=1)
    times.set_ylabel("seconds")
    memory.set_ylabel("bytes")
    for axes in (times, memory):
        axes.set_xlabel("parameters")
    times.legend(frameon=False, fontsize=8)
    save(figure, "hessian-growth")


def shortest(work, tries: int = 5) -> float:
    """The shortest of some calls, after enough of them for the program to have been compiled."""
    for _ in range(10):
        work()
    found = []
    for _ in range(tries):
        started = time.perf_counter()
        work()
        found.append(time.perf_counter() - started)
    return min(found)


def save(figure, name: str) -> None:
    """Write a figure that is the same every time it is drawn."""
    figure.savefig(PICTURES / f"{name}.svg", metadata={"Date": None})
    plt.close(figure)


if __name__ == "__main__":
    main()
