"""The tensors that native code gives back from a call from Python: those that it has from calls before, or new ones."""

from __future__ import annotations

from covector.codegen.python_parts import CANDIDATE, LISTS, Layout, each, field, join, listed, load, place, same


def had_before(layout: Layout) -> str:
    """Whether a tensor that was a result can be one again: it is as it was made, and nobody holds a part of it."""
    parts = ("tensor", "node", "data", "base")

    def read(name: str, kind: str = "ptr") -> str:
        return load(name, "candidate", 8 * CANDIDATE.index(name), kind)

    held = [
        join(
            read(part),
            read(f"{part}.count", "i32"),
            load(f"{part}.now", part, layout.count, "i32"),
            same(f"%{part}.now", f"%{part}.count", kind="i32"),
        )
        for part in parts
    ]
    state = [
        (layout.tensor_node, "%node"),
        (layout.tensor_grad, "@python.None"),
        (layout.tensor_flag, "@python.False"),
        (layout.tensor_weakrefs, "null"),
    ]
    own = [join(load(f"own{at}", "tensor", at), same(f"%own{at}", value)) for at, value in state]
    rest = [
        join(load(f"has{at}", "node", at), load(f"new{at}", "template", at), same(f"%has{at}", f"%new{at}"))
        for at in layout.node_rest
    ]
    return f"""
define internal i1 @is_free(ptr %candidate, ptr %template) nounwind {{
 {join(*held, *own, *rest)}
 ret i1 true
no:
 ret i1 false
}}

define internal ptr @result(ptr %at) nounwind {{
 {field("template", "results")}
 %first = getelementptr i64, ptr %at, i64 {LISTS["results"].index("tensor")}
 %first.free = call i1 @is_free(ptr %first, ptr %template)
 br i1 %first.free, label %found, label %other
other:
 %second = getelementptr i64, ptr %first, i64 {len(CANDIDATE)}
 %second.free = call i1 @is_free(ptr %second, ptr %template)
 br i1 %second.free, label %found, label %new
found:
 %free = phi ptr [ %first, %0 ], [ %second, %other ]
 %tensor = load ptr, ptr %free
 call void @Py_IncRef(ptr %tensor)
 ret ptr %tensor
new:
 {field("make", "results")}
 %made = call ptr @PyObject_CallNoArgs(ptr %make)
 ret ptr %made
}}
"""


def results(layout: Layout) -> str:
    """The tensors of the results: had, their addresses into the table, their numbers out of it, and given back."""
    had = join(
        "%tensor = call ptr @result(ptr %at)",
        "%failed = icmp eq ptr %tensor, null",
        "br i1 %failed, label %no, label %made",
        "made:",
        "store ptr %tensor, ptr %along",
    )
    data = join(
        "%tensor = load ptr, ptr %along",
        load("node", "tensor", layout.tensor_node),
        load("data", "node", layout.node_data),
    )
    sort = join(field("code", "results", "i64"), "%is.array = icmp eq i64 %code, 0")
    aimed = join(
        sort,
        "br i1 %is.array, label %array, label %next",
        "array:",
        data,
        load("values", "data", layout.array_data),
        field("target", "results"),
        "store ptr %values, ptr %target",
    )
    valued = join(
        sort,
        "br i1 %is.array, label %next, label %single",
        "single:",
        data,
        field("place", "results"),
        "%value = call ptr @number(ptr %place, i64 %code)",
        "%failed = icmp eq ptr %value, null",
        "br i1 %failed, label %no, label %made",
        "made:",
        "store ptr %value, ptr %data.at",
        "call void @Py_DecRef(ptr %data)",
    )
    dropped = join("%tensor = load ptr, ptr %along", "store ptr null, ptr %along", "call void @Py_DecRef(ptr %tensor)")
    return join(
        each("results_had", "results", had),
        each("results_aimed", "results", aimed),
        each("results_valued", "results", valued),
        each("results_dropped", "results", dropped),
    )


RETURNED = f"""
define internal ptr @returned(ptr %record, ptr %tensors) nounwind {{
 {load("rebuild", "record", place("rebuild"))}
 {listed("results")}
 %only = icmp eq ptr %rebuild, null
 br i1 %only, label %one, label %several
one:
 %tensor = load ptr, ptr %tensors
 ret ptr %tensor
several:
 %tuple = call ptr @PyTuple_New(i64 %results.length)
 %failed = icmp eq ptr %tuple, null
 br i1 %failed, label %drop, label %look
look:
 %at = phi i64 [ 0, %several ], [ %at.next, %item ]
 %over = icmp eq i64 %at, %results.length
 br i1 %over, label %whole, label %item
item:
 %along = getelementptr ptr, ptr %tensors, i64 %at
 %given = load ptr, ptr %along
 %set = call i32 @PyTuple_SetItem(ptr %tuple, i64 %at, ptr %given)
 %at.next = add i64 %at, 1
 br label %look
whole:
 %rebuilt = call ptr @PyObject_CallOneArg(ptr %rebuild, ptr %tuple)
 call void @Py_DecRef(ptr %tuple)
 ret ptr %rebuilt
drop:
 %dropped = call i1 @results_dropped(ptr %results, i64 %results.length, ptr %tensors)
 ret ptr null
}}
"""
