"""Calls of a traced function like the one before, and what makes a call unlike it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import covector as cv
from covector.errors import BoundsError
from covector.tensors.creation import live
from covector.tensors.trace import watch
from covector.tensors.traced import Traced


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> list[Traced]:
    """The traces of the calls that were not repeated ones."""
    calls: list[Traced] = []
    whole = Traced.__call__

    def noted(self: Traced, tensors: Any) -> Any:
        calls.append(self)
        return whole(self, tensors)

    monkeypatch.setattr(Traced, "__call__", noted)
    return calls


def training() -> tuple[Any, Callable[[Any], Any]]:
    """A weight, and a step that takes its argument from it and returns what it was."""
    weight = cv.tensor([8.0, 8.0])

    @cv.jit
    def step(x: Any) -> Any:
        before = weight.sum()
        weight.copy_(weight - x)
        return before

    for _ in range(2):
        step(cv.ones(2))
    return weight, step


def test_calls_with_other_values_are_repeated(full: list[Traced]) -> None:
    weight, step = training()
    assert len(full) == 1
    results = [step(cv.tensor([1.0, value])) for value in (0.0, 1.0, 2.0)]
    assert [result.item() for result in results] == [12, 11, 9]
    assert weight.tolist() == [3, 3]
    assert step(cv.ones(2) * 2).item() == 6, "an argument that is still to be computed"
    assert len(full) == 2
    results[0] += 1
    assert (results[0].item(), results[1].item(), weight.tolist()) == (13, 11, [1, 1])


def test_results_are_arrays_of_their_own(full: list[Traced]) -> None:
    pair = cv.jit(lambda x, y: (x + y, (x * y).sum(), x < y))
    given = [cv.tensor([value, 2.0]) for value in (1.0, 2.0, 3.0)]
    found = [pair(x, x * 0 + 2.0) for x in given]
    found += [pair(x, given[1]) for x in given]
    for x, (total, product, less) in zip([*given, *given], found, strict=True):
        assert (total.tolist(), product.item()) == ((x + 2).tolist() if x is not given[1] else [4, 4], (x * 2).sum())
        assert less.tolist() == [x[0].item() < 2, False]


def test_numbers_that_come_out_go_in_again(full: list[Traced]) -> None:
    grow = cv.jit(lambda x: x * 2 + 1)
    for dtype in ("float64", "float32", "int64", "int32"):
        x = cv.tensor(1, dtype=dtype)
        for _ in range(6):
            x = grow(x)
        assert (x.item(), str(x.dtype), x.numpy().dtype) == (127, dtype, np.dtype(dtype))
    assert len(full) == 4
    flip = cv.jit(lambda x: x == 0)
    assert [flip(cv.tensor(value)).item() for value in (0.0, 1.0, 0.0)] == [True, False, True]


def test_a_number_that_came_out_may_be_updated_in_place() -> None:
    total = cv.jit(lambda x: x.sum())
    for _ in range(2):
        state = total(cv.ones(3))

    @cv.jit
    def count() -> None:
        state.copy_(state + 1)

    for _ in range(3):
        count()
    assert state.item() == 6


def test_a_number_that_came_out_is_a_tensor_like_any_other() -> None:
    total = cv.jit(lambda x: x.sum())
    for _ in range(2):
        one = total(cv.tensor([0, 1]))
    table = cv.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert table[one].tolist() == [3, 4]
    assert (int(one), float(one), list(range(3))[one], one.reshape(1).tolist()) == (1, 1.0, 1, [1])
    table[one - 1] = 5.0
    assert table.tolist() == [[5, 5], [3, 4]]
    for _ in range(2):
        half = total(cv.tensor([0.25, 0.25]))
    weight = half.requires_grad_()
    (weight * weight).backward()
    assert (weight.grad.item(), weight.item(), weight.numpy().dtype) == (1, 0.5, np.float32)


def test_what_somebody_holds_is_not_updated_in_place() -> None:
    weight, step = training()
    tensor, array = weight.detach(), weight.numpy()
    step(cv.ones(2))
    view = weight.numpy()[:1]
    step(cv.ones(2))
    pending = weight * 2
    step(cv.ones(2))
    assert (tensor.tolist(), array.tolist(), view.tolist(), pending.tolist()) == ([6, 6], [6, 6], [5], [8, 8])
    assert weight.tolist() == [3, 3]


def test_an_argument_may_be_what_is_updated() -> None:
    weight, step = training()
    assert step(weight).item() == 12
    assert weight.tolist() == [0, 0]
    weight.copy_(cv.tensor([4.0, 5.0]))
    step(cv.ones(2))
    step(cv.ones(2))
    step(weight.detach())
    assert weight.tolist() == [0, 0]


def test_new_values_of_what_is_read_are_seen(full: list[Traced]) -> None:
    weight, step = training()
    weight.copy_(cv.tensor([3.0, 4.0]))
    assert step(cv.ones(2)).item() == 7
    weight.data = cv.tensor([1.0, 1.0])
    assert step(cv.ones(2)).item() == 2
    weight[0] = 5.0
    assert step(cv.ones(2)).item() == 5
    calls = len(full)
    assert step(cv.ones(2)).item() == 3
    assert len(full) == calls


def test_another_shape_of_what_is_read_is_another_trace() -> None:
    weight, step = training()
    weight.data = cv.tensor([1.0])
    assert step(cv.tensor([0.25])).item() == 1
    assert weight.tolist() == [0.75]
    weight.data = cv.tensor([1.0, 2.0])
    assert step(cv.ones(2)).item() == 3


def test_need_of_a_gradient_is_seen() -> None:
    weight, x = cv.tensor([3.0], requires_grad=True), cv.tensor([2.0])

    @cv.jit
    def slope(x: Any) -> Any:
        loss = (weight * weight * x).sum()
        return cv.tensor(0.0) + (cv.tensors.backward.grad(loss, [weight])[0] if loss.requires_grad else loss)

    for _ in range(2):
        assert slope(x).item() == 12
    weight.requires_grad_(False)
    for _ in range(2):
        assert slope(x).item() == 18
    weight.requires_grad_()
    with cv.no_grad():
        assert slope(x).item() == 18
    assert slope(x).item() == 12
    assert slope(x.clone()).item() == 12
    x.requires_grad_()
    assert slope(x).item() == 12


def test_watched_attributes_are_seen() -> None:
    model = SimpleNamespace(training=True)
    layer = cv.jit(lambda x: x * 2 if watch(model, "training") else x)
    for mode in (True, True, False, False, True, True):
        model.training = mode
        assert layer(cv.ones(1)).item() == (2 if mode else 1)


def test_numbers_and_draws_are_asked_for_once_in_each_call(full: list[Traced]) -> None:
    asked = []

    def rate() -> float:
        asked.append(0)
        return 0.5 * len(asked)

    scale = cv.jit(lambda x: x * live(rate))
    assert [scale(cv.ones(1)).item() for _ in range(4)] == [0.5, 1, 1.5, 2]
    generators = [cv.random.Generator(3), cv.random.Generator(3)]
    noise = cv.jit(lambda x: x + cv.random.normal((3,), generator=generators[0]))
    drawn = [noise(cv.zeros(3)).tolist() for _ in range(4)]
    assert drawn == [cv.random.normal((3,), generator=generators[1]).tolist() for _ in range(4)]
    assert len(full) == 2


def test_errors_of_the_code_are_raised_and_leave_it_usable(full: list[Traced]) -> None:
    rows = cv.tensor([[1.0], [2.0]])
    pick = cv.jit(lambda index: cv.embedding(index, rows))
    for _ in range(2):
        for _ in range(2):
            assert pick(cv.tensor([1, 0])).tolist() == [[2], [1]]
        for _ in range(2):
            with pytest.raises(BoundsError):
                pick(cv.tensor([0, 2]))


def test_an_error_of_a_source_leaves_it_usable() -> None:
    rate = SimpleNamespace(value=1.0)
    scale = cv.jit(lambda x: x * live(lambda: 1 / rate.value))
    for _ in range(2):
        assert scale(cv.ones(1)).item() == 1
    rate.value = 0.0
    with pytest.raises(ZeroDivisionError):
        scale(cv.ones(1))
    rate.value = 0.5
    assert [scale(cv.ones(1)).item() for _ in range(2)] == [2, 2]


def test_a_call_within_a_call() -> None:
    inner: list[float] = []

    def rate() -> float:
        if len(inner) == 3:
            inner.append(0.0)
            inner[3] = step(cv.full((1,), 100.0)).item()
        inner.append(0.0) if len(inner) < 3 else None
        return 2.0

    step = cv.jit(lambda x: x * live(rate))
    assert [step(cv.full((1,), value)).item() for value in (1.0, 2.0, 3.0, 4.0, 5.0)] == [2, 4, 6, 8, 10]
    assert inner[3] == 200


def test_two_functions_update_the_same_tensor(full: list[Traced]) -> None:
    weight = cv.tensor([1.0])

    @cv.jit
    def double() -> None:
        weight.copy_(weight * 2)

    @cv.jit
    def read(x: Any) -> Any:
        return weight + x

    seen = []
    for _ in range(4):
        double()
        seen.append(read(cv.zeros(1)))
    assert [x.item() for x in seen] == [2, 4, 8, 16]
    address = weight._node.data.__array_interface__["data"][0]
    double()
    assert weight._node.data.__array_interface__["data"][0] == address


def test_sizes_take_turns(full: list[Traced]) -> None:
    weight = cv.tensor(1.0)
    scale = cv.jit(lambda x: (weight * x).sum())
    for _ in range(5):
        assert [scale(cv.ones(size)).item() for size in (3, 4)] == [3, 4]
    weight.copy_(cv.tensor(2.0))
    assert [scale(cv.ones(size)).item() for size in (3, 4, 3, 4)] == [6, 8, 6, 8]


def test_the_number_of_threads_may_change(full: list[Traced]) -> None:
    before = cv.config.threads
    x = cv.ones(300, 300)
    product = cv.jit(lambda x: (x @ x).sum())
    try:
        for count in (1, 2, 2, 1, 2):
            cv.config.threads = count
            assert [product(x).item() for _ in range(3)] == [300.0**3] * 3
        assert len(full) == 5
    finally:
        cv.config.threads = before


def test_other_arguments_beside_tensors() -> None:
    power = cv.jit(lambda x, n=1: x * n)
    x = cv.ones(1)
    assert [power(x).item(), power(x).item(), power(x, 3).item(), power(x, n=2).item()] == [1, 1, 3, 2]
    assert [power(x).item(), power([x, x][0], x).item()] == [1, 1]


def test_threads_call_it_at_once() -> None:
    weight, step = training()
    weight.copy_(cv.zeros(2))
    seen: list[Any] = []

    def run() -> None:
        for _ in range(200):
            seen.append(step(cv.full((2,), -1.0)))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert weight.tolist() == [800, 800]
    assert sorted(x.item() for x in seen) == [2.0 * at for at in range(800)]
