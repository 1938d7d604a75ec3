"""Backward passes and steps that are repeated, and those that only look like one before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import covector as cv
from covector.tensors import flush
from covector.tensors.known import Computed
from covector.tensors.passes import Like


@pytest.fixture
def repeated(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each backward pass after calls that were met before was repeated."""
    return _noted(monkeypatch, Like, "again")


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each stage that was computed before was computed in the same way."""
    return _noted(monkeypatch, Computed, "match")


def _noted(monkeypatch: pytest.MonkeyPatch, kind: type, name: str) -> list[bool]:
    results: list[bool] = []
    original: Callable[..., Any] = getattr(kind, name)

    def noted(*arguments: Any) -> Any:
        found = original(*arguments)
        results.append(found is not None)
        return found

    monkeypatch.setattr(kind, name, noted)
    return results


def leaves(*values: float) -> list[Any]:
    return [cv.tensor([value], requires_grad=True) for value in values]


def gradients(tensors: list[Any]) -> list[float]:
    found = [tensor.grad.item() for tensor in tensors]
    for tensor in tensors:
        tensor.grad = None
    return found


def test_a_pass_is_repeated_from_the_third_on(repeated: list[bool]) -> None:
    flush.flush()
    for number in range(5):
        a, b = leaves(2.0, 3.0 + number)
        (a * b + a).sum().backward()
        assert gradients([a, b]) == [4 + number, 2]
    assert repeated == [True] * 3


def test_the_same_leaf_where_others_were_different() -> None:
    for _ in range(4):
        a, b, c = leaves(2.0, 3.0, 5.0)
        for x, y, z, expected in (
            (a, b, c, [3, 2, 1]),
            (a, a, c, [4, 1]),
            (a, b, a, [4, 2]),
            (b, a, c, [2, 3, 1]),
            (a, a, a, [5]),
        ):
            flush.flush()
            (x * y + z).sum().backward()
            assert gradients(list(dict.fromkeys([x, y, z]))) == expected


def test_a_call_that_is_used_twice_where_two_were_made() -> None:
    for twice in (False, False, False, True, True, False):
        (a,) = leaves(3.0)
        flush.flush()
        first = a * 2
        second = a * 2
        (first * (first if twice else second)).sum().backward()
        assert gradients([a]) == [24]


def test_who_wants_a_gradient_is_seen() -> None:
    for wanted in (True, True, True, False, False, True, False):
        a, b = leaves(2.0, 7.0)
        b.requires_grad_(wanted)
        flush.flush()
        (a * b).sum().backward()
        assert a.grad.item() == 7
        assert (b.grad is not None) == wanted


def test_a_gradient_that_is_kept_in_between() -> None:
    for keeps in (False, False, False, True, True, False):
        (a,) = leaves(3.0)
        flush.flush()
        square = a * a
        if keeps:
            square.retain_grad()
        (square * 2).sum().backward()
        assert gradients([a]) == [12]
        assert (square.grad is not None) == keeps


def test_another_root_among_the_same_calls() -> None:
    for first in (True, True, True, False, False, True):
        (a,) = leaves(3.0)
        flush.flush()
        one, two = (a * a).sum(), (a * a * a).sum()
        (one if first else two).backward()
        assert gradients([a]) == [6 if first else 27]


def test_values_looked_at_before_the_pass() -> None:
    for looks in (False, False, False, True, True, False):
        (a,) = leaves(3.0)
        flush.flush()
        loss = (a * a).sum()
        if looks:
            assert loss.item() == 9
        loss.backward()
        assert gradients([a]) == [6]


def test_gradients_add_up() -> None:
    (a,) = leaves(3.0)
    for number in range(1, 6):
        (a * a).sum().backward()
        flush.flush()
        assert a.grad.item() == 6 * number
    for number in range(6, 9):
        (a * a).sum().backward()
        assert a.grad.item() == 6 * number


def test_two_passes_through_the_same_calls() -> None:
    for _ in range(4):
        (a,) = leaves(3.0)
        flush.flush()
        loss = (a * a).sum()
        loss.backward()
        loss.backward()
        assert gradients([a]) == [12]


class Training:
    """A model with a momentum, trained on one number."""

    def __init__(self, momentum: float = 0.5) -> None:
        self.weights = leaves(1.0, 2.0)
        self.optimizer = cv.optim.SGD(self.weights, lr=0.125, momentum=momentum)

    def step(self, x: Any) -> Any:
        a, b = self.weights
        self.optimizer.zero_grad()
        loss = (a * b * x).sum()
        loss.backward()
        self.optimizer.step()
        return loss

    def values(self) -> list[float]:
        return [weight.item() for weight in self.weights]


def expected(steps: int, momentum: float = 0.5) -> list[float]:
    """The weights after steps with x = 1."""
    a, b, u, v = 1.0, 2.0, 0.0, 0.0
    for _ in range(steps):
        u, v = momentum * u + b, momentum * v + a
        a, b = a - 0.125 * u, b - 0.125 * v
    return [a, b]


def test_a_step_is_computed_without_comparing_its_calls(computed: list[bool]) -> None:
    training = Training()
    for _ in range(8):
        training.step(cv.ones(1))
    assert training.values() == pytest.approx(expected(8))
    assert computed.count(True) >= 3
    assert False not in computed


def test_what_is_held_meanwhile_keeps_its_value() -> None:
    training = Training()
    for _ in range(6):
        training.step(cv.ones(1))
    before = [weight.detach() for weight in training.weights]
    gradient = training.weights[0].grad
    training.step(cv.ones(1))
    array = training.weights[1].numpy()
    training.step(cv.ones(1))
    assert [tensor.item() for tensor in before] == pytest.approx(expected(6))
    assert gradient.item() == pytest.approx(expected(5)[1])
    assert array[0] == pytest.approx(expected(7)[1])
    assert training.values() == pytest.approx(expected(8))


def test_a_call_between_pass_and_step_is_computed_too() -> None:
    training = Training()
    for number in range(9):
        a, b = training.weights
        training.optimizer.zero_grad()
        loss = (a * b).sum()
        loss.backward()
        size = a.grad * a.grad if number in (4, 5, 8) else None
        training.optimizer.step()
        if size is not None:
            assert size.item() == pytest.approx(expected(number)[1] ** 2)
    assert training.values() == pytest.approx(expected(9))


def test_parameters_without_a_gradient_stay() -> None:
    training = Training(momentum=0)
    for number in range(8):
        a, b = training.weights
        training.optimizer.zero_grad()
        ((a * 2) if number % 2 else (a * b)).sum().backward()
        before = training.values()
        flush.flush()
        training.optimizer.step()
        gradient = 2 if number % 2 else before[1]
        after = [before[0] - 0.125 * gradient, before[1] - (0 if number % 2 else 0.125 * before[0])]
        assert training.values() == pytest.approx(after)


def test_two_optimisers_and_two_groups() -> None:
    one, two = Training(), Training()
    both = cv.optim.SGD([{"params": leaves(1.0)}, {"params": leaves(2.0), "lr": 0.25}], lr=0.125)
    (a,), (b,) = (group["params"] for group in both.param_groups)
    for _ in range(6):
        both.zero_grad()
        (a * b).sum().backward()
        both.step()
        one.step(cv.ones(1))
        two.step(cv.ones(1))
    assert one.values() == two.values() == pytest.approx(expected(6))
    x, y = 1.0, 2.0
    for _ in range(6):
        x, y = x - 0.125 * y, y - 0.25 * x
    assert [a.item(), b.item()] == pytest.approx([x, y])


def test_one_state_for_two_parameters() -> None:
    training = Training()
    for number in range(8):
        if number == 5:
            first, second = (training.optimizer.state[weight] for weight in training.weights)
            shared = first["momentum_buffer"].detach()
            first["momentum_buffer"], second["momentum_buffer"] = shared, shared.detach()
            start, buffer = training.values(), shared.item()
        training.step(cv.ones(1))
    a, b, u, v = *start, buffer, buffer
    for _ in range(3):
        u, v = 0.5 * u + b, 0.5 * v + a
        a, b = a - 0.125 * u, b - 0.125 * v
    assert training.values() == pytest.approx([a, b])


def test_an_interrupted_pass_leaves_nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    training = Training()
    for _ in range(5):
        training.step(cv.ones(1))

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("covector.tensors.passes.note", interrupt)
        with pytest.raises(KeyboardInterrupt):
            training.step(cv.ones(1))
    before = training.values()
    training.step(cv.ones(1))
    assert before == pytest.approx(expected(5))
    assert training.values() == pytest.approx(expected(6))


def test_what_is_held_besides_is_computed() -> None:
    training = Training()
    for number in range(9):
        a, b = training.weights
        training.optimizer.zero_grad()
        product = a * b
        loss = (product * 1).sum()
        held = product if number in (5, 6, 8) else None
        del product
        loss.backward()
        training.optimizer.step()
        if held is not None:
            x, y = expected(number)
            assert held.item() == loss.item() == pytest.approx(x * y)
    assert training.values() == pytest.approx(expected(9))


def test_gradients_that_are_exchanged_before_the_step() -> None:
    training = Training(momentum=0)
    x, y = training.values()
    for number in range(9):
        a, b = training.weights
        training.optimizer.zero_grad()
        (a * b).sum().backward()
        given = [y, x]
        if number in (5, 6, 8):
            a.grad, b.grad = b.grad, a.grad
            given.reverse()
        training.optimizer.step()
        x, y = x - 0.125 * given[0], y - 0.125 * given[1]
        assert training.values() == pytest.approx([x, y])


def test_a_pass_through_what_was_computed_before() -> None:
    for computed in (False, False, False, True, True, False):
        (a,) = leaves(3.0)
        square = a * a if computed else leaves(9.0)[0]
        flush.flush()
        (square * 2).sum().backward()
        assert (a.grad.item() if computed else square.grad.item()) == (12 if computed else 2)
