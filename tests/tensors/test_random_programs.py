"""Random programs of tensor operations against PyTorch: values and gradients, also at sizes 0 and 1, and under jit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import covector as cv
from tests.tensors.compare import assert_same

Function = Callable[..., Any]

UNARY: list[Function] = [
    lambda x: x.tanh(),
    lambda x: x.sigmoid(),
    lambda x: x.relu(),
    lambda x: x.exp() * 0.2,
    lambda x: x * x,
    lambda x: (x * x + 1).sqrt(),
    lambda x: 1 / (x * x + 1),
    lambda x: x - 0.3,
    abs,
    lambda x: -x,
    lambda x: x.sin() * 2,
    lambda x: x**3,
]
BINARY: list[Function] = [lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b, lambda a, b: a / (b * b + 1)]


def shaped(x: Any, source: np.random.Generator, library: Any) -> Any:
    """One shape operation, the same in both libraries."""
    choice = source.integers(0, 9)
    shape = tuple(x.shape)
    rank = len(shape)
    axis = int(source.integers(0, max(rank, 1)))
    start, step = int(source.integers(0, 3)), int(source.integers(1, 3))
    order = [int(a) for a in source.permutation(rank)]
    if not rank or choice == 0:
        return x.unsqueeze(0)
    if choice == 1:
        return x.permute(*order)
    if choice == 2:
        return x.reshape(-1)
    if choice == 3:
        return x[(slice(None),) * axis + (slice(start, None, step),)]
    if choice == 4:
        cat = library.concat if library is cv else torch.cat
        return cat([x, x * 2], axis)
    if choice == 5:
        return x.sum(axis) if rank > 1 else x
    if choice == 6:
        return library.flip(x, (axis,))
    if choice == 7 and rank > 1:
        return x.flatten(0, 1)
    if choice == 8 and shape[axis]:
        return x.mean(axis, keepdims=True) + x if library is cv else x.mean(axis, keepdim=True) + x
    return x


def joined(a: Any, b: Any, source: np.random.Generator, library: Any) -> Any:
    """Two tensors made one: element by element where they broadcast, otherwise by a product or their sums."""
    choice = int(source.integers(0, len(BINARY)))
    if a.ndim >= 1 and b.ndim == 2 and a.shape[-1] == b.shape[0]:
        return a @ b
    try:
        np.broadcast_shapes(tuple(a.shape), tuple(b.shape))
    except ValueError:
        return a + b.sum()
    return BINARY[choice](a, b)


def program(seed: int, library: Any, inputs: list[Any]) -> Any:
    """A random program of some operations."""
    source = np.random.default_rng(seed)
    held = list(inputs)
    for _ in range(int(source.integers(3, 9))):
        kind = source.integers(0, 3)
        one, two = (held[int(source.integers(0, len(held)))] for _ in range(2))
        if kind == 0:
            made = UNARY[int(source.integers(0, len(UNARY)))](one)
        elif kind == 1:
            made = shaped(one, source, library)
        else:
            made = joined(one, two, source, library)
        size = made.size if library is cv else made.numel()
        if size < 400:
            held.append(made)
    total = held[-1].sum()
    for tensor in held[-3:-1]:
        total = total + (tensor * tensor).sum()
    return total


def inputs_of(seed: int) -> list[Any]:
    source = np.random.default_rng([seed, 1])
    extents = [int(e) for e in source.choice([0, 1, 2, 3, 4], 3, p=[0.06, 0.14, 0.3, 0.3, 0.2])]
    shapes = [extents[:2], extents[1:], [extents[0], 1], extents]
    return [source.uniform(-1.5, 1.5, shape) for shape in shapes]


def check(seed: int) -> None:
    """Raise where a random program differs from PyTorch's, plain or traced."""
    arrays = inputs_of(seed)
    mine = [cv.tensor(array, requires_grad=True) for array in arrays]
    other = [torch.tensor(array, requires_grad=True) for array in arrays]
    found, wanted = program(seed, cv, mine), program(seed, torch, other)
    found.backward()
    wanted.backward()
    assert_same(found, wanted, f"value of program {seed}", 100)
    traced = cv.jit(lambda *x: program(seed, cv, list(x)))
    assert_same(traced(*[cv.tensor(array) for array in arrays]), wanted, f"traced value of program {seed}", 100)
    for own, theirs in zip(mine, other, strict=True):
        if own.grad is not None or (theirs.grad is not None and theirs.grad.any()):
            gradient = theirs.grad if theirs.grad is not None else torch.zeros_like(theirs)
            assert own.grad is not None
            assert_same(own.grad, gradient, f"gradient of program {seed}", 1000)


@pytest.mark.parametrize("seed", range(24))
def test_random_programs(seed: int) -> None:
    check(seed)


@pytest.mark.parametrize("seed", range(8))
def test_gradients_of_gradients_of_random_programs(seed: int) -> None:
    arrays = inputs_of(seed)
    mine = [cv.tensor(array, requires_grad=True) for array in arrays]
    other = [torch.tensor(array, requires_grad=True) for array in arrays]
    found = cv.autograd.grad(program(seed, cv, mine), mine, create_graph=True, allow_unused=True)
    wanted = torch.autograd.grad(program(seed, torch, other), other, create_graph=True, allow_unused=True)
    total = sum(((slope * slope).sum() for slope in found if slope is not None), cv.zeros((), dtype="float64"))
    expected = sum(((s * s).sum() for s in wanted if s is not None), torch.zeros((), dtype=torch.float64))
    assert_same(total, expected, f"squared gradient of program {seed}", 1e4)
    if expected.requires_grad:
        total.backward()
        expected.backward()
        for own, theirs in zip(mine, other, strict=True):
            if theirs.grad is not None and theirs.grad.any():
                assert_same(own.grad, theirs.grad, f"second gradient of program {seed}", 1e5)
