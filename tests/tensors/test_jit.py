"""`jit` against the same function without it, and what a traced function may not do."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import covector as cv
from covector.errors import JitError
from covector.tensors import programs
from covector.tensors.creation import live
from covector.tensors.trace import watch
from tests.tensors.compare import random_array


def network(seed: int = 0) -> list[Any]:
    shapes = [(6, 4), (6,), (3, 6), (3,)]
    return [cv.tensor(random_array(shape, seed=seed + at), requires_grad=True) for at, shape in enumerate(shapes)]


def train(parameters: list[Any], velocities: list[Any]) -> Any:
    def step(x: Any, y: Any) -> Any:
        hidden = cv.linear(x, parameters[0], parameters[1]).relu()
        loss = cv.cross_entropy(cv.linear(hidden, parameters[2], parameters[3]), y)
        loss.backward()
        with cv.no_grad():
            for parameter, velocity in zip(parameters, velocities, strict=True):
                velocity.copy_(0.9 * velocity + parameter.grad)
                parameter.copy_(parameter - 0.1 * velocity)
                parameter.grad = None
        return loss

    return step


def test_training_is_the_same_with_and_without() -> None:
    plain, traced = network(), network()
    velocity = [[cv.zeros_like(p) for p in group] for group in (plain, traced)]
    slow, fast = train(plain, velocity[0]), cv.jit(train(traced, velocity[1]))
    addresses = None
    for step in range(5):
        size = 8 if step < 3 else 5
        x, y = cv.tensor(random_array((size, 4), seed=step)), cv.tensor(random_array((size,), "int64", step, 0, 2))
        assert abs(slow(x, y).item() - fast(x, y).item()) < 1e-12
        now = [parameter._node.data.__array_interface__["data"][0] for parameter in traced]
        assert addresses in (None, now), "parameters are updated in place"
        addresses = now
    for one, other in zip([*plain, *velocity[0]], [*traced, *velocity[1]], strict=True):
        assert np.allclose(one.detach().numpy(), other.detach().numpy(), atol=1e-13)
    assert all(parameter.grad is None for parameter in traced)


def test_it_is_traced_once_for_each_structure() -> None:
    calls = []

    @cv.jit
    def double(x: Any) -> Any:
        calls.append(x.shape)
        return x * 2

    for size in (3, 3, 4, 3, 4):
        assert double(cv.ones(size)).tolist() == [2.0] * size
    double(cv.ones(3, dtype="float64"))
    assert calls == [(3,), (4,), (3,)]


def test_another_size_is_no_other_program() -> None:
    step = cv.jit(lambda x: cv.softmax(x @ x.T, axis=-1).sum(0))
    step(cv.ones(3, 2)).numpy()
    step(cv.ones(4, 2)).numpy()
    before = programs.compiled_count
    for size in (5, 6, 9):
        step(cv.ones(size, 2)).numpy()
    assert programs.compiled_count - before <= 1


@dataclass
class Pair:
    first: Any
    second: Any


def test_trees_go_in_and_come_out() -> None:
    @cv.jit
    def swap(tree: dict[str, Any], pair: Pair, *, scale: float) -> Any:
        assert scale == 2.0
        return {"a": [tree["b"] * scale, None], "b": (pair.second, "word")}, Pair(pair.second + 1, 3)

    found, pair = swap({"b": cv.ones(2)}, Pair(cv.zeros(1), cv.ones(1)), scale=2.0)
    assert found["a"][0].tolist() == [2, 2]
    assert found["a"][1] is None
    assert (found["b"][0].tolist(), found["b"][1]) == ([1], "word")
    assert isinstance(pair, Pair)
    assert (pair.first.tolist(), pair.second) == ([2], 3)


def test_what_it_reads_outside_is_read_in_every_call() -> None:
    weight = cv.tensor([1.0, 2.0])
    apply = cv.jit(lambda x: x * weight)
    assert apply(cv.ones(2)).tolist() == [1, 2]
    weight.copy_(weight * 10)
    assert apply(cv.ones(2)).tolist() == [10, 20]
    weight[0] = 5
    assert apply(cv.ones(2)).tolist() == [5, 20]


def test_what_is_made_inside_is_made_anew() -> None:
    @cv.jit
    def fill(x: Any) -> Any:
        buffer = cv.zeros(3)
        buffer[0] = x
        buffer[1:] = buffer[1:] + 1
        return buffer

    assert [fill(cv.tensor(value)).tolist() for value in (2.0, 3.0)] == [[2, 1, 1], [3, 1, 1]]


def test_others_do_not_see_updates() -> None:
    state = cv.zeros(100)

    @cv.jit
    def count(x: Any) -> Any:
        state.copy_(state + x)
        return state * 1

    one = cv.tensor(1.0)
    count(one)
    held, array, pending = state.detach(), state.numpy(), state + 0
    before = array.copy()
    count(one)
    assert state.numpy()[0] == 2
    assert held.numpy()[0] == 1
    assert np.array_equal(array, before)
    assert pending.numpy()[0] == 1


def test_arguments_may_be_updated() -> None:
    @cv.jit
    def add(target: Any, x: Any) -> None:
        target.copy_(target + x)

    a, b = cv.zeros(2), cv.ones(2)
    for _ in range(3):
        add(a, b)
        add(b, cv.ones(2))
    assert (a.tolist(), b.tolist()) == ([6, 6], [4, 4])


def test_random_numbers_are_drawn_in_every_call() -> None:
    cv.random.manual_seed(3)
    draw = cv.jit(lambda: cv.random.normal((4,)) + 0)
    first, second = draw().tolist(), draw().tolist()
    assert first != second
    cv.random.manual_seed(3)
    assert [cv.random.normal((4,)).tolist() for _ in range(2)] == [first, second], "as without jit"


def test_live_numbers_are_asked_in_every_call() -> None:
    rate = [0.5]
    scale = cv.jit(lambda x: x * live(lambda: rate[0]))
    assert scale(cv.ones(1)).item() == 0.5
    rate[0] = 0.25
    assert scale(cv.ones(1)).item() == 0.25
    assert len(scale.traces) == 1


def test_watched_state_chooses_the_trace() -> None:
    model = SimpleNamespace(training=True)
    calls = []

    @cv.jit
    def layer(x: Any) -> Any:
        calls.append(0)
        return x * 2 if watch(model, "training") else x

    for mode in (True, False, True, False):
        model.training = mode
        assert layer(cv.ones(1)).item() == (2 if mode else 1)
    assert len(calls) == 2


def test_what_it_reads_may_change_shape_and_need_of_gradients() -> None:
    weight = cv.tensor([1.0, 2.0], requires_grad=True)

    @cv.jit
    def update(x: Any) -> Any:
        loss = (weight * weight * x).sum()
        if weight.requires_grad:
            loss.backward()
            with cv.no_grad():
                weight.copy_(weight - weight.grad)
                weight.grad = None
        return loss

    one = cv.tensor(1.0)
    assert (update(one).item(), weight.tolist()) == (5, [-1, -2])
    weight.data = cv.tensor([3.0])
    assert (update(one).item(), weight.tolist()) == (9, [-3])
    weight.requires_grad_(False)
    assert (update(one).item(), weight.tolist()) == (9, [-3])
    weight.requires_grad_()
    assert (update(one).item(), weight.tolist()) == (9, [3])


def test_gradients_inside_live_inside() -> None:
    x = cv.tensor([1.0, 2.0], requires_grad=True)

    @cv.jit
    def slope() -> Any:
        (x * x).sum().backward()
        return x.grad * 1

    assert slope().tolist() == [2, 4]
    assert x.grad is None


def test_gradients_of_arguments() -> None:
    @cv.jit
    def slope(x: Any) -> Any:
        (x * x).sum().backward()
        return x.grad

    assert slope(cv.tensor([3.0], requires_grad=True)).item() == 6


LOOKS = {
    "item": lambda x: x.sum().item(),
    "branch": lambda x: x if x.sum() > 0 else -x,
    "numpy": lambda x: x * x.numpy(),
    "mask": lambda x: x[x > 0],
    "float": lambda x: x * float(x[0]),
}


@pytest.mark.parametrize("name", LOOKS)
def test_looking_at_values_is_refused(name: str) -> None:
    with pytest.raises(JitError, match="looks at the value of a tensor"):
        cv.jit(LOOKS[name])(cv.ones(2))
    assert (cv.ones(2) * 2).tolist() == [2, 2], "nothing of the trace remains"


def test_a_failed_trace_leaves_everything_as_it_was() -> None:
    weight = cv.tensor([1.0], requires_grad=True)

    @cv.jit
    def broken(x: Any) -> Any:
        (weight * x).sum().backward()
        with cv.no_grad():
            weight.copy_(weight - weight.grad)
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        broken(cv.ones(1))
    assert weight.tolist() == [1]
    assert weight.grad is None


def test_leaked_tensors_say_so() -> None:
    leaked = []

    @cv.jit
    def leak(x: Any) -> Any:
        leaked.append(x * 2)
        return x

    leak(cv.ones(1))
    with pytest.raises(JitError, match="left the function"):
        leaked[0].numpy()
    with pytest.raises(JitError, match="left the function"):
        (leaked[0] + 1).numpy()


def test_jitted_functions_nest_and_sort() -> None:
    inner = cv.jit(lambda x: cv.sort(x).values)
    outer = cv.jit(lambda x: inner(x * -1))
    x = random_array((2, 5))
    assert np.allclose(outer(cv.tensor(x)).numpy(), np.sort(-x))
    assert np.array_equal(cv.jit(lambda x: cv.topk(x, 2).indices)(cv.tensor(x)).numpy(), np.argsort(-x)[:, :2])
