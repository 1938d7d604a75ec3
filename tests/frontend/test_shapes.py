"""Functions that make arrays, stretch and sum them to a shape, and cut triangles and slices: as in NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from covector.errors import CovectorError
from covector.frontend import functions as f
from covector.frontend.elementwise import select
from covector.frontend.program import read_program
from covector.ir import Affine, check
from covector.run.reference import evaluate
from tests.frontend.values import sample, value_of

BROADCASTS = [
    ((3,), (2, 3)),
    ((3, 1), (3, 4)),
    ((), (2, 3)),
    ((1,), (3, 1, 7)),
    ((3, 1, 1), (5, 3, 4, 1)),
    ((2, 3), (2, 3)),
]


@pytest.mark.parametrize("symbolic", [True, False])
@pytest.mark.parametrize(("small", "large"), BROADCASTS)
def test_broadcast_to_and_its_adjoint(small: tuple[int, ...], large: tuple[int, ...], symbolic: bool) -> None:
    x, g = sample(*small), sample(*large, seed=1)
    wide = value_of(lambda x, y: f.broadcast_to(x, y.shape), [x, g], symbolic)
    np.testing.assert_array_equal(wide, np.broadcast_to(x, large))
    summed = value_of(lambda x, y: f.sum_to_size(y, x.shape), [x, g], symbolic)
    assert summed.shape == small
    np.testing.assert_allclose(np.sum(summed * x), np.sum(g * wide))


NEW: dict[str, tuple[Callable[..., Any], Callable[..., Any], tuple[int, ...]]] = {
    "ones": (lambda x: f.ones(x.shape), np.ones_like, (2, 3)),
    "ones of extents": (lambda x: f.ones(x.shape[0], 3), lambda x: np.ones((2, 3)), (2, 4)),
    "zeros": (lambda x: f.zeros(x.shape), np.zeros_like, (2, 3)),
    "eye": (lambda x: f.eye(x.shape[0]), lambda x: np.eye(3), (3,)),
    "eye of two extents": (lambda x: f.eye(*x.shape), lambda x: np.eye(2, 3), (2, 3)),
    "tril": (f.tril, np.tril, (4, 4)),
    "tril of a batch": (lambda x: f.tril(x, -1), lambda x: np.tril(x, -1), (2, 3, 4)),
    "tril of a product": (lambda x: f.tril(x * x, 1), lambda x: np.tril(x * x, 1), (4, 3)),
    "triu": (f.triu, np.triu, (4, 4)),
    "triu above": (lambda x: f.triu(x, k=1), lambda x: np.triu(x, k=1), (2, 3, 4)),
    "tril of ones": (lambda x: f.tril(f.ones(x.shape)), lambda x: np.tril(np.ones((3, 4))), (3, 4)),
    "tril as a condition": (
        lambda x: select(f.tril(f.ones(x.shape)), x, 7),
        lambda x: np.where(np.tril(np.ones(x.shape)) > 0, x, 7),
        (3, 3),
    ),
    "take": (lambda x: f.take(x, 1, axis=0), lambda x: np.take(x, 1, axis=0), (2, 3)),
    "take the last": (lambda x: f.take(x, -1, axis=1), lambda x: np.take(x, -1, axis=1), (2, 3, 4)),
}


@pytest.mark.parametrize("name", NEW)
def test_they_have_the_values_of_numpy(name: str) -> None:
    function, oracle, shape = NEW[name]
    array = sample(*shape)
    found = value_of(function, [array])
    assert found.shape == oracle(array).shape
    np.testing.assert_array_equal(found, oracle(array))


NOTATION: dict[str, Callable[[Any], Any]] = {
    "x: M N; y = x + ones(M, N)": lambda x: x + 1,
    "x: M N; y = eye(M) @ x": lambda x: x,
    "x: M N; y = eye(M, N) * x": lambda x: x * np.eye(*x.shape),
    "x: M N; y = ones(2*M-1)": lambda x: np.ones(2 * len(x) - 1),
    "x: M N; y = sum_to_size(x, 1, N)": lambda x: x.sum(axis=0, keepdims=True),
    "x: M N; y = broadcast_to(x, 2, M, N)": lambda x: np.stack([x, x]),
    "x: M N; y = zeros(2, 3) + ones((2, 3))": lambda x: np.ones((2, 3)),
    "x: M N; y = take(x, 0, axis=1)": lambda x: x[:, 0],
    "x: M N; y = take(x, N-1, axis=1)": lambda x: x[:, -1],
}


@pytest.mark.parametrize("source", NOTATION)
def test_in_matrix_notation(source: str) -> None:
    program = check(read_program(source))
    array, oracle = sample(3, 4), NOTATION[source]
    given = {"x": array} if program.inputs else {}
    extents = {"M": 3, "N": 4}
    np.testing.assert_allclose(evaluate(program, given, extents)["y"], oracle(array))


def test_eye_is_a_delta() -> None:
    program = read_program("x: M; y = eye(M)")
    assert repr(program.output) == "y[i, j] = [eq(i, j)]"
    assert all(isinstance(extent, Affine) for extent in program.output.shape)


ERRORS = [
    ("x: M N; y = broadcast_to(x, M)", "broadcast_to: x: M×N does not broadcast to M"),
    ("x: M N; y = broadcast_to(x, N, M)", "broadcast_to: x: M×N does not broadcast to N×M"),
    ("x: M N; y = sum_to_size(x, M)", "sum_to_size: x: M×N cannot be summed to M"),
    ("x: N; y = sum_to_size(x, 1, N)", "sum_to_size: x: N cannot be summed to 1×N"),
    ("x: N; y = tril(x)", "tril takes matrices, and x: N has fewer than 2 axes"),
    ("x: M 3; y = take(x, 3, axis=1)", "take: axis 1 of x: M×3 has no position 3"),
    ("x: M 3; y = take(x, 0, axis=2)", "take: axis 2 is out of range for x: M×3, which has 2 axes"),
    ("x: M 3; y = eye(1.5)", "eye: an extent is an integer or a symbol"),
]


@pytest.mark.parametrize(("source", "message"), ERRORS)
def test_errors(source: str, message: str) -> None:
    with pytest.raises(CovectorError) as raised:
        read_program(source)
    assert raised.value.message.startswith(message)


def test_a_new_array_needs_an_extent_of_the_trace() -> None:
    with pytest.raises(CovectorError, match="ones of integers alone belongs to no array"):
        f.ones(2, 3)
