"""What native code compares in a call from Python, and how it reads the values of arguments."""

from __future__ import annotations

from covector.codegen.python_parts import Layout, each, field, join, load, same


def conversions(layout: Layout) -> str:
    """Numbers of Python as numbers in memory, and back; a number of another type is refused."""
    return f"""
define internal i1 @put(ptr %value, ptr %place, i64 %code) nounwind {{
 {load("type", "value", layout.type)}
 switch i64 %code, label %no [
  i64 1, label %real
  i64 2, label %real
  i64 3, label %whole
  i64 4, label %whole
  i64 5, label %truth
 ]
real:
 {same("%type", "@python.float")}
 %double = call double @PyFloat_AsDouble(ptr %value)
 %narrow = icmp eq i64 %code, 1
 br i1 %narrow, label %single, label %wide
single:
 %rounded = fptrunc double %double to float
 store float %rounded, ptr %place
 ret i1 true
wide:
 store double %double, ptr %place
 ret i1 true
whole:
 %integer = icmp eq ptr %type, @python.int
 br i1 %integer, label %long, label %no
long:
 %full = call i64 @PyLong_AsLongLong(ptr %value)
 %short = icmp eq i64 %code, 3
 br i1 %short, label %lower, label %all
lower:
 %half = trunc i64 %full to i32
 store i32 %half, ptr %place
 ret i1 true
all:
 store i64 %full, ptr %place
 ret i1 true
truth:
 %true = icmp eq ptr %value, @python.True
 %false = icmp eq ptr %value, @python.False
 %either = or i1 %true, %false
 br i1 %either, label %bit, label %no
bit:
 %byte = zext i1 %true to i8
 store i8 %byte, ptr %place
 ret i1 true
no:
 ret i1 false
}}

define internal ptr @number(ptr %place, i64 %code) nounwind {{
 switch i64 %code, label %bit [
  i64 1, label %single
  i64 2, label %wide
  i64 3, label %lower
  i64 4, label %all
 ]
single:
 %rounded = load float, ptr %place
 %double = fpext float %rounded to double
 %of.single = call ptr @PyFloat_FromDouble(double %double)
 ret ptr %of.single
wide:
 %exact = load double, ptr %place
 %of.wide = call ptr @PyFloat_FromDouble(double %exact)
 ret ptr %of.wide
lower:
 %half = load i32, ptr %place
 %long = sext i32 %half to i64
 %of.half = call ptr @PyLong_FromLongLong(i64 %long)
 ret ptr %of.half
all:
 %full = load i64, ptr %place
 %of.full = call ptr @PyLong_FromLongLong(i64 %full)
 ret ptr %of.full
bit:
 %byte = load i8, ptr %place
 %truth = zext i8 %byte to i64
 %of.bit = call ptr @PyBool_FromLong(i64 %truth)
 ret ptr %of.bit
}}
"""


def comparisons(layout: Layout) -> str:
    """What must be as in the call before, list by list."""
    guards = join(
        field("owner", "guards"),
        field("name", "guards"),
        field("value", "guards"),
        "%found = call ptr @PyObject_GetAttr(ptr %owner, ptr %name)",
        "call void @Py_DecRef(ptr %found)",
        same("%found", "%value"),
    )
    item = join(
        field("mapping", "items"),
        field("key", "items"),
        "%found = call ptr @PyDict_GetItemWithError(ptr %mapping, ptr %key)",
    )
    items = join(item, field("value", "items"), same("%found", "%value"))
    numbers = join(
        item,
        field("place", "numbers"),
        field("code", "numbers", "i64"),
        "%missing = icmp eq ptr %found, null",
        "br i1 %missing, label %no, label %there",
        "there:",
        "%written = call i1 @put(ptr %found, ptr %place, i64 %code)",
        same("%written", "true", kind="i1"),
    )
    reads = join(
        field("tensor", "reads"),
        field("node", "reads"),
        field("flag", "reads"),
        load("node.now", "tensor", layout.tensor_node),
        load("flag.now", "tensor", layout.tensor_flag),
        same("%node.now", "%node"),
        same("%flag.now", "%flag"),
    )
    watched = join(
        field("thing", "watched"),
        field("count", "watched", "i32"),
        load("count.now", "thing", layout.count, "i32"),
        same("%count.now", "%count", kind="i32"),
    )
    clear = "call void @PyErr_Clear()"
    return join(
        each("guards_hold", "guards", guards, clear),
        each("items_hold", "items", items, clear),
        each("numbers_written", "numbers", numbers, clear),
        each("reads_hold", "reads", reads),
        each("watched_hold", "watched", watched),
    )


def arguments(layout: Layout) -> str:
    """Whether arguments are tensors of the kinds; and where their data is, into the table."""
    kind = join(
        "%given = load ptr, ptr %along",
        load("type", "given", layout.type),
        same("%type", "@python.Tensor"),
        load("node", "given", layout.tensor_node),
        "%unset = icmp eq ptr %node, null",
        "br i1 %unset, label %no, label %made",
        "made:",
        load("kind.now", "node", layout.node_kind),
        field("kind", "arguments"),
        same("%kind.now", "%kind"),
    )
    data = join(
        load("flag.now", "given", layout.tensor_flag),
        field("flag", "arguments"),
        same("%flag.now", "%flag"),
        field("target", "arguments"),
        field("place", "arguments"),
        field("code", "arguments", "i64"),
        "%unread = icmp eq ptr %target, null",
        "br i1 %unread, label %next, label %read",
        "read:",
        load("data", "node", layout.node_data),
        "%pending = icmp eq ptr %data, null",
        "br i1 %pending, label %no, label %known",
        "known:",
        load("data.type", "data", layout.type),
        "%array = icmp eq ptr %data.type, @python.ndarray",
        "br i1 %array, label %values, label %single",
        "values:",
        load("values.at.all", "data", layout.array_data),
        "store ptr %values.at.all, ptr %target",
        "br label %next",
        "single:",
        "%written = call i1 @put(ptr %data, ptr %place, i64 %code)",
        same("%written", "true", kind="i1"),
        "store ptr %place, ptr %target",
    )
    return join(each("are_of_kinds", "arguments", kind), each("arguments_hold", "arguments", join(kind, data)))
