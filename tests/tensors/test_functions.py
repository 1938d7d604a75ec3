"""Functions and operators against PyTorch: values, dtypes and gradients, in both precisions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import covector as cv
from tests.tensors.compare import assert_agree, random_array

Function = Callable[..., Any]

UNARY: dict[str, tuple[float, float]] = {
    "abs": (-2, 2),
    "sign": (-2, 2),
    "neg": (-2, 2),
    "square": (-2, 2),
    "sqrt": (0.1, 3),
    "rsqrt": (0.1, 3),
    "exp": (-3, 3),
    "expm1": (-3, 3),
    "log": (0.1, 3),
    "log1p": (-0.8, 3),
    "sin": (-3, 3),
    "cos": (-3, 3),
    "tan": (-1, 1),
    "asin": (-0.9, 0.9),
    "acos": (-0.9, 0.9),
    "atan": (-3, 3),
    "sinh": (-2, 2),
    "cosh": (-2, 2),
    "tanh": (-3, 3),
    "asinh": (-3, 3),
    "acosh": (1.2, 4),
    "atanh": (-0.9, 0.9),
    "sigmoid": (-6, 6),
    "erf": (-2, 2),
    "erfc": (-2, 2),
    "relu": (-2, 2),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", UNARY)
def test_scalar_functions(name: str, dtype: str) -> None:
    x = random_array((3, 5), dtype, low=UNARY[name][0], high=UNARY[name][1])
    assert_agree(getattr(cv, name), getattr(torch, name), [x], scale=5)
    method = getattr(cv.tensor(x), name)()
    assert np.array_equal(method.numpy(), getattr(cv, name)(cv.tensor(x)).numpy())


BINARY: dict[str, tuple[Function, Function]] = {
    "add": (lambda a, b: a + b, lambda a, b: a + b),
    "sub": (lambda a, b: a - b, lambda a, b: a - b),
    "mul": (lambda a, b: a * b, lambda a, b: a * b),
    "div": (lambda a, b: a / b, lambda a, b: a / b),
    "pow": (lambda a, b: abs(a) ** b, lambda a, b: abs(a) ** b),
    "maximum": (cv.maximum, torch.maximum),
    "minimum": (cv.minimum, torch.minimum),
    "atan2": (cv.atan2, torch.atan2),
    "equal": (lambda a, b: a == b, lambda a, b: a == b),
    "differ": (lambda a, b: a != b, lambda a, b: a != b),
    "less": (lambda a, b: a < b, lambda a, b: a < b),
    "at most": (lambda a, b: a <= b, lambda a, b: a <= b),
    "greater": (lambda a, b: a > b, lambda a, b: a > b),
    "at least": (lambda a, b: a >= b, lambda a, b: a >= b),
    "where": (lambda a, b: cv.where(a > b, a, b * 2), lambda a, b: torch.where(a > b, a, b * 2)),
}
SHAPES = [
    ((3, 4), (3, 4)),
    ((3, 4), (4,)),
    ((3, 1), (1, 4)),
    ((), (2, 3)),
    ((1, 3), (2, 1)),
    ((0, 3), (3,)),
    ((2, 3, 4), (3, 1)),
]


@pytest.mark.parametrize("shapes", SHAPES, ids=str)
@pytest.mark.parametrize("name", BINARY)
def test_binary_functions_broadcast(name: str, shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    ours, theirs = BINARY[name]
    dtype = "float32" if len(shapes[0]) == 2 else "float64"
    assert_agree(ours, theirs, [random_array(shapes[0], dtype), random_array(shapes[1], dtype, seed=1)], scale=5)


@pytest.mark.parametrize(
    "dtypes",
    [("int64", "float32"), ("int32", "int64"), ("float32", "float64"), ("bool", "float32"), ("int64", "int64")],
)
@pytest.mark.parametrize("name", ["add", "mul", "div", "less", "where"])
def test_dtypes_promote(name: str, dtypes: tuple[str, str]) -> None:
    ours, theirs = BINARY[name]
    if name == "where":
        ours, theirs = (lambda a, b: cv.where(a > 0, a, b)), (lambda a, b: torch.where(a > 0, a, b))
    assert_agree(ours, theirs, [random_array((4,), dtypes[0]), random_array((4,), dtypes[1], seed=1, low=1)])


NUMBERS: dict[str, Function] = {
    "add": lambda x: x + 2,
    "radd": lambda x: 2.5 + x,
    "rsub": lambda x: 1 - x,
    "rdiv": lambda x: 2 / x,
    "div": lambda x: x / 4,
    "mul": lambda x: x * -1.5,
    "square": lambda x: x**2,
    "cube": lambda x: x**3,
    "root": lambda x: (x * x + 1) ** 0.5,
    "rpow": lambda x: 2.0**x,
    "compare": lambda x: x > 0.5,
    "rcompare": lambda x: x >= 1,
    "negate": lambda x: -x,
    "abs": abs,
}


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_of_python_are_weak(name: str, dtype: str) -> None:
    x = random_array((5,), dtype, low=1, high=4)
    assert_agree(NUMBERS[name], NUMBERS[name], [x])


AXES: list[Any] = [None, 0, 1, -1, (0, 2), (0, 1, 2)]
REDUCTIONS = ["sum", "mean", "amax", "amin", "var", "std", "logsumexp", "norm", "prod", "all", "any"]


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", AXES, ids=str)
@pytest.mark.parametrize("name", REDUCTIONS)
def test_reductions(name: str, axis: Any, keepdims: bool) -> None:
    x = random_array((2, 3, 4), "float64", low=0.2)
    if name in ("all", "any"):
        x = x > 1
    every = tuple(range(3)) if axis is None else axis if isinstance(axis, tuple) else (axis,)

    def theirs(x: torch.Tensor) -> torch.Tensor:
        if name == "prod":  # PyTorch takes one axis
            for place in sorted((a % 3 for a in every), reverse=True):
                x = x.prod(place, keepdim=keepdims)
            return x
        function = {"norm": torch.linalg.vector_norm}.get(name) or getattr(torch, name)
        result: torch.Tensor = function(x, dim=every, keepdim=keepdims)
        return result

    assert_agree(lambda x: getattr(cv, name)(x, axis=axis, keepdims=keepdims), theirs, [x])
    if axis is not None:
        same = getattr(cv.tensor(x), name)(dim=axis, keepdim=keepdims)
        assert np.array_equal(same.numpy(), getattr(cv, name)(cv.tensor(x), axis=axis, keepdims=keepdims).numpy())


@pytest.mark.parametrize("dtype", ["int32", "int64", "bool"])
def test_integers_are_summed_as_int64(dtype: str) -> None:
    assert_agree(lambda x: x.sum(), lambda x: x.sum(), [random_array((6,), dtype)])
    assert_agree(lambda x: x.cumsum(0), lambda x: x.cumsum(0), [random_array((6,), "int64")])


@pytest.mark.parametrize("name", ["argmax", "argmin"])
@pytest.mark.parametrize("axis", [None, 0, 1])
def test_best_positions(name: str, axis: Any) -> None:
    x = random_array((4, 5), "int64", low=0, high=3).astype("float64")
    for keepdims in (False, True):
        found = getattr(cv.tensor(x), name)(axis, keepdims=keepdims)
        assert np.array_equal(found.numpy(), getattr(np, name)(x, axis=axis, keepdims=keepdims))


def test_the_best_is_nan_where_there_is_one() -> None:
    x = cv.tensor([1.0, float("nan"), 3.0])
    assert x.argmax().item() == 1
    assert np.isnan(x.max().item())


def test_largest_elements_share_the_gradient() -> None:
    assert_agree(lambda x: x.max(), lambda x: x.amax(), [np.array([1.0, 3.0, 3.0, 2.0])])


PRODUCTS = [
    ((3,), (3,)),
    ((2, 3), (3,)),
    ((3,), (3, 2)),
    ((2, 3), (3, 4)),
    ((5, 2, 3), (3, 4)),
    ((5, 2, 3), (5, 3, 4)),
    ((2, 1, 2, 3), (5, 3, 1)),
    ((0, 3), (3, 2)),
    ((2, 0), (0, 2)),
    ((5, 2, 3), (3,)),
]


@pytest.mark.parametrize("shapes", PRODUCTS, ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_matrix_products(shapes: Any, dtype: str) -> None:
    a, b = random_array(shapes[0], dtype), random_array(shapes[1], dtype, seed=1)
    assert_agree(lambda a, b: a @ b, lambda a, b: a @ b, [a, b])


@pytest.mark.parametrize(
    ("equation", "shapes"),
    [
        ("ij,jk->ik", [(2, 3), (3, 4)]),
        ("bij,bjk->bik", [(2, 3, 4), (2, 4, 2)]),
        ("i,j->ij", [(2,), (3,)]),
        ("ii->i", [(3, 3)]),
        ("ij->ji", [(2, 3)]),
        ("ij,ij->", [(2, 3), (2, 3)]),
        ("...ij,...jk->...ik", [(2, 2, 3), (3, 2)]),
        ("ij,jk,kl->il", [(2, 3), (3, 4), (4, 2)]),
    ],
)
def test_einsum(equation: str, shapes: list[tuple[int, ...]]) -> None:
    arrays = [random_array(shape, seed=at) for at, shape in enumerate(shapes)]
    assert_agree(lambda *x: cv.einsum(equation, *x), lambda *x: torch.einsum(equation, *x), arrays)


@pytest.mark.parametrize("axes", [0, 1, 2, ([1, 0], [0, 1])], ids=str)
def test_tensordot(axes: Any) -> None:
    arrays = [random_array((3, 4)), random_array((4, 3), seed=1)]
    if axes == 2:
        arrays[1] = arrays[1].T.copy()
    assert_agree(lambda a, b: cv.tensordot(a, b, axes), lambda a, b: torch.tensordot(a, b, axes), arrays)


F = torch.nn.functional
LAYERS: dict[str, tuple[Function, Function, list[tuple[int, ...]]]] = {
    "linear": (cv.linear, F.linear, [(4, 3), (5, 3), (5,)]),
    "softmax": (lambda x: cv.softmax(x, axis=-1), lambda x: F.softmax(x, -1), [(4, 3)]),
    "softmax along 0": (lambda x: cv.softmax(x, axis=0), lambda x: F.softmax(x, 0), [(4, 3)]),
    "log_softmax": (lambda x: cv.log_softmax(x, axis=1), lambda x: F.log_softmax(x, 1), [(4, 3)]),
    "gelu": (cv.gelu, F.gelu, [(7,)]),
    "gelu_tanh": (cv.gelu_tanh, lambda x: F.gelu(x, approximate="tanh"), [(7,)]),
    "silu": (cv.silu, F.silu, [(7,)]),
    "leaky_relu": (lambda x: cv.leaky_relu(x, negative_slope=0.2), lambda x: F.leaky_relu(x, 0.2), [(7,)]),
    "elu": (cv.elu, F.elu, [(7,)]),
    "softplus": (cv.softplus, F.softplus, [(7,)]),
    "layer_norm": (cv.layer_norm, lambda x, w, b: F.layer_norm(x, (5,), w, b), [(4, 5), (5,), (5,)]),
    "conv2d": (
        lambda x, w, b: cv.conv2d(x, w, b, stride=2, padding=1),
        lambda x, w, b: F.conv2d(x, w, b, 2, 1),
        [(2, 3, 6, 7), (4, 3, 3, 3), (4,)],
    ),
    "avg_pool2d": (lambda x: cv.avg_pool2d(x, size=2), lambda x: F.avg_pool2d(x, 2), [(2, 3, 6, 4)]),
    "max_pool2d": (lambda x: cv.max_pool2d(x, size=2), lambda x: F.max_pool2d(x, 2), [(2, 3, 6, 4)]),
    "attention": (
        cv.attention,
        F.scaled_dot_product_attention,
        [(2, 4, 3), (2, 5, 3), (2, 5, 3)],
    ),
    "mse": (cv.mse, F.mse_loss, [(4, 3), (4, 3)]),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", LAYERS)
def test_operations_of_the_table(name: str, dtype: str) -> None:
    ours, theirs, shapes = LAYERS[name]
    assert_agree(ours, theirs, [random_array(shape, dtype, seed=at) for at, shape in enumerate(shapes)], scale=5)


def test_cross_entropy() -> None:
    target = np.array([0, 2, 1, 2])
    assert_agree(cv.cross_entropy, F.cross_entropy, [random_array((4, 3)), target])
    ours = lambda x, t: cv.cross_entropy(x, t, label_smoothing=0.1)  # noqa: E731
    assert_agree(ours, lambda x, t: F.cross_entropy(x, t, label_smoothing=0.1), [random_array((4, 3)), target])


def test_embedding_gathers_and_its_gradient_scatters() -> None:
    ids = np.array([[0, 2], [2, 5]])
    assert_agree(cv.embedding, F.embedding, [ids, random_array((6, 3))])


def test_clip_and_cumulative() -> None:
    x = np.array([-1.0, 0.0, 0.5, 1.0, 3.0])
    assert_agree(lambda x: x.clip(0, 1), lambda x: x.clamp(0, 1), [x])
    assert_agree(lambda x: cv.clamp(x, max=0.7), lambda x: torch.clamp(x, max=0.7), [x])
    assert_agree(lambda x: x.cumsum(1), lambda x: x.cumsum(1), [random_array((3, 4))])
    assert_agree(lambda x: x.cumprod(0), lambda x: x.cumprod(0), [random_array((4,))])


def test_what_is_not_finite() -> None:
    x = np.array([1.0, np.nan, np.inf, -np.inf])
    for name in ("isnan", "isinf", "isfinite"):
        assert_agree(getattr(cv, name), getattr(torch, name), [x])
    assert_agree(lambda x: x.relu(), lambda x: x.relu(), [x], gradients=False)
    assert_agree(lambda x: x.clip(-1, 1), lambda x: x.clamp(-1, 1), [x], gradients=False)
    assert_agree(lambda x: cv.where(x > 0, x, 0.0), lambda x: torch.where(x > 0, x, 0.0), [x])


def test_casts() -> None:
    x = np.array([-1.5, 0.0, 2.7])
    for dtype in ("int64", "int32", "bool", "float32"):
        assert_agree(lambda x, d=dtype: x.astype(d), lambda x, d=dtype: x.to(getattr(torch, d)), [x])
    assert cv.tensor([1, 2]).float().dtype == cv.float32
    assert cv.tensor([1, 2]).to(cv.float64).dtype == "float64"
