"""Every operation of the table in every setting: its element form has the value that PyTorch or JAX gives."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from covector.ir import Input, as_affine
from covector.ir.tensor import Program, program_of
from covector.notation.element import Scope, declare, instantiate
from covector.notation.parse import parse_program
from covector.notation.syntax import Declaration
from covector.ops import OPERATIONS
from covector.run.reference import evaluate
from tests.ops.cases import CASES
from tests.ops.oracles import ORACLES, gradients, second_gradients
from tests.ops.sampling import Setting, sample, shapes

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


def declarations(name: str, setting: Setting) -> str:
    return setting.example or OPERATIONS[name].example


def arguments(name: str, setting: Setting) -> dict[str, np.ndarray]:
    """Sampled arguments in the order of a call."""
    arrays = sample(declarations(name, setting), setting.sizes, CASES[name].samplers)
    return {argument: arrays[argument] for argument in OPERATIONS[name].arguments if argument in arrays}


def symbolic_inputs(name: str, setting: Setting) -> dict[str, Input]:
    """The arguments as declared, their extents symbols."""
    source, scope, inputs = declarations(name, setting), Scope(), {}
    for declaration in parse_program(source).statements:
        assert isinstance(declaration, Declaration)
        inputs[declaration.name], scope = declare(declaration, scope, source)
    return inputs


def sized_inputs(name: str, setting: Setting) -> dict[str, Input]:
    """The arguments, their extents the sizes of the setting."""
    declared = shapes(declarations(name, setting), setting.sizes)
    return {key: Input(key, tuple(map(as_affine, shape)), dtype) for key, (shape, dtype) in declared.items()}


def program(name: str, setting: Setting, inputs: dict[str, Input]) -> Program:
    """The operation applied to these inputs."""
    given = {argument: inputs[argument] for argument in OPERATIONS[name].arguments if argument in inputs}
    return program_of(instantiate(OPERATIONS[name], given, setting.parameters)[-1:], given.values())


@pytest.mark.parametrize("inputs", [symbolic_inputs, sized_inputs], ids=["symbolic", "sized"])
@pytest.mark.parametrize(("name", "setting"), SETTINGS)
def test_the_value_agrees(name: str, setting: Setting, inputs: Callable[[str, Setting], dict[str, Input]]) -> None:
    given = arguments(name, setting)
    operation = program(name, setting, inputs(name, setting))
    found = evaluate(operation, given, setting.sizes)[operation.output.name]
    expected = ORACLES[name](*given.values(), **setting.parameters)
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype
    scale = np.max(np.abs(expected), initial=0)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12 * scale)


@pytest.mark.parametrize(("name", "setting"), SETTINGS)
def test_the_oracle_is_finite(name: str, setting: Setting) -> None:
    oracle, given = ORACLES[name], list(arguments(name, setting).values())
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
