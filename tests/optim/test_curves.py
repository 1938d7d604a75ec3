"""Trainings from the same weights as PyTorch's, in float64: the losses stay equal to 1e-10 relative, and the weights."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from tests.optim.curves import MODELS, OPTIMISERS, curves, distance  # noqa: E402 (after the skip)

STEPS = 12
PAIRS = [
    *(("mlp", optimiser) for optimiser in OPTIMISERS),
    *((model, optimiser) for model in MODELS if model != "mlp" for optimiser in ("sgd momentum", "adam", "adamw")),
]


@pytest.mark.parametrize(("model", "optimiser"), PAIRS)
def test_training_curves_are_pytorchs(model: str, optimiser: str) -> None:
    found, expected, ours, theirs = curves(model, optimiser, STEPS)
    assert np.abs(np.diff(expected)).max() > 1e-3  # something was learned
    np.testing.assert_allclose(found, expected, rtol=1e-10)
    assert distance(ours, theirs) < 1e-10
