"""``covector ops``: the table of operations, and one of its records with the derivation of its gradients."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterable
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from covector.cli.derive import screen_width
from covector.derivation.derivation import derive
from covector.derivation.json import render_json
from covector.derivation.text import render_text
from covector.errors import UnknownNameError, nearest
from covector.ir import DTYPES, ScalarFunction
from covector.ops import OPERATIONS, SCALARS, Operation


def table_text(as_json: bool = False) -> str:
    """The whole table, with how many there are."""
    if as_json:
        found = {
            "count": len(OPERATIONS),
            "operations": [operation_data(operation) for operation in OPERATIONS.values()],
            "scalar_functions": [scalar_data(function) for function in SCALARS.values()],
        }
        return _json(found)
    operations = _table(("family", "operation", "arguments", "what it is"))
    family = ""
    for operation in OPERATIONS.values():
        shown = "" if operation.family == family else operation.family
        family = operation.family
        operations.add_row(*map(Text, (shown, operation.name, ", ".join(operation.arguments), operation.doc)))
    scalars = _table(("scalar function", "derivatives", "what it is"))
    for function in SCALARS.values():
        scalars.add_row(*map(Text, (_call(function), ";  ".join(_derivatives(function)), function.doc)))
    count = f"{len(OPERATIONS)} operations and {len(SCALARS)} scalar functions."
    return f"{_drawn([operations, scalars])}\n{count}  covector ops NAME shows one with its derivation.\n"


def operation_text(name: str, as_json: bool = False, lang: str = "en") -> str:
    """One operation: what it is, how it is called, and its element form derived; or one scalar function."""
    if name in OPERATIONS:
        operation = OPERATIONS[name]
        if not _has_gradient(operation):
            return _json(operation_data(operation)) if as_json else _without(operation)
        record = derive(example_source(operation)).record
        if as_json:
            return _json({**operation_data(operation), "derivation": render_json(record)})
        return "\n".join([*_head(operation), "", render_text(record, lang, width=screen_width())])
    if name in SCALARS:
        function = SCALARS[name]
        return _json(scalar_data(function)) if as_json else _scalar_text(function)
    close = nearest(name, (*OPERATIONS, *SCALARS))
    raise UnknownNameError(
        f"there is no operation called {name!r}",
        hint=f"did you mean {close}? covector ops lists them all" if close else "covector ops lists them all",
    )


def _has_gradient(operation: Operation) -> bool:
    """Whether any argument is of a floating dtype, so that there is something to differentiate with respect to."""
    declared = [line.split() for line in operation.example.split(";")]
    return any(words[-1] not in DTYPES or words[-1].startswith("float") for words in declared)


def _without(operation: Operation) -> str:
    """An operation that has no gradient."""
    return "\n".join([*_head(operation), "", "  No argument is of a floating dtype: there is no gradient to derive."])


def _json(data: dict[str, Any]) -> str:
    return json.dumps(data, ensure_ascii=False, indent=2)


def example_source(operation: Operation) -> str:
    """A program that calls an operation on the arguments of its example.

    >>> print(example_source(OPERATIONS["outer"]))
    a: M
    b: N
    outer = outer(a, b)
    """
    lines = [line.strip() for line in operation.example.split(";")]
    declared = {line.partition(":")[0].strip() for line in lines}
    arguments = [argument for argument in operation.arguments if argument in declared]
    arguments += [f"{name}={str(value).lower()}" for name, value in operation.sample.items()]
    return "\n".join([*lines, f"{operation.name} = {operation.name}({', '.join(arguments)})"])


def operation_data(operation: Operation) -> dict[str, Any]:
    """The record of an operation as plain data."""
    return {
        "name": operation.name,
        "family": operation.family,
        "arguments": list(operation.arguments),
        "parameters": dict(operation.parameters),
        "axis": operation.axis,
        "doc": operation.doc,
        "forms": [_form(form) for form in operation.forms],
        "example": operation.example,
    }


def scalar_data(function: ScalarFunction) -> dict[str, Any]:
    """The record of a scalar function as plain data."""
    return {
        "name": function.name,
        "parameters": list(function.parameters),
        "derivatives": list(function.derivatives),
        "domain": function.domain,
        "kinks": function.kinks,
        "doc": function.doc,
    }


def _head(operation: Operation) -> list[str]:
    """What stands over the derivation of an operation."""
    parameters = [f"{name}={str(value).lower()}" for name, value in operation.parameters.items()]
    parameters += ["axis=-1"] if operation.axis else []
    forms = [_form(form) for form in operation.forms]
    return [
        f"{operation.name}({', '.join([*operation.arguments, *parameters])})",
        f"  {operation.doc}",
        "",
        *(f"  {line}".rstrip() for line in "\n\n".join(forms).split("\n")),
    ]


def _form(form: str) -> str:
    """A form with the indentation of the table taken off."""
    lines = [line.rstrip() for line in form.strip("\n").rstrip().split("\n")]
    indent = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    return "\n".join(line[indent:] for line in lines)


def _scalar_text(function: ScalarFunction) -> str:
    lines = [_call(function), f"  {function.doc}", ""]
    lines += [f"  {line}" for line in _derivatives(function)]
    lines += [f"  defined where {function.domain}"] if function.domain else []
    lines += [f"  {function.kinks}"] if function.kinks else []
    return "\n".join(lines).rstrip()


def _call(function: ScalarFunction) -> str:
    return f"{function.name}({', '.join(function.parameters)}{', …' if function.variadic else ''})"


def _derivatives(function: ScalarFunction) -> list[str]:
    pairs = zip(function.parameters, function.derivatives, strict=False)
    return [f"∂/∂{name} = {derivative}" for name, derivative in pairs if derivative is not None]


def _table(columns: Iterable[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _drawn(tables: Iterable[Table]) -> str:
    """Tables as text, in colour where a terminal shows it."""
    terminal = sys.stdout.isatty()
    console = Console(
        file=io.StringIO(), width=None if terminal else 120, force_terminal=terminal, legacy_windows=False
    )
    for table in tables:
        console.print(table)
        console.print()
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    return "\n".join(line.rstrip() for line in text.split("\n")).rstrip("\n") + "\n"
