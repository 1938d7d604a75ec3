"""The rules of gradients: what accumulates where, what cannot be, and gradients of gradients."""

from __future__ import annotations

import copy
import gc
import pickle
from typing import Any

import numpy as np
import pytest
import torch

import covector as cv
from covector.errors import CovectorError, GradientError, ShapeError
from covector.tensors.backward import grad
from tests.tensors.compare import assert_same, random_array


def test_gradients_accumulate_until_they_are_taken_away() -> None:
    x = cv.tensor([1.0, 2.0], requires_grad=True)
    for count in (1, 2, 3):
        (x * 3).sum().backward()
        assert x.grad is not None
        assert x.grad.tolist() == [3.0 * count] * 2
    x.grad = None
    (x * x).sum().backward()
    assert x.grad.tolist() == [2, 4]  # type: ignore[attr-defined]


def test_a_tensor_used_twice_gets_both_parts() -> None:
    x = cv.tensor(3.0, requires_grad=True)
    y = x * x
    (y * x + y).backward()
    assert x.grad.item() == 3 * 9 + 6  # type: ignore[union-attr]


def test_what_requires_a_gradient() -> None:
    x, y = cv.ones(2, requires_grad=True), cv.ones(2)
    assert (x + y).requires_grad
    assert not (y + y).requires_grad
    assert not (x > y).requires_grad
    assert not x.argmax().requires_grad
    assert not x.detach().requires_grad
    assert not (x.detach() * 2).requires_grad
    assert x.is_leaf
    assert not (x * 1).is_leaf
    with cv.no_grad():
        assert not (x * 2).requires_grad
        with cv.enable_grad():
            assert (x * 2).requires_grad
    assert (x * 2).requires_grad

    @cv.no_grad()
    def double(x: Any) -> Any:
        return x * 2

    assert not double(x).requires_grad


def test_detach_stops_the_gradient() -> None:
    x = cv.tensor(2.0, requires_grad=True)
    (x * x.detach()).backward()
    assert x.grad.item() == 2  # type: ignore[union-attr]


def test_leaves_that_share_values_have_gradients_of_their_own() -> None:
    values = cv.tensor([1.0, 2.0])
    a, b = values.detach().requires_grad_(), values.detach().requires_grad_()
    (a * 2 + b * 5).sum().backward()
    assert (a.grad.tolist(), b.grad.tolist()) == ([2, 2], [5, 5])  # type: ignore[union-attr]


def test_a_leaf_may_be_the_result_of_operations() -> None:
    weight = (cv.ones(2) * 0.5).requires_grad_()
    (weight * weight).sum().backward()
    assert weight.grad.tolist() == [1, 1]  # type: ignore[union-attr]


def test_gradients_of_what_is_no_leaf_are_kept_on_request() -> None:
    x = cv.tensor(2.0, requires_grad=True)
    y = x * 3
    y.retain_grad()
    z = x * 5
    (y * y + z).backward()
    assert y.grad.item() == 12  # type: ignore[union-attr]
    assert z.grad is None
    assert x.grad.item() == 41  # type: ignore[union-attr]


def test_a_cotangent_may_be_given() -> None:
    x = cv.tensor([1.0, 2.0], requires_grad=True)
    (x * x).backward(cv.tensor([1.0, 10.0]))
    assert x.grad.tolist() == [2, 40]  # type: ignore[union-attr]
    y = cv.tensor([[3.0]], requires_grad=True)
    (y * y).backward()
    assert y.grad.tolist() == [[6]]  # type: ignore[union-attr]


def test_a_leaf_itself_may_be_the_output() -> None:
    x = cv.tensor(2.0, requires_grad=True)
    x.backward()
    assert x.grad.item() == 1  # type: ignore[union-attr]


def test_what_has_no_influence_gets_zeros() -> None:
    x = cv.tensor([1.0, -2.0], requires_grad=True)
    x.sign().sum().backward()
    assert x.grad.tolist() == [0, 0]  # type: ignore[union-attr]


def test_backward_before_and_after_looking() -> None:
    x = cv.tensor(random_array((3, 4)), requires_grad=True)
    y = (x.tanh() * 2).exp()
    total = y.sum()
    first = total.item()
    total.backward()
    assert total.item() == first
    one = x.grad.numpy().copy()  # type: ignore[union-attr]
    total.backward()
    assert np.allclose(x.grad.numpy(), 2 * one)  # type: ignore[union-attr]


MISTAKES: dict[str, Any] = {
    "element 0 of tensors does not require grad": lambda: cv.ones(1).backward(),
    "grad can be implicitly created only for scalar outputs": (cv.ones(2, requires_grad=True) * 2).backward,
    "only Tensors of floating point dtype can require gradients": lambda: cv.tensor([1, 2], requires_grad=True),
    "you can only change requires_grad flags of leaf variables": lambda: (
        cv.ones(2, requires_grad=True) * 2
    ).requires_grad_(False),
    "can't retain_grad": lambda: cv.ones(2).retain_grad(),
    "a leaf Variable that requires grad is being used in an in-place": lambda: cv.ones(2, requires_grad=True).copy_(1),
    "does not require grad": lambda: grad(cv.ones(1, requires_grad=True).sum(), cv.ones(1)),
    "not have been used in the graph": lambda: grad(
        cv.ones(1, requires_grad=True).sum(), cv.ones(1, requires_grad=True)
    ),
}


@pytest.mark.parametrize("words", MISTAKES)
def test_errors_speak_as_pytorch(words: str) -> None:
    with pytest.raises(GradientError, match=words):
        MISTAKES[words]()


def test_cotangents_must_fit() -> None:
    with pytest.raises(ShapeError, match="Mismatch in shape"):
        (cv.ones(2, requires_grad=True) * 2).backward(cv.ones(3))
    with pytest.raises(ShapeError, match="a gradient of a tensor of shape"):
        cv.ones(2).grad = cv.ones(3)


def test_backward_after_an_update_in_place_is_refused() -> None:
    x = cv.tensor([1.0, 2.0], requires_grad=True)
    loss = (x * x).sum()
    loss.backward()
    with cv.no_grad():
        x.copy_(x - x.grad)
    assert x.tolist() == [-1, -2]
    assert loss.item() == 5
    with pytest.raises(GradientError, match="Trying to backward through the graph a second time"):
        loss.backward()


def test_a_graph_of_before_an_update_keeps_its_values() -> None:
    x = cv.tensor([1.0, 2.0], requires_grad=True)
    loss = (x * x).sum()
    with cv.no_grad():
        x.copy_(x * 10)
    assert x.tolist() == [10, 20]
    loss.backward()
    assert loss.item() == 5
    assert x.grad.tolist() == [2, 4]  # type: ignore[union-attr]


def test_gradients_of_gradients() -> None:
    array = random_array((3, 2))
    x, tx = cv.tensor(array, requires_grad=True), torch.tensor(array, requires_grad=True)
    (slope,) = grad((x.sin() * x).sum(), x, create_graph=True)
    (wanted,) = torch.autograd.grad((tx.sin() * tx).sum(), tx, create_graph=True)
    assert_same(slope, wanted)
    (slope * slope).sum().backward()
    (wanted * wanted).sum().backward()
    assert tx.grad is not None
    assert_same(x.grad, tx.grad)


def test_three_times_through_a_network() -> None:
    arrays = [random_array(shape, seed=at) for at, shape in enumerate([(4, 3), (5, 3), (5,), (1, 5)])]

    def third(library: Any, tensors: list[Any], linear: Any, take: Any) -> Any:
        x, w, b, v = tensors
        y = linear(library.tanh(linear(x, w, b)), v).sum()
        for _ in range(2):
            (slope,) = take(y, x)
            y = (slope * slope).sum()
        return y

    mine = [cv.tensor(array, requires_grad=True) for array in arrays]
    other = [torch.tensor(array, requires_grad=True) for array in arrays]
    found = third(cv, mine, cv.linear, lambda y, x: grad(y, x, create_graph=True))
    wanted = third(torch, other, torch.nn.functional.linear, lambda y, x: torch.autograd.grad(y, x, create_graph=True))
    found.backward()
    wanted.backward()
    assert_same(found, wanted, scale=10)
    for own, theirs in zip(mine, other, strict=True):
        assert_same(own.grad, theirs.grad if theirs.grad is not None else torch.zeros_like(theirs), scale=100)


def test_grad_leaves_the_tensors_as_they_are() -> None:
    x = cv.tensor(2.0, requires_grad=True)
    y, z = x * x, x**3
    (both,) = grad([y, z], x)
    assert both.item() == 16  # type: ignore[union-attr]
    assert x.grad is None
    unused = cv.tensor(1.0, requires_grad=True)
    assert grad(y, [x, unused], allow_unused=True)[1] is None
    middle = x * 4
    assert grad(middle * middle, middle)[0].item() == 16  # type: ignore[union-attr]


def test_copies() -> None:
    x = cv.tensor([1.0, 2.0], requires_grad=True)
    other = copy.deepcopy(x)
    assert other.requires_grad
    with cv.no_grad():
        other.copy_(other * 3)
    assert (x.tolist(), other.tolist()) == ([1, 2], [3, 6])
    with pytest.raises(GradientError, match="graph leaves"):
        copy.deepcopy(x * 2)
    with pytest.raises(CovectorError, match="not pickled"):
        pickle.dumps(x)
    x.clone().sum().backward()
    assert x.grad.tolist() == [1, 1]  # type: ignore[union-attr]


def test_dead_tensors_leave_no_memory() -> None:
    x = cv.ones(1000, requires_grad=True)
    gc.collect()
    before = len(gc.get_objects())
    for _ in range(50):
        (x * 2).sum().item()
        x.grad = None
    gc.collect()
    assert len(gc.get_objects()) - before < 100


def test_data_may_be_set() -> None:
    x = cv.ones(2, requires_grad=True)
    x.data = cv.tensor([3.0, 4.0])
    (x * x).sum().backward()
    assert x.grad.tolist() == [6, 8]  # type: ignore[union-attr]
    assert x.requires_grad
