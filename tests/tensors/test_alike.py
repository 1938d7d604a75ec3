"""Graphs like one that was computed before, and graphs that only look like one."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import pytest

import covector as cv
from covector.errors import BoundsError
from covector.tensors import flush
from covector.tensors.alike import Alike
from covector.tensors.node import Node


@pytest.fixture
def matched(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each graph was like one with the same entries."""
    results: list[bool] = []
    match = Alike.match

    def noted(self: Alike, calls: Sequence[Node]) -> Any:
        found = match(self, calls)
        results.append(found is not None)
        return found

    monkeypatch.setattr(Alike, "match", noted)
    return results


def address(tensor: Any) -> int:
    return int(tensor._node.data.__array_interface__["data"][0])


class Descent:
    """Descent along the gradient of ``sum(w * w * x)``, a step at a time."""

    def __init__(self) -> None:
        self.weight = cv.tensor([4.0, 2.0], requires_grad=True)

    def step(self, x: Any, rate: float = 0.25) -> Any:
        self.weight.grad = None
        loss = (self.weight * self.weight * x).sum()
        loss.backward()
        with cv.no_grad():
            self.weight.copy_(self.weight - rate * self.weight.grad)
        flush.flush()
        return loss


def test_steps_are_alike_and_in_place(matched: list[bool]) -> None:
    descent, losses = Descent(), []
    for _ in range(4):
        losses.append(descent.step(cv.ones(2)))
    place = address(descent.weight)
    losses += [descent.step(cv.ones(2)) for _ in range(2)]
    assert [loss.item() for loss in losses] == [20, 5, 1.25, 0.3125, 0.078125, 0.01953125]
    assert descent.weight.tolist() == [4 / 64, 2 / 64]
    assert address(descent.weight) == place
    assert matched[-3:] == [True] * 3


def test_another_number_or_tensor_is_alike(matched: list[bool]) -> None:
    descent = Descent()
    for _ in range(3):
        descent.step(cv.tensor([0.0, 0.0]))
    count = len(matched)
    descent.step(cv.tensor([1.0, 0.0]), 0.5)
    assert descent.weight.tolist() == [0, 2]
    descent.step(cv.tensor([1.0, 1.0]), 0.0)
    assert descent.weight.grad.tolist() == [0, 4]
    assert matched[count:] == [True, True]


def test_what_somebody_holds_keeps_its_value() -> None:
    descent = Descent()
    for _ in range(3):
        descent.step(cv.ones(2) * 0)
    tensor = descent.weight.detach()
    descent.step(cv.ones(2))
    array = descent.weight.numpy()
    descent.step(cv.ones(2))
    view = descent.weight.numpy()[1:]
    descent.step(cv.ones(2))
    node = descent.weight._node
    descent.step(cv.ones(2))
    assert (tensor.tolist(), array.tolist(), view.tolist(), node.data.tolist()) == ([4, 2], [2, 1], [0.5], [0.5, 0.25])
    assert descent.weight.tolist() == [0.25, 0.125]


def test_memory_is_taken_again_when_nobody_holds_it_any_longer() -> None:
    descent = Descent()
    for _ in range(3):
        array = descent.weight.numpy()
        descent.step(cv.ones(2))
    del array
    descent.step(cv.ones(2))
    place = address(descent.weight)
    descent.step(cv.ones(2))
    assert address(descent.weight) == place


def test_what_is_held_besides_is_computed(matched: list[bool]) -> None:
    weight = cv.tensor([1.0, 2.0])
    for held in (False, False, True, False, True, True):
        square = weight * weight
        total = square.sum()
        if not held:
            del square
        flush.flush()
        assert total._node.data is not None
        if held:
            assert square._node.data is not None
            assert square.tolist() == [1, 4]
    assert True in matched
    assert False in matched


def test_equal_operands_where_others_were_different() -> None:
    def combined(a: Any, b: Any, c: Any) -> list[float]:
        result = a * b - c
        flush.flush()
        found: list[float] = result.tolist()
        return found

    a, b, c = (cv.tensor([value]) for value in (2.0, 3.0, 5.0))
    for _ in range(2):
        assert combined(a, b, c) == [1]
        assert combined(a, a, c) == [-1]
        assert combined(a, b, a) == [4]
        assert combined(a, b, a * b) == [0]
        assert combined(c, c, c) == [20]
        assert combined(b, a, c) == [1]


def test_arguments_at_other_places() -> None:
    a, b = cv.tensor([2.0]), cv.tensor([3.0])
    for swapped in (False, False, True, True, False):
        first, second = a * b, a - b
        result = second - first if swapped else first - second
        del first, second
        flush.flush()
        assert result.item() == (-7 if swapped else 7)


def test_one_input_that_is_updated_and_read(matched: list[bool]) -> None:
    state = [cv.tensor([1.0]), cv.tensor([10.0])]

    def step(x: Any, y: Any) -> Any:
        total = x + y
        x.copy_(total * 2)
        flush.flush()
        return total

    for _ in range(3):
        step(*state)
    assert state[0].item() == 148
    same = step(state[0], state[0])
    assert (same.item(), state[0].item()) == (296, 592)
    view = state[0].detach()
    assert (step(state[0], view).item(), view.item(), state[0].item()) == (1184, 592, 2368)
    assert True in matched


def test_need_of_gradients_is_seen() -> None:
    weight = cv.tensor([3.0])
    for wanted in (False, False, True, True, False, True):
        weight.requires_grad_(wanted)
        loss = (weight * weight).sum()
        flush.flush()
        assert loss.item() == 9
        if wanted:
            weight.grad = None
            loss.backward()
            assert weight.grad.item() == 6


def test_a_second_pass_after_a_step() -> None:
    descent = Descent()
    for _ in range(3):
        loss = descent.step(cv.ones(2) * 0)
    with pytest.raises(cv.errors.GradientError):
        loss.backward()


def test_a_bad_index_leaves_the_values_as_they_were() -> None:
    table = cv.tensor([[1.0], [2.0]])

    def add(index: Any) -> None:
        table.copy_(table + cv.embedding(index, table).sum())
        flush.flush()

    for _ in range(3):
        add(cv.tensor([0]))
    before = table.tolist()
    for _ in range(2):
        with pytest.raises(BoundsError):
            add(cv.tensor([2]))
        assert table.tolist() == before
    add(cv.tensor([0]))
    assert table.tolist() == [[2 * before[0][0]], [before[0][0] + before[1][0]]]


def test_an_input_that_another_thread_has_to_compute() -> None:
    def plus(x: Any) -> Any:
        y = x * 2 + 1
        flush.flush()
        return y

    for _ in range(3):
        assert plus(cv.tensor([1.0])).item() == 3
    made: list[Any] = []
    source = cv.tensor([5.0])
    thread = threading.Thread(target=lambda: made.append(source - 1))
    thread.start()
    thread.join()
    assert made[0]._node.data is None
    assert plus(made[0]).item() == 9


def test_graphs_without_inputs() -> None:
    for _ in range(3):
        ones = cv.ones(2).sum()
        flush.flush()
        assert ones.item() == 2


def test_other_shapes_of_numbers_are_seen() -> None:
    for value, expected in ((1, [3]), (1, [3]), (1.5, [3.5]), (True, [3]), (1, [3])):
        x = cv.tensor([2]) if value is not True else cv.tensor([2.0])
        y = x + value
        flush.flush()
        assert y.tolist() == expected
