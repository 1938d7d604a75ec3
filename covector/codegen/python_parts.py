"""The record that native code reads in a call from Python, and pieces of LLVM text that read it."""

from __future__ import annotations

from dataclasses import dataclass

HEAD = (
    "valid",
    "next",
    "thread",
    "here",
    "recording",
    "function",
    "program",
    "error",
    "short",
    "plain",
    "positional",
    "rebuild",
)
"""The fields of a record, in order. ``valid`` is 1 where it says how a call is; ``next`` is the record for other
arguments, or 0; ``here`` and ``recording`` are what the thread has and whether it records gradients; a ``short``
program keeps the lock of the interpreter; ``positional`` arguments have no name, and are ``plain`` where they are all,
each a tensor; ``rebuild`` is given the tuple of results, and 0 where one is the only."""

CANDIDATE = ("node", "node.count", "data", "data.count", "base", "base.count")
"""A node that can be that of a result again where nobody holds it: the references that it and its array then have."""

LISTS = {
    "names": ("name",),
    "shape": ("sort", "thing"),
    "guards": ("owner", "name", "value"),
    "items": ("mapping", "key", "value"),
    "numbers": ("mapping", "key", "place", "code"),
    "reads": ("tensor", "node", "flag"),
    "watched": ("thing", "count"),
    "arguments": ("kind", "flag", "target", "place", "code"),
    "results": ("make", "fill", "made", "target", "place", "code", "template", *CANDIDATE, *CANDIDATE),
}
"""The lists of a record, with the fields of an entry; after its other fields, a record has the address and the length
of each.

Names of arguments; what the arguments are, in the order of a walk, as one of `SORTS` with an object or a length, and
between these the keys of dictionaries; attributes, and items of dictionaries, that must be what they were; items that
are numbers, which go to a place; tensors
that the function reads, with their nodes; what nobody else may hold; arguments, whose addresses go to a word of the
table (0 for one that is not read), as does the place of one that is a number; results, of which those with a ``code``
are numbers that are read from a place, and the addresses of others go to a word of the table. The tensor of a result
is a new one; its node is a candidate, or a new one like a template, with an array that ``fill`` gives (0 for a number).
``made`` counts the new ones, and every `EACH` of them is one that ``make`` gives in Python: it is a candidate later."""

EACH = 16

SORTS = ("tensor", "constant", "list", "tuple", "dict")
"""What a part of the arguments is: a tensor, something that must be the same object, or what holds other parts."""

LEAVES = 64
"""The most tensors that there may be among the arguments of a call."""

CODES = {"float32": 1, "float64": 2, "int32": 3, "int64": 4, "bool": 5}
"""The dtypes of numbers; 0 stands for an array."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where objects have what the code reads, in bytes."""

    count: int
    type: int
    array_data: int
    lock_owner: int
    callable_record: int
    record_address: int
    tensor_node: int
    tensor_flag: int
    tensor_grad: int
    node_kind: int
    node_data: int
    node_address: int
    node_rest: tuple[int, ...]
    """The slots of a node that a result has like any other of its kind."""
    here_trace: int
    here_recording: int


def place(name: str) -> int:
    """Where a record has a field, or the address of a list, in bytes; the length of the list is in the next word.

    >>> place("valid"), place("next"), place("items") - place("guards")
    (0, 8, 16)
    """
    if name in HEAD:
        return 8 * HEAD.index(name)
    return 8 * (len(HEAD) + 2 * list(LISTS).index(name))


def join(*parts: str) -> str:
    """Lines one after another."""
    return "\n ".join(parts)


def load(name: str, base: str, offset: int, kind: str = "ptr") -> str:
    """Read the word that lies so many bytes behind an address."""
    return join(f"%{name}.at = getelementptr i8, ptr %{base}, i64 {offset}", f"%{name} = load {kind}, ptr %{name}.at")


def field(name: str, of: str, kind: str = "ptr") -> str:
    """Read a field of the entry of a list that is at hand."""
    return load(name, "at", 8 * LISTS[of].index(name), kind)


def listed(name: str) -> str:
    """Read where a record has a list and how long it is."""
    return join(load(name, "record", place(name)), load(f"{name}.length", "record", place(name) + 8, "i64"))


def same(one: str, other: str, otherwise: str = "no", kind: str = "ptr") -> str:
    """Go on where two words are equal, and elsewhere to a label."""
    name = one[1:]
    return join(
        f"%{name}.same = icmp eq {kind} {one}, {other}",
        f"br i1 %{name}.same, label %{name}.ok, label %{otherwise}",
        f"{name}.ok:",
    )


def each(name: str, of: str, body: str, refused: str = "") -> str:
    """A function that goes through a list, and is true where the body of no entry went to ``no``.

    In the body ``%at`` is the entry, and ``%along`` the word of another array that belongs to it.
    """
    return f"""
define internal i1 @{name}(ptr %first, i64 %length, ptr %others) nounwind {{
 br label %look
look:
 %at = phi ptr [ %first, %0 ], [ %at.next, %next ]
 %along = phi ptr [ %others, %0 ], [ %along.next, %next ]
 %left = phi i64 [ %length, %0 ], [ %left.next, %next ]
 %over = icmp eq i64 %left, 0
 br i1 %over, label %yes, label %body
body:
 {body}
 br label %next
next:
 %at.next = getelementptr i64, ptr %at, i64 {len(LISTS[of])}
 %along.next = getelementptr i64, ptr %along, i64 1
 %left.next = sub i64 %left, 1
 br label %look
yes:
 ret i1 true
no:
 {refused}
 ret i1 false
}}
"""
