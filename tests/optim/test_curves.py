"""Trainings from the same weights as PyTorch's, in float64: losses and weights stay equal to 1e-10 relative."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from tests.optim.curves import MODELS, OPTIMISERS, curves, distance

STEPS = 12
PAIRS = [
    *(("mlp", optimiser) for optimiser in OPTIMISERS),
    *((model, optimiser) for model in MODELS if model != "mlp" for optimiser in ("sgd momentum", "adam", "adamw")),
]


def check(model: str, optimiser: str, jit: bool) -> None:
    found, expected, ours, theirs = curves(model, optimiser, STEPS, jit)
    assert np.abs(np.diff(expected)).max() > 1e-3  # something was learned
    np.testing.assert_allclose(found, expected, rtol=1e-10)
    # Adam makes steps of the rounding errors that are the gradient of the keys' bias.
    assert distance(ours, theirs) < (1e-9 if model == "attention" else 1e-10)


@pytest.mark.parametrize(("model", "optimiser"), PAIRS)
def test_training_curves_are_pytorchs(model: str, optimiser: str) -> None:
    check(model, optimiser, jit=False)


@pytest.mark.parametrize(
    ("model", "optimiser"),
    [*(("mlp", optimiser) for optimiser in OPTIMISERS), *((model, "adamw") for model in MODELS if model != "mlp")],
)
def test_training_curves_under_jit_are_pytorchs(model: str, optimiser: str) -> None:
    check(model, optimiser, jit=True)
