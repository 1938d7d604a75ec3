"""The tables of the parser that the package holds are those of its grammar, and without them everything works."""

from __future__ import annotations

import json
from typing import Any

import pytest

from covector.notation import tables
from covector.notation.parse import parse_expression


def test_the_tables_are_those_of_the_grammar() -> None:
    held, made = tables.read(), tables.make()
    if held["for"][0] != made["for"][0]:
        pytest.skip(f"the tables are for Lark {held['for'][0]}, and this is {made['for'][0]}")
    assert held["for"][1] == made["for"][1], "run python -m covector.notation.tables"


@pytest.mark.parametrize("held", [{}, {"for": ["0", ""]}])
def test_without_tables_the_grammar_is_read(monkeypatch: pytest.MonkeyPatch, held: dict[str, Any]) -> None:
    expected = parse_expression("a[i] * sum[k](b[k, i]) + 1")
    monkeypatch.setattr(tables, "read", lambda: held)
    tables.parser.cache_clear()
    assert parse_expression("a[i] * sum[k](b[k, i]) + 1") == expected
    tables.parser.cache_clear()


def test_tables_that_cannot_be_read_are_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    (tmp_path / "grammar.json").write_text("[1, 2", encoding="utf-8")
    monkeypatch.setattr(tables, "_file", lambda name: tmp_path / name)
    assert tables.read() == {}


def test_numbers_survive_as_keys() -> None:
    assert json.loads('{"1": {"a": 2}}', object_hook=tables._with_numbers) == {1: {"a": 2}}
