"""Every operation of the table: both directions agree, a map is a loop, derivatives are those of PyTorch and JAX."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import covector as cv
from covector.ops import OPERATIONS
from covector.tensors.functions import table_function
from tests.jacobians.test_table import expected_jacobian
from tests.ops.cases import CASES
from tests.ops.oracles import ORACLES
from tests.ops.sampling import Setting, sample
from tests.ops.test_oracles import declarations
from tests.transforms.functions import agree

SIZE = 2
FIRST = 2
"""Settings of each operation that are tried."""
SETTINGS = [
    pytest.param(name, setting, id=f"{name}-{n}")
    for name, case in CASES.items()
    for n, setting in enumerate(case.settings[:FIRST])
]
OTHERWISE = {"logsumexp": cv.logsumexp, "norm": cv.norm}
"""Operations that tensors build in another way than the table."""


def examples(name: str, setting: Setting) -> list[dict[str, np.ndarray]]:
    """Arguments, several times."""
    text = declarations(name, setting)
    found = [sample(text, setting.sizes, CASES[name].samplers, seed) for seed in range(SIZE)]
    order = [argument for argument in OPERATIONS[name].arguments if argument in found[0]]
    return [{argument: arrays[argument] for argument in order} for arrays in found]


@pytest.mark.parametrize(("name", "setting"), SETTINGS)
def test_an_operation(name: str, setting: Setting) -> None:
    given = [list(arrays.values()) for arrays in examples(name, setting)]
    by = [at for at, array in enumerate(given[0]) if array.dtype.kind == "f"]
    operation = OTHERWISE.get(name) or table_function(name)

    def function(*floats: Any) -> Any:
        arrays = [cv.tensor(array) for array in given[0]]
        for at, own in zip(by, floats, strict=True):
            arrays[at] = own
        return operation(*arrays, **setting.parameters)

    batches = [np.stack(column) for column in zip(*given, strict=True)]
    mapped = cv.vmap(lambda *arrays: operation(*arrays, **setting.parameters))(*batches)
    looped = [operation(*map(cv.tensor, arrays), **setting.parameters) for arrays in given]
    agree(mapped, cv.stack(looped), 1e-12)

    if not by:
        return
    generator = np.random.default_rng(5)
    primals = [cv.tensor(given[0][at]) for at in by]
    tangents = [cv.tensor(generator.standard_normal(given[0][at].shape)) for at in by]
    value, pullback = cv.vjp(function, *primals)
    cotangent = cv.tensor(generator.standard_normal(value.shape))
    _, pushed = cv.jvp(function, tuple(primals), tuple(tangents))
    forward = (pushed * cotangent).sum().item()
    backward = sum((c * t).sum().item() for c, t in zip(pullback(cotangent), tangents, strict=True))
    assert abs(forward - backward) <= 1e-9 * (1 + abs(forward))

    def slope(*floats: Any) -> Any:
        return cv.jvp(lambda *x: (function(*x) * cotangent).sum(), floats, tuple(tangents))[1]

    second = cv.jvp(slope, tuple(primals), tuple(tangents))[1].item()
    curved = cv.grad(slope, tuple(range(len(by))))(*primals)
    other = sum((c * t).sum().item() for c, t in zip(curved, tangents, strict=True))
    assert abs(second - other) <= 1e-8 * (1 + abs(second))

    def bent(*floats: Any) -> Any:
        return cv.jvp(slope, floats, tuple(tangents))[1]

    third = cv.jvp(bent, tuple(primals), tuple(tangents))[1].item()
    turned = cv.func.hvp(slope, tuple(range(len(by))))(*primals, tuple(tangents))
    backward = sum((c * t).sum().item() for c, t in zip(turned, tangents, strict=True))
    assert abs(third - backward) <= 1e-7 * (1 + abs(third))

    if name in ORACLES:
        oracle = ORACLES[name]
        expected = expected_jacobian(
            lambda *arrays: oracle.function(*arrays, **setting.parameters), given[0], by[0], oracle.framework
        )
        agree(cv.jacfwd(function)(*primals), cv.tensor(expected), 1e-9)
        agree(cv.jacrev(function)(*primals), cv.tensor(expected), 1e-9)
