"""Bad luck: threads, forks, interrupts, broken disks, full memory, wrong indices; nothing corrupt remains."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import covector as cv
from covector.errors import BoundsError, BudgetError, GradientError
from covector.native import objects
from covector.tensors import flush
from tests.tensors.agreement import forget

NAN, INF = float("nan"), float("inf")

has_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")


def resident() -> int:
    """The bytes of memory that this process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


# Threads and processes


def test_threads_compute_at_once() -> None:
    shared = cv.tensor(np.arange(12.0).reshape(3, 4))
    traced = cv.jit(lambda x: (x * 2).tanh().sum())
    wrong: list[Any] = []

    def work(number: int) -> None:
        try:
            for turn in range(20):
                x = cv.tensor(np.full((3, 4), number / 10), requires_grad=True)
                ((x * shared).tanh() @ cv.ones(4, 2 + turn % 3, dtype="float64")).sum().backward()
                slope = (1 - np.tanh(number / 10 * shared.numpy()) ** 2) * shared.numpy() * (2 + turn % 3)
                total = traced(cv.tensor(np.full(3 + turn % 5, number / 10))).item()
                if not (np.allclose(x.grad.numpy(), slope) and np.isclose(total, (3 + turn % 5) * np.tanh(number / 5))):
                    wrong.append((number, turn))
        except Exception as error:
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


FORKING = """
import os, signal, threading
import numpy as np, covector as cv
large = cv.tensor(np.random.default_rng(0).random((300, 300)))
stop = threading.Event()

def compute():
    while not stop.is_set():
        (large @ large).tanh().sum().item()

thread = threading.Thread(target=compute)
thread.start()
for _ in range(4):
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        x = cv.tensor(np.ones((50, 50)), requires_grad=True)
        (x @ x).sum().backward()
        os._exit(0 if x.grad is not None and (x.grad.numpy() == 100).all() else 1)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
stop.set()
thread.join()
"""


@has_fork
def test_a_child_computes_though_another_thread_of_its_parent_did() -> None:
    answer = subprocess.run([sys.executable, "-c", FORKING], capture_output=True, text=True, check=True, timeout=280)
    assert answer.stdout.split() == ["0"] * 4


TRAINING = """
import numpy as np, covector as cv
x = cv.tensor(np.linspace(-1, 1, 12).reshape(3, 4), requires_grad=True)
((x @ x.mT).tanh().sum() * 3).backward()
print(float(np.abs(x.grad.numpy()).sum()))
"""


def start(cache: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", TRAINING],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "XDG_CACHE_HOME": cache},
    )


def test_caches_that_many_write_that_are_corrupt_and_that_cannot_be(tmp_path: Path) -> None:
    first = [start(str(tmp_path)) for _ in range(3)]
    answers = {process.communicate(timeout=120) for process in first}
    files = [path for path in (tmp_path / "covector").rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if path.name.startswith(".")]
    for number, path in enumerate(files):
        content = path.read_bytes()
        path.write_bytes((b"", content[:100], bytes(len(content)), content[:-1] + b"?")[number % 4])
    answers.add(start(str(tmp_path)).communicate(timeout=120))
    answers.add(start("/proc/nowhere").communicate(timeout=120))
    (answer,) = answers
    assert float(answer[0]) > 0
    assert answer[1] == ""


# Interrupts


@pytest.mark.parametrize(
    "place",
    [
        "covector.native.engine.plan",
        "covector.native.compiled.emit",
        "covector.native.jit.object_code",
        "covector.native.cache.os.replace",
        "covector.tensors.programs.link",
    ],
)
def test_an_interrupt_while_compiling_leaves_nothing_behind(
    place: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(objects, "cache", lambda: objects.Cache(tmp_path))
    monkeypatch.setattr(objects, "_linked", {})
    forget()
    weight = cv.tensor([1.0, 2.0])
    traced = cv.jit(lambda x: weight.copy_(weight * 2 + x).sum())

    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(place, interrupt)
        y = (cv.tensor([1.0, 2.0]) * 3).exp()
        for look in (y.numpy, lambda: traced(cv.ones(2))):
            with pytest.raises(KeyboardInterrupt):
                look()
    assert not list(tmp_path.rglob(".*"))
    np.testing.assert_allclose(y.numpy(), np.exp([3.0, 6.0]), rtol=1e-6)
    assert traced(cv.ones(2)).item() == 8
    assert weight.tolist() == [3, 5]


def counted(step: Callable[[], Any], seconds: float) -> int:
    """How many steps came back before an interrupt arrived."""
    count = 0
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        while True:
            step()
            count += 1
    except KeyboardInterrupt:
        return count
    finally:
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("traced", [False, True])
def test_an_interrupt_in_a_long_call_updates_once_or_not_at_all(traced: bool) -> None:
    large = cv.tensor(np.random.default_rng(0).random((300, 300)))
    weight = cv.zeros(1000)

    def step() -> None:
        weight.copy_(weight + 1 + 0 * (large @ large).sum())

    run = cv.jit(step) if traced else lambda: (step(), flush.flush())
    run()
    run()
    for seconds in (0.02, 0.05, 0.07):
        before = weight.numpy().copy()
        count = counted(run, seconds)
        steps = weight.numpy() - before
        assert (steps == steps[0]).all()
        assert steps[0] - count in (0, 1)


# Positions, memory and gradients that cannot be


@pytest.mark.parametrize("traced", [False, True])
def test_a_wrong_index_leaves_the_parameters_as_they_were(traced: bool) -> None:
    table, scale = (cv.tensor(np.ones(shape, np.float32), requires_grad=True) for shape in ((5, 3), (3,)))
    optimizer = cv.optim.SGD([table, scale], lr=0.1, momentum=0.9)

    def step(ids: Any) -> None:
        optimizer.zero_grad()
        ((cv.embedding(ids, table) * scale) ** 2).sum().backward()
        optimizer.step()

    run = cv.jit(step) if traced else step
    run(cv.tensor([0, 1]))
    before = [table.numpy().copy(), scale.numpy().copy()]
    for wrong in (5, -1):
        with pytest.raises(BoundsError):
            run(cv.tensor([0, wrong]))
        for parameter, values in zip((table, scale), before, strict=True):
            np.testing.assert_array_equal(parameter.numpy(), values)
    run(cv.tensor([4, 1]))
    assert (table.numpy()[4] < 1).all()


def test_memory_that_is_not_there_is_refused_with_the_figure() -> None:
    column = cv.ones(3 * 10**6)
    with pytest.raises(BudgetError, match=r"33527\.6 GiB"):
        (column.unsqueeze(1) * column).numpy()
    assert column.sum().item() == 3 * 10**6


LIMITED = """
import resource
import covector as cv
from covector.errors import BudgetError
x = cv.ones(10**6)
(x + 1).exp().numpy()
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 2**27, used + 2**27))
try:
    (x.unsqueeze(1) + cv.ones(100)).exp().numpy()
except BudgetError as error:
    print(error.message)
print((x + 1).sum().item())
"""


def test_a_kernel_that_gets_no_memory_says_so() -> None:
    script = [sys.executable, "-c", LIMITED]
    answer = subprocess.run(script, capture_output=True, text=True, check=True, timeout=120).stdout.splitlines()
    assert "GiB" in answer[0]
    assert answer[1] == "2000000.0"


def test_gradients_that_cannot_be() -> None:
    x = cv.ones(3, requires_grad=True)
    with pytest.raises(GradientError, match="grad can be implicitly created only for scalar outputs"):
        (x * 2).backward()
    with pytest.raises(GradientError, match="does not require grad"):
        (x.detach() * 2).sum().backward()
    with pytest.raises(GradientError, match="a leaf Variable that requires grad"):
        x += 1
    assert x.grad is None


def test_a_graph_of_before_an_update_gives_its_own_gradients_or_an_error() -> None:
    x = cv.tensor([2.0, 3.0], requires_grad=True)
    loss = (x * x * x).sum()
    with cv.no_grad():
        x += 1
    flush.flush()
    loss.backward()
    assert x.grad is not None
    assert x.grad.tolist() == [12, 27]
    optimizer = cv.optim.SGD([x], lr=0.5)
    loss = (x * x).sum()
    loss.backward()
    optimizer.step()
    with pytest.raises(GradientError, match="updated in place"):
        loss.backward()


def test_an_array_that_was_looked_at_stays_as_it_was() -> None:
    x = cv.zeros(4)
    seen = x.numpy()
    for _ in range(3):
        x += 1
        flush.flush()
    assert seen.tolist() == [0, 0, 0, 0]
    assert x.tolist() == [3, 3, 3, 3]


# NaN, infinities and whole numbers

SPECIAL: dict[str, Callable[[Any, Any, Any], Any]] = {
    "max": lambda _, x, y: x.amax(dim=1),
    "min": lambda _, x, y: x.amin(dim=0),
    "argmax": lambda _, x, y: x.argmax(1),
    "argmin": lambda _, x, y: x.argmin(0),
    "maximum": lambda library, x, y: library.maximum(x, y),
    "minimum": lambda library, x, y: library.minimum(x, y),
    "clip": lambda _, x, y: x.clip(-1, 1),
    "clip by tensors": lambda _, x, y: x.clip(y, y + 1),
    "where": lambda library, x, y: library.where(x > y, x, y),
    "where of NaN": lambda library, x, y: library.where(library.isnan(x), y, x),
    **{name: lambda _, x, y, name=name: getattr(x, name)(y) for name in ("__lt__", "__le__", "__gt__", "__ge__")},
    **{name: lambda _, x, y, name=name: getattr(x, name)(y) for name in ("__eq__", "__ne__")},
    "any": lambda _, x, y: (x != 0).any(dim=1),
    "all": lambda _, x, y: (x == x).all(dim=1),
    "sort": lambda library, x, y: library.sort(x, dim=1)[0],
    "sort downward": lambda library, x, y: library.sort(x, dim=1, descending=True)[0],
    "argsort": lambda library, x, y: library.argsort(x, dim=1, stable=True),
    "topk": lambda library, x, y: library.topk(x, 3, dim=1)[0],
    "cumsum": lambda _, x, y: x.cumsum(1),
    "cumprod": lambda _, x, y: x.cumprod(0),
    "softmax": lambda library, x, y: library.softmax(x, dim=1),
    "logsumexp": lambda library, x, y: library.logsumexp(x, dim=1),
    "product": lambda _, x, y: x @ y.mT,
    "sum": lambda _, x, y: x.sum(dim=0),
    "prod": lambda _, x, y: x.prod(dim=0),
    "mean": lambda _, x, y: x.mean(dim=1),
    "relu": lambda library, x, y: library.relu(x),
    "abs": lambda _, x, y: abs(x),
    "pow": lambda library, x, y: library.pow(x, y),
    "tril": lambda _, x, y: x.tril(),
    "isfinite": lambda library, x, y: library.isfinite(x),
}


@pytest.mark.parametrize("name", SPECIAL)
def test_nan_and_infinity_are_as_in_pytorch(name: str) -> None:
    rng = np.random.default_rng(0)
    pool = np.array([NAN, INF, -INF, 0.0, -0.0, 1.0, -2.5, 1e30])
    x, y = (rng.choice(pool, (9, 21)).astype(np.float32) for _ in range(2))
    x[0], x[1] = NAN, -INF
    function = SPECIAL[name]
    wanted = function(torch, torch.tensor(x), torch.tensor(y)).numpy()
    ways = [lambda a, b: function(cv, a, b)]
    ways.append(cv.jit(ways[0]))
    for way in ways:
        np.testing.assert_allclose(way(cv.tensor(x), cv.tensor(y)).numpy(), wanted, rtol=1e-5)


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_whole_numbers_overflow_as_in_pytorch(dtype: str) -> None:
    info = np.iinfo(dtype)
    x = np.array([info.max, info.min, info.max // 2, -1, 0], dtype)
    for function in (lambda a: a + a, lambda a: a * 3, lambda a: -a, lambda a: a - 2, abs, lambda a: a**2):
        wanted = function(torch.tensor(x)).numpy()
        np.testing.assert_array_equal(function(cv.tensor(x)).numpy(), wanted)


# Many


def test_ten_thousand_operations_without_a_look() -> None:
    x = cv.tensor([1.0, 2.0], dtype="float64", requires_grad=True)
    y = x
    for _ in range(5000):
        y = y * 1.0001 + 0.0001
    y.sum().backward()
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.numpy(), 1.0001**5000, rtol=1e-9)
    np.testing.assert_allclose(y.numpy(), 1.0001**5000 * np.array([2.0, 3.0]) - 1, rtol=1e-9)


def test_memory_stays_flat_with_many_tensors() -> None:
    held = [cv.tensor(np.full(10, number)) for number in range(200)]

    def turn() -> None:
        made = [tensor * 2 + 1 for tensor in held]
        assert made[-1].numpy()[0] == 399
        for number in range(2000):
            cv.ones(10) * number

    turn()
    gc.collect()
    before = resident()
    for _ in range(5):
        turn()
    gc.collect()
    assert resident() - before < 2**24
