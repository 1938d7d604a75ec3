"""Parsing and deriving: what a derivation takes, from its text to its checked gradients."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import covector as cv
from benchmarks.measure import Effort, timed
from benchmarks.record import EAGER, Bar, Contender, Row
from covector.cli.ops import example_source
from covector.frontend import read_program
from covector.ir import is_float
from covector.notation.parse import parse_program
from covector.ops import OPERATIONS

LINEAR = "linear[i,j] = sum[k](input[i,k] * weight[j,k]) + bias[j]"
NAMED = {
    "linear": ("the linear layer", 0.020),
    "softmax": ("softmax", None),
    "layer_norm": ("layer norm", None),
    "attention": ("attention", 0.300),
    "conv2d": ("conv2d, stride 2, padding 1", None),
    "lstm_cell": ("an LSTM cell", None),
}


def rows(effort: Effort) -> list[Row]:
    """What takes least comes first."""
    found = [
        _row("parse-linear", "parsing the linear layer", partial(parse_program, LINEAR), effort),
        _row("parse-long", "parsing a program of 200 statements", partial(parse_program, _long_program(200)), effort),
    ]
    for name, (what, bar) in NAMED.items():
        source = LINEAR if name == "linear" else example_source(OPERATIONS[name])
        found.append(_row(f"derive-{name}", f"deriving {what}", partial(cv.derive, source), effort, bar))
    count = len(_derivable())
    found.append(_row("derive-table", f"deriving all {count} operations of the table", derive_all, effort, rounds=3))
    return found


def _row(
    name: str,
    title: str,
    work: Callable[[], object],
    effort: Effort,
    bar: float | None = None,
    rounds: int | None = None,
) -> Row:
    bars = () if bar is None else (Bar(EAGER, under=bar),)
    return Row(name, title, {EAGER: lambda: Contender(timed(work, effort))}, bars, rounds=rounds)


def derive_all() -> None:
    """Derive every operation of the table that has a gradient."""
    for source in _derivable():
        cv.derive(source)


def _derivable() -> list[str]:
    sources = [example_source(operation) for operation in OPERATIONS.values()]
    return [source for source in sources if any(is_float(given.dtype) for given in read_program(source).inputs)]


def _long_program(count: int) -> str:
    """Statements that each read the one before."""
    lines = [f"y{n}[i,j] = tanh(sum[k](y{n - 1}[i,k] * w{n}[j,k]) + b{n}[j])" for n in range(1, count + 1)]
    return "\n".join(lines)
