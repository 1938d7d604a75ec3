"""The pool of threads: workers that wait for loops to share, and the code that hands these out.

A worker is a Python thread that never comes back from a call of machine code, in which it holds no interpreter lock: it
looks for work for some microseconds, then sleeps in the kernel until it is woken. A loop comes in numbered parts, which
the threads take one by one: whoever runs a part, the result is the same. The caller takes parts like the others, and
waits only for workers that have begun: one that the system does not let run holds nobody up. A loop that finds the pool
at work already (another Python thread has it) runs all its parts itself.
"""

from __future__ import annotations

import ctypes
import os
import platform
import sys
import threading
from collections.abc import Mapping
from typing import Any

from covector.codegen.denormals import flushing
from covector.errors import CovectorError
from covector.native import jit, objects
from covector.native.forks import held_at_fork
from covector.native.memory import address, aligned_bytes

WORDS = {
    "next": 64,
    "done": 128,
    "function": 192,
    "argument": 200,
    "parts": 208,
    "asleep": 256,
    "busy": 320,
    "size": 384,
}
"""Where the words of a pool are, in bytes; those that different threads write are in cache lines of their own.

The first one is the ticket: the number of the job in its upper half (odd while workers may join it, even when it is
closed), and in its lower half how many workers have joined.
"""

BYTES = 448
"""The size of a pool."""

SPINS = 600
"""How often a worker looks for work before it sleeps: at most 25 microseconds."""

JOB = 1 << 32
"""What one job more or less is in the ticket."""

FUTEX = {"x86_64": 202, "aarch64": 98}
"""The number of the system call that puts a thread to sleep and wakes it, by architecture."""

CALLED = ("covector_fork",)
"""What the code of programs calls."""

OWN = ("covector_work", "covector_stop")
"""What the pool itself calls."""

_PAUSE = {
    "x86_64": ("declare void @llvm.x86.sse2.pause()", "call void @llvm.x86.sse2.pause()"),
    "aarch64": ("declare void @llvm.aarch64.hint(i32)", "call void @llvm.aarch64.hint(i32 1)"),
}


def has_futex() -> bool:
    """Whether threads can wait as the pool has it here."""
    return sys.platform == "linux" and platform.machine() in FUTEX


_ALONE = """
define void @covector_fork(ptr %pool, ptr %code, ptr %table, i64 %threads) {
  call void %code(ptr %table, i64 0, i64 1)
  ret void
}

define void @covector_work(ptr %pool) {
  ret void
}

define void @covector_stop(ptr %pool) {
  ret void
}
"""
"""The code where threads cannot wait as the pool has it: everything runs in the calling thread."""


def _source() -> str:
    """The code of the pool."""
    if not has_futex():
        return _ALONE
    machine = platform.machine()
    declaration, pause = _PAUSE.get(machine, ("", ""))
    mode = flushing(machine)
    declarations, flush = "\n".join(mode.declarations), "\n  ".join(mode.enter)
    call = FUTEX[machine]
    wake = f"%woken = call i64 (i64, ...) @syscall(i64 {call}, ptr %job, i32 129, i32 2147483647)"
    job = "%job = getelementptr i8, ptr %pool, i64 4"
    words = {name: f"%{name} = getelementptr i8, ptr %pool, i64 {at}" for name, at in WORDS.items()}
    return f"""
declare i64 @syscall(i64, ...)
declare i32 @sched_yield()
{declaration}
{declarations}

define void @covector_work(ptr %pool) {{
entry:
  {flush}
  {words["next"]}
  {words["done"]}
  {words["function"]}
  {words["argument"]}
  {words["parts"]}
  {words["asleep"]}
  {job}
  br label %idle
idle:
  %last = phi i32 [ 0, %entry ], [ %number, %finished ]
  br label %look
look:
  %count = phi i64 [ 0, %idle ], [ %more, %again ], [ 0, %sleep ], [ 0, %join ]
  %ticket = load atomic i64, ptr %pool acquire, align 8
  %upper = lshr i64 %ticket, 32
  %number = trunc i64 %upper to i32
  %odd = trunc i32 %number to i1
  %other = icmp ne i32 %number, %last
  %open = and i1 %odd, %other
  br i1 %open, label %join, label %nothing
nothing:
  {pause}
  %more = add i64 %count, 1
  %long = icmp sgt i64 %more, {SPINS}
  br i1 %long, label %sleep, label %again
again:
  br label %look
sleep:
  %before = atomicrmw add ptr %asleep, i32 1 seq_cst
  %waited = call i64 (i64, ...) @syscall(i64 {call}, ptr %job, i32 128, i32 %number, ptr null)
  %after = atomicrmw sub ptr %asleep, i32 1 seq_cst
  br label %look
join:
  %joined = add i64 %ticket, 1
  %swap = cmpxchg ptr %pool, i64 %ticket, i64 %joined acq_rel monotonic
  %in = extractvalue {{ i64, i1 }} %swap, 1
  br i1 %in, label %begin, label %look
begin:
  %code = load ptr, ptr %function
  %table = load ptr, ptr %argument
  %count.parts = load i64, ptr %parts
  %stop = icmp eq ptr %code, null
  br i1 %stop, label %out, label %take
take:
  %part = atomicrmw add ptr %next, i64 1 monotonic
  %some = icmp slt i64 %part, %count.parts
  br i1 %some, label %run, label %finished
run:
  call void %code(ptr %table, i64 %part, i64 %count.parts)
  br label %take
finished:
  %counted = atomicrmw add ptr %done, i32 1 release
  br label %idle
out:
  ret void
}}

define void @covector_fork(ptr %pool, ptr %code, ptr %table, i64 %threads) {{
entry:
  {words["next"]}
  {words["done"]}
  {words["function"]}
  {words["argument"]}
  {words["parts"]}
  {words["asleep"]}
  {words["busy"]}
  {job}
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
  store atomic i64 0, ptr %next monotonic, align 8
  store atomic i32 0, ptr %done monotonic, align 4
  %closed = load atomic i64, ptr %pool monotonic, align 8
  %open = add i64 %closed, {JOB}
  store atomic i64 %open, ptr %pool seq_cst, align 8
  %sleepers = load atomic i32, ptr %asleep seq_cst, align 4
  %sleeping = icmp ne i32 %sleepers, 0
  br i1 %sleeping, label %wake, label %take
wake:
  {wake}
  br label %take
take:
  %part = atomicrmw add ptr %next, i64 1 monotonic
  %some = icmp slt i64 %part, %threads
  br i1 %some, label %run, label %close
run:
  call void %code(ptr %table, i64 %part, i64 %threads)
  br label %take
close:
  %ended = add i64 %open, {JOB}
  %ticket = atomicrmw xchg ptr %pool, i64 %ended acq_rel
  %joined = trunc i64 %ticket to i32
  br label %wait
wait:
  %count = phi i64 [ 0, %close ], [ %more, %spin ], [ %more, %yield ]
  %finished = load atomic i32, ptr %done acquire, align 4
  %complete = icmp eq i32 %finished, %joined
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
entry:
  {words["function"]}
  {words["busy"]}
  {job}
  br label %try
try:
  %swap = cmpxchg ptr %busy, i32 0, i32 1 acquire monotonic
  %mine = extractvalue {{ i32, i1 }} %swap, 1
  br i1 %mine, label %stop, label %later
later:
  %yielded = call i32 @sched_yield()
  br label %try
stop:
  store ptr null, ptr %function
  %closed = load atomic i64, ptr %pool monotonic, align 8
  %open = add i64 %closed, {JOB}
  store atomic i64 %open, ptr %pool seq_cst, align 8
  {wake}
  ret void
}}
"""


NOT_STARTED = (0, 0)


class Pool:
    """The threads of this process.

    ``state`` is the address that code is given, 0 while there is one thread, and the number of threads; (0, 0) says
    that they have not been started. It is replaced as a whole, so that whoever reads it finds both of one pool.
    """

    def __init__(self) -> None:
        self.threads = len(os.sched_getaffinity(0)) if has_futex() else 1
        """The number of threads that programs run on."""
        self.state = NOT_STARTED
        self._lock = held_at_fork(threading.RLock())
        self._code: jit.Code | None = None
        self._memory: list[Any] = []

    def set_threads(self, count: int) -> None:
        """Run programs on so many threads, or on one where threads cannot wait as the pool has it.

        Raises `CovectorError` where that is no positive number.
        """
        if count < 1:
            raise CovectorError(f"{count} threads: at least one is needed", hint="1 runs all in the calling thread")
        with self._lock:
            self.threads = count if has_futex() else 1
            self._stop()

    def link(self) -> Mapping[str, int]:
        """The addresses of the functions that code calls to share its loops out."""
        with self._lock:
            if self._code is None:
                self._code = jit.Code(objects.object_code(_source()), (*CALLED, *OWN))
            return {name: self._code.address(name) for name in CALLED}

    def start(self) -> tuple[int, int]:
        """The state with the workers started, unless they are there."""
        self.link()
        with self._lock:
            if self.state[1] != self.threads:
                self._stop()
                self.state = self._started(self.threads)
            return self.state

    def _started(self, count: int) -> tuple[int, int]:
        if count == 1:
            return (0, 1)
        assert self._code is not None
        memory = aligned_bytes(BYTES)
        memory[:] = 0
        memory[WORDS["size"] : WORDS["size"] + 8].view("int64")[0] = count
        # It is kept for good: a call that has its address may still be on its way when the pool is stopped.
        self._memory.append(memory)
        handle = address(memory)
        work = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(self._code.address("covector_work"))
        for number in range(1, count):
            threading.Thread(target=work, args=(handle,), name=f"covector-{number}", daemon=True).start()
        return handle, count

    def _stop(self) -> None:
        if self.state[0] and self._code is not None:
            ctypes.CFUNCTYPE(None, ctypes.c_void_p)(self._code.address("covector_stop"))(self.state[0])
        self.state = NOT_STARTED

    def forget(self) -> None:
        """Begin anew in a child process, which has the memory of its parent but not its threads."""
        self.state = NOT_STARTED


POOL = Pool()
"""The pool of this process."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=POOL.forget)
