"""Shape operations against PyTorch, values and gradients, and the words of their errors."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import covector as cv
from covector.errors import ShapeError
from tests.tensors.compare import assert_agree, random_array

Function = Callable[..., Any]

RESHAPES = [
    ((2, 3), (6,)),
    ((6,), (2, 3)),
    ((2, 3), (3, 2)),
    ((2, 3, 4), (-1, 4)),
    ((2, 3, 4), (2, -1)),
    ((4, 6), (2, 2, 3, 2)),
    ((2, 1, 3), (2, 3)),
    ((2, 3), (2, 1, 3, 1)),
    ((1,), ()),
    ((), (1, 1)),
    ((0, 3), (3, 0)),
    ((8, 9), (12, 6)),
    ((1, 1), (1,)),
]


@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize(("old", "new"), RESHAPES, ids=str)
def test_reshape(old: tuple[int, ...], new: tuple[int, ...], eager: bool) -> None:
    x = random_array(old)
    if eager:
        assert np.array_equal(cv.tensor(x).reshape(new).numpy(), x.reshape(new))
    else:
        assert_agree(lambda x: (x * 2).reshape(*new), lambda x: (x * 2).reshape(new), [x])


@settings(max_examples=25, deadline=None)
@given(st.permutations([2, 2, 3, 1]), st.data())
def test_any_reshape(factors: list[int], data: st.DataObject) -> None:
    cuts = data.draw(st.lists(st.integers(0, 4), max_size=3).map(sorted))
    ends = [0, *cuts, 4]
    shape = tuple(prod(factors[a:b]) for a, b in itertools.pairwise(ends))
    x = random_array((2, 3, 2))
    assert np.array_equal((cv.tensor(x) + 0).reshape(shape).numpy(), x.reshape(shape))


SAME: dict[str, tuple[Function, Function, tuple[int, ...]]] = {
    "permute": (lambda x: x.permute(2, 0, 1), lambda x: x.permute(2, 0, 1), (2, 3, 4)),
    "transpose": (lambda x: x.transpose(0, -1), lambda x: x.transpose(0, -1), (2, 3, 4)),
    "T": (lambda x: x.T, lambda x: x.T, (2, 3)),
    "mT": (lambda x: x.mT, lambda x: x.mT, (2, 3, 4)),
    "flatten": (lambda x: x.flatten(1), lambda x: x.flatten(1), (2, 3, 4)),
    "flatten all": (lambda x: x.flatten(), lambda x: x.flatten(), (2, 3)),
    "unsqueeze": (lambda x: x.unsqueeze(-1), lambda x: x.unsqueeze(-1), (2, 3)),
    "unsqueeze dim": (lambda x: x.unsqueeze(dim=1), lambda x: x.unsqueeze(dim=1), (2, 3)),
    "squeeze": (lambda x: x.squeeze(), lambda x: x.squeeze(), (1, 3, 1)),
    "squeeze one": (lambda x: x.squeeze(0), lambda x: x.squeeze(0), (1, 3, 1)),
    "squeeze none": (lambda x: x.squeeze(1), lambda x: x.squeeze(1), (1, 3, 1)),
    "expand": (lambda x: x.expand(4, -1, 3), lambda x: x.expand(4, -1, 3), (2, 1)),
    "flip": (lambda x: x.flip((0, 1)), lambda x: x.flip((0, 1)), (2, 3)),
    "roll": (lambda x: x.roll(2, 1), lambda x: x.roll(2, 1), (2, 3)),
    "roll back": (lambda x: x.roll((-1, 4), (0, 1)), lambda x: x.roll((-1, 4), (0, 1)), (2, 3)),
    "roll all": (lambda x: x.roll(1), lambda x: x.roll(1), (2, 3)),
    "tril": (lambda x: x.tril(), lambda x: x.tril(), (3, 3)),
    "triu": (lambda x: x.triu(1), lambda x: x.triu(1), (2, 3, 4)),
    "tril below": (lambda x: cv.tril(x, -1), lambda x: torch.tril(x, -1), (3, 4)),
    "pad": (lambda x: cv.pad(x, (1, 2)), lambda x: torch.nn.functional.pad(x, (1, 2)), (2, 3)),
    "pad by value": (
        lambda x: cv.pad(x, (1, 0, 0, 2), 1.5),
        lambda x: torch.nn.functional.pad(x, (1, 0, 0, 2), value=1.5),
        (2, 3),
    ),
    "split": (lambda x: x.split(2, 1)[1], lambda x: x.split(2, 1)[1], (2, 5)),
    "split sizes": (lambda x: x.split([1, 3], 0)[1], lambda x: x.split([1, 3], 0)[1], (4, 2)),
    "chunk": (lambda x: x.chunk(3, -1)[2], lambda x: x.chunk(3, -1)[2], (2, 7)),
}


@pytest.mark.parametrize("name", SAME)
def test_shape_operations(name: str) -> None:
    ours, theirs, shape = SAME[name]
    assert_agree(ours, theirs, [random_array(shape)])
    assert_agree(lambda x: ours(x * 2), lambda x: theirs(x * 2), [random_array(shape, "float32")])


def test_joins() -> None:
    arrays = [random_array((2, 3)), random_array((4, 3), seed=1), random_array((0, 3))]
    assert_agree(lambda *x: cv.concat(x), lambda *x: torch.cat(x), arrays)
    pair = [random_array((2, 3)), random_array((2, 4), seed=1)]
    assert_agree(lambda *x: cv.cat(x, dim=1), lambda *x: torch.cat(x, dim=1), pair)
    equal = [random_array((2, 3)), random_array((2, 3), seed=1)]
    for axis in (0, 1, 2, -1):
        assert_agree(lambda *x, a=axis: cv.stack(x, a), lambda *x, a=axis: torch.stack(x, a), equal)


def test_memory_that_is_not_contiguous_comes_in_right() -> None:
    x = random_array((4, 6))
    assert np.array_equal((cv.tensor(x.T) * 1).numpy(), x.T)
    assert np.array_equal((cv.asarray(x[::2, ::-1]) * 1).numpy(), x[::2, ::-1])


MISTAKES: dict[str, tuple[Function, str]] = {
    "broadcast": (
        lambda: cv.zeros(2, 3) + cv.zeros(2, 4),
        r"The size of tensor a \(3\) must match the size of tensor b \(4\) at non-singleton dimension 1",
    ),
    "matmul": (
        lambda: cv.zeros(2, 3) @ cv.zeros(4, 5),
        r"mat1 and mat2 shapes cannot be multiplied \(2.3 and 4.5\)",
    ),
    "reshape": (lambda: cv.zeros(2, 3).reshape(4, 2), r"shape '\[4, 2\]' is invalid for input of size 6"),
    "infer two": (lambda: cv.zeros(4).reshape(-1, -1), "only one dimension can be inferred"),
    "expand": (
        lambda: cv.zeros(2, 3).expand(2, 4),
        r"The expanded size of the tensor \(4\) must match the existing size \(3\) at non-singleton dimension 1",
    ),
    "cat": (
        lambda: cv.concat([cv.zeros(2, 3), cv.zeros(2, 4)]),
        "Sizes of tensors must match except in dimension 0. Expected size 3 but got size 4 for tensor number 1",
    ),
    "stack": (lambda: cv.stack([cv.zeros(2), cv.zeros(3)]), r"stack expects each tensor to be equal size"),
    "split": (lambda: cv.zeros(5).split([2, 2]), r"expects split_sizes to sum exactly to 5"),
    "ambiguous": (lambda: bool(cv.zeros(2)), "Boolean value of Tensor with more than one value is ambiguous"),
    "item": (lambda: cv.zeros(2).item(), "a Tensor with 2 elements cannot be converted to Scalar"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_errors_speak_as_pytorch(name: str) -> None:
    attempt, words = MISTAKES[name]
    with pytest.raises(ShapeError, match=words):
        attempt()


def test_errors_of_axes() -> None:
    with pytest.raises(IndexError, match=r"Dimension out of range \(expected to be in range of \[-2, 1\], but got 2\)"):
        cv.zeros(2, 3).flatten(2)
    with pytest.raises(TypeError, match="iteration over a 0-d tensor"):
        list(cv.tensor(1.0))
    with pytest.raises(TypeError, match="len\\(\\) of a 0-d tensor"):
        len(cv.tensor(1.0))


ARRANGED: dict[str, tuple[Function, Function, tuple[int, ...]]] = {
    "moveaxis": (lambda x: x.moveaxis(0, -1), lambda x: x.moveaxis(0, -1), (2, 3, 4)),
    "moveaxis several": (lambda x: x.moveaxis((0, 2), (1, 0)), lambda x: x.moveaxis((0, 2), (1, 0)), (2, 3, 4)),
    "swapaxes": (lambda x: x.swapaxes(0, 2), lambda x: x.swapaxes(0, 2), (2, 3, 4)),
    "unbind": (lambda x: x.unbind(dim=1)[2], lambda x: x.unbind(dim=1)[2], (2, 3)),
    "take": (lambda x: x.take([[0, 5], [5, 1]]), lambda x: x.take(torch.tensor([[0, 5], [5, 1]])), (2, 3)),
    "index_select": (
        lambda x: x.index_select(1, cv.tensor([2, 2, 0])),
        lambda x: x.index_select(1, torch.tensor([2, 2, 0])),
        (2, 3),
    ),
    "tile": (lambda x: x.tile(2), lambda x: x.tile(2), (2, 3)),
    "repeat": (lambda x: x.repeat(2, 1, 3), lambda x: x.repeat(2, 1, 3), (2, 3)),
    "repeat never": (lambda x: x.repeat(0, 2), lambda x: x.repeat(0, 2), (2, 3)),
    "repeat_interleave": (lambda x: x.repeat_interleave(3, dim=0), lambda x: x.repeat_interleave(3, dim=0), (2, 3)),
    "repeat_interleave all": (lambda x: x.repeat_interleave(2), lambda x: x.repeat_interleave(2), (2, 3)),
    "masked_fill": (lambda x: x.masked_fill(x > 0, -1), lambda x: x.masked_fill(x > 0, -1), (2, 3)),
    "masked_select": (lambda x: x.masked_select(x > 0), lambda x: x.masked_select(x > 0), (2, 3)),
    "meshgrid": (
        lambda x: cv.meshgrid(x, x * 2)[1],
        lambda x: torch.meshgrid(x, x * 2, indexing="ij")[1],
        (3,),
    ),
    "meshgrid xy": (
        lambda x: cv.meshgrid(x[:2], x, indexing="xy")[0],
        lambda x: torch.meshgrid(x[:2], x, indexing="xy")[0],
        (3,),
    ),
}


@pytest.mark.parametrize("name", ARRANGED)
def test_arrangements(name: str) -> None:
    ours, theirs, shape = ARRANGED[name]
    assert_agree(ours, theirs, [random_array(shape)])


def test_axes_are_moved_once() -> None:
    with pytest.raises(ShapeError, match="moveaxis: axes"):
        cv.zeros((2, 3)).moveaxis((0, 0), (0, 1))


def test_exclusive_or() -> None:
    a, b = [0.0, 2.0, 0.0, 1.0], [0.0, 0.0, 3.0, 1.0]
    assert cv.logical_xor(a, b).tolist() == torch.logical_xor(torch.tensor(a), torch.tensor(b)).tolist()


def test_a_result_names_what_its_gradient_goes_through() -> None:
    x = cv.ones(2, requires_grad=True)
    assert (x.grad_fn, (x * 2).grad_fn, (x.detach() * 2).grad_fn) == (None, "mul", None)
