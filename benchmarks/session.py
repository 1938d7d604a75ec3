"""``python -m benchmarks.session``: the run itself, in a process whose threads ``python -m benchmarks`` has set."""

from __future__ import annotations

import fnmatch
import json
import os
import platform
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version

import covector as cv
from benchmarks.families import (
    convolution,
    derivations,
    elementwise,
    growth,
    hessian_growth,
    hessians,
    newton,
    operations,
    processes,
    steps,
)
from benchmarks.limits import Limits, measure_limits
from benchmarks.measure import FULL, QUICK, Effort, measure
from benchmarks.options import Options, read_options
from benchmarks.plot import draw
from benchmarks.record import Result, Row
from benchmarks.report import block, data, markdown
from benchmarks.threads import chosen, pin

FAMILIES = (
    steps,
    elementwise,
    convolution,
    hessians,
    hessian_growth,
    newton,
    operations,
    processes,
    derivations,
    growth,
)
LIBRARIES = ("numpy", "torch", "jax", "llvmlite", "scipy-openblas64")


def main() -> int:
    """Measure what the command line asks for; the exit code is 1 where a result was wrong."""
    options = read_options()
    effort = QUICK if options.quick else FULL
    rows = [without(row, options.without) for row in selected(all_rows(effort), options.only)]
    if not rows:
        print(f"no row is called {', '.join(options.only)}; --list names them all", file=sys.stderr)
        return 2
    if options.list:
        print("\n".join(f"{row.name:32} {row.title}" for row in rows))
        return 0
    pin(options.threads)
    cv.config.threads = options.threads
    if options.blas is not None:
        cv.config.blas = options.blas
    before = setting()
    print(f"{before}\n")
    limits = measure_limits() if any(row.work.flops or row.work.bytes for row in rows) else None
    results = list(run(rows, effort, limits))
    write(results, options, before, limits)
    return int(any(result.wrong for result in results))


def all_rows(effort: Effort) -> list[Row]:
    """Every row, in the order of the families."""
    return [row for family in FAMILIES for row in family.rows(effort)]


def selected(rows: Iterable[Row], patterns: Sequence[str]) -> list[Row]:
    """Those whose name is, begins with, or matches one of the patterns; all of them where there is none.

    >>> [row.name for row in selected([Row("step-a", "", {}), Row("import", "", {})], ["step"])]
    ['step-a']
    """
    return [
        row
        for row in rows
        if not patterns or any(row.name.startswith(wanted) or fnmatch.fnmatch(row.name, wanted) for wanted in patterns)
    ]


def without(row: Row, names: Sequence[str]) -> Row:
    """The row with some contenders left out."""
    return replace(row, contenders={name: make for name, make in row.contenders.items() if name not in names})


def run(rows: Sequence[Row], effort: Effort, limits: Limits | None) -> Iterable[Result]:
    """Measure the rows one after another, and show each when it is done."""
    for row in rows:
        found = measure(row, effort)
        result = replace(found, limit=None if limits is None else limits.seconds(row.work))
        print(block(result, blas()), end="\n\n", flush=True)
        yield result


def write(results: Sequence[Result], options: Options, before: str, limits: Limits | None) -> None:
    """Write the files that were asked for."""
    text = f"{before}; {load()} at the end"
    if options.markdown is not None:
        options.markdown.write_text(markdown(results, text, limits, blas()), encoding="utf-8")
    if options.json is not None:
        found = data(results, text, limits, {"threads": chosen(), "blas": blas(), "quick": options.quick})
        options.json.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if options.plot is not None:
        draw(results, options.plot)


def blas() -> str:
    """What covector's products go through."""
    return str(cv.config.blas)


def setting() -> str:
    """What it runs on, as far as that matters, and how busy that is."""
    versions = [f"Python {platform.python_version()}", f"covector {cv.__version__}"]
    versions += [f"{name} {found}" for name in LIBRARIES if (found := _version(name))]
    machine = f"{platform.system()} on {platform.machine()} ({processor()}), {os.cpu_count()} cores"
    return f"{', '.join(versions)}; {machine}, {chosen()} threads for everybody, products through {blas()}; {load()}"


def load() -> str:
    """How much else the machine has to do."""
    return f"load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "load unknown"


def processor() -> str:
    """The processor's name, where the system tells it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or "unknown processor"


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


if __name__ == "__main__":
    raise SystemExit(main())
