"""The derivative lines of the table of scalar functions, as `derivative_of` reads them: before any rule touches them.

Each is compared with central differences, with PyTorch, to first and second order, and with what its record documents
at kinks and at the ends of its domain.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from itertools import product
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from covector.calculus.derivative import derivative_of, partial
from covector.calculus.rules import expand, simplify
from covector.ir import Apply, Compute, Expr, Input, Program, Read, as_affine, check
from covector.notation.element import scalar_expression
from covector.ops import SCALARS
from covector.run.reference import evaluate
from tests.ops.scalar_cases import POINTS

if find_spec("torch") is not None:
    import torch

    from tests.ops import torch_oracles

needs_torch = pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is not installed")

Points = NDArray[np.float64]

SMOOTH = [name for name, function in SCALARS.items() if function.result != "bool" and function.parameters]
"""The functions of numbers; those of conditions have no derivative."""

PAIRS = [(name, n) for name in SMOOTH for n in range(len(SCALARS[name].parameters))]
TWICE = [(name, n, m) for name, n in PAIRS for m in range(len(SCALARS[name].parameters))]


def at(expr: Expr, arguments: Sequence[Points]) -> Points:
    """The value of an expression in the parameters a, b at points."""
    inputs = tuple(Input(name, (), "float64") for name in "ab"[: len(arguments)])
    statement = Compute("y", (), expr)
    read = check(Program(inputs, (statement,), (statement,)))
    points = [dict(zip("ab", point, strict=False)) for point in zip(*arguments, strict=True)]
    return np.array([float(evaluate(read, point)["y"]) for point in points])


def reads(count: int) -> tuple[Read, ...]:
    return tuple(Read(Input(name, (), "float64"), ()) for name in "ab"[:count])


def function(name: str) -> Expr:
    """The function applied to its parameters."""
    return Apply(SCALARS[name], reads(len(SCALARS[name].parameters)))


def first(name: str, n: int) -> Expr:
    """``∂function/∂parameter n``; sums and products have no line, the calculus knows them."""
    arguments = reads(len(SCALARS[name].parameters))
    if SCALARS[name].variadic:
        return partial(function(name), arguments[n].tensor, ())
    return derivative_of(SCALARS[name], n, arguments)


def second(name: str, n: int, m: int) -> Expr:
    return partial(first(name, n), reads(2)[m].tensor, ())


def points(name: str) -> list[Points]:
    return [np.array(values, dtype=float) for values in POINTS[name]]


def slope(value: Callable[[list[Points]], Points], arguments: list[Points], n: int) -> Points:
    """A central difference, extrapolated."""

    def along(step: Points) -> Points:
        there, back = list(arguments), list(arguments)
        there[n], back[n] = arguments[n] + step, arguments[n] - step
        return (value(there) - value(back)) / (2 * step)

    step = 1e-3 * np.minimum(1, 0.1 + np.abs(arguments[n]))
    wide, narrow = along(step), along(step / 2)
    return (4 * narrow - wide) / 3


@pytest.mark.parametrize(("name", "n"), PAIRS)
def test_first_derivatives_agree_with_differences(name: str, n: int) -> None:
    arguments = points(name)
    if name == "stop":
        np.testing.assert_array_equal(at(first(name, n), arguments), 0)
        return
    expected = slope(lambda moved: at(function(name), moved), arguments, n)
    np.testing.assert_allclose(at(first(name, n), arguments), expected, rtol=2e-8, atol=1e-9)


@pytest.mark.parametrize(("name", "n", "m"), TWICE)
def test_second_derivatives_agree_with_differences(name: str, n: int, m: int) -> None:
    arguments = points(name)
    expected = slope(lambda moved: at(first(name, n), moved), arguments, m)
    np.testing.assert_allclose(at(second(name, n, m), arguments), expected, rtol=1e-6, atol=1e-8)


def _torch_slopes(name: str, n: int) -> tuple[Any, list[Any]]:
    leaves = [torch.tensor(values, requires_grad=True) for values in points(name)]
    (found,) = torch.autograd.grad(
        torch_oracles.SCALARS[name](*leaves).sum(), leaves[n], create_graph=True, allow_unused=True
    )
    return found, leaves


@needs_torch
@pytest.mark.parametrize(("name", "n"), PAIRS)
def test_first_derivatives_agree_with_pytorch(name: str, n: int) -> None:
    if name == "stop":
        pytest.skip("PyTorch's detach has no graph")
    found, _ = _torch_slopes(name, n)
    np.testing.assert_allclose(at(first(name, n), points(name)), found.detach().numpy(), rtol=1e-12, atol=1e-300)


@needs_torch
@pytest.mark.parametrize(("name", "n", "m"), TWICE)
def test_second_derivatives_agree_with_pytorch(name: str, n: int, m: int) -> None:
    if name == "stop":
        pytest.skip("PyTorch's detach has no graph")
    found, leaves = _torch_slopes(name, n)
    expected = np.zeros(len(points(name)[0]))
    if found.requires_grad:
        (again,) = torch.autograd.grad(found.sum(), leaves[m], allow_unused=True)
        expected = expected if again is None else (again + torch.zeros_like(again)).numpy()
    np.testing.assert_allclose(at(second(name, n, m), points(name)), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("name", "n"), PAIRS)
@pytest.mark.parametrize("normal", [simplify, expand])
def test_the_normal_form_of_a_line_has_its_value(name: str, n: int, normal: Callable[[Expr], Expr]) -> None:
    arguments = points(name)
    expected = at(first(name, n), arguments)
    np.testing.assert_allclose(at(normal(first(name, n)), arguments), expected, rtol=1e-9, atol=1e-12)


INF = np.inf
KINKS: list[tuple[str, int, tuple[float, ...], float]] = [
    ("abs", 0, (0.0,), 0.0),
    ("abs", 0, (-0.0,), 0.0),
    ("sign", 0, (0.0,), 0.0),
    ("sign", 0, (2.0,), 0.0),
    ("relu", 0, (0.0,), 0.0),
    ("maximum", 0, (2.0, 2.0), 0.5),
    ("maximum", 1, (2.0, 2.0), 0.5),
    ("minimum", 0, (-1.0, -1.0), 0.5),
    ("minimum", 1, (-1.0, -1.0), 0.5),
    ("sqrt", 0, (0.0,), INF),
    ("asin", 0, (1.0,), INF),
    ("asin", 0, (-1.0,), INF),
    ("acos", 0, (1.0,), -INF),
    ("acos", 0, (-1.0,), -INF),
    ("acosh", 0, (1.0,), INF),
    ("pow", 0, (0.0, 0.0), 0.0),
    ("pow", 0, (0.0, 1.0), 1.0),
    ("pow", 0, (0.0, 2.0), 0.0),
    ("pow", 0, (-3.0, 2.0), -6.0),
    ("pow", 0, (-3.0, 0.0), 0.0),
    ("pow", 1, (0.0, 2.0), 0.0),
    ("pow", 1, (0.0, 0.0), 0.0),
    ("pow", 1, (1.0, 5.0), 0.0),
    ("stop", 0, (3.0,), 0.0),
]


@pytest.mark.parametrize(("name", "n", "point", "expected"), KINKS)
@pytest.mark.parametrize("normal", [lambda expr: expr, simplify], ids=["line", "normal form"])
def test_kinks_are_as_documented(
    name: str, n: int, point: tuple[float, ...], expected: float, normal: Callable[[Expr], Expr]
) -> None:
    arguments = [np.array([value]) for value in point]
    np.testing.assert_array_equal(at(normal(first(name, n)), arguments), [expected])


def test_every_function_with_a_documented_kink_is_tested_there() -> None:
    documented = {name for name in SMOOTH if SCALARS[name].kinks}
    assert documented - {name for name, *_ in KINKS} == {"atan2"}, "atan2 has no derivative at its kink"


GRID = np.array([-2.5, -1.0, -0.999, -0.5, -1e-3, 0.0, 1e-3, 0.5, 0.999, 1.0, 1.001, 2.5])


@pytest.mark.parametrize("name", [name for name in SMOOTH if SCALARS[name].domain])
def test_a_function_is_finite_where_its_domain_says(name: str) -> None:
    record = SCALARS[name]
    count = len(record.parameters)
    grid = [np.array(values) for values in zip(*product(GRID, repeat=count), strict=True)]
    _, condition = scalar_expression(f"select({record.domain}, 1, 0)", record.parameters)
    inputs = tuple(Input(old, (), "float64") for old in record.parameters)
    statement = Compute("y", (), condition)
    read = Program(inputs, (statement,), (statement,))
    given = [dict(zip(record.parameters, point, strict=True)) for point in zip(*grid, strict=True)]
    holds = np.array([bool(evaluate(read, point)["y"]) for point in given])
    finite = np.isfinite(at(function(name), grid))
    assert holds.any()
    assert not holds.all() or name == "tan"
    assert finite[holds].all()
    if name not in ("pow", "tan"):  # a power of a negative number may be finite; the cosine of no float is 0
        assert not finite[~holds].any()


@pytest.mark.parametrize("name", SMOOTH)
def test_a_derivative_is_finite_inside_the_domain(name: str) -> None:
    for n in range(len(SCALARS[name].parameters)):
        assert np.isfinite(at(first(name, n), points(name))).all()


FAR = [40.0, -40.0, 300.0, -300.0]


@pytest.mark.parametrize("name", ["sigmoid", "softplus", "tanh", "erf", "erfc", "atan", "asinh"])
def test_a_derivative_is_finite_far_away(name: str) -> None:
    assert np.isfinite(at(first(name, 0), [np.array(FAR)])).all()
    assert np.isfinite(at(simplify(first(name, 0)), [np.array(FAR)])).all()


@pytest.mark.parametrize("count", [1, 2, 3, 4])
@pytest.mark.parametrize("name", ["add", "mul"])
def test_sums_and_products_of_any_length(name: str, count: int) -> None:
    x = Input("x", (as_affine(count),), "float64")
    body = Apply(SCALARS[name], tuple(Read(x, (as_affine(n),)) for n in range(count)))
    values = np.array([2.0, 3.0, 5.0, 7.0])[:count]
    for n in range(count):
        statement = Compute("y", (), partial(body, x, (as_affine(n),)))
        found = evaluate(Program((x,), (statement,), (statement,)), {"x": values})["y"]
        assert found == (1 if name == "add" else np.delete(values, n).prod())
