"""The pool of threads: workers that wait for loops to share, and the code that hands these out.

A worker is a Python thread that never comes back from a call of machine code, in which it holds no interpreter lock: it
looks for work for some microseconds, then sleeps in the kernel until it is woken. A loop that finds the pool at work
already (another Python thread has it) runs all its parts itself, with the same result.
"""

from __future__ import annotations

import ctypes
import os
import platform
import sys
import threading
from collections.abc import Callable
from typing import Any

from covector.codegen.denormals import flushing
from covector.errors import CovectorError
from covector.native import jit
from covector.native.memory import address, aligned_bytes

WORDS = {"call": 0, "done": 64, "function": 128, "argument": 136, "parts": 144, "asleep": 192, "busy": 256, "size": 320}
"""Where the words of a pool are, in bytes; those that different threads write are in cache lines of their own."""

SPINS = 600
"""How often a worker looks for work before it sleeps: at most 25 microseconds."""

FUTEX = {"x86_64": 202, "aarch64": 98}
"""The number of the system call that puts a thread to sleep and wakes it, by architecture."""

FUNCTIONS = ("covector_fork", "covector_threads", "covector_work", "covector_stop")
"""What the code of the pool defines."""

_PAUSE = {
    "x86_64": ("declare void @llvm.x86.sse2.pause()", "call void @llvm.x86.sse2.pause()"),
    "aarch64": ("declare void @llvm.aarch64.hint(i32)", "call void @llvm.aarch64.hint(i32 1)"),
}


def has_futex() -> bool:
    """Whether threads can wait as the pool has it here."""
    return sys.platform == "linux" and platform.machine() in FUTEX


def _source() -> str:
    """The code of the pool; without futex it only ever runs in the calling thread."""
    machine = platform.machine()
    declaration, pause = _PAUSE.get(machine, ("", ""))
    wait = f"call i64 (i64, ...) @syscall(i64 {FUTEX.get(machine, 0)}, ptr %pool, i32 128, i32 %last, ptr null)"
    wake = f"call i64 (i64, ...) @syscall(i64 {FUTEX.get(machine, 0)}, ptr %pool, i32 129, i32 2147483647)"
    mode = flushing(machine)
    declarations, flush = "\n".join(mode.declarations), "\n  ".join(mode.enter)
    words = {name: f"%{name} = getelementptr i8, ptr %pool, i64 {at}" for name, at in WORDS.items()}
    return f"""
declare i64 @syscall(i64, ...)
declare i32 @sched_yield()
{declaration}
{declarations}

define i64 @covector_threads(ptr %pool) {{
  %none = icmp eq ptr %pool, null
  br i1 %none, label %one, label %some
one:
  ret i64 1
some:
  {words["size"]}
  %count = load i64, ptr %size
  ret i64 %count
}}

define void @covector_work(ptr %pool, i64 %thread) {{
entry:
  {flush}
  {words["done"]}
  {words["function"]}
  {words["argument"]}
  {words["parts"]}
  {words["asleep"]}
  br label %next
next:
  %last = phi i32 [ 0, %entry ], [ %call, %finished ]
  br label %look
look:
  %count = phi i64 [ 0, %next ], [ %more, %again ], [ 0, %sleep ]
  %call = load atomic i32, ptr %pool acquire, align 4
  %new = icmp ne i32 %call, %last
  br i1 %new, label %go, label %nothing
nothing:
  {pause}
  %more = add i64 %count, 1
  %long = icmp sgt i64 %more, {SPINS}
  br i1 %long, label %sleep, label %again
again:
  br label %look
sleep:
  %before = atomicrmw add ptr %asleep, i32 1 seq_cst
  %waited = {wait}
  %after = atomicrmw sub ptr %asleep, i32 1 seq_cst
  br label %look
go:
  %code = load ptr, ptr %function
  %stop = icmp eq ptr %code, null
  br i1 %stop, label %out, label %check
check:
  %threads = load i64, ptr %parts
  %wanted = icmp slt i64 %thread, %threads
  br i1 %wanted, label %run, label %finished
run:
  %table = load ptr, ptr %argument
  call void %code(ptr %table, i64 %thread, i64 %threads)
  br label %finished
finished:
  %counted = atomicrmw add ptr %done, i32 1 release
  br label %next
out:
  ret void
}}

define void @covector_fork(ptr %pool, ptr %code, ptr %table, i64 %threads) {{
entry:
  {words["done"]}
  {words["function"]}
  {words["argument"]}
  {words["parts"]}
  {words["asleep"]}
  {words["busy"]}
  {words["size"]}
  %alone = icmp sle i64 %threads, 1
  br i1 %alone, label %single, label %try
single:
  call void %code(ptr %table, i64 0, i64 1)
  ret void
try:
  %swap = cmpxchg ptr %busy, i32 0, i32 1 acquire monotonic
  %mine = extractvalue {{ i32, i1 }} %swap, 1
  br i1 %mine, label %share, label %turns
turns:
  %turn = phi i64 [ 0, %try ], [ %following, %turns ]
  call void %code(ptr %table, i64 %turn, i64 %threads)
  %following = add i64 %turn, 1
  %unfinished = icmp slt i64 %following, %threads
  br i1 %unfinished, label %turns, label %over
over:
  ret void
share:
  store ptr %code, ptr %function
  store ptr %table, ptr %argument
  store i64 %threads, ptr %parts
  store atomic i32 0, ptr %done monotonic, align 4
  %published = atomicrmw add ptr %pool, i32 1 seq_cst
  %sleepers = load atomic i32, ptr %asleep seq_cst, align 4
  %sleeping = icmp ne i32 %sleepers, 0
  br i1 %sleeping, label %wake, label %own
wake:
  %woken = {wake}
  br label %own
own:
  call void %code(ptr %table, i64 0, i64 %threads)
  %all = load i64, ptr %size
  %others = sub i64 %all, 1
  %wanted = trunc i64 %others to i32
  br label %wait
wait:
  %count = phi i64 [ 0, %own ], [ %more, %spin ], [ %more, %yield ]
  %finished = load atomic i32, ptr %done acquire, align 4
  %complete = icmp eq i32 %finished, %wanted
  br i1 %complete, label %free, label %busywait
busywait:
  {pause}
  %more = add i64 %count, 1
  %long = icmp sgt i64 %more, 20000
  br i1 %long, label %yield, label %spin
spin:
  br label %wait
yield:
  %yielded = call i32 @sched_yield()
  br label %wait
free:
  store atomic i32 0, ptr %busy release, align 4
  ret void
}}

define void @covector_stop(ptr %pool) {{
  {words["function"]}
  store ptr null, ptr %function
  %published = atomicrmw add ptr %pool, i32 1 seq_cst
  %woken = {wake}
  ret void
}}
"""


class Pool:
    """The threads of this process; ``handle`` is the address that code is given, 0 while there is one thread."""

    def __init__(self) -> None:
        self.handle = 0
        self.size = 0
        self._lock = threading.Lock()
        self._wanted: int | None = None
        self._code: jit.Code | None = None
        self._memory: Any = None

    @property
    def threads(self) -> int:
        """The number of threads that programs run on."""
        if not has_futex():
            return 1
        return self._wanted or len(os.sched_getaffinity(0))

    def set_threads(self, count: int) -> None:
        """Run programs on so many threads; raises `CovectorError` where that is no positive number."""
        if count < 1:
            raise CovectorError(
                f"{count} threads: at least one is needed", hint="1 runs everything in the calling thread"
            )
        with self._lock:
            self._wanted = count
            self._stop()

    def link(self) -> None:
        """Make the functions of the pool known to code that is loaded."""
        with self._lock:
            if self._code is None:
                self._code = jit.Code(jit.object_code(_source()), *FUNCTIONS)
                for name in FUNCTIONS:
                    jit.add_symbol(name, self._code.address(name))

    def start(self) -> None:
        """Start the workers, unless they are there."""
        if self.size == self.threads:
            return
        self.link()
        with self._lock:
            if self.size != self.threads:
                self._stop()
                self._start(self.threads)

    def _start(self, count: int) -> None:
        self.size = count
        if count == 1:
            return
        assert self._code is not None
        self._memory = aligned_bytes(384)
        self._memory[:] = 0
        handle = address(self._memory)
        self._memory[WORDS["size"] : WORDS["size"] + 8].view("int64")[0] = count
        work: Callable[..., Any] = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)(
            self._code.address("covector_work")
        )
        for number in range(1, count):
            threading.Thread(target=_work, args=(work, handle, number, self._memory), daemon=True).start()
        self.handle = handle

    def _stop(self) -> None:
        if self.handle and self._code is not None:
            ctypes.CFUNCTYPE(None, ctypes.c_void_p)(self._code.address("covector_stop"))(self.handle)
        self.handle, self.size = 0, 0

    def forget(self) -> None:
        """Begin anew in a child process, which has the memory of its parent but not its threads."""
        self.handle, self.size, self._lock = 0, 0, threading.Lock()


def _work(work: Callable[..., Any], handle: int, number: int, memory: Any) -> None:
    """A worker's life; it keeps the pool's memory."""
    work(handle, number)


POOL = Pool()
"""The pool of this process."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=POOL.forget)
