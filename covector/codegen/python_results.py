"""The tensors that native code gives back from a call from Python: those that it has from calls before, or new ones."""

from __future__ import annotations

from covector.codegen.python_parts import CANDIDATE, EACH, LISTS, Layout, each, field, join, listed, load, place, same


def nodes(layout: Layout) -> str:
    """Nodes for results: of those that were one, any that is as it was made and that nobody holds; or new ones."""

    def read(name: str, kind: str = "ptr") -> str:
        return load(name, "candidate", 8 * CANDIDATE.index(name), kind)

    held = [
        join(
            read(part),
            read(f"{part}.count", "i32"),
            load(f"{part}.now", part, layout.count, "i32"),
            same(f"%{part}.now", f"%{part}.count", kind="i32"),
        )
        for part in ("node", "data", "base")
    ]
    like = [
        join(load(f"has{at}", "node", at), load(f"new{at}", "template", at), same(f"%has{at}", f"%new{at}"))
        for at in layout.node_rest
    ]
    copied = [
        join(
            load(f"word{at}", "template", at),
            f"call void @Py_IncRef(ptr %word{at})",
            f"%slot{at} = getelementptr i8, ptr %node, i64 {at}",
            f"store ptr %word{at}, ptr %slot{at}",
        )
        for at in (*layout.node_rest, layout.node_data, layout.node_address)
    ]
    return f"""
define internal i1 @is_free(ptr %candidate, ptr %template) nounwind {{
 {join(*held, *like)}
 ret i1 true
no:
 ret i1 false
}}

define internal ptr @new_node(ptr %at, ptr %template) nounwind {{
 %node = call ptr @PyType_GenericAlloc(ptr @python.Node, i64 0)
 %failed = icmp eq ptr %node, null
 br i1 %failed, label %over, label %copy
copy:
 {join(*copied)}
 {field("fill", "results")}
 %number = icmp eq ptr %fill, null
 br i1 %number, label %over, label %array
array:
 %values = call ptr @PyObject_CallNoArgs(ptr %fill)
 %none = icmp eq ptr %values, null
 br i1 %none, label %give.back, label %hold
hold:
 {load("before", "node", layout.node_data)}
 store ptr %values, ptr %before.at
 call void @Py_DecRef(ptr %before)
 br label %over
over:
 ret ptr %node
give.back:
 call void @Py_DecRef(ptr %node)
 ret ptr null
}}

define internal ptr @node(ptr %at) nounwind {{
 {field("template", "results")}
 %first = getelementptr i64, ptr %at, i64 {LISTS["results"].index("node")}
 %first.free = call i1 @is_free(ptr %first, ptr %template)
 br i1 %first.free, label %found, label %other
other:
 %second = getelementptr i64, ptr %first, i64 {len(CANDIDATE)}
 %second.free = call i1 @is_free(ptr %second, ptr %template)
 br i1 %second.free, label %found, label %new
found:
 %free = phi ptr [ %first, %0 ], [ %second, %other ]
 %known = load ptr, ptr %free
 call void @Py_IncRef(ptr %known)
 ret ptr %known
new:
 {field("made", "results", "i64")}
 %made.next = add i64 %made, 1
 store i64 %made.next, ptr %made.at
 %turn = urem i64 %made, {EACH}
 %kept = icmp eq i64 %turn, 0
 br i1 %kept, label %keep, label %copy
keep:
 {field("make", "results")}
 %lasting = call ptr @PyObject_CallNoArgs(ptr %make)
 ret ptr %lasting
copy:
 %copied = call ptr @new_node(ptr %at, ptr %template)
 ret ptr %copied
}}
"""


def tensors(layout: Layout) -> str:
    """A new tensor for a result, which holds a node; none where there is no memory."""
    own = [
        join(
            f"call void @Py_IncRef(ptr {value})",
            f"%own{at} = getelementptr i8, ptr %tensor, i64 {at}",
            f"store ptr {value}, ptr %own{at}",
        )
        for at, value in ((layout.tensor_grad, "@python.None"), (layout.tensor_flag, "@python.False"))
    ]
    return f"""
define internal ptr @result(ptr %at) nounwind {{
 %node = call ptr @node(ptr %at)
 %failed = icmp eq ptr %node, null
 br i1 %failed, label %none, label %found
found:
 %tensor = call ptr @PyType_GenericAlloc(ptr @python.Tensor, i64 0)
 %full = icmp eq ptr %tensor, null
 br i1 %full, label %give.back, label %fill
fill:
 {join(*own)}
 %of.tensor = getelementptr i8, ptr %tensor, i64 {layout.tensor_node}
 store ptr %node, ptr %of.tensor
 ret ptr %tensor
give.back:
 call void @Py_DecRef(ptr %node)
 ret ptr null
none:
 ret ptr null
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
