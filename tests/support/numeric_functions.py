"""Functions that covector and PyTorch both have, by name, as tables: of elements, of rows, and of products.

Each takes the library, its ``nn.functional``, and tensors.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

import covector as cv

Function = Callable[..., Any]
"""What a library, its functions of layers and tensors make."""


def by_covector(function: Function, *given: Any) -> Any:
    """The function of tensors of covector."""
    return function(cv, cv.nn.functional, *given)


def by_pytorch(function: Function, *given: Any) -> Any:
    """The function of tensors of PyTorch."""
    return function(torch, torch.nn.functional, *given)


def _of_library(name: str) -> Function:
    return lambda library, _, *given: getattr(library, name)(*given)


def _of_layers(name: str, **options: Any) -> Function:
    return lambda _, functional, *given: getattr(functional, name)(*given, **options)


UNARY: dict[str, Function] = {
    **{name: _of_library(name) for name in ("exp", "expm1", "log", "log1p", "sqrt", "rsqrt", "square", "neg", "abs")},
    **{name: _of_library(name) for name in ("sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh")},
    **{name: _of_library(name) for name in ("asinh", "acosh", "atanh", "erf", "erfc", "sigmoid", "relu")},
    **{name: _of_library(name) for name in ("floor", "ceil", "round")},
    **{name: _of_layers(name) for name in ("gelu", "silu", "softplus", "elu", "celu", "selu", "leaky_relu", "mish")},
    **{name: _of_layers(name) for name in ("relu6", "hardtanh", "hardswish", "hardsigmoid", "logsigmoid", "softsign")},
    "gelu of tanh": lambda _, functional, x: functional.gelu(x, approximate="tanh"),
    "tanhshrink": _of_layers("tanhshrink"),
    "threshold": lambda _, functional, x: functional.threshold(x, 0.5, -1.0),
    "clip": lambda _, __, x: x.clip(-1, 1),
    "clip below": lambda _, __, x: x.clip(0.5, None),
    "clip above": lambda _, __, x: x.clip(None, 0.5),
    **{f"x**{power}": lambda _, __, x, power=power: x**power for power in (0, 1, 2, 3, -1, -2, 1.5, -0.5)},
    # As a tensor the exponent 0.5 is no square root, so that minus infinity has one.
    "x**0.5": lambda library, _, x: x ** library.tensor(0.5, dtype=x.dtype),
    "1/x": lambda _, __, x: 1 / x,
    "0/x": lambda _, __, x: 0 / x,
    "2**x": lambda _, __, x: 2**x,
    "0**x": lambda library, __, x: library.zeros_like(x) ** x,
    "0*x": lambda _, __, x: 0 * x,
    "x - x": lambda _, __, x: x - x,
    "x % 2": lambda _, __, x: x % 2,
    "x // 2": lambda _, __, x: x.detach() // 2,
    "a truth and x": lambda _, __, x: (x > 0) * x,
    "a truth as a number and x": lambda _, __, x: x * (x > 0).to(x.dtype),
    "a truth plus x": lambda _, __, x: (x > 0) + x,
    "x by a truth": lambda _, __, x: x / (x < 0),
    "where": lambda library, _, x: library.where(x > 0, x, 2 * x),
    "where of a domain": lambda library, _, x: library.where(x > 0, library.log(library.where(x > 0, x, 1.0)), x),
    "where, not where": lambda library, _, x: library.where(x > 0, library.sqrt(x), x),
    "masked": lambda library, _, x: x[x > 0].sum() + 0 * x.detach(),
    **{f"is{name}": _of_library(f"is{name}") for name in ("nan", "inf", "finite")},
}
"""Functions of one tensor, element by element."""

BINARY: dict[str, Function] = {
    "+": lambda _, __, x, y: x + y,
    "-": lambda _, __, x, y: x - y,
    "*": lambda _, __, x, y: x * y,
    "/": lambda _, __, x, y: x / y,
    "**": lambda _, __, x, y: x**y,
    "%": lambda _, __, x, y: x % y,
    "//": lambda _, __, x, y: x.detach() // y.detach(),
    **{name: _of_library(name) for name in ("maximum", "minimum", "atan2")},
    **{name: _of_library(name) for name in ("lt", "le", "gt", "ge", "eq", "ne")},
    "where": lambda library, _, x, y: library.where(x > y, x, y),
    "clip by a tensor": lambda _, __, x, y: x.clip(y),
    "clip by tensors": lambda _, __, x, y: x.clip(-y, y),
    "clip to below": lambda _, __, x, y: x.clip(max=y),
    "squared error": lambda _, functional, x, y: functional.mse_loss(x, y, reduction="none"),
    "absolute error": lambda _, functional, x, y: functional.l1_loss(x, y, reduction="none"),
    "smooth absolute error": lambda _, functional, x, y: functional.smooth_l1_loss(x, y, reduction="none"),
    "huber": lambda _, functional, x, y: functional.huber_loss(x, y, reduction="none"),
    "logits": lambda _, functional, x, y: functional.binary_cross_entropy_with_logits(x, y.detach(), reduction="none"),
    "kullback-leibler": lambda _, functional, x, y: functional.kl_div(x, y.detach(), reduction="none"),
    "prelu": lambda _, functional, x, y: functional.prelu(x, y.flatten()[5:6]),
}
"""Functions of two tensors, element by element."""

ROWS: dict[str, Function] = {
    **{name: lambda _, __, x, name=name: getattr(x, name)(dim=1) for name in ("sum", "mean", "prod", "amax", "amin")},
    **{name: lambda _, __, x, name=name: getattr(x, name)(dim=1) for name in ("var", "std", "cumsum", "cumprod")},
    **{name: lambda _, __, x, name=name: getattr(x, name)(dim=1) for name in ("argmax", "argmin")},
    "largest": lambda _, __, x: x.max(),
    "smallest": lambda _, __, x: x.min(),
    "total": lambda _, __, x: x.sum(),
    "population variance": lambda _, __, x: x.var(dim=1, correction=0),
    "norm": lambda library, _, x: library.norm(x, dim=1) if library is torch else library.norm(x, axis=1),
    "norm of all": lambda library, _, x: library.norm(x),
    "norm 1": lambda library, _, x: library.norm(x, 1, 1),
    "norm 3": lambda library, _, x: library.norm(x, 3, 1),
    "norm of the largest": lambda library, _, x: library.norm(x, float("inf"), 1),
    "logsumexp": lambda library, _, x: library.logsumexp(x, dim=1),
    "softmax": _of_layers("softmax", dim=1),
    "softmin": _of_layers("softmin", dim=1),
    "log_softmax": _of_layers("log_softmax", dim=1),
    "sort": lambda library, _, x: library.sort(x, dim=1)[0],
    "sort downward": lambda library, _, x: library.sort(x, dim=1, descending=True)[0],
    "argsort": lambda library, _, x: library.argsort(x, dim=1, stable=True),
    "any": lambda _, __, x: (x != 0).any(dim=1),
    "all": lambda _, __, x: (x != 0).all(dim=1),
    "layer_norm": lambda _, functional, x: functional.layer_norm(x, x.shape[1:]),
    "rms_norm": lambda _, functional, x: functional.rms_norm(x, x.shape[1:], eps=1e-6),
    "normalize": _of_layers("normalize"),
    "glu": lambda _, functional, x: functional.glu(x[:, : x.shape[1] // 2 * 2]),
    "gram": lambda _, __, x: x @ x.mT,
    "tril": lambda _, __, x: x.tril(),
    "cross_entropy": lambda library, functional, x: functional.cross_entropy(
        x, library.zeros(len(x), dtype=library.int64)
    ),
    "nll_loss": lambda library, functional, x: functional.nll_loss(x, library.zeros(len(x), dtype=library.int64)),
    "max_pool": lambda _, functional, x: functional.max_pool2d(x[None, None], 2),
    "avg_pool": lambda _, functional, x: functional.avg_pool2d(x[None, None], 2),
    "cosine_similarity": lambda _, functional, x: functional.cosine_similarity(x, 2 * x + 1, dim=1),
}
"""Functions of one matrix, which take its rows together."""
