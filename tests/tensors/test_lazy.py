"""Laziness: what is computed together, what is compiled again, whose memory is taken, and what stays flat."""

from __future__ import annotations

import gc
import threading
import weakref
from typing import Any

import numpy as np
import pytest

import covector as cv
from covector.errors import BudgetError
from covector.tensors import flush, programs
from covector.tensors.node import STATE
from tests.tensors.compare import random_array


def compiled() -> int:
    return programs.compiled_count


def test_nothing_is_computed_before_somebody_looks() -> None:
    x = cv.ones(3) * 2
    y = x + 1
    assert x._node.data is None
    assert y._node.data is None
    assert y.tolist() == [3, 3, 3]
    assert x._node.data is not None, "what is still held is computed with it"


def test_intermediate_values_nobody_holds_are_not_kept() -> None:
    flush.flush()
    y = (cv.ones(3) * 2 + 1).exp()
    inner = y._node.args[0]
    del y
    reference = [inner]
    del inner
    before = compiled()
    flush.flush()
    assert reference[0].data is None or compiled() == before + 1


def test_a_steady_loop_compiles_once() -> None:
    weight = cv.tensor(random_array((3, 4), "float32"), requires_grad=True)
    x = cv.tensor(random_array((5, 4), "float32"))
    counts = []
    for step in range(6):
        loss = (cv.linear(x, weight) ** 2).mean()
        loss.backward()
        with cv.no_grad():
            weight.copy_(weight - 0.1 / (step + 1) * weight.grad)
        weight.grad = None
        loss.item()
        counts.append(compiled())
    assert counts[0] == counts[-1], "numbers of Python are no part of the program"


def test_an_update_takes_the_memory_of_what_it_replaces() -> None:
    weight = cv.tensor(random_array((300,)), requires_grad=True)
    (weight * weight).sum().backward()
    before = weight._node.data.__array_interface__["data"][0]
    with cv.no_grad():
        weight.copy_(weight - 0.1 * weight.grad)
    weight.grad = None
    weight.numpy()
    assert weight._node.data.__array_interface__["data"][0] == before


@pytest.mark.parametrize("hold", ["detached", "array", "pending", "alias"])
def test_nobody_sees_an_update_of_another(hold: str) -> None:
    array = random_array((300,))
    weight = cv.tensor(array)
    kept: Any = {
        "detached": weight.detach,
        "array": weight.numpy,
        "pending": lambda: weight * 1,
        "alias": lambda: weight.reshape(30, 10),
    }[hold]()
    weight.copy_(weight * 2)
    assert np.allclose(weight.numpy(), 2 * array)
    assert np.allclose(np.asarray(kept).reshape(-1), array)


def test_a_second_size_makes_the_extent_an_argument() -> None:
    weight = cv.tensor(random_array((3, 4)))

    def run(size: int) -> None:
        x = random_array((size, 4), seed=size)
        y = cv.softmax(cv.linear(cv.tensor(x), weight).relu(), axis=-1).sum(0)
        scores = np.maximum(x @ weight.numpy().T, 0)
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        assert np.allclose(y.numpy(), (scores / scores.sum(-1, keepdims=True)).sum(0))

    run(5)
    first = compiled()
    for size in (7, 9, 6, 12, 30):
        run(size)
    assert compiled() - first <= 2


def test_widths_stay_numbers_for_the_first_sizes() -> None:
    """Code that knows its widths is quicker; a bounded number of programs knows them."""

    def run(batch: int, width: int) -> int:
        before = compiled()
        x, weight = random_array((batch, width), seed=batch), random_array((6, width), seed=width)
        y = cv.linear(cv.tensor(x), cv.tensor(weight)).tanh()
        assert np.allclose(y.numpy(), np.tanh(x @ weight.T))
        return compiled() - before

    assert [run(5, width) for width in (3, 4, 7)] == [1, 1, 1]
    assert run(5, 8) == 1, "the fourth width makes it an argument"
    assert [run(5, width) for width in (9, 11, 3, 4, 7)] == [0] * 5, "no other one compiles"


def test_slices_that_move_do_not_compile_again() -> None:
    x = cv.tensor(random_array((100, 3)), requires_grad=True)
    before = compiled()
    for start in range(0, 60, 5):
        assert np.array_equal(x[start : start + 5].numpy(), x.detach().numpy()[start : start + 5])
    assert compiled() - before <= 3


def test_graphs_that_grow_unseen_are_computed() -> None:
    x = cv.zeros(2)
    for _ in range(2 * flush.MOST_PENDING):
        x = x + 1
    assert len(STATE.here.pending) <= flush.MOST_PENDING
    assert x.tolist() == [2 * flush.MOST_PENDING] * 2


def test_data_that_nobody_looks_at_is_computed_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flush, "MOST_GATHERED", 10000)
    flush.flush()
    for _ in range(50):
        cv.tensor(np.ones(200)) * 2
        assert len(STATE.here.pending) <= 8


def test_memory_of_dead_tensors_is_given_back() -> None:
    x = cv.ones(4) * 2
    x.numpy()
    node = weakref.ref(x)
    del x
    gc.collect()
    assert node() is None


def test_threads_have_graphs_of_their_own() -> None:
    found: dict[int, float] = {}

    def work(number: int) -> None:
        x = cv.full((50,), float(number))
        for _ in range(20):
            x = x + 1
            if number % 2:
                x.numpy()
        found[number] = x.sum().item()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {number: 50 * (number + 20.0) for number in range(6)}


def test_a_tensor_of_another_thread_may_be_pending() -> None:
    x = cv.ones(3) * 4
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append((x + 1).tolist()))
    thread.start()
    thread.join()
    assert found == [[5, 5, 5]]
    assert x.tolist() == [4, 4, 4]


def test_an_error_of_one_value_does_not_spoil_others() -> None:
    x = cv.tensor(random_array((4,)), requires_grad=True)
    good = x * 2
    bad = x[cv.tensor([9]) * 1]
    with pytest.raises(IndexError):
        bad.numpy()
    assert np.allclose(good.detach().numpy(), 2 * x.detach().numpy())


@pytest.mark.parametrize(
    "make", [lambda: cv.zeros(1 << 40), lambda: cv.zeros(1 << 20).unsqueeze(0) * cv.zeros((1 << 20, 1))]
)
def test_what_does_not_fit_in_memory_is_refused_with_the_figure(make: Any) -> None:
    with pytest.raises(BudgetError, match="GiB"):
        make()


def test_constants_of_loops_share_their_program() -> None:
    before = compiled()
    for number in range(10):
        (cv.ones(3) * (0.5 + number)).numpy()
    assert compiled() - before <= 1
