"""What native code may know of the objects of this Python: where their words are, found by looking and checked.

Code that CPython calls itself saves the microseconds that an interpreter spends on a call. It reads objects at places
that no documentation promises, so each place is found on a real object when it is first wanted, and where one is not
found, `Unsupported` is raised and Python does the work.
"""

from __future__ import annotations

import ctypes
import sys
import sysconfig
from collections.abc import Callable, Iterable, Mapping, Sequence
from sys import getrefcount
from threading import get_ident
from typing import Any

import numpy as np

from covector.native import jit
from covector.native.objects import object_code

VERSIONS = (3, 11), (3, 13)
"""The first and the last version of CPython whose objects are known to look like this."""

COUNT, TYPE, ARRAY_DATA = 0, 8, 16
"""Where an object has its reference count (the lower half of a word) and its type, and an array of NumPy its data."""

METHOD_FLAGS = 0x0082
"""A method that is given its arguments as an array, and the names of those given by name (FASTCALL, KEYWORDS)."""


class Unsupported(Exception):
    """The objects of this Python do not look as native code would have them."""


def require() -> None:
    """Raise `Unsupported` unless objects look as the constants of this module say."""
    first, last = VERSIONS
    if sys.implementation.name != "cpython" or not first <= sys.version_info[:2] <= last:
        raise Unsupported(f"{sys.implementation.name} {sys.version_info[0]}.{sys.version_info[1]} is not known")
    if sysconfig.get_config_var("Py_GIL_DISABLED") or hasattr(sys, "gettotalrefcount"):
        raise Unsupported("the interpreter has no lock, or is one for debugging")
    if sys.byteorder != "little" or ctypes.sizeof(ctypes.c_void_p) != 8:
        raise Unsupported("words are not of 64 bits with the lowest first")
    once, often, array = [object()], [object()] * 5, np.zeros(3)
    if (
        [reference_counts(once)[0], reference_counts(often)[0]] != [1, 5]
        or [*map(getrefcount, once), *map(getrefcount, often)] != [2] + [6] * 5
        or _words(array, 3)[TYPE // 8] != id(type(array))
        or _words(array, 3)[ARRAY_DATA // 8] != array.__array_interface__["data"][0]
    ):
        raise Unsupported("objects have another layout")


def reference_counts(things: Sequence[Any]) -> list[int]:
    """The reference count of each object, with the reference of the sequence and no other of this function.

    >>> thing = [object()]
    >>> reference_counts(thing)
    [1]
    """
    return [int(ctypes.c_uint32.from_address(at + COUNT).value) for at in map(id, things)]


def _words(thing: Any, count: int) -> list[int]:
    return list((ctypes.c_int64 * count).from_address(id(thing)))


def slots(kind: type, names: Iterable[str]) -> dict[str, int]:
    """Where the objects of a class have their slots, in bytes; raises `Unsupported` where that is not found.

    >>> class Point:
    ...     __slots__ = ("x", "y")
    >>> found = slots(Point, ["x", "y"])
    >>> found["y"] - found["x"]
    8
    """
    probe: Any = object.__new__(kind)
    found = {}
    for name in names:
        value = object()
        empty = _words(probe, kind.__basicsize__ // 8)
        setattr(probe, name, value)
        full = _words(probe, kind.__basicsize__ // 8)
        places = [place for place, word in enumerate(full) if word == id(value) and empty[place] == 0]
        delattr(probe, name)
        if len(places) != 1 or _words(probe, kind.__basicsize__ // 8) != empty:
            raise Unsupported(f"no place is found for {kind.__name__}.{name}")
        found[name] = 8 * places[0]
    return found


def lock_owner(kind: Callable[[], Any]) -> int:
    """Where locks of a kind have the thread that holds them, in bytes: 0 where nobody does."""
    lock = kind()
    count = type(lock).__basicsize__ // 8
    free = _words(lock, count)
    with lock:
        held = _words(lock, count)
    places = [at for at in range(2, count) if held[at] == get_ident() and free[at] == 0]
    if len(places) != 1 or _words(lock, count)[places[0]] != 0:
        raise Unsupported("no place is found for the owner of a lock")
    return 8 * places[0]


class _Definition(ctypes.Structure):
    """What the interpreter knows of a method in native code."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("documentation", ctypes.c_char_p),
    )


_kept: list[Any] = []
"""Native methods, which live as long as the process: their code, their definitions, the objects that they know."""


def native_method(
    kind: type, name: str, text: str, entry: str, functions: Iterable[str], objects: Mapping[str, Any]
) -> Any:
    """A method of a class made from LLVM text, which calls functions of the interpreter and knows objects by address.

    It is given its object, an array of arguments, their number, and the names of the last ones or null.
    """
    known = {of: ctypes.cast(getattr(ctypes.pythonapi, of), ctypes.c_void_p).value or 0 for of in functions}
    code = jit.Code(object_code(text), (entry,), known | {of: id(thing) for of, thing in objects.items()})
    definition = _Definition(name.encode(), code.address(entry), METHOD_FLAGS, None)
    _kept.append((code, definition, dict(objects)))
    make = ctypes.pythonapi.PyDescr_NewMethod
    make.restype, make.argtypes = ctypes.py_object, [ctypes.py_object, ctypes.c_void_p]
    return make(kind, ctypes.addressof(definition))


def thread_number() -> int:
    """The number of the thread that asks, which no other thread ever has."""
    get, number = ctypes.pythonapi.PyThreadState_Get, ctypes.pythonapi.PyThreadState_GetID
    get.restype, number.restype, number.argtypes = ctypes.c_void_p, ctypes.c_uint64, [ctypes.c_void_p]
    return int(number(get()))
