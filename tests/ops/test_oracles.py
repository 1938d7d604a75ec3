"""Every operation of the table in every setting: the oracles give finite values and derivatives of the right shapes."""

from __future__ import annotations

import numpy as np
import pytest

from covector.ops import OPERATIONS
from tests.ops.cases import CASES
from tests.ops.oracles import ORACLES, gradients, second_gradients
from tests.ops.sampling import Setting, sample

SETTINGS = [
    pytest.param(
        name,
        setting,
        id=f"{name}-{n}",
        marks=[] if name in ORACLES else pytest.mark.skip(reason="its oracle is PyTorch, which is not installed"),
    )
    for name, case in CASES.items()
    for n, setting in enumerate(case.settings)
]


def arguments(name: str, setting: Setting) -> list[np.ndarray]:
    """Sampled arguments in the order of a call."""
    arrays = sample(setting.example or OPERATIONS[name].example, setting.sizes, CASES[name].samplers)
    return [arrays[argument] for argument in OPERATIONS[name].arguments if argument in arrays]


@pytest.mark.parametrize(("name", "setting"), SETTINGS)
def test_the_oracle_is_finite(name: str, setting: Setting) -> None:
    oracle, given = ORACLES[name], arguments(name, setting)
    value = oracle(*given, **setting.parameters)
    assert np.isfinite(value).all()
    assert value.dtype == (np.float64 if any(array.dtype.kind == "f" for array in given) else np.int64)
    if value.dtype.kind != "f":
        return
    rng = np.random.default_rng(1)
    cotangent = rng.standard_normal(value.shape)
    first = gradients(oracle, given, setting.parameters, cotangent)
    directions = [None if gradient is None else rng.standard_normal(gradient.shape) for gradient in first]
    second = second_gradients(oracle, given, setting.parameters, cotangent, directions)
    for array, *found in zip(given, first, second, strict=True):
        for gradient in found:
            assert (gradient is None) == (array.dtype.kind != "f")
            assert gradient is None or (gradient.shape == array.shape and np.isfinite(gradient).all())
