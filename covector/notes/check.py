"""`check_notes`: every formula of a page, and whether it is right."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from covector.errors import CovectorError
from covector.notes.chain import Walker
from covector.notes.page import Code
from covector.notes.read import Notes, read_page
from covector.notes.verdicts import CodeRun, PageVerdicts

MAX_BYTES = 4_000_000
CODE_SECONDS = 20.0
PYTHON = ("python", "py", "python3", "numpy")


def check_notes(text_or_path: str | Path, *, run_code: bool = False) -> PageVerdicts:
    """Every formula of a page of notes with its verdict.

    A path, or a text of one line that names a file ending in ``.md``, is read; any other text is the page itself.
    ``run_code`` runs its Python code fences, each in a process of its own with a time limit.

    >>> page = check_notes("$y_i = x_i^2$, $∂L/∂x_i = x_i ∂L/∂y_i$")
    >>> [found.answer for found in page.formulas]
    ['states', 'wrong']
    """
    path, text = _source(text_or_path)
    notes = read_page(text)
    walker = Walker(notes)
    found = tuple(walker.checked(reading) for reading in notes.formulas)
    faults = tuple((fault.line, fault.message) for fault in notes.page.faults)
    code = tuple(_run(block) for block in _fences(notes)) if run_code else ()
    return PageVerdicts(path, text, found, faults, code)


def _source(given: str | Path) -> tuple[str, str]:
    if isinstance(given, str) and ("\n" in given or not given.endswith((".md", ".markdown"))):
        return "", given
    path = Path(given)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise CovectorError(f"{path} has more than {MAX_BYTES:,} bytes")
        return str(given), path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise CovectorError(f"{path} is no text in UTF-8") from None
    except OSError as error:
        raise CovectorError(f"{path} cannot be read: {error.strerror}") from None


def _fences(notes: Notes) -> list[Code]:
    blocks = [block for block in notes.page.blocks if isinstance(block, Code)]
    return [block for block in blocks if block.language.lower() in PYTHON]


def _run(block: Code) -> CodeRun:
    """Run one fence: isolated, in an empty folder, for so many seconds."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            done = subprocess.run(
                [sys.executable, "-I", "-"], input=block.text, capture_output=True, text=True, cwd=folder,
                timeout=CODE_SECONDS, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return CodeRun(block.line, False, f"not done after {CODE_SECONDS:.0f} seconds")
    output = (done.stdout + done.stderr)[-4000:]
    return CodeRun(block.line, done.returncode == 0, output)
