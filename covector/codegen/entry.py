"""The function that runs a program: it calls the functions of the program, one after another, with their words.

What a program is, it reads from memory, in words of 64 bits: the addresses of the table, of room for the words of a
function and of the error word, the handle of the pool of threads, and how many calls there are; then for every call the
address of the function, how it is called, how many threads there are, and how many words it gets; then for every word
the slot of the table and what is added to it.
"""

from __future__ import annotations

from covector.codegen.denormals import flushing

ENTRY = "covector_run"
FORK = "covector_fork"

HEAD, CALL, WORD = 5, 4, 2
"""The words of the head, and those of a call and of a word that it gets."""

FORKED, GUARDED = 1, 2
"""How a function is called: by all threads; only where the error word is 0, or the program ends there."""


def entry(architecture: str) -> str:
    """The LLVM module of the function, which takes the address of a program."""
    mode = flushing(architecture)
    declarations, enter, leave = "\n".join(mode.declarations), "\n ".join(mode.enter), "\n ".join(mode.leave)
    return f"""
declare void @{FORK}(ptr, ptr, ptr, i64)
{declarations}

define void @{ENTRY}(ptr %program) nounwind {{
 %table = load ptr, ptr %program
 %words.at = getelementptr i64, ptr %program, i64 1
 %words = load ptr, ptr %words.at
 %error.at = getelementptr i64, ptr %program, i64 2
 %error = load ptr, ptr %error.at
 %pool.at = getelementptr i64, ptr %program, i64 3
 %pool = load ptr, ptr %pool.at
 %calls.at = getelementptr i64, ptr %program, i64 4
 %calls = load i64, ptr %calls.at
 %first = getelementptr i64, ptr %program, i64 {HEAD}
 {enter}
 br label %next
next:
 %at = phi ptr [ %first, %0 ], [ %place, %called ]
 %done = phi i64 [ 0, %0 ], [ %done.next, %called ]
 %more = icmp ult i64 %done, %calls
 br i1 %more, label %call, label %over
call:
 %function = load ptr, ptr %at
 %how.at = getelementptr i64, ptr %at, i64 1
 %how = load i64, ptr %how.at
 %threads.at = getelementptr i64, ptr %at, i64 2
 %threads = load i64, ptr %threads.at
 %count.at = getelementptr i64, ptr %at, i64 3
 %count = load i64, ptr %count.at
 %given = getelementptr i64, ptr %at, i64 {CALL}
 %guard = and i64 %how, {GUARDED}
 %guarded = icmp ne i64 %guard, 0
 br i1 %guarded, label %look, label %fill
look:
 %found = load i64, ptr %error
 %refused = icmp ne i64 %found, 0
 br i1 %refused, label %over, label %fill
fill:
 %place = phi ptr [ %given, %call ], [ %given, %look ], [ %place.next, %one ]
 %number = phi i64 [ 0, %call ], [ 0, %look ], [ %number.next, %one ]
 %missing = icmp ult i64 %number, %count
 br i1 %missing, label %one, label %filled
one:
 %slot = load i64, ptr %place
 %offset.at = getelementptr i64, ptr %place, i64 1
 %offset = load i64, ptr %offset.at
 %base.at = getelementptr i64, ptr %table, i64 %slot
 %base = load i64, ptr %base.at
 %word = add i64 %base, %offset
 %word.at = getelementptr i64, ptr %words, i64 %number
 store i64 %word, ptr %word.at
 %place.next = getelementptr i64, ptr %place, i64 {WORD}
 %number.next = add i64 %number, 1
 br label %fill
filled:
 %fork.bit = and i64 %how, {FORKED}
 %forks = icmp ne i64 %fork.bit, 0
 br i1 %forks, label %fork, label %alone
fork:
 call void @{FORK}(ptr %pool, ptr %function, ptr %words, i64 %threads)
 br label %called
alone:
 call void %function(ptr %words, i64 0, i64 %threads)
 br label %called
called:
 %done.next = add i64 %done, 1
 br label %next
over:
 {leave}
 ret void
}}
"""
