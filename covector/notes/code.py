"""Code fences of a page, each run in a process of its own, with a time limit; only where that is asked for."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from covector.notes.page import Code
from covector.notes.verdicts import CodeRun

CODE_SECONDS = 20.0
MAX_OUTPUT = 4_000


def run_fence(block: Code, seconds: float = CODE_SECONDS) -> CodeRun:
    """Run one fence: isolated, in an empty folder, for so many seconds; the end of what it prints is kept."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "fence.py"
        script.write_text(block.text, encoding="utf-8")
        process = subprocess.Popen(
            [sys.executable, "-I", str(script)], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        late = threading.Event()

        def end() -> None:
            late.set()
            _end(process)

        timer = threading.Timer(seconds, end)
        timer.start()
        try:
            output = _tail(process)
            process.wait()
        finally:
            timer.cancel()
            _end(process)
    if late.is_set():
        return CodeRun(block.line, False, f"not done after {seconds:.0f} seconds")
    if process.returncode != 0 and not output:
        output = f"it ended with {process.returncode}"
    return CodeRun(block.line, process.returncode == 0, output)


def _tail(process: subprocess.Popen[bytes]) -> str:
    """The end of what a process prints, however much that is."""
    kept = b""
    assert process.stdout is not None
    with process.stdout as stream:
        while part := stream.read1(65_536):  # type: ignore[attr-defined]
            kept = (kept + part)[-MAX_OUTPUT:]
    return kept.decode("utf-8", errors="replace")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process and what it started."""
    try:
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        elif process.poll() is None:
            process.kill()
    except ProcessLookupError:
        pass
