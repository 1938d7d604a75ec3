"""The pool of threads: any number of them, any number of callers, and children of a fork."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator

import numpy as np
import pytest

from covector.errors import CovectorError
from covector.frontend import read_program
from covector.native import compiled, pool
from covector.native.engine import Executable, compile_program
from covector.native.pool import POOL, has_futex

SIZE = 400_000
needs_threads = pytest.mark.skipif(not has_futex(), reason="threads cannot wait as the pool has it here")


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    before = POOL.threads
    POOL.set_threads(2)
    yield
    POOL.set_threads(before)


def total() -> Executable:
    executable = compile_program(read_program("y = sum[i](exp(x[i]))\nz[i] = exp(x[i]) / y", {"x": str(SIZE)}))
    assert executable.reason == ""
    return executable


def right(found: np.ndarray, x: np.ndarray) -> bool:
    return bool(np.allclose(found, np.exp(x) / np.exp(x).sum(), rtol=1e-10))


@needs_threads
def test_loops_are_shared_out() -> None:
    x = np.linspace(-1, 1, SIZE)
    assert right(total().run([x])[0], x)
    assert POOL.state[1] == 2
    assert [each.name for each in threading.enumerate() if each.name.startswith("covector-")]


@needs_threads
def test_the_number_of_threads_may_change() -> None:
    executable, x = total(), np.linspace(-1, 1, SIZE)
    for count in (1, 3, 2, 4, 1):
        POOL.set_threads(count)
        assert right(executable.run([x])[0], x)
        assert POOL.state[1] == count
    names = [each for each in threading.enumerate() if each.name.startswith("covector-")]
    for each in names:
        each.join(2)
    assert not [each for each in names if each.is_alive()]


def test_there_is_at_least_one_thread() -> None:
    with pytest.raises(CovectorError, match="0 threads: at least one is needed"):
        POOL.set_threads(0)


def test_many_python_threads_may_call_at_once() -> None:
    executable, wrong = total(), []
    inputs = [np.linspace(-k, k, SIZE) for k in range(1, 5)]

    def call(x: np.ndarray) -> None:
        for _ in range(20):
            if not right(executable.run([x])[0], x):
                wrong.append(x)

    callers = [threading.Thread(target=call, args=(x,)) for x in inputs]
    for caller in callers:
        caller.start()
    POOL.set_threads(3)
    for caller in callers:
        caller.join()
    assert not wrong


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_child_has_threads_of_its_own() -> None:
    executable, x = total(), np.linspace(-1, 1, SIZE)
    assert right(executable.run([x])[0], x)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        os._exit(0 if right(executable.run([x])[0], x) else 1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert right(executable.run([x])[0], x)


def test_it_ends_with_the_process() -> None:
    script = (
        "import numpy as np\nfrom covector.frontend import read_program\n"
        "from covector.native.engine import compile_program\n"
        f"print(compile_program(read_program('y = sum[i](x[i])', {{'x': '{SIZE}'}})).run([np.ones({SIZE})])[0])\n"
    )
    answer = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=60)
    assert answer.stdout.strip() == f"{SIZE}.0"


def test_where_threads_cannot_wait_everything_runs_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "has_futex", lambda: False)
    alone = pool.Pool()
    alone.set_threads(4)
    assert alone.threads == 1
    assert alone.start() == (0, 1)
    monkeypatch.setattr(compiled, "POOL", alone)
    x = np.linspace(-1, 1, SIZE)
    assert right(total().run([x])[0], x)
