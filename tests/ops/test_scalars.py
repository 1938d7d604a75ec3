"""The values of the scalar functions: against PyTorch, and at the places where formulas break."""

from __future__ import annotations

import ast
import builtins
import inspect
import math
import types
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from covector.ops import SCALARS, numeric
from tests.ops.oracles import HAS_TORCH, SCALAR_ORACLES
from tests.ops.scalar_cases import EXTREMES, INF, NAN, POINTS, UNLIKE_TORCH

needs_torch = pytest.mark.skipif(not HAS_TORCH, reason="PyTorch is not installed")
each_name = pytest.mark.parametrize("name", SCALARS)
FUNCTIONS = [value for value in vars(numeric).values() if isinstance(value, types.FunctionType)]


def value(name: str, *arguments: np.ndarray | float) -> np.ndarray:
    with np.errstate(all="ignore"):
        return np.asarray(SCALARS[name].numeric(*(np.asarray(argument) for argument in arguments)))


@needs_torch
@each_name
def test_values_agree_with_pytorch(name: str) -> None:
    arguments = [np.array(points) for points in POINTS[name]]
    np.testing.assert_allclose(value(name, *arguments), SCALAR_ORACLES[name](*arguments), rtol=1e-14, atol=0)


@needs_torch
@pytest.mark.parametrize("name", [name for name in SCALARS if name not in ("pi", "and", "or", "not")])
def test_extremes_agree_with_pytorch(name: str) -> None:
    kept = np.array([x for x in EXTREMES if not any(x is other for other in UNLIKE_TORCH.get(name, ()))])
    arguments = [part.ravel() for part in np.meshgrid(*[kept] * len(SCALARS[name].parameters))]
    if name in ("sin", "cos", "tan"):
        arguments = [argument[~(np.abs(argument) > 1e9) | np.isinf(argument)] for argument in arguments]
    expected = SCALAR_ORACLES[name](*arguments)
    np.testing.assert_allclose(value(name, *arguments), expected, rtol=1e-13, atol=0)


@pytest.mark.parametrize(
    ("name", "x", "expected"),
    [
        ("sigmoid", 0.0, 0.5),
        ("sigmoid", INF, 1.0),
        ("sigmoid", -INF, 0.0),
        ("sigmoid", -700.0, math.exp(-700.0)),
        ("softplus", 0.0, math.log(2.0)),
        ("softplus", INF, INF),
        ("softplus", -INF, 0.0),
        ("softplus", 1e4, 1e4),
        ("softplus", -40.0, math.log1p(math.exp(-40.0))),
        ("relu", INF, INF),
        ("relu", -INF, 0.0),
        ("rsqrt", 0.0, INF),
        ("rsqrt", INF, 0.0),
        ("rsqrt", -1.0, NAN),
        ("erf", INF, 1.0),
        ("erf", -INF, -1.0),
        ("erfc", -INF, 2.0),
        ("erfc", 10.0, math.erfc(10.0)),
        ("sign", -0.0, 0.0),
        ("sign", -INF, -1.0),
    ],
)
def test_known_values(name: str, x: float, expected: float) -> None:
    np.testing.assert_allclose(value(name, x), expected, rtol=1e-15, atol=0)


@pytest.mark.parametrize("name", [name for name, f in SCALARS.items() if f.result != "bool" and name != "pi"])
def test_nan_stays_nan(name: str) -> None:
    arity = len(SCALARS[name].parameters)
    assert np.isnan(value(name, *[NAN] * arity))
    if name != "pow":  # NaN to the power 0 is 1, and so is 1 to the power NaN
        for n in range(arity):
            assert np.isnan(value(name, *[NAN if m == n else 0.5 for m in range(arity)]))


@pytest.mark.parametrize("name", [name for name, function in SCALARS.items() if function.variadic])
@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_variadic_functions_take_any_number(name: str, count: int) -> None:
    folds: dict[str, Callable[[list[Any]], Any]] = {"add": sum, "mul": math.prod, "and": all, "or": any}
    fold = folds[name]
    sample = [True, True, False, True] if SCALARS[name].result == "bool" else [2.0, 3.0, 5.0, 7.0]
    assert value(name, *sample[:count]) == fold(sample[:count])
    assert value(name, *sample[::-1][:count]) == fold(sample[::-1][:count])


@pytest.mark.parametrize("name", [name for name, f in SCALARS.items() if f.result != "bool" and f.parameters])
@pytest.mark.parametrize("shape", [(), (1,), (0,), (2, 3)])
def test_shapes_are_kept(name: str, shape: tuple[int, ...]) -> None:
    arguments = [np.full(shape, 1.0) for _ in SCALARS[name].parameters]
    assert value(name, *arguments).shape == shape


@pytest.mark.parametrize(
    "name", ["add", "mul", "sub", "neg", "pow", "abs", "sign", "relu", "maximum", "minimum", "stop"]
)
def test_whole_numbers_stay_whole(name: str) -> None:
    assert SCALARS[name].result == "same"
    arguments = [np.array([1, 2, 3]) for _ in SCALARS[name].parameters]
    assert value(name, *arguments).dtype == np.int64


def test_one_over_a_whole_number_is_a_power_of_it() -> None:
    np.testing.assert_array_equal(value("pow", np.array([2, 4]), np.array(-1)), [0.5, 0.25])


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: str(function.__name__))
def test_sources_stand_alone_in_exported_code(function: types.FunctionType) -> None:
    tree = ast.parse(inspect.getsource(function))
    nodes = list(ast.walk(tree))
    loaded = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    own = {node.arg for node in nodes if isinstance(node, ast.arg)}
    own |= {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    assert loaded <= own | {"np", "math"} | set(dir(builtins))
    assert not any(isinstance(node, (ast.Import, ast.ImportFrom)) for node in nodes)
    (definition,) = tree.body
    assert isinstance(definition, ast.FunctionDef)
    assert not definition.decorator_list
