"""Calls that native code makes: that it makes them, that it leaves the others to Python, and that it counts right."""

from __future__ import annotations

import copy
import gc
import subprocess
import sys
import threading
import time
import tracemalloc
import weakref
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import covector as cv
from covector.errors import BoundsError
from covector.native import interpreter
from covector.tensors import direct, flush
from covector.tensors.jit import Jitted
from covector.tensors.repeat import Repeat
from covector.tensors.trace import watch


class Python:
    """Counts the calls of a traced function that native code did not make."""

    def __init__(self) -> None:
        self.calls = 0


@pytest.fixture
def python(monkeypatch: pytest.MonkeyPatch) -> Python:
    counter = Python()

    def counted(whole: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            counter.calls += 1
            return whole(*arguments)

        return call

    monkeypatch.setattr(Repeat, "__call__", counted(Repeat.__call__))
    monkeypatch.setattr(Jitted, "_call", counted(Jitted._call))
    return counter


def ready(function: Callable[..., Any], *arguments: Any) -> Any:
    """A traced function that native code calls with such arguments."""
    traced = cv.jit(function)
    for _ in range(4):
        traced(*arguments)
    return traced


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


def test_memory_that_cannot_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    double = ready(lambda x: (x.sum(), x * 2), cv.ones(3))
    kept = [double(cv.ones(3)) for _ in range(40)]

    def refused(*_: Any) -> Any:
        raise MemoryError("none is left")

    references = sys.getrefcount(None) if sys.version_info < (3, 12) else 0
    with monkeypatch.context() as changed:
        changed.setattr(direct, "fresh", refused)
        for _ in range(100):
            with pytest.raises(MemoryError):
                double(cv.ones(3))
    if references:
        assert abs(sys.getrefcount(None) - references) < 100
    assert double(cv.ones(3))[1].tolist() == [2, 2, 2]
    assert len(kept) == 40


def test_references_are_counted() -> None:
    weight, x = cv.ones(3), cv.ones(3)

    def step(x: Any, y: Any) -> Any:
        weight.copy_(weight * 0.5 + x)
        return (weight * y).sum(), x + y, [weight.max()]

    traced = ready(step, x, x)
    gc.collect()
    things = [x, x._node, x._node.data, x._node.kind, weight, traced, cv.Tensor, type(x._node)]
    things += [None, True, False, 0, (), step]
    before = list(map(sys.getrefcount, things))
    for number in range(3000):
        kept = traced(x, x)
        if number % 3:
            kept = [kept, traced(x, x)]
    del kept
    gc.collect()
    after = list(map(sys.getrefcount, things))
    assert all(abs(one - other) < 60 for one, other in zip(before, after, strict=True)), (before, after)


def test_memory_stays_flat() -> None:
    weight, x = cv.ones(3), cv.ones(3)

    def step(x: Any) -> Any:
        weight.copy_(weight * 0.5 + x)
        return (weight * x).sum(), x + weight

    traced = ready(step, x)

    def run(count: int) -> None:
        kept = []
        for number in range(count):
            kept.append(traced(x))
            if number % 50 == 0:
                kept.clear()

    run(1000)
    tracemalloc.start()
    try:
        run(1000)
        gc.collect()
        first = tracemalloc.get_traced_memory()[0]
        run(20_000)
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] - first < 20_000
    finally:
        tracemalloc.stop()


def test_a_function_and_what_it_holds_go() -> None:
    weight = cv.ones(1000)
    gone = weakref.ref(weight)

    function = ready(lambda x, weight=weight: weight * x, cv.ones(1000))
    del weight
    assert function(cv.ones(1000)).tolist()[0] == 1
    function = None
    cv.jit(lambda x: x + 1)(cv.ones(1))
    gc.collect()
    assert gone() is None


def test_copies_trace_for_themselves() -> None:
    double = ready(lambda x: x * 2, cv.ones(2))
    for other in (copy.copy(double), copy.deepcopy(double)):
        assert other is not double
        assert [other(cv.ones(2)).tolist() for _ in range(4)] == [[2, 2]] * 4
    del double
    gc.collect()
    assert other(cv.ones(2)).tolist() == [2, 2]


def test_it_is_called_again_while_results_are_made() -> None:
    double = ready(lambda x: x * 2, cv.ones(2))
    found: list[Any] = []

    class Last:
        """What calls the function when it goes."""

        def __del__(self) -> None:
            found.append(double(cv.full((2,), 3.0)))

    def watcher(phase: str, details: Any) -> None:
        found.append(double(cv.full((2,), 3.0)))

    gc.callbacks.append(watcher)
    try:
        kept = []
        for number in range(3000):
            cycle: list[Any] = [Last()]
            cycle.append(cycle)
            del cycle
            kept.append(double(cv.full((2,), float(number))))
    finally:
        gc.callbacks.remove(watcher)
    assert [one.tolist() for one in kept] == [[2.0 * number] * 2 for number in range(3000)]
    assert {tuple(one.tolist()) for one in found} == {(6.0, 6.0)}


def test_programs_run_one_at_a_time() -> None:
    double = ready(lambda x: x * 2, cv.ones(2))
    done: list[Any] = []
    with flush.LOCK:
        other = threading.Thread(target=lambda: done.extend(double(cv.ones(2)) for _ in range(9)))
        other.start()
        other.join(0.05)
        assert not done, "another thread has tensors computed"
        assert double(cv.ones(2)).tolist() == [2, 2]
    other.join()
    assert [one.tolist() for one in done] == [[2, 2]] * 9


def test_other_threads_run_beside_long_programs_only(python: Python) -> None:
    def calls_until_another_thread_runs(function: Any, x: Any) -> int:
        ran: list[int] = []
        gate = threading.Lock()
        gate.acquire()
        other = threading.Thread(target=lambda: ran.append(0) if gate.acquire() else None)
        other.start()
        time.sleep(0.01)
        gate.release()
        count = 0
        while not ran and count < 300:
            function(x)
            count += 1
        other.join()
        return count

    long, short = cv.ones(1 << 20), cv.ones(4)
    products = ready(lambda x: x.exp().sum(), long), ready(lambda x: x.exp().sum(), short)
    products[1](short), products[1](short)
    before, calls = sys.getswitchinterval(), python.calls
    sys.setswitchinterval(100)  # only who gives the lock of the interpreter up lets others run
    try:
        assert calls_until_another_thread_runs(products[1], short) == 300
        products[0](long), products[0](long), products[0](long)
        calls = python.calls
        assert calls_until_another_thread_runs(products[0], long) < 300
    finally:
        sys.setswitchinterval(before)
    assert python.calls == calls


@pytest.mark.parametrize("others", [1, 2])
def test_threads_call_short_and_long_programs_at_once(others: int) -> None:
    for _ in range(6):
        weight, count = cv.zeros(64, 64), cv.tensor(0.0)

        def long(x: Any, weight: Any = weight) -> Any:
            weight.copy_(weight + (x @ x) / 64)
            return weight.sum()

        def short(x: Any, count: Any = count) -> Any:
            count.copy_(count + x)
            return count * 1

        works = [(ready(long, cv.ones(64, 64)), cv.ones(64, 64)), (ready(short, cv.tensor(1.0)), cv.tensor(1.0))]
        seen: list[float] = []

        def run(which: int, works: Any = works, seen: list[float] = seen) -> None:
            function, given = works[which]
            seen.extend(function(given).item() for _ in range(300))

        threads = [threading.Thread(target=run, args=(number % others,)) for number in range(2 * others)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert weight.numpy().min() == weight.numpy().max() == 604
        assert count.item() == (604 if others == 2 else 4)
        assert len(set(seen)) >= 600


def test_python_does_the_work_where_objects_are_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown() -> None:
        raise interpreter.Unsupported("another interpreter")

    class Other(Jitted):
        """Traced functions of another class."""

        __slots__ = ()

    monkeypatch.setattr(interpreter, "require", unknown)
    assert direct._installed(Other, len) == "another interpreter"
    assert "__call__" not in vars(Other)


def test_slots_are_found_on_objects() -> None:
    class Parts:
        __slots__ = ("__weakref__", "left", "right")

    class Free:
        pass

    found = interpreter.slots(Parts, ("left", "right"))
    assert {found["left"], found["right"], Parts.__weakrefoffset__} == {16, 24, 32}
    with pytest.raises(interpreter.Unsupported, match=r"Free\.x"):
        interpreter.slots(Free, ("x",))
    with pytest.raises(interpreter.Unsupported):
        interpreter.lock_owner(threading.Lock)


def test_a_process_ends_in_peace() -> None:
    lines = [
        "import covector as cv",
        "step = cv.jit(lambda x: (x * 2).sum())",
        "for _ in range(9): step(cv.ones(3))",
        "import atexit",
        "atexit.register(lambda: print(step(cv.ones(3)).item()))",
    ]
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "6.0\n", "")
