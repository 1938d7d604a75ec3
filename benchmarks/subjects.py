"""What is measured."""

from __future__ import annotations

from functools import partial

import covector as cv
from benchmarks.measure import Subject, fresh, here
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


def subjects() -> list[Subject]:
    """Everything that is measured, what takes least first."""
    found = [
        Subject("import", "`import covector`", fresh("import covector"), 0.150),
        Subject("import-derive", "the same with all that `derive` needs", fresh("import covector; covector.derive")),
        Subject(
            "first-call",
            "the linear layer, as the first call of a process",
            fresh(f"covector.derive({LINEAR!r})", "import covector; covector.derive"),
        ),
        Subject("parse", "parsing the linear layer", here(partial(parse_program, LINEAR))),
        Subject("parse-long", "parsing a program of 200 statements", here(partial(parse_program, _long_program(200)))),
    ]
    for name, (what, bar) in NAMED.items():
        source = LINEAR if name == "linear" else example_source(OPERATIONS[name])
        found.append(Subject(name, f"deriving {what}", here(partial(cv.derive, source)), bar))
    found.append(Subject("table", f"deriving all {len(_derivable())} operations of the table", here(derive_all)))
    return found


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
