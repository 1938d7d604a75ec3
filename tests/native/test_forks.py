"""A child of a fork compiles and computes, whatever other threads of its parent were at."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

FORKS = 12

SCRIPT = """
import itertools, os, signal, sys, threading
import numpy as np
from covector.frontend.program import read_program
from covector.native.engine import compile_program
from covector.native.objects import cache

numbers = itertools.count(int.from_bytes(os.urandom(4), "big"))
cache().get = lambda key: None  # everything is compiled anew
cache().put_all = lambda codes: None


def compute():
    read = read_program(f"y[i] = sum[j](exp(x[i, j])) + {next(numbers)}", {"x": "M N float32"})
    compile_program(read).run([np.zeros((40, 50), np.float32)])


def busy():
    while not stop.is_set():
        compute()


stop = threading.Event()
threads = [threading.Thread(target=busy) for _ in range(2)]
compute()
for thread in threads:
    thread.start()
for _ in range(int(sys.argv[1])):
    child = os.fork()
    if child == 0:
        signal.alarm(30)
        compute()
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
stop.set()
for thread in threads:
    thread.join()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_child_compiles_though_threads_of_its_parent_did() -> None:
    script = [sys.executable, "-c", SCRIPT, str(FORKS)]
    answer = subprocess.run(script, capture_output=True, text=True, check=True, timeout=400)
    assert answer.stdout.split() == ["0"] * FORKS
