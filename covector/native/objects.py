"""Units as machine code: each is compiled once, kept on disk, and in memory once however many programs call it."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterable, Mapping
from typing import Any
from weakref import WeakValueDictionary

from covector.codegen.module import Unit
from covector.native import jit
from covector.native.cache import Cache, key_of
from covector.native.forks import held_at_fork

Key = tuple[str, tuple[tuple[str, Any], ...]]
"""A text, and for each function that it calls the name and the key, or the address of what is no unit."""


class Linked:
    """A unit in memory; what it calls stays there as long."""

    def __init__(self, unit: Unit, code: bytes, needs: Mapping[str, Linked], functions: Mapping[str, int]) -> None:
        addresses = {name: needed.address for name, needed in needs.items()}
        self._code, self._needs = jit.Code(code, (unit.name,), {**addresses, **functions}), needs
        self.address: int = self._code.address(unit.name)


_linked: WeakValueDictionary[Key, Linked] = WeakValueDictionary()
"""The units in memory."""


_LOCK = held_at_fork(threading.RLock())
"""Held while machine code is made, partly without llvmlite's own lock."""


@functools.cache
def cache() -> Cache:
    """The cache of this process."""
    return Cache()


def object_code(text: str) -> bytes:
    """The object code of a text: from the cache, or made and kept there."""
    return object_codes([text], 1)[text]


def object_codes(texts: Iterable[str], threads: int) -> dict[str, bytes]:
    """The object code of each text; what the cache does not have is made on so many threads."""
    here = jit.host()
    keys = {text: key_of(text, here.name, here.features, jit.version()) for text in texts}
    found = {text: cache().get(key) for text, key in keys.items()}
    with _LOCK:
        made = _made([text for text, code in found.items() if code is None], threads)
    cache().put_all({keys[text]: code for text, code in made.items()})
    return {text: made[text] if code is None else code for text, code in found.items()}


def _made(texts: list[str], threads: int) -> dict[str, bytes]:
    """The object code of texts that the cache does not have; the longest are begun first."""
    left, made, errors = sorted(texts, key=len), dict[str, bytes](), list[BaseException]()

    def work() -> None:
        try:
            while left and not errors:
                text = left.pop()
                made[text] = jit.object_code(text)
        except IndexError:
            return  # another thread took the last one
        except BaseException as error:  # raised again by the thread that called
            errors.append(error)

    others = [threading.Thread(target=work) for _ in range(min(threads, len(texts)) - 1)]
    for other in others:
        other.start()
    work()
    for other in others:
        other.join()
    if errors:
        raise errors[0]
    return made


def link(units: Iterable[Unit], functions: Mapping[str, int], threads: int) -> list[Linked]:
    """Units in memory, those that are called before those that call them, by name.

    ``functions`` are the addresses of what they call beside one another.
    """
    named: dict[str, Key] = {}
    wanted: dict[Key, Unit] = {}
    keys = []
    for unit in units:
        key = (unit.text, tuple((name, named.get(name, functions.get(name, 0))) for name in unit.imports))
        named[unit.name] = key
        wanted[key] = unit
        keys.append(key)
    found = {key: _linked.get(key) for key in wanted}
    codes = object_codes(dict.fromkeys(key[0] for key, known in found.items() if known is None), threads)
    linked: dict[Key, Linked] = {}
    for key, unit in wanted.items():
        known = found[key]
        if known is None:
            needs = {name: linked[of] for name, of in key[1] if isinstance(of, tuple)}
            known = Linked(
                unit, codes[key[0]], needs, {name: functions[name] for name in unit.imports if name not in needs}
            )
            _linked[key] = known
        linked[key] = known
    return [linked[key] for key in keys]
