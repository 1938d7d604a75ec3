"""``python -m benchmarks``: a table on standard output, and all figures with ``--json FILE``."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from pathlib import Path

import numpy as np

import covector
from benchmarks.measure import REPEATS, WARM_UPS, measure, table
from benchmarks.subjects import subjects


def main() -> int:
    """Measure what the command line asks for."""
    known = {subject.name: subject for subject in subjects()}
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="How long covector takes.")
    parser.add_argument(
        "--only", action="append", metavar="NAME", choices=list(known), help=f"one of {', '.join(known)}"
    )
    parser.add_argument("--repeats", type=int, default=REPEATS, help=f"timed runs of each (default: {REPEATS})")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure to a file")
    options = parser.parse_args()
    if options.repeats < 1:
        parser.error("--repeats takes a number of at least 1")
    results = []
    for name in options.only or known:
        print(f"measuring {name} …", file=sys.stderr)
        results.append(measure(known[name], options.repeats))
    print(table(results))
    print(f"\n{options.repeats} repeats after {WARM_UPS} warm-ups; {setting()}.")
    if options.json is not None:
        data = {"setting": setting(), "warm_ups": WARM_UPS, "results": [result.data() for result in results]}
        options.json.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
    return 0


def setting() -> str:
    """What it ran on, as far as that matters, and how busy that was."""
    versions = f"covector {covector.__version__}, Python {platform.python_version()}, NumPy {np.__version__}"
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return f"{versions}, {platform.system()} on {platform.machine()}, {os.cpu_count()} cores{load}"


if __name__ == "__main__":
    raise SystemExit(main())
