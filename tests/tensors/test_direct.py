"""Calls that native code makes: that it makes them, that it leaves the others to Python, and that it counts right."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import covector as cv
from covector.errors import BoundsError
from covector.tensors.trace import watch
from tests.tensors.direct_support import Python, counted_in, ready


@pytest.fixture
def python(monkeypatch: pytest.MonkeyPatch) -> Python:
    return counted_in(monkeypatch)


def training() -> tuple[Any, Any]:
    weight = cv.tensor([8.0, 8.0])

    def step(x: Any) -> Any:
        before = weight.sum()
        weight.copy_(weight - x)
        return before

    traced = ready(step, cv.ones(2))
    weight.copy_(cv.tensor([8.0, 8.0]))
    traced(cv.zeros(2))
    traced(cv.zeros(2))
    return weight, traced


def test_native_code_makes_calls_like_the_one_before(python: Python) -> None:
    weight, step = training()
    calls = python.calls
    assert [step(cv.tensor([1.0, 0.0])).item() for _ in range(5)] == [16, 15, 14, 13, 12]
    assert weight.tolist() == [3, 8]
    assert python.calls == calls


def test_dtypes_of_numbers_and_arrays(python: Python) -> None:
    for dtype in ("float32", "float64", "int32", "int64", "bool"):
        x = cv.tensor([1, 0, 1], dtype=dtype)
        both = ready(lambda x: (x.max(), x * x), x)
        calls = python.calls
        for _ in range(3):
            number, array = both(x)
            assert (number.item(), array.tolist(), str(number.dtype)) == (1, [1, 0, 1], dtype)
            assert type(number.item()) is type(x.tolist()[0])
        same = ready(lambda x: cv.where(x == x, x, x), number)
        calls, total = python.calls, number
        for _ in range(3):
            total = same(total)
        assert (total.item(), total.dtype) == (number.item(), number.dtype)
        assert python.calls == calls


def test_results_that_are_held_are_never_written_again(python: Python) -> None:
    both = ready(lambda x: (x * 2, x.sum()), cv.ones(3))
    calls = python.calls
    kept = [both(cv.full((3,), float(value))) for value in range(100)]
    assert [(one.tolist(), total.item()) for one, total in kept] == [([2.0 * v] * 3, 3.0 * v) for v in range(100)]
    assert python.calls == calls
    array, view, tensor, pending = (None, None, None, None)
    for value in range(1, 5):
        found = both(cv.full((3,), float(value)))[0]
        array, view, tensor = (found.numpy(), array, tensor) if value == 1 else (array, view, found.detach())
        pending = found + 0 if value == 3 else pending
        del found
    memory = np.from_dlpack(both(cv.ones(3))[0])[1:]
    for value in range(5, 9):
        both(cv.full((3,), float(value)))
    assert (array.tolist(), tensor.tolist(), pending.tolist(), memory.tolist()) == ([2] * 3, [8] * 3, [6] * 3, [2] * 2)
    assert python.calls == calls


def test_results_are_tensors_of_their_own() -> None:
    twice = ready(lambda x: x * 2, cv.ones(2))
    seen = []
    for value in range(8):
        result = twice(cv.full((2,), float(value)))
        assert (result.grad, result.requires_grad, result.is_leaf) == (None, False, True)
        seen.append(weakref.ref(result))
        if value % 4 == 0:
            result.requires_grad_()
            (result * result).sum().backward()
        elif value % 4 == 1:
            result += 1
        elif value % 4 == 2:
            result.grad = cv.ones(2)
        expected = [2.0 * value + (value % 4 == 1)] * 2
        assert result.tolist() == expected
        del result
    assert [reference() for reference in seen] == [None] * 8


def test_trees_of_results() -> None:
    for tree in (
        lambda x: {"a": x * 2, "b": [x.sum(), (x,)]},
        lambda x: [x + 1],
        lambda x: (),
        lambda x: None,
        lambda x: SimpleNamespace,
        lambda x: (x.sum(), 3, "word"),
    ):
        plain, traced = tree(cv.ones(2)), ready(tree, cv.ones(2))(cv.ones(2))
        assert repr(plain) == repr(traced)


class Own(cv.Tensor):
    """A class of one's own."""

    __slots__ = ()


def unlike() -> Iterator[tuple[Any, ...]]:
    """Arguments unlike two tensors of shape (2, 3) and (3,)."""
    x, y = cv.ones(2, 3), cv.tensor([1.0, 2.0, 3.0])
    yield cv.ones(4, 3), y
    yield cv.ones(3), y
    yield x, cv.tensor(2.0)
    yield x, cv.tensor([1, 2, 3])
    yield x.double(), y
    yield x, y.detach().requires_grad_()
    yield cv.ones(3, 2).T, y
    yield x * 2, y + 1
    yield Own(x._node), y
    yield x[::1], cv.arange(6.0)[::2]
    yield cv.nn.Parameter(x), y
    yield x, y


def test_trees_of_arguments(python: Python) -> None:
    def total(tree: Any, scale: float = 1.0, *, bias: Any = None, twice: bool = False) -> Any:
        found = tree["a"] * scale + sum(part.sum() for part in tree["b"]) + (tree["c"][0] if tree["c"] else 0)
        found = found if bias is None else found + bias["value"]
        return {"found": found + found if twice else found, "more": [tree["a"] + 1]}

    def tree(value: float, *parts: float, deep: bool = True) -> dict[str, Any]:
        inner = (cv.full((2,), 0.25), None, "word") if deep else ()
        return {"a": cv.full((2,), value), "b": [cv.full((3,), part) for part in parts], "c": inner}

    calls = [
        lambda f, v: f(tree(v, 1.0, 2.0)),
        lambda f, v: f(tree(v, 1.0), 2.0),
        lambda f, v: f(tree(v, 1.0), scale=2.0),
        lambda f, v: f(tree=tree(v, 3.0), twice=True, bias={"value": cv.ones(2)}),
        lambda f, v: f(tree(v, deep=False), bias={"value": cv.ones(2)}, twice=True),
    ]
    for call in calls:
        traced = cv.jit(total)
        for _ in range(4):
            call(traced, 1.0)
        before = python.calls
        for value in (2.0, 3.0):
            found, expected = call(traced, value), call(total, value)
            assert found["found"].tolist() == expected["found"].tolist()
            assert found["more"][0].tolist() == expected["more"][0].tolist()
        assert python.calls == before
        for other in (*calls, call):
            assert other(traced, 5.0)["found"].tolist() == other(total, 5.0)["found"].tolist()
        swapped = dict(reversed(tree(2.0, 1.0).items()))
        assert traced(swapped)["found"].tolist() == total(swapped)["found"].tolist()
        for wrong in ({"a": cv.ones(2)}, [cv.ones(2)], None):
            with pytest.raises((KeyError, TypeError)):
                traced(wrong)
        with pytest.raises(TypeError):
            traced(tree(1.0), 2.0, scale=3.0)


def test_arguments_that_are_changed_while_they_are_read() -> None:
    given = [cv.ones(2), cv.full((2,), 2.0)]
    watched = SimpleNamespace(rate=1.0, armed=False)

    class Changing:
        """What takes a tensor out of the arguments when it is looked at."""

        @property
        def mode(self) -> bool:
            if watched.armed:
                given[:] = [cv.full((2,), 5.0), cv.full((2,), 6.0)]
                gc.collect()
            return True

    changing = Changing()
    traced = ready(lambda pair: pair[0] * pair[1] * watch(changing, "mode"), given)
    watched.armed = True
    for _ in range(5):
        given[:] = [cv.ones(2), cv.full((2,), 2.0)]
        assert traced(given).tolist() in ([2, 2], [30, 30])


def test_other_arguments() -> None:
    def scaled(x: Any, y: Any) -> Any:
        return (x * y).sum()

    traced = ready(scaled, cv.ones(2, 3), cv.ones(3))
    for _ in range(3):
        for x, y in unlike():
            assert traced(x, y).item() == scaled(x, y).item() == traced(x, y=y).item() == traced(y=y, x=x).item()
            assert traced(cv.ones(2, 3), cv.ones(3)).item() == 6
    for wrong in ((), (cv.ones(2, 3),), (cv.ones(2, 3), cv.ones(3), cv.ones(3)), (cv.ones(2, 3), cv.ones(4))):
        with pytest.raises((TypeError, cv.errors.ShapeError)):
            traced(*wrong)
    for name in ("x", "z"):
        with pytest.raises(TypeError):
            traced(cv.ones(2, 3), cv.ones(3), **{name: cv.ones(3)})
    array = np.ones((2, 3), np.float32)
    assert traced(cv.ones(2, 3), array[0]).item() == 6
    with pytest.raises(AttributeError):
        traced(cv.Tensor.__new__(cv.Tensor), cv.ones(3))
    assert traced(cv.ones(2, 3), cv.ones(3)).item() == 6


def test_several_sizes_each_have_a_record(python: Python) -> None:
    total = cv.jit(lambda x: (x * 2).sum())
    for size in (3, 4, 5):
        for _ in range(4):
            assert total(cv.ones(size)).item() == 2 * size
    for _ in range(3):
        for size in (3, 4, 5):
            for _ in range(3):
                assert total(cv.ones(size)).item() == 2 * size
    calls = python.calls
    assert total(cv.ones(5)).item() == 10
    assert python.calls == calls


def test_what_is_read_besides_the_arguments_is_compared(python: Python) -> None:
    weight, step = training()
    calls = python.calls
    step(cv.ones(2))
    assert python.calls == calls
    held = weight.detach()
    assert step(cv.ones(2)).item() == 14
    assert held.tolist() == [7, 7]
    view = weight.numpy()
    step(cv.ones(2))
    assert view.tolist() == [6, 6]
    weight.data = cv.tensor([1.0, 2.0])
    assert step(cv.ones(2)).item() == 3
    with cv.no_grad():
        assert step(cv.ones(2)).item() == 1
    assert step(cv.zeros(2)).item() == -1
    assert weight.tolist() == [-1, 0]


def test_settings_of_an_optimiser_are_read_in_each_call(python: Python) -> None:
    weight = cv.tensor([0.0], requires_grad=True)
    optimizer = cv.optim.SGD([weight], lr=0.5)

    def step(x: Any) -> Any:
        optimizer.zero_grad()
        loss = (weight * x).sum()
        loss.backward()
        optimizer.step()
        return loss

    traced = ready(step, cv.ones(1))
    assert weight.tolist() == [-2]
    calls = python.calls
    for rate in (0.25, 0.125, 1.0):
        optimizer.param_groups[0]["lr"] = rate
        traced(cv.ones(1))
    assert weight.tolist() == [-3.375]
    assert python.calls == calls
    optimizer.param_groups[0]["lr"] = 1
    traced(cv.ones(1))
    optimizer.param_groups[0]["lr"] = np.float32(1)
    traced(cv.ones(1))
    assert weight.tolist() == [-5.375]
    del optimizer.param_groups[0]["lr"]
    with pytest.raises(KeyError):
        traced(cv.ones(1))


def test_settings_that_are_computed_from_items(python: Python) -> None:
    models = [cv.tensor([1.0, -1.0], requires_grad=True) for _ in range(2)]
    optimizers = [cv.optim.Adam([weight], lr=0.1) for weight in models]

    def stepped(weight: Any, optimizer: Any) -> Callable[[Any], Any]:
        def step(x: Any) -> Any:
            optimizer.zero_grad()
            loss = (weight * weight * x).sum()
            loss.backward()
            optimizer.step()
            return loss

        return step

    plain, traced = (stepped(*pair) for pair in zip(models, optimizers, strict=True))
    traced = cv.jit(traced)
    for number in range(12):
        if number in (6, 9):
            calls = python.calls
            for optimizer in optimizers:
                optimizer.param_groups[0]["betas"] = (0.8, 0.9) if number == 6 else (0.7, 0.8)
        x = cv.tensor([1.0 + number, 2.0])
        assert abs(plain(x).item() - traced(x).item()) < 1e-6
    assert np.allclose(models[0].detach().numpy(), models[1].detach().numpy(), atol=1e-6)
    assert python.calls == calls + 1, "only the call after the change is made in Python"


def test_attributes_that_chose_the_program_are_compared(python: Python) -> None:
    model = SimpleNamespace(training=True)
    layer = ready(lambda x: x * 2 if watch(model, "training") else x, cv.ones(1))
    calls = python.calls
    assert layer(cv.ones(1)).item() == 2
    assert python.calls == calls
    model.training = False
    assert layer(cv.ones(1)).item() == 1
    del model.training
    with pytest.raises(AttributeError):
        layer(cv.ones(1))


def test_positions_outside_the_bounds() -> None:
    rows = cv.tensor([[1.0], [2.0]])
    pick = ready(lambda index: cv.embedding(index, rows), cv.tensor([1, 0]))
    for _ in range(3):
        with pytest.raises(BoundsError, match="5"):
            pick(cv.tensor([0, 5]))
        assert pick(cv.tensor([0, 1])).tolist() == [[1], [2]]


def test_explain_says_what_makes_calls(capsys: pytest.CaptureFixture[str]) -> None:
    def explained(function: Any) -> str:
        cv.explain(function)
        return capsys.readouterr().out

    once = cv.jit(lambda x: x * 2)
    once(cv.ones(2))
    assert "made by Python so far" in explained(once)
    assert "made by native code" in explained(ready(lambda x: x * 2, cv.ones(2)))
    noise = ready(lambda x: x + cv.random.normal((2,)), cv.ones(2))
    assert "made by Python: random draws" in explained(noise)
