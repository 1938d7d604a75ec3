"""The parser of the grammar, from tables made beforehand: making them takes ten times as long as reading them.

``python -m covector.notation.tables`` makes them anew. They serve one version of Lark and of the grammar; with any
other the parser is built from the grammar.
"""

from __future__ import annotations

import functools
import hashlib
import json
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

import lark
from lark import Lark
from lark.grammar import Rule
from lark.lexer import TerminalDef

from covector.notation.build import Builder

STARTS = ["program", "expression", "declaration"]


@functools.cache
def parser() -> Lark:
    """The parser of the grammar, made when first needed."""
    tables = read()
    if tables.get("for") != _identity():
        return _build(transformer=Builder())
    made: Lark = Lark._load_from_dict(tables["data"], tables["memo"], transformer=Builder())  # type: ignore[no-untyped-call]
    return made


def read() -> dict[str, Any]:
    """The tables that the package holds; nothing where it holds none that can be read."""
    try:
        found = json.loads(_file("grammar.json").read_text(encoding="utf-8"), object_hook=_with_numbers)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def make() -> dict[str, Any]:
    """The tables of the grammar as it is."""
    data, memo = _build().memo_serialize([TerminalDef, Rule])
    return {"for": _identity(), "data": data, "memo": memo}


def _build(**options: Any) -> Lark:
    return Lark(_grammar(), parser="lalr", lexer="basic", start=STARTS, maybe_placeholders=False, **options)


def _grammar() -> str:
    return _file("grammar.lark").read_text(encoding="utf-8")


def _identity() -> list[str]:
    """What tables are for: a version of Lark, and the grammar."""
    return [lark.__version__, hashlib.sha256(_grammar().encode()).hexdigest()]


def _file(name: str) -> Traversable:
    return resources.files("covector.notation").joinpath(name)


def _with_numbers(found: dict[str, Any]) -> dict[Any, Any]:
    """A table whose keys are numbers again, which JSON writes as text."""
    return {int(key) if key.isdecimal() else key: value for key, value in found.items()}


if __name__ == "__main__":
    with open(str(_file("grammar.json")), "w", encoding="utf-8") as file:
        json.dump(make(), file, separators=(",", ":"))
        file.write("\n")
