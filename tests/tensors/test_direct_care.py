"""Native calls handle with care: references, memory, threads, and what the interpreter may do meanwhile."""

from __future__ import annotations

import copy
import gc
import subprocess
import sys
import threading
import time
import tracemalloc
import weakref
from typing import Any

import pytest

import covector as cv
from covector.native import interpreter
from covector.tensors import direct, flush
from covector.tensors.jit import Jitted
from tests.tensors.direct_support import Python, counted_in, ready


@pytest.fixture
def python(monkeypatch: pytest.MonkeyPatch) -> Python:
    return counted_in(monkeypatch)


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
    # One lost in each call would be 3000; what other tests left behind goes when it is collected.
    assert all(abs(one - other) < 1000 for one, other in zip(before, after, strict=True)), (before, after)


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
    assert {found["left"], found["right"]} in ({16, 24}, {24, 32}, {16, 32})
    assert Parts.__weakrefoffset__ not in found.values()
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
