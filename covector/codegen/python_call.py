"""The function that CPython calls where a call of compiled code is like the one before: no bytecode runs then.

A *record* says in words of 64 bits what such a call looks like and what it does: objects that must still be the same,
what is read from the arguments, the program, and where results go. The function compares, by identity and by reference
counts; where anything differs it has changed nothing, and a function in Python is called in its place.

Whatever may run other code (attributes that are read, results that are made) comes first. From the comparison on
nothing else runs in the interpreter until the program has: what was compared is so when the program updates tensors.
"""

from __future__ import annotations

from covector.codegen.python_checks import arguments, comparisons, conversions
from covector.codegen.python_parts import LEAVES, Layout, join, listed, load, place, same
from covector.codegen.python_results import RETURNED, nodes, results, tensors
from covector.codegen.python_trees import COUNT, NAMES, ROOM, trees

ENTRY = "covector_call"

FUNCTIONS = {
    "PyBool_FromLong": "ptr @PyBool_FromLong(i64)",
    "PyDict_Next": "i32 @PyDict_Next(ptr, ptr, ptr, ptr)",
    "PyDict_Size": "i64 @PyDict_Size(ptr)",
    "PyList_GetItem": "ptr @PyList_GetItem(ptr, i64)",
    "PyList_Size": "i64 @PyList_Size(ptr)",
    "PyTuple_GetItem": "ptr @PyTuple_GetItem(ptr, i64)",
    "PyDict_GetItemWithError": "ptr @PyDict_GetItemWithError(ptr, ptr)",
    "PyErr_Clear": "void @PyErr_Clear()",
    "PyEval_RestoreThread": "void @PyEval_RestoreThread(ptr)",
    "PyEval_SaveThread": "ptr @PyEval_SaveThread()",
    "PyFloat_AsDouble": "double @PyFloat_AsDouble(ptr)",
    "PyFloat_FromDouble": "ptr @PyFloat_FromDouble(double)",
    "PyLong_AsLongLong": "i64 @PyLong_AsLongLong(ptr)",
    "PyLong_AsVoidPtr": "ptr @PyLong_AsVoidPtr(ptr)",
    "PyLong_FromLongLong": "ptr @PyLong_FromLongLong(i64)",
    "PyObject_CallNoArgs": "ptr @PyObject_CallNoArgs(ptr)",
    "PyObject_CallOneArg": "ptr @PyObject_CallOneArg(ptr, ptr)",
    "PyObject_GetAttr": "ptr @PyObject_GetAttr(ptr, ptr)",
    "PyObject_Vectorcall": "ptr @PyObject_Vectorcall(ptr, ptr, i64, ptr)",
    "PyThreadState_Get": "ptr @PyThreadState_Get()",
    "PyThreadState_GetID": "i64 @PyThreadState_GetID(ptr)",
    "PyType_GenericAlloc": "ptr @PyType_GenericAlloc(ptr, i64)",
    "PyTuple_New": "ptr @PyTuple_New(i64)",
    "PyTuple_SetItem": "i32 @PyTuple_SetItem(ptr, i64, ptr)",
    "PyTuple_Size": "i64 @PyTuple_Size(ptr)",
    "Py_DecRef": "void @Py_DecRef(ptr)",
    "Py_IncRef": "void @Py_IncRef(ptr)",
}
"""What the code calls of the interpreter."""

OBJECTS = (
    "None",
    "True",
    "False",
    "float",
    "int",
    "list",
    "tuple",
    "dict",
    "ndarray",
    "Tensor",
    "Node",
    "lock",
    "acquire",
    "release",
    "slowly",
)
"""The objects that the code knows; ``lock``, with two of its methods, is held while programs run, and ``slowly`` is
called with the callable and the arguments where a call is not like the one before."""


def symbol(name: str) -> str:
    """What the code calls an object.

    >>> symbol("None")
    'python.None'
    """
    return f"python.{name}"


def python_call(layout: Layout) -> str:
    """The LLVM module of the function, which is given its callable, an array of arguments, their number and names."""
    return "\n".join(
        [
            *(f"declare {signature}" for signature in FUNCTIONS.values()),
            *(f"@{symbol(name)} = external global i8" for name in OBJECTS),
            "declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)",
            "declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)",
            conversions(layout),
            comparisons(layout),
            arguments(layout),
            nodes(layout),
            tensors(layout),
            results(layout),
            RETURNED,
            trees(layout),
            _likeness(layout),
            _attempt(layout),
            _call(layout),
        ]
    )


def _likeness(layout: Layout) -> str:
    """Whether a call is like the one before; then the table is complete but for the results."""
    beside = {"arguments": "%given"}
    lists = [
        join(
            listed(name),
            f"%{name}_hold = call i1 @{check}(ptr %{name}, i64 %{name}.length, ptr {beside.get(name, 'null')})",
            same(f"%{name}_hold", "true", kind="i1"),
        )
        for name, check in (
            ("reads", "reads_hold"),
            ("watched", "watched_hold"),
            ("items", "items_hold"),
            ("numbers", "numbers_written"),
            ("arguments", "arguments_hold"),
        )
    ]
    return f"""
define internal i1 @is_alike(ptr %record, ptr %call) nounwind {{
 {load("valid", "record", place("valid"), "i64")}
 {same("%valid", "1", kind="i64")}
 %state = call ptr @PyThreadState_Get()
 %thread.now = call i64 @PyThreadState_GetID(ptr %state)
 {load("thread", "record", place("thread"), "i64")}
 {same("%thread.now", "%thread", kind="i64")}
 {load("here", "record", place("here"))}
 {load("trace", "here", layout.here_trace)}
 {same("%trace", "@python.None")}
 {load("recording.now", "here", layout.here_recording)}
 {load("recording", "record", place("recording"))}
 {same("%recording.now", "%recording")}
 %given = call ptr @tensors_of(ptr %record, ptr %call)
 %unlike = icmp eq ptr %given, null
 br i1 %unlike, label %no, label %like
like:
 {join(*lists)}
 ret i1 true
no:
 ret i1 false
}}
"""


DONE, DIFFERS, RAISED = range(3)
"""What came of an attempt: the program has run; the call is not like the one before, or a position was outside the
bounds, and nothing has changed; an exception."""


def _attempt(layout: Layout) -> str:
    """The program, if the call is like the one before.

    A thread that waits for the lock may have it before it is seen as its owner, and does nothing until it has that of
    the interpreter. So a short program, during which no other thread runs, needs no more than that nobody is the owner.
    A longer one compares when it has the lock itself.
    """
    return f"""
define internal i64 @computed(ptr %record, ptr %call, ptr %tensors, i1 %short) nounwind {{
 %alike = call i1 @is_alike(ptr %record, ptr %call)
 br i1 %alike, label %aim, label %differs
aim:
 {listed("results")}
 %aimed = call i1 @results_aimed(ptr %results, i64 %results.length, ptr %tensors)
 {load("function", "record", place("function"))}
 {load("program", "record", place("program"))}
 br i1 %short, label %keep, label %let
keep:
 call void %function(ptr %program)
 br label %look
let:
 %state = call ptr @PyEval_SaveThread()
 call void %function(ptr %program)
 call void @PyEval_RestoreThread(ptr %state)
 br label %look
look:
 {load("error", "record", place("error"))}
 %refused = load i64, ptr %error
 store i64 0, ptr %error
 %right = icmp eq i64 %refused, 0
 br i1 %right, label %done, label %differs
done:
 ret i64 {DONE}
differs:
 ret i64 {DIFFERS}
}}

define internal i64 @attempt(ptr %record, ptr %call, ptr %tensors) nounwind {{
 %owner.at = getelementptr i8, ptr @python.lock, i64 {layout.lock_owner}
 %owner = load i64, ptr %owner.at
 %nobody = icmp eq i64 %owner, 0
 br i1 %nobody, label %may, label %differs
may:
 {load("short", "record", place("short"), "i64")}
 %brief = icmp ne i64 %short, 0
 br i1 %brief, label %keep, label %hold
keep:
 %kept = call i64 @computed(ptr %record, ptr %call, ptr %tensors, i1 true)
 ret i64 %kept
hold:
 %acquired = call ptr @PyObject_CallNoArgs(ptr @python.acquire)
 %interrupted = icmp eq ptr %acquired, null
 br i1 %interrupted, label %raised, label %held
held:
 call void @Py_DecRef(ptr %acquired)
 %let = call i64 @computed(ptr %record, ptr %call, ptr %tensors, i1 false)
 %released = call ptr @PyObject_CallNoArgs(ptr @python.release)
 call void @Py_DecRef(ptr %released)
 ret i64 %let
differs:
 ret i64 {DIFFERS}
raised:
 ret i64 {RAISED}
}}
"""


def _call(layout: Layout) -> str:
    """The function itself, and how the one in Python is called in its place."""

    def at(name: str, offset: int) -> str:
        return f"%{name} = getelementptr i8, ptr %call, i64 {offset}"

    return f"""
define internal ptr @slowly(ptr %self, ptr %given, i64 %count, ptr %names) nounwind {{
 %more = call i64 @named(ptr %names)
 %others = add i64 %count, %more
 %total = add i64 %others, 1
 %all = alloca ptr, i64 %total
 store ptr %self, ptr %all
 %rest = getelementptr ptr, ptr %all, i64 1
 %bytes = mul i64 %others, 8
 call void @llvm.memcpy.p0.p0.i64(ptr %rest, ptr %given, i64 %bytes, i1 false)
 %positional = add i64 %count, 1
 %result = call ptr @PyObject_Vectorcall(ptr @python.slowly, ptr %all, i64 %positional, ptr %names)
 ret ptr %result
}}

define ptr @{ENTRY}(ptr %self, ptr %given, i64 %count, ptr %names) nounwind {{
 {load("holder", "self", layout.callable_record)}
 %unset = icmp eq ptr %holder, null
 br i1 %unset, label %slowly, label %set
set:
 {load("address", "holder", layout.record_address)}
 %first = call ptr @PyLong_AsVoidPtr(ptr %address)
 %call = alloca [4 x i64]
 %room = alloca [{LEAVES} x ptr]
 store ptr %given, ptr %call
 {at("call.count", COUNT)}
 store i64 %count, ptr %call.count
 {at("call.names", NAMES)}
 store ptr %names, ptr %call.names
 {at("call.room", ROOM)}
 store ptr %room, ptr %call.room
 %record = call ptr @record_for(ptr %first, ptr %call)
 %none = icmp eq ptr %record, null
 br i1 %none, label %slowly, label %chosen
chosen:
 {listed("results")}
 %tensors = alloca ptr, i64 %results.length
 %bytes = mul i64 %results.length, 8
 call void @llvm.memset.p0.i64(ptr %tensors, i8 0, i64 %bytes, i1 false)
 {listed("guards")}
 %hold = call i1 @guards_hold(ptr %guards, i64 %guards.length, ptr null)
 br i1 %hold, label %prepare, label %differs
prepare:
 %had = call i1 @results_had(ptr %results, i64 %results.length, ptr %tensors)
 br i1 %had, label %compare, label %raised
compare:
 %came = call i64 @attempt(ptr %record, ptr %call, ptr %tensors)
 switch i64 %came, label %finish [
  i64 {DIFFERS}, label %differs
  i64 {RAISED}, label %raised
 ]
finish:
 %valued = call i1 @results_valued(ptr %results, i64 %results.length, ptr %tensors)
 br i1 %valued, label %return, label %raised
return:
 %result = call ptr @returned(ptr %record, ptr %tensors)
 ret ptr %result
raised:
 %dropped = call i1 @results_dropped(ptr %results, i64 %results.length, ptr %tensors)
 ret ptr null
differs:
 %given.back = call i1 @results_dropped(ptr %results, i64 %results.length, ptr %tensors)
 br label %slowly
slowly:
 %otherwise = call ptr @slowly(ptr %self, ptr %given, i64 %count, ptr %names)
 ret ptr %otherwise
}}
"""
