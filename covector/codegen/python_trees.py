"""How native code finds the tensors among the arguments of a call from Python, which may be trees of tensors."""

from __future__ import annotations

from covector.codegen.python_parts import SORTS, Layout, listed, load, place, same

GIVEN, COUNT, NAMES, ROOM = range(0, 32, 8)
"""Where the words of a call are: its arguments, how many have no name, the names of the others or 0, and room for the
tensors among them."""


def _is_exactly(name: str) -> str:
    """Go on where the thing at hand is of a class, and of none that is derived from it."""
    return f"""%{name}.exactly = icmp eq ptr %type, @python.{name}
 br i1 %{name}.exactly, label %{name}.whole, label %no
{name}.whole:"""


def _sequence(name: str) -> str:
    """The parts of a list or of a tuple, one after another."""
    of = {"list": "PyList", "tuple": "PyTuple"}[name]
    return f"""{name}:
 {_is_exactly(name)}
 %{name}.size = call i64 @{of}_Size(ptr %thing)
 {same(f"%{name}.size", "%length", kind="i64")}
 br label %{name}.look
{name}.look:
 %{name}.at = phi i64 [ 0, %{name}.size.ok ], [ %{name}.more, %{name}.next ]
 %{name}.entry = phi ptr [ %first, %{name}.size.ok ], [ %{name}.after, %{name}.next ]
 %{name}.over = icmp eq i64 %{name}.at, %length
 br i1 %{name}.over, label %{name}.end, label %{name}.part
{name}.part:
 %{name}.item = call ptr @{of}_GetItem(ptr %thing, i64 %{name}.at)
 %{name}.after = call ptr @tree(ptr %{name}.entry, ptr %{name}.item, ptr %cursor)
 %{name}.wrong = icmp eq ptr %{name}.after, null
 br i1 %{name}.wrong, label %no, label %{name}.next
{name}.next:
 %{name}.more = add i64 %{name}.at, 1
 br label %{name}.look
{name}.end:
 ret ptr %{name}.entry"""


def trees(layout: Layout) -> str:
    """The functions that find the tensors; they are null where an argument is not of the shape that a record has."""
    cases = "\n  ".join(f"i64 {number}, label %{name}" for number, name in enumerate(SORTS))
    return f"""
define internal ptr @tree(ptr %at, ptr %thing, ptr %cursor) nounwind {{
 {load("sort", "at", 0, "i64")}
 {load("length", "at", 8, "i64")}
 %first = getelementptr i64, ptr %at, i64 2
 {load("type", "thing", layout.type)}
 switch i64 %sort, label %no [
  {cases}
 ]
tensor:
 %out = load ptr, ptr %cursor
 store ptr %thing, ptr %out
 %out.next = getelementptr ptr, ptr %out, i64 1
 store ptr %out.next, ptr %cursor
 ret ptr %first
constant:
 {load("constant.is", "at", 8)}
 {same("%thing", "%constant.is")}
 ret ptr %first
{_sequence("list")}
{_sequence("tuple")}
dict:
 {_is_exactly("dict")}
 %size = call i64 @PyDict_Size(ptr %thing)
 {same("%size", "%length", kind="i64")}
 %key.out = alloca ptr
 %value.out = alloca ptr
 %position = alloca i64
 store i64 0, ptr %position
 br label %look
look:
 %entry = phi ptr [ %first, %size.ok ], [ %after, %item.next ]
 %some = call i32 @PyDict_Next(ptr %thing, ptr %position, ptr %key.out, ptr %value.out)
 %over = icmp eq i32 %some, 0
 br i1 %over, label %end, label %item
item:
 %key = load ptr, ptr %key.out
 {load("key.is", "entry", 8)}
 {same("%key", "%key.is")}
 %value.entry = getelementptr i64, ptr %entry, i64 2
 %value = load ptr, ptr %value.out
 %after = call ptr @tree(ptr %value.entry, ptr %value, ptr %cursor)
 %wrong = icmp eq ptr %after, null
 br i1 %wrong, label %no, label %item.next
item.next:
 br label %look
end:
 ret ptr %entry
no:
 ret ptr null
}}

define internal i64 @named(ptr %names) nounwind {{
 %none = icmp eq ptr %names, null
 br i1 %none, label %no, label %some
some:
 %count = call i64 @PyTuple_Size(ptr %names)
 ret i64 %count
no:
 ret i64 0
}}

define internal ptr @tensors_of(ptr %record, ptr %call) nounwind {{
 %given = load ptr, ptr %call
 {load("count", "call", COUNT, "i64")}
 {load("names.given", "call", NAMES)}
 {load("plain", "record", place("plain"), "i64")}
 {load("positional", "record", place("positional"), "i64")}
 {same("%count", "%positional", kind="i64")}
 {listed("names")}
 %named = call i64 @named(ptr %names.given)
 {same("%named", "%names.length", kind="i64")}
 %simple = icmp ne i64 %plain, 0
 br i1 %simple, label %as.given, label %name
as.given:
 ret ptr %given
name:
 %name.at = phi i64 [ 0, %named.ok ], [ %name.next, %name.known ]
 %all.named = icmp eq i64 %name.at, %named
 br i1 %all.named, label %walk, label %compare
compare:
 %name.now = call ptr @PyTuple_GetItem(ptr %names.given, i64 %name.at)
 %name.is.at = getelementptr ptr, ptr %names, i64 %name.at
 %name.is = load ptr, ptr %name.is.at
 {same("%name.now", "%name.is")}
 br label %name.known
name.known:
 %name.next = add i64 %name.at, 1
 br label %name
walk:
 {listed("shape")}
 {load("room", "call", ROOM)}
 %cursor = alloca ptr
 store ptr %room, ptr %cursor
 %total = add i64 %count, %named
 br label %look
look:
 %number = phi i64 [ 0, %walk ], [ %number.next, %next ]
 %entry = phi ptr [ %shape, %walk ], [ %after, %next ]
 %over = icmp eq i64 %number, %total
 br i1 %over, label %found, label %argument
argument:
 %thing.at = getelementptr ptr, ptr %given, i64 %number
 %thing = load ptr, ptr %thing.at
 %after = call ptr @tree(ptr %entry, ptr %thing, ptr %cursor)
 %wrong = icmp eq ptr %after, null
 br i1 %wrong, label %no, label %next
next:
 %number.next = add i64 %number, 1
 br label %look
found:
 ret ptr %room
no:
 ret ptr null
}}

define internal ptr @record_for(ptr %first, ptr %call) nounwind {{
 br label %look
look:
 %record = phi ptr [ %first, %0 ], [ %next, %other ]
 %missing = icmp eq ptr %record, null
 br i1 %missing, label %found, label %compare
compare:
 %tensors = call ptr @tensors_of(ptr %record, ptr %call)
 %unlike = icmp eq ptr %tensors, null
 br i1 %unlike, label %other, label %kinds
kinds:
 {listed("arguments")}
 %fits = call i1 @are_of_kinds(ptr %arguments, i64 %arguments.length, ptr %tensors)
 br i1 %fits, label %found, label %other
other:
 {load("next", "record", place("next"))}
 br label %look
found:
 ret ptr %record
}}
"""
