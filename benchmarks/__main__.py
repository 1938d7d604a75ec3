"""``python -m benchmarks``: the measurements, in a process whose libraries all start with the same threads."""

from __future__ import annotations

import subprocess
import sys

from benchmarks.options import read_options
from benchmarks.threads import environment


def main() -> int:
    """Start the session; libraries read the number of their threads once, when they are imported."""
    options = read_options()
    command = [sys.executable, "-m", "benchmarks.session", *sys.argv[1:]]
    return subprocess.run(command, check=False, env=environment(options.threads)).returncode


if __name__ == "__main__":
    raise SystemExit(main())
