"""Functions to transform, written once for covector and for PyTorch, and their arguments in float64."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

import covector as cv

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Case:
    """A function of a library and of arrays, and their shapes; ``integers`` are the bound and shape of a last one."""

    call: Callable[..., Any]
    shapes: tuple[Shape, ...]
    integers: tuple[int, Shape] | None = None
    smooth: bool = True

    def arrays(self, seed: int = 0) -> list[Any]:
        """Arguments."""
        generator = np.random.default_rng(seed)
        found: list[Any] = [generator.standard_normal(shape) for shape in self.shapes]
        if self.integers is not None:
            found.append(generator.integers(0, self.integers[0], self.integers[1]))
        return found


def _mlp(library: Any, w: Any, v: Any, x: Any) -> Any:
    return library.tanh(x @ w.T) @ v.T


def _conv(library: Any, w: Any, x: Any) -> Any:
    conv = library.conv2d if library is cv else torch.nn.functional.conv2d
    return library.tanh(conv(x, w)).sum((2, 3))


def _attention(library: Any, q: Any, k: Any, v: Any) -> Any:
    return library.softmax(q @ k.T / 2, dim=-1) @ v


def _norm(library: Any, x: Any, w: Any) -> Any:
    return (x - x.mean(-1, keepdim=True)) / (x.var(-1, keepdim=True) + 1e-3) ** 0.5 * w


def _shapes(library: Any, x: Any) -> Any:
    return library.cat([x.reshape(2, 6), x.T.reshape(2, 6) * x.reshape(2, 6)], 1)[:, 1::2].flip(0)


def _max(library: Any, x: Any) -> Any:
    top = x.amax(1) if library is torch else x.max(1)
    return top * x.sum(1)


CASES: dict[str, Case] = {
    "mlp": Case(_mlp, ((5, 3), (2, 5), (4, 3))),
    "conv": Case(_conv, ((2, 2, 2, 2), (2, 2, 4, 4))),
    "attention": Case(_attention, ((3, 4), (5, 4), (5, 2))),
    "layer norm": Case(_norm, ((3, 4), (4,))),
    "softmax": Case(lambda l, x: l.log(l.softmax(x, dim=0) + 0.1) * x, ((3, 2),)),
    "logsumexp": Case(lambda l, x: l.logsumexp(x, dim=1), ((3, 4),)),
    "indexing": Case(lambda l, x, i: x[i] * x[i].flip(0), ((5, 2),), (5, (4,))),
    "gather": Case(lambda l, x, i: l.take_along_dim(l.sin(x), i, 1), ((3, 4),), (4, (3, 2))),
    "cumsum": Case(lambda l, x: l.cumsum(l.sin(x), 0) * x, ((4, 2),)),
    "cumprod": Case(lambda l, x: l.cumprod(x, 1), ((2, 3),)),
    "where": Case(lambda l, x, y: l.where(x > 0, x * y, l.exp(y)), ((3, 4), (4,))),
    "max": Case(_max, ((3, 4),)),
    "prod": Case(lambda l, x: l.prod(x, 1), ((3, 4),)),
    "shapes": Case(_shapes, ((3, 4),)),
    "einsum": Case(lambda l, a, b: l.einsum("ij,jk,lk->il", a, b, l.sin(b)), ((2, 3), (3, 2))),
    "elementwise": Case(lambda l, x: l.sigmoid(x) * l.erf(x) + l.sqrt(x * x + 1) - l.atan(x) ** 3, ((5,),)),
    "norm": Case(lambda l, x: x / (x * x).sum() ** 0.5, ((4,),)),
    "one number": Case(lambda l, x, y: l.exp(x * y), ((), ())),
}
"""The functions by name."""


def ours(case: Case) -> Callable[..., Any]:
    """The function on tensors of covector."""
    return lambda *arrays: case.call(cv, *arrays)


def theirs(case: Case) -> Callable[..., Any]:
    """The function on tensors of PyTorch."""
    return lambda *arrays: case.call(torch, *arrays)


def tensors(arrays: list[Any]) -> list[Any]:
    """Arrays as tensors of covector."""
    return [cv.tensor(array) for array in arrays]


def torches(arrays: list[Any]) -> list[Any]:
    """Arrays as tensors of PyTorch."""
    return [torch.tensor(array) for array in arrays]


def leaves(tree: Any) -> list[Any]:
    """The tensors of a tree of tuples, lists and dictionaries as arrays."""
    if isinstance(tree, (tuple, list)):
        return [leaf for part in tree for leaf in leaves(part)]
    if isinstance(tree, dict):
        return [leaf for key in tree for leaf in leaves(tree[key])]
    return [np.asarray(tree.detach().numpy() if isinstance(tree, torch.Tensor) else tree)]


def agree(found: Any, expected: Any, tolerance: float = 1e-10) -> None:
    """Assert that two trees of tensors have the same shapes and values."""
    one, two = leaves(found), leaves(expected)
    assert [array.shape for array in one] == [array.shape for array in two]
    for ours_, theirs_ in zip(one, two, strict=True):
        scale = 1 + np.abs(theirs_).max(initial=0)
        assert np.abs(ours_ - theirs_).max(initial=0) <= tolerance * scale
