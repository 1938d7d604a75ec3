"""The command line of the benchmarks; it imports nothing that starts threads."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Options:
    """What was asked for."""

    only: tuple[str, ...]
    without: tuple[str, ...]
    threads: int
    blas: str | None
    quick: bool
    list: bool
    json: Path | None
    markdown: Path | None
    plot: Path | None


def read_options(arguments: Sequence[str] | None = None) -> Options:
    """The options of the command line, or of other arguments.

    >>> options = read_options(["--only", "step-*", "--only", "import", "--quick"])
    >>> options.only, options.threads, options.quick, options.json
    (('step-*', 'import'), 2, True, None)
    """
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure covector beside PyTorch, torch.compile, JAX and NumPy, and against the machine's limits.",
    )
    parser.add_argument(
        "--only", action="append", default=[], metavar="PATTERN", help="rows by name, prefix or glob; may be repeated"
    )
    parser.add_argument(
        "--without", action="append", default=[], metavar="NAME", help="leave a contender out; may be repeated"
    )
    parser.add_argument("--threads", type=int, default=2, help="threads for everybody (default: 2)")
    parser.add_argument("--blas", metavar="NAME", help="what covector's products go through: own, openblas or mkl")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter blocks: a few seconds a row")
    parser.add_argument("--list", action="store_true", help="name the rows, and measure nothing")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw them, as .png, .svg or .pdf (needs matplotlib)")
    found = parser.parse_args(arguments)
    if found.threads < 1:
        parser.error("--threads takes a number of at least 1")
    return Options(**{**vars(found), "only": tuple(found.only), "without": tuple(found.without)})
